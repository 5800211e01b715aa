//! The codec module against real processes: ffmpeg in real jails, at both levels, and what it may not do there.
//! Each jail is made by the built binary, as in production.
#![allow(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use valet_blob::http::{Client, Egress};
use valet_blob::{Reader, ReaderOptions, StorageErrorKind};
use valet_grant::{GrantPolicy, GrantUrl, ReadGrant};
use valet_jail::{Jailer, Level, Output, Root};
use valet_preset::INPUT_URL;
use valet_testkit::process::find_program;
use valet_testkit::{Fault, FaultProxy, Gate, Sas, Storage, media, wait_for, workspace};
use valet_worker::codec::{
    Breach, Codec, CodecError, Finished, Limits, Program, Progress, Run, SAID_BYTES_MAX,
};
use valet_worker::door::{Door, DoorLimits, Source};

/// Far above what any run here takes, and far below a hang.
const PATIENCE: Duration = Duration::from_secs(20);

const MIB: u64 = 1024 * 1024;

/// A picture a 25th of a second, without end.
const ENDLESS: &str = "-f lavfi -i testsrc=size=320x180:rate=25";

struct Bench {
    directory: tempfile::TempDir,
    codec: Codec,
    limits: Limits,
    input: Door,
}

impl Bench {
    /// Whose input is no media.
    fn new() -> Self {
        Self::at(Level::L1, b"#!/bin/sh\necho not media\n")
    }

    fn at(level: Level, input: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let jailer = Jailer::start_with(Path::new(env!("CARGO_BIN_EXE_valet-worker"))).unwrap();
        let programs = [("ffmpeg", find("ffmpeg")), ("ffprobe", find("ffprobe"))];
        let named = [0, 1].map(|at| (programs[at].0, programs[at].1.as_path()));
        let root = Root::prepare(&roots(), &named).unwrap();
        let codec = Codec { jailer, root: Arc::new(root), level };
        let limits = Limits {
            wall: PATIENCE,
            stall: PATIENCE,
            cpu_seconds_max: 60,
            memory_bytes_max: 1 << 30,
            output_bytes_max: 10 * MIB,
            frames_max: 1_000_000,
            free_bytes_min: 0,
        };
        let path = directory.path().join("input");
        std::fs::write(&path, input).unwrap();
        let (file, bytes) = (Arc::new(std::fs::File::open(path).unwrap()), input.len() as u64);
        let input = Door::new(Source::File { file, bytes }, DoorLimits::default());
        Self { directory, codec, limits, input }
    }

    /// Whose input is a clip of six seconds in storage, behind a proxy.
    async fn at_storage() -> (Self, FaultProxy) {
        let storage = Storage::shared();
        let container = storage.container();
        storage.put(&container, "clip.mp4", media::bytes("clip.mp4"));
        let proxy = FaultProxy::start(storage.address());
        let url = proxy.url(&storage.sas_url(&Sas::read(&container, "clip.mp4")));
        let policy = GrantPolicy::loopback();
        let grant = ReadGrant::parse(GrantUrl::new(url), &policy, Timestamp::now()).unwrap();
        let client = Client::new(Egress::new(policy.hosts)).unwrap();
        let input = valet_blob::Input::open(&client, &grant, None).await.unwrap();
        let source = Source::Blob(Reader::new(input, ReaderOptions::default()));
        (Self { input: Door::new(source, DoorLimits::default()), ..Self::new() }, proxy)
    }

    /// Runs ffmpeg; `OUTPUT` in `line` is its output file.
    async fn encode(&self, line: &str) -> (Result<Finished, CodecError>, Progress, Output) {
        let (sender, receiver) = watch::channel(Progress::default());
        let mut output = Output::create(self.directory.path()).unwrap();
        let arguments = self.arguments(&format!("-nostdin -hide_banner -y {line}"));
        let run = Run {
            program: Program::Ffmpeg,
            arguments: &arguments,
            input: Some(&self.input),
            output: Some(&mut output),
            directory: self.directory.path(),
            limits: &self.limits,
        };
        let result = self.codec.encode(run, &sender).await;
        let last = *receiver.borrow();
        (result, last, output)
    }

    async fn capture(&self, line: &str, bytes_max: usize) -> Result<Finished, CodecError> {
        let arguments = self.arguments(line);
        let run = Run {
            program: Program::Ffprobe,
            arguments: &arguments,
            input: None,
            output: None,
            directory: self.directory.path(),
            limits: &self.limits,
        };
        self.codec.capture(run, bytes_max).await
    }

