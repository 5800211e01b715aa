//! What the worker's codecs were started with, seen in `/proc`, and the same again without jail and door: bare, on a
//! local file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::shell;

/// How often `/proc` is looked at: the shortest codec run takes some tens of milliseconds.
const LOOK_INTERVAL: Duration = Duration::from_millis(4);

/// Where a jailed codec reads its input.
const INPUT_URL: &str = "http://127.0.0.1/input";

/// Where a jailed codec writes, at L1 and at L2.
const OUTPUTS: [&str; 2] = ["file:/output", "file:/proc/self/fd/3"];

/// One run of a codec as the worker started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// `ffmpeg` or `ffprobe`.
    pub(super) program: String,
    arguments: Vec<String>,
}

impl Call {
    /// From the words of a command line: the program's own loader, if there is one, stands before it.
    fn parse(words: &[String]) -> Option<Self> {
        let is_codec = |word: &String| ["bin/ffmpeg", "bin/ffprobe"].iter().any(|name| word.ends_with(name));
        let at = words.iter().position(is_codec)?;
        let program = words[at].rsplit('/').next()?.to_owned();
        let arguments = words[at + 1..].to_vec();
        arguments.iter().any(|word| word == INPUT_URL).then_some(Self { program, arguments })
    }

    /// The arguments with local files for the door and for the output, and the one protocol that this takes.
    fn local(&self, input: &Path, output: &Path) -> Vec<String> {
        let file = |path: &Path| format!("file:{}", path.display());
        let mut arguments = self.arguments.clone();
        for index in 0..arguments.len() {
            if arguments[index] == INPUT_URL {
                arguments[index] = file(input);
            } else if OUTPUTS.contains(&arguments[index].as_str()) {
                arguments[index] = file(output);
            } else if index > 0 && arguments[index - 1] == "-protocol_whitelist" {
                "file".clone_into(&mut arguments[index]);
            }
        }
        arguments
    }

    /// Runs it bare; how long it took, in seconds.
    pub(super) fn bare(&self, input: &Path, output: &Path) -> Result<f64, String> {
        let mut command = shell::command(&self.program);
        command.args(self.local(input, output)).stdin(Stdio::null());
        let begun = Instant::now();
        // What it says is read to its end, as the worker does.
        shell::output(&mut command)?;
        Ok(begun.elapsed().as_secs_f64())
    }
}

/// Does `work`, and looks meanwhile which codecs the worker with this process id starts, until it has started an
/// ffmpeg; in the order of their starts.
pub(super) fn seen<T>(worker: u32, work: impl FnOnce() -> T) -> (T, Vec<Call>) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut calls: Vec<(u32, Call)> = Vec::new();
            let encodes = |calls: &[(u32, Call)]| calls.iter().any(|(_, call)| call.program == "ffmpeg");
            // An encoding job is left alone from there on: looking costs processor time.
            while !over.load(Ordering::Relaxed) && !encodes(&calls) {
                look(worker, &mut calls);
                thread::sleep(LOOK_INTERVAL);
            }
            calls.into_iter().map(|(_, call)| call).collect()
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        (done, watching.join().unwrap_or_default())
    })
}

/// Adds the codecs that run now and were not seen before.
fn look(worker: u32, calls: &mut Vec<(u32, Call)>) {
    let parents = parents();
    for process in parents.keys().filter(|process| descends(**process, worker, &parents)) {
        if calls.iter().any(|(seen, _)| seen == process) {
            continue;
        }
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let words = line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let mut words: Vec<String> = words.collect();
        // Each word ends with a zero: behind the last one is nothing.
        words.pop();
        calls.extend(Call::parse(&words).map(|call| (*process, call)));
    }
}

/// The parent of each process that runs now.
fn parents() -> BTreeMap<u32, u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.filter_map(|process| Some((process, parent(process)?))).collect()
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn descends(mut process: u32, from: u32, parents: &BTreeMap<u32, u32>) -> bool {
    while let Some(parent) = parents.get(&process).filter(|parent| **parent != process) {
        if *parent == from {
            return true;
        }
        process = *parent;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_jailed_call_becomes_a_local_one() {
        let line = "lib64/ld.so --library-path lib bin/ffmpeg -v error -protocol_whitelist http,tcp \
            -i http://127.0.0.1/input -f mp4 file:/output";
        let call = Call::parse(&words(line)).expect("a codec");
        let local = call.local(Path::new("/a.mov"), Path::new("/b.mp4")).join(" ");
        assert_eq!(call.program, "ffmpeg");
        assert_eq!(local, "-v error -protocol_whitelist file -i file:/a.mov -f mp4 file:/b.mp4");
    }

    #[test]
    fn other_programs_are_no_codecs() {
        assert_eq!(Call::parse(&words("bin/ffmpeg -version")), None);
        assert_eq!(Call::parse(&words("valet-worker run http://127.0.0.1/input")), None);
    }

    #[test]
    fn a_process_descends_from_its_grandparent() {
        let parents = BTreeMap::from([(9, 5), (5, 3), (3, 1), (1, 0), (0, 0)]);
        assert!(descends(9, 3, &parents));
        assert!(!descends(3, 9, &parents) && !descends(9, 4, &parents));
    }
}
