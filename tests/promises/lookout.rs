//! Looks at what anybody on the machine could see of a run: arguments and environments of processes, and files.
//! Judges nothing: what was seen is searched when all secrets are known.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use valet_testkit::process::family::descendants;

/// Pause between two looks at the processes.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// Largest file in scratch that is read: grants would stand in small ones, media in large ones.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// What processes and scratch showed: place → bytes. Kept whole, and searched when all secrets are known.
pub(crate) type Sightings = BTreeMap<String, Vec<u8>>;

/// Looks at processes and scratch again and again until it is stopped.
pub(crate) struct Lookout {
    stop: Sender<()>,
    thread: JoinHandle<Sightings>,
}

impl Lookout {
    /// Watches all our descendants, and the files below `scratch`.
    pub(crate) fn start(scratch: &Path) -> Self {
        let (stop, stopped) = channel();
        let scratch = scratch.to_owned();
        let thread = std::thread::spawn(move || {
            let mut seen = Sightings::new();
            loop {
                look_at_processes(&mut seen);
                look_at_files(&scratch, &mut seen);
                if stopped.recv_timeout(LOOK_INTERVAL) != Err(RecvTimeoutError::Timeout) {
                    return seen;
                }
            }
        });
        Self { stop, thread }
    }

    /// Stops it after one more look.
    pub(crate) fn end(self) -> Sightings {
        drop(self.stop);
        self.thread.join().expect("the lookout does not panic")
    }
}

/// Arguments and environments of all our descendants.
pub(crate) fn look_at_processes(seen: &mut Sightings) {
    let own = std::fs::read_link("/proc/self/exe").ok();
    for id in descendants(std::process::id()) {
        // A child that has not become its program yet is still a copy of this test, which knows the secrets.
        if std::fs::read_link(format!("/proc/{id}/exe")).ok() == own {
            continue;
        }
        let read = |name: &str| std::fs::read(format!("/proc/{id}/{name}")).unwrap_or_default();
        let words = read("cmdline");
        let name = name(&words);
        // A process changes both when it becomes another program: keep every state.
        for (kind, bytes) in [("cmdline", words.clone()), ("environ", read("environ"))] {
            let key = format!("{kind} of {name} {id} ({} bytes)", bytes.len());
            seen.entry(key).or_insert(bytes);
        }
    }
}

/// What a command line runs: a codec is started by the loader of its root, which is told its path.
fn name(words: &[u8]) -> String {
    let words: Vec<_> = words.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let codec = words.iter().find_map(|word| word.strip_prefix("bin/"));
    let first = words.first().and_then(|word| word.rsplit('/').next());
    codec.or(first).unwrap_or_default().to_owned()
}

/// Names of all files below a folder, and what stands in the small ones.
pub(crate) fn look_at_files(folder: &Path, seen: &mut Sightings) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, metadata) = (entry.path(), entry.metadata());
        let small =
            metadata.as_ref().is_ok_and(|metadata| metadata.is_file() && metadata.len() < FILE_BYTES_MAX);
        let bytes = if small { std::fs::read(&path).unwrap_or_default() } else { Vec::new() };
        let place = format!("file {}", path.display());
        seen.insert(format!("name of {place}"), place.clone().into_bytes());
        seen.insert(place, bytes);
        if metadata.is_ok_and(|metadata| metadata.is_dir()) {
            look_at_files(&path, seen);
        }
    }
}