    fn arguments(&self, line: &str) -> Vec<String> {
        let output = format!("file:{}", self.codec.level.output_path());
        line.split(' ').map(|word| word.replace("OUTPUT", &output)).collect()
    }

    async fn breach(&self, line: &str) -> Breach {
        match self.encode(line).await.0 {
            Err(CodecError::Breach { breach, .. }) => breach,
            other => panic!("{other:?}"),
        }
    }
}

fn find(name: &str) -> PathBuf {
    find_program(name).expect("ffmpeg is installed")
}

/// One for all tests: it is built once.
fn roots() -> PathBuf {
    workspace::program_folder().join("roots")
}

/// Living processes with `mark` in their command line.
fn living(mark: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(mark)).collect()
}

#[tokio::test]
async fn a_file_that_is_no_media_fails_with_ffmpegs_own_words() {
    let bench = Bench::new();
    let (result, ..) = bench.encode(&format!("-v error -i {INPUT_URL} -f null -")).await;
    let Err(CodecError::Exit { program, said, .. }) = result else { panic!("{result:?}") };
    assert_eq!(program, "ffmpeg");
    assert!(said.contains("Invalid data found when processing input"), "{said}");
}

#[tokio::test]
async fn progress_of_a_real_run_is_read_to_its_end_at_both_levels() {
    for level in [Level::L1, Level::L2] {
        let bench = Bench::at(level, b"none");
        let line = "-v error -progress pipe:1 -f lavfi -i testsrc=duration=2:rate=25 -f mp4 -movflags +faststart OUTPUT";
        let (result, last, output) = bench.encode(line).await;
        result.unwrap();
        assert!(last.ended, "{level}: {last:?}");
        assert_eq!(last.frame, 50, "{level}");
        assert!(last.out_time.is_some_and(|time| time.as_secs_f64() > 1.8), "{level}: {last:?}");
        assert!(output.bytes().unwrap() > 1_000, "{level}: nothing was written");
    }
}

#[tokio::test]
async fn the_wall_limit_ends_a_run() {
    let mut bench = Bench::new();
    bench.limits.wall = Duration::from_secs(1);
    let started = Instant::now();
    let line = format!("-v error -progress pipe:1 -re {ENDLESS} -metadata comment=wall-limit-mark -f null -");
    assert_eq!(bench.breach(&line).await, Breach::Wall);
    assert!(started.elapsed() < PATIENCE, "took {:?}", started.elapsed());
    assert_eq!(living("wall-limit-mark"), [""; 0], "it is gone when the error is there");
}

#[tokio::test]
async fn a_codec_that_shows_no_sign_of_life_is_ended() {
    let mut bench = Bench::new();
    bench.limits.stall = Duration::from_secs(1);
    // Without -progress, without an output: it works, and nobody can see it.
    assert_eq!(bench.breach(&format!("-v error -re {ENDLESS} -f null -")).await, Breach::Stall);
}

#[tokio::test]
async fn a_codec_that_works_quietly_is_not_ended() {
    let mut bench = Bench::new();
    bench.limits.stall = Duration::from_secs(1);
    let line = "-v error -re -f lavfi -i testsrc=duration=3 -c:v rawvideo -flush_packets 1 -f nut OUTPUT";
    bench.limits.output_bytes_max = 1_000 * MIB;
    bench.encode(line).await.0.unwrap();
}

/// The codec has all of its input, and goes on without a sign: whatever storage does, this is its own fault.
#[tokio::test]
async fn a_codec_that_has_what_it_asked_storage_for_and_stands_still_is_ended_for_itself() {
    let (mut bench, _proxy) = Bench::at_storage().await;
    bench.limits.stall = Duration::from_secs(2);
    assert_eq!(bench.breach(&format!("-v error -re -i {INPUT_URL} -f null -")).await, Breach::Stall);
    bench.limits.wall = Duration::from_secs(2);
    assert_eq!(bench.breach(&format!("-v error -re -i {INPUT_URL} -f null -")).await, Breach::Wall);
}

#[tokio::test]
async fn a_codec_whose_input_hangs_in_storage_is_ended_for_storage() {
    for limit in [Breach::Stall, Breach::Wall] {
        let (mut bench, proxy) = Bench::at_storage().await;
        match limit {
            Breach::Stall => bench.limits.stall = Duration::from_secs(2),
            _ => bench.limits.wall = Duration::from_secs(2),
        }
        let gate = Gate::default();
        proxy.next_method("GET", Fault::Hold(gate.clone()));
        let (result, ..) = bench.encode(&format!("-v error -i {INPUT_URL} -f null -")).await;
        gate.open();
        let Err(CodecError::Storage(error)) = result else { panic!("{limit:?}: {result:?}") };
        assert_eq!(error.kind, StorageErrorKind::Timeout, "{limit:?}: {error}");
    }
}

