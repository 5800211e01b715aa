//! The token of a grant never enters the jail: it is nowhere in the memory, the arguments or the environment of a
//! codec at work.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use valet_testkit::process::family::descendants;
use valet_testkit::{Process, media, wait_for};

use crate::backstage::{kind, look_for, urls};
use crate::canary::Secrets;
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// Memory is read in pieces of this size, and each piece begins this much before the last one's end: longer than
/// any form of a signature.
const PIECE_BYTES: usize = 4 << 20;
const OVERLAP_BYTES: usize = 1 << 10;

/// The codec at work on a job of `worker`.
#[track_caller]
fn codec_at_work(stage: &Stage<'_>, job: &str, worker: &Process) -> u32 {
    wait_for("the codec to be in the middle of its work", COMMAND_TIMEOUT, || {
        let reports = stage.reports(job);
        let working =
            |report: &serde_json::Value| kind(report) == "progress" && report["data"]["percent"].is_number();
        let codec =
            descendants(worker.id()).into_iter().find(|id| words(*id).contains("http://127.0.0.1/input"));
        let found = codec.filter(|_| reports.iter().any(working));
        found.ok_or_else(|| format!("{reports:?}\n{}", worker.stderr()))
    })
}

fn words(id: u32) -> String {
    let words = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).into_owned()
}

/// The first secret in the memory of a process, and how many bytes were searched.
fn search(id: u32, secrets: &Secrets) -> io::Result<(Option<String>, u64)> {
    let maps = std::fs::read_to_string(format!("/proc/{id}/maps"))?;
    let memory = File::open(format!("/proc/{id}/mem"))?;
    let mut searched = 0;
    for (begin, end) in maps.lines().filter_map(readable) {
        let mut at = begin;
        while at < end {
            let length = usize::try_from(end - at).expect("64 bits").min(PIECE_BYTES);
            let mut piece = vec![0; length];
            // The kernel's own pages are mapped and cannot be read.
            let Ok(read) = memory.read_at(&mut piece, at) else { break };
            searched += read as u64;
            if let Some(name) = secrets.find(&piece[..read]) {
                return Ok((Some(name.to_owned()), searched));
            }
            at += if read < PIECE_BYTES { read.max(1) } else { read - OVERLAP_BYTES } as u64;
        }
    }
    Ok((None, searched))
}

/// Begin and end of a mapping that can be read, from a line of `maps`.
fn readable(line: &str) -> Option<(u64, u64)> {
    let (range, rest) = line.split_once(' ')?;
    let (begin, end) = range.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    rest.starts_with('r').then_some((number(begin)?, number(end)?))
}

#[test]
fn a_codec_at_work_has_no_token_in_memory_arguments_or_environment() {
    let stage = Stage::new();
    stage.storage.put_file(&stage.input, "long.mp4", &media::long_clip(60));
    let input = format!("{}/long.mp4", stage.input);
    let job =
        stage.submit(&input, &stage.target("film.mp4"), &["--preset", "h264-720p", "--param", "speed=slow"]);
    let mut secrets = Secrets::default();
    look_for(&stage, "jobs.r0", 1).iter().flat_map(urls).for_each(|url| secrets.add_grant(&url));
    let worker = stage.worker();
    let codec = codec_at_work(&stage, &job, &worker);

    for name in ["cmdline", "environ"] {
        let bytes = std::fs::read(format!("/proc/{codec}/{name}")).unwrap_or_default();
        assert_eq!(secrets.find(&bytes), None, "{name}");
    }
    let (in_codec, bytes) = search(codec, &secrets).expect("whoever made the jail may look into it");
    println!("{bytes} bytes of the codec searched");
    assert!(bytes > 10 << 20, "only {bytes} bytes of the codec were read");
    assert_eq!(in_codec, None, "in the memory of the codec");

    let in_worker = search(worker.id(), &secrets);
    if !rustix::process::getuid().is_root() {
        assert!(in_worker.is_err(), "the worker's memory is closed to its own user: {in_worker:?}");
        return;
    }
    let (in_worker, _) = in_worker.expect("root reads all memory");
    assert!(in_worker.is_some(), "the worker uses the token: a search that does not find it there is blind");
}
