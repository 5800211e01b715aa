//! How the built worker refuses to start: in words, with the exit codes that are promised, without a secret.
#![allow(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::time::Duration;

use jiff::Timestamp;
use valet_testkit::{Finished, Program, ScheduledEvents};

const PATIENCE: Duration = Duration::from_secs(20);

/// The emulator's key is public.
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn run(variables: &[(&str, &str)], arguments: &[&str]) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    Program::new(env!("CARGO_BIN_EXE_valet-worker"))
        .args(arguments)
        .env("VALET_BROKER_URL", "amqp://127.0.0.1:1/valet")
        .env("VALET_WORKER_SCRATCH", folder.path())
        .envs(variables.iter().copied())
        .current_dir(folder.path())
        .run(PATIENCE)
}

#[test]
fn it_refuses_a_storage_key_and_names_the_variable_but_not_the_value() {
    let connection = format!("DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY}");
    let cases = [
        ("AZURE_STORAGE_KEY", KEY),
        ("AZURE_STORAGE_CONNECTION_STRING", connection.as_str()),
        ("ANY_NAME_AT_ALL", connection.as_str()),
        ("VALET_STORAGE_ACCOUNT_KEY", KEY),
        ("VALET_STORAGE_ACCOUNT_KEY_FILE", "/run/secrets/key"),
    ];
    for (name, value) in cases {
        let finished = run(&[(name, value)], &["run"]).expect_code(64);
        assert!(finished.stderr.contains(name), "{}", finished.stderr);
        assert!(!finished.stderr.contains(value) && !finished.stderr.contains(KEY), "{}", finished.stderr);
    }
}

#[test]
fn it_refuses_a_storage_key_in_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("valet.toml");
    std::fs::write(&file, format!("[storage]\naccount_key = \"{KEY}\"\n")).unwrap();
    let finished = run(&[], &["run", "--config", &file.to_string_lossy()]).expect_code(64);
    assert!(finished.stderr.contains("storage.account_key"), "{}", finished.stderr);
    assert!(!finished.stderr.contains(KEY), "{}", finished.stderr);
}

/// The core limit shows it to every user; to root, whom the kernel lets in everywhere, it alone does.
#[test]
fn its_memory_is_closed_to_other_processes_of_its_user() {
    use std::os::unix::fs::MetadataExt as _;
    // A broker that never answers keeps it waiting, set up and harmless.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let worker = Program::new(env!("CARGO_BIN_EXE_valet-worker"))
        .arg("run")
        .env("VALET_BROKER_URL", format!("amqp://{}/valet", silent.local_addr().unwrap()))
        .env("VALET_WORKER_SCRATCH", folder.path())
        .current_dir(folder.path())
        .start();
    let limits = format!("/proc/{}/limits", worker.id());
    valet_testkit::wait_for("the worker to close its memory", PATIENCE, || {
        let limits = std::fs::read_to_string(&limits).map_err(|error| error.to_string())?;
        let closed = limits
            .lines()
            .any(|line| line.split_whitespace().eq(["Max", "core", "file", "size", "0", "0", "bytes"]));
        if closed { Ok(()) } else { Err(limits) }
    });
    assert!(worker.is_running(), "{}", worker.last_lines());
    let owner = std::fs::metadata(format!("/proc/{}/mem", worker.id())).unwrap().uid();
    assert_eq!(owner, 0, "files of an undumpable process belong to root");
    if rustix::process::geteuid().as_raw() != 0 {
        assert!(
            std::fs::read(format!("/proc/{}/environ", worker.id())).is_err(),
            "its environment can be read"
        );
    }
}

/// A machine whose broker is away may go, too.
#[test]
fn it_lets_its_machine_go_while_it_has_no_broker_yet() {
    let service = ScheduledEvents::start("vm-1");
    let folder = tempfile::tempdir().unwrap();
    let worker = Program::new(env!("CARGO_BIN_EXE_valet-worker"))
        .arg("run")
        .env("VALET_BROKER_URL", "amqp://127.0.0.1:1/valet")
        .env("VALET_WORKER_SCRATCH", folder.path())
        .env("VALET_WORKER_SCHEDULED_EVENTS", "on")
        .env("VALET_WORKER_SCHEDULED_EVENTS_URL", service.url())
        .current_dir(folder.path())
        .start();
    let event = service.announce("Preempt", "vm-1", Timestamp::now() + PATIENCE);
    assert_eq!(worker.wait(PATIENCE).code(), Some(0), "{}", worker.stderr());
    assert_eq!(service.acknowledged(), [event], "{}", worker.stderr());
}

#[test]
fn it_tells_all_mistakes_at_once() {
    let mistakes = [("VALET_WORKER_SLOTS", "many"), ("VALET_LOG_FORMAT", "xml"), ("AZURE_STORAGE_KEY", KEY)];
    let finished = run(&mistakes, &["run"]).expect_code(64);
    for name in ["VALET_WORKER_SLOTS", "VALET_LOG_FORMAT", "AZURE_STORAGE_KEY"] {
        assert!(finished.stderr.contains(name), "{name}: {}", finished.stderr);
    }
}

#[test]
fn it_refuses_a_codec_that_does_not_run() {
    let finished = run(&[("VALET_WORKER_FFMPEG", "/bin/false")], &["run"]).expect_code(64);
    assert!(finished.stderr.contains("cannot run /bin/false"), "{}", finished.stderr);
    assert!(finished.stderr.contains("worker.ffmpeg"), "{}", finished.stderr);
}

#[test]
fn wrong_usage_is_exit_2_and_help_is_exit_0() {
    run(&[], &["run", "--storage-account-key", KEY]).expect_code(2);
    run(&[], &["fly"]).expect_code(2);
    let help = run(&[], &["run", "--help"]).expect_code(0);
    assert!(help.stdout.contains("--worker-slots"), "{}", help.stdout);
}
