//! The codec module against real processes: ffmpeg, and scripts that misbehave on purpose.
//! Each run goes through the launcher of the built binary, as in production.
#![allow(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use valet_testkit::{process::find_program, wait_for};
use valet_worker::codec::{Breach, Codec, CodecError, Finished, Limits, Progress, Run, SAID_BYTES_MAX};

/// Far above what any run here takes, and far below a hang.
const PATIENCE: Duration = Duration::from_secs(20);

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

struct Bench {
    directory: tempfile::TempDir,
    codec: Codec,
    limits: Limits,
}

impl Bench {
    fn new() -> Self {
        let limits =
            Limits { wall: PATIENCE, stall: PATIENCE, output_bytes_max: 10 * MIB, free_bytes_min: 0 };
        let codec = Codec::new(env!("CARGO_BIN_EXE_valet-worker").into());
        Self { directory: tempfile::tempdir().unwrap(), codec, limits }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A program that does what the shell lines say.
    fn script(&self, lines: &str) -> PathBuf {
        let path = self.path("script");
        std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    async fn encode(&self, program: &Path, arguments: &[&str]) -> (Result<Finished, CodecError>, Progress) {
        let (sender, receiver) = watch::channel(Progress::default());
        let arguments = arguments.iter().map(ToString::to_string).collect::<Vec<_>>();
        let output = self.path("output");
        let run = Run {
            program,
            arguments: &arguments,
            directory: self.directory.path(),
            output: Some(&output),
            limits: &self.limits,
        };
        let result = self.codec.encode(&run, &sender).await;
        let last = *receiver.borrow();
        (result, last)
    }

    async fn capture(
        &self,
        program: &Path,
        arguments: &[&str],
        bytes_max: usize,
    ) -> Result<Finished, CodecError> {
        let arguments = arguments.iter().map(ToString::to_string).collect::<Vec<_>>();
        let directory = self.directory.path();
        let run = Run { program, arguments: &arguments, directory, output: None, limits: &self.limits };
        self.codec.capture(&run, bytes_max).await
    }

    /// The process group that a script noted with `echo $$ > group`.
    fn group(&self) -> i32 {
        wait_for("the script's process id", PATIENCE, || {
            let text = std::fs::read_to_string(self.path("group")).map_err(|error| error.to_string())?;
            text.trim().parse::<i32>().map_err(|error| format!("{error} in {text:?}"))
        })
    }
}

/// Living processes of a group; those that only wait to be reaped are dead.
fn living(group: i32) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let stats = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    stats
        .filter(|stat| {
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
            fields.get(2) == Some(&group.to_string().as_str()) && fields.first() != Some(&"Z")
        })
        .collect()
}

fn assert_gone(group: i32) {
    wait_for("the codec's processes to be gone", PATIENCE, || match living(group) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

fn ffmpeg() -> PathBuf {
    find_program("ffmpeg").expect("ffmpeg is installed")
}

/// A script that has children, one of them deaf to anything but SIGKILL, and never ends.
const FAMILY: &str = "echo $$ > group; (trap '' TERM; sleep 1000; sleep 1000) & sleep 1000 & sleep 1000";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_media_fails_with_ffmpegs_own_words() {
    let bench = Bench::new();
    std::fs::write(bench.path("input"), b"#!/bin/sh\necho not media\n").unwrap();
    let (result, _) =
        bench.encode(&ffmpeg(), &["-nostdin", "-v", "error", "-i", "input", "-f", "null", "-"]).await;
    let Err(CodecError::Exit { program, code, said }) = result else { panic!("{result:?}") };
    assert_eq!((program.as_str(), code), ("ffmpeg", 1));
    assert!(said.contains("Invalid data found when processing input"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_of_a_real_run_is_read_to_its_end() {
    let bench = Bench::new();
    let line = "-nostdin -v error -progress pipe:1 -f lavfi -i testsrc=duration=2:rate=25 -f null -";
    let (result, last) = bench.encode(&ffmpeg(), &line.split(' ').collect::<Vec<_>>()).await;
    result.unwrap();
    assert!(last.ended, "{last:?}");
    assert_eq!(last.frame, 50);
    assert_eq!(last.out_time.map(|time| time.as_secs()), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wall_limit_leaves_no_process_of_the_group() {
    let mut bench = Bench::new();
    bench.limits.wall = Duration::from_secs(1);
    let script = bench.script(FAMILY);
    let started = Instant::now();
    let (result, _) = bench.encode(&script, &[]).await;
    assert!(matches!(result, Err(CodecError::Breach { breach: Breach::Wall, .. })), "{result:?}");
    assert!(started.elapsed() < Duration::from_secs(4), "took {:?}", started.elapsed());
    assert_gone(bench.group());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_codec_that_does_nothing_is_stopped_by_the_stall_limit() {
    let mut bench = Bench::new();
    bench.limits.stall = Duration::from_secs(1);
    let script = bench.script(FAMILY);
    let (result, _) = bench.encode(&script, &[]).await;
    assert!(matches!(result, Err(CodecError::Breach { breach: Breach::Stall, .. })), "{result:?}");
    assert!(result.unwrap_err().to_string().contains("nothing for 1 s"));
    assert_gone(bench.group());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_codec_that_works_quietly_is_not_stopped() {
    let mut bench = Bench::new();
    bench.limits.stall = Duration::from_secs(1);
    // Longer than the stall limit, with a sign of life within it: one more byte of output each time.
    let script = bench.script("for i in 1 2 3 4 5 6; do printf x >> output; sleep 0.4; done");
    let (result, _) = bench.encode(&script, &[]).await;
    result.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_given_up_leaves_no_process() {
    let bench = Bench::new();
    let script = bench.script(FAMILY);
    let group = tokio::select! {
        (result, _) = bench.encode(&script, &[]) => panic!("it ended by itself: {result:?}"),
        group = async { tokio::task::spawn_blocking({
            let path = bench.path("group");
            move || wait_for("the script to start", PATIENCE, || std::fs::read_to_string(&path).is_ok_and(|text| !text.is_empty()))
        }).await.map(|_| bench.group()) } => group.unwrap(),
    };
    assert_gone(group);
}

#[tokio::test(flavor = "multi_thread")]
async fn descendants_that_outlive_a_good_end_are_killed() {
    let bench = Bench::new();
    let script = bench.script("echo $$ > group; sleep 1000 & exit 0");
    let started = Instant::now();
    let (result, _) = bench.encode(&script, &[]).await;
    result.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "waited for a pipe that a descendant held");
    assert_gone(bench.group());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_on_stderr_neither_blocks_nor_fills_memory() {
    let bench = Bench::new();
    let script = bench.script("head -c 50000000 /dev/zero >&2; echo the reason >&2; exit 3");
    let (result, _) = bench.encode(&script, &[]).await;
    let Err(CodecError::Exit { code: 3, said, .. }) = result else { panic!("{result:?}") };
    assert!(said.ends_with("the reason"), "{said}");
    assert!(said.len() < 16 * 1024 && !said.contains('\0'), "{} bytes", said.len());
    let script = bench.script("head -c 50000000 /dev/zero >&2");
    let (result, _) = bench.encode(&script, &[]).await;
    assert_eq!(result.unwrap().said.len(), SAID_BYTES_MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_over_the_limit_stops_the_codec() {
    let bench = Bench::new();
    let script = bench.script("echo $$ > group; head -c 11000000 /dev/zero > output; sleep 1000");
    let (result, _) = bench.encode(&script, &[]).await;
    assert!(matches!(result, Err(CodecError::Breach { breach: Breach::OutputBytes, .. })), "{result:?}");
    assert_gone(bench.group());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kernel_stops_an_output_that_grows_faster_than_the_watch_looks() {
    let bench = Bench::new();
    let script = bench.script("exec head -c 10000000000 /dev/zero > output");
    let (result, _) = bench.encode(&script, &[]).await;
    assert!(matches!(result, Err(CodecError::Breach { breach: Breach::OutputBytes, .. })), "{result:?}");
    let bytes = std::fs::metadata(bench.path("output")).unwrap().len();
    assert!(bytes <= bench.limits.output_bytes_max + 64 * MIB, "{bytes} bytes were written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_codec_sees_nothing_of_the_workers_environment() {
    let bench = Bench::new();
    assert!(std::env::var_os("PATH").is_some(), "this process has an environment to inherit");
    let environment = find_program("env").expect("env is installed");
    let finished = bench.capture(&environment, &[], 10_000).await.unwrap();
    let names: Vec<String> = String::from_utf8(finished.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
        .collect();
    assert_eq!(names, ["LC_ALL", "MALLOC_ARENA_MAX"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_codec_runs_within_the_kernels_own_limits() {
    let bench = Bench::new();
    let script = bench.script("ulimit -c; ulimit -n; ulimit -s; ulimit -d");
    let finished = bench.capture(&script, &[], 10_000).await.unwrap();
    let said = String::from_utf8(finished.stdout).unwrap();
    // Cores, open files, stack in KiB, data in KiB.
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["0", "64", "1024", "4194304"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_codec_inherits_no_open_file_of_the_worker() {
    let bench = Bench::new();
    let _open = std::fs::File::create(bench.path("kept-open-by-the-worker")).unwrap();
    let list = find_program("ls").expect("ls is installed");
    let finished = bench.capture(&list, &["-l", "/proc/self/fd"], 10_000).await.unwrap();
    let files = String::from_utf8(finished.stdout).unwrap();
    assert!(files.contains("0 -> /dev/null") && !files.contains("kept-open-by-the-worker"), "{files}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_its_limit_is_refused() {
    let bench = Bench::new();
    let script = bench.script("head -c 1000000 /dev/zero");
    let result = bench.capture(&script, &[], 1_000).await;
    assert!(matches!(result, Err(CodecError::Answer { bytes_max: 1_000, .. })), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_there_is_the_workers_fault() {
    let bench = Bench::new();
    let result = bench.capture(Path::new("/no/such/program"), &[], 1_000).await;
    let Err(CodecError::Start { cause, .. }) = result else { panic!("{result:?}") };
    assert!(cause.to_string().contains("No such file"), "{cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_is_told_apart_from_an_exit() {
    let bench = Bench::new();
    let script = bench.script("echo dying >&2; kill -SEGV $$");
    let (result, _) = bench.encode(&script, &[]).await;
    let Err(CodecError::Signal { signal: 11, said, .. }) = result else { panic!("{result:?}") };
    assert_eq!(said, "dying");
}

#[test]
fn the_launcher_refuses_what_the_worker_did_not_start() {
    let launcher = valet_testkit::Program::new(env!("CARGO_BIN_EXE_valet-worker"));
    let finished = launcher.args(["__codec", "1", "0", "0", "1", "/bin/true"]).run(PATIENCE);
    assert!(finished.stderr.contains("the worker is gone"), "{}", finished.stderr);
    finished.expect_code(126);
}