#[tokio::test]
async fn a_run_that_is_given_up_leaves_no_process() {
    let bench = Bench::new();
    let line = format!("-v error {ENDLESS} -metadata comment=given-up-mark -f null -");
    let seen = tokio::task::spawn_blocking(|| {
        wait_for("the codec to run", PATIENCE, || {
            if living("given-up-mark").is_empty() { Err("none") } else { Ok(()) }
        });
    });
    tokio::select! {
        (result, ..) = bench.encode(&line) => panic!("it ended by itself: {result:?}"),
        seen = seen => seen.unwrap(),
    }
    wait_for("the codec to be gone", PATIENCE, || match living("given-up-mark") {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

#[tokio::test]
async fn a_flood_on_stderr_neither_blocks_nor_fills_memory() {
    let bench = Bench::new();
    // A line of some 200 bytes a picture.
    let line = "-v info -nostats -f lavfi -i testsrc=duration=40:size=64x64 -vf showinfo -f null -";
    let finished = bench.encode(line).await.0.unwrap();
    assert_eq!(finished.said.len(), SAID_BYTES_MAX);
}

#[tokio::test]
async fn an_output_over_the_limit_ends_a_run() {
    let bench = Bench::new();
    let line = "-v error -f lavfi -i testsrc=size=1920x1080 -c:v rawvideo -f nut OUTPUT";
    let (result, _, output) = bench.encode(line).await;
    let Err(CodecError::Breach { breach, .. }) = result else { panic!("{result:?}") };
    assert_eq!(breach, Breach::OutputBytes);
    let bytes = output.bytes().unwrap();
    assert!(bytes <= bench.limits.output_bytes_max + 64 * MIB, "{bytes} bytes were written");
}

#[tokio::test]
async fn too_many_pictures_end_a_run() {
    let mut bench = Bench::new();
    bench.limits.frames_max = 30;
    assert_eq!(
        bench.breach(&format!("-v error -progress pipe:1 -stats_period 0.1 -re {ENDLESS} -f null -")).await,
        Breach::Frames
    );
}

#[tokio::test]
async fn used_up_processor_time_ends_a_run_at_both_levels() {
    for level in [Level::L1, Level::L2] {
        let mut bench = Bench::at(level, b"none");
        bench.limits.cpu_seconds_max = 1;
        let line =
            "-v error -progress pipe:1 -f lavfi -i testsrc2=size=1920x1080 -vf gblur=sigma=20 -f null -";
        assert_eq!(bench.breach(line).await, Breach::Cpu, "{level}");
    }
}

#[tokio::test]
async fn refused_memory_is_told_as_such() {
    let mut bench = Bench::new();
    bench.limits.memory_bytes_max = 96 * MIB;
    let line = "-v error -f lavfi -i testsrc=size=3840x2160:duration=2 -c:v libx264 -threads 4 -f mp4 OUTPUT";
    assert_eq!(bench.breach(line).await, Breach::Memory);
}

#[tokio::test]
async fn asking_the_door_for_anything_else_ends_a_run_at_both_levels() {
    for level in [Level::L1, Level::L2] {
        let bench = Bench::at(level, b"none");
        let (result, ..) = bench.encode("-v error -i http://127.0.0.1/other?secret -f null -").await;
        let Err(CodecError::Violation { asked, .. }) = result else { panic!("{level}: {result:?}") };
        assert!(asked.contains("/other"), "{level}: {asked}");
    }
}

#[tokio::test]
async fn an_answer_over_its_limit_is_refused() {
    let bench = Bench::new();
    let result = bench.capture("-v error -codecs", 1_000).await;
    assert!(matches!(result, Err(CodecError::Answer { bytes_max: 1_000, .. })), "{result:?}");
}

#[tokio::test]
async fn the_makers_of_jails_refuse_what_no_worker_started() {
    let finished = valet_testkit::Program::new(env!("CARGO_BIN_EXE_valet-worker"))
        .arg(valet_jail::ZYGOTE_WORD)
        .run(PATIENCE);
    assert_ne!(finished.code, Some(0), "{finished:?}");
}
