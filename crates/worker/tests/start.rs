//! How the built worker refuses to start: in words, with the exit codes that are promised, without a secret.
#![allow(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::time::Duration;

use valet_testkit::{Finished, Program};

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
