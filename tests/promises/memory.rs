//! A worker's memory does not grow with its blobs.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use valet_testkit::{Broker, Folder, Process, Program, Storage, StorageOptions, media, wait_for};

use crate::stage::{COMMAND_TIMEOUT, Stage};

const BLOB_BYTES: u64 = 2 << 30;
/// How much the worker may grow over its resting state, for each job at the same time.
const GROWTH_KIB_MAX: u64 = 64 << 10;
const SLOTS: u64 = 4;
/// How much more four jobs on 2 GiB may take than four jobs on an eighth of it: less than one job's share.
const DIFFERENCE_KIB_MAX: u64 = 32 << 10;
/// Longest that one of the jobs may take where much else is going on: about a minute where nothing is.
const JOB_TIMEOUT: Duration = Duration::from_secs(400);
/// Longest that a film may take to make.
const MAKE_TIMEOUT: Duration = Duration::from_secs(300);

#[test]
fn heavy_four_jobs_that_read_2_gib_each_take_as_much_memory_as_on_smaller_blobs() {
    let storage = Storage::start_with(&StorageOptions { on_disk: true, ..StorageOptions::default() });
    let stage = Stage::on(Broker::shared(), &storage);
    {
        let folder = Folder::new("films");
        for (blob, bytes) in [("small", BLOB_BYTES / 8), ("large", BLOB_BYTES)] {
            let film = large_film(&folder, bytes);
            storage.put_file(&stage.input, blob, &film);
        }
    }
    let worker = stage.start(stage.worker_program().env("VALET_WORKER_SLOTS", SLOTS.to_string()));
    let resting = peak_kib(&worker);
    let [small, large] = ["small", "large"].map(|blob| {
        let input = format!("{}/{blob}", stage.input);
        // The sound is a small part of the film, and all of the film is read for it.
        let submit = |number: u64| {
            stage.submit(&input, &stage.target(&format!("{blob}-{number}")), &["--preset", "audio-aac"])
        };
        let jobs: Vec<String> = (0..SLOTS).map(submit).collect();
        jobs.iter().for_each(|job| wait_for_success(&stage, job, &worker));
        peak_kib(&worker) - resting
    });
    println!("resting {resting} KiB, grown by {small} KiB on small blobs, by {large} KiB on large ones");
    assert!(large < SLOTS * GROWTH_KIB_MAX, "the worker grew by {large} KiB over {resting} KiB");
    assert!(large - small < DIFFERENCE_KIB_MAX, "{small} KiB on small blobs, {large} KiB on large ones");
}

/// Waits longer than a command may take.
#[track_caller]
fn wait_for_success(stage: &Stage<'_>, job: &str, worker: &Process) {
    wait_for("the end of a job", JOB_TIMEOUT, || {
        let wait = stage.valet().args(["wait", job, "--timeout", "60s"]).run(COMMAND_TIMEOUT);
        assert_ne!(wait.code, Some(1), "{}\n{}", wait.stdout, worker.stderr());
        if wait.success() { Ok(()) } else { Err(wait.stderr) }
    });
}

/// A film of at least so many bytes, most of them picture, in a container that is read from its beginning to its
/// end. Noise does not compress.
fn large_film(folder: &Folder, bytes: u64) -> PathBuf {
    let piece = media::made_once("noise-4s.ts", |target| {
        Program::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i"])
            .arg("color=gray:s=640x360:r=25:d=4,noise=alls=60:allf=t+u")
            .args(["-f", "lavfi", "-i", "sine=d=4", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "26"])
            .args(["-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "mpegts"])
            .arg(target)
            .run(MAKE_TIMEOUT)
            .expect_code(0);
    });
    let piece_bytes = piece.metadata().expect("it was just made").len();
    let film = folder.join("film");
    Program::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-stream_loop", &(bytes / piece_bytes).to_string(), "-i"])
        .arg(&piece)
        .args(["-c", "copy", "-f", "mpegts"])
        .arg(&film)
        .run(MAKE_TIMEOUT)
        .expect_code(0);
    let made = film.metadata().expect("it was just made").len();
    assert!(made >= bytes * 9 / 10, "{made} bytes of {bytes}");
    film
}

#[test]
fn heavy_2_gib_blob_moves_with_constant_memory() {
    let storage = Storage::start_with(&StorageOptions { on_disk: true, ..StorageOptions::default() });
    let stage = Stage::on(Broker::shared(), &storage);
    let worker = stage.worker();
    {
        let folder = Folder::new("blob");
        write_blob(&folder.join("blob"));
        storage.put_file(&stage.input, "blob", &folder.join("blob"));
    }
    let input = format!("{}/blob", stage.input);
    let resting = peak_kib(&worker);
    let end = stage.run(0, &input, &stage.target("blob"), &["--preset", "copy"]);
    let grown = peak_kib(&worker) - resting;

    println!("resting {resting} KiB, grown by {grown} KiB; timings in the report: {end:#}");
    assert_eq!(end["output"]["bytes"], BLOB_BYTES, "{end:#}");
    assert!(grown < GROWTH_KIB_MAX, "the worker grew by {grown} KiB over {resting} KiB");
    // Storage hashes what it takes in: the same bytes came out.
    let md5 = |container: &str| storage.head(container, "blob").expect("a blob").content_md5.expect("an MD5");
    assert_eq!(md5(&stage.input), md5(&stage.output));
}

/// Bytes of which no 64 KiB piece is like another, so that a misplaced range shows in the hash.
fn write_blob(path: &Path) {
    let mut piece = vec![0x5a_u8; 1 << 16];
    let mut file = BufWriter::new(File::create(path).expect("a private folder is writable"));
    for number in 0..BLOB_BYTES >> 16 {
        piece[..8].copy_from_slice(&number.to_be_bytes());
        file.write_all(&piece).expect("there are 2 GiB of space");
    }
    file.flush().expect("there are 2 GiB of space");
}

/// The most memory that the process has ever had in use.
fn peak_kib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}
