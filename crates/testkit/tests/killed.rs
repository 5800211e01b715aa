//! Nothing of the services outlives a test process that was killed.

use std::fs;
use std::time::Duration;

use valet_testkit::{Broker, Postgres, Program, Storage, folder, wait_for};

const ROLE: &str = "TESTKIT_TEST_PARENT";
/// Three services start in it, on a machine that may do much else.
const START_TIMEOUT: Duration = Duration::from_secs(180);

/// Command lines of the living processes that have a folder of process `owner` in their environment or
/// arguments. Dead ones that nobody collected have neither.
fn processes_of(owner: u32) -> Vec<String> {
    // Folders of other users, such as PostgreSQL's when we are root, are beside our own.
    let base = folder::base().display().to_string();
    let mark = |text: &str| {
        let users = text.split(base.trim_end_matches(|c: char| c.is_ascii_digit())).skip(1);
        users.filter_map(|rest| rest.split_once('/')).any(|(_, name)| name.starts_with(&format!("{owner}-")))
    };
    let read =
        |path: std::path::PathBuf| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    let folders = fs::read_dir("/proc").expect("this is Linux").flatten().map(|entry| entry.path());
    let told = folders.map(|folder| (read(folder.join("cmdline")), read(folder.join("environ"))));
    told.filter(|(line, environment)| mark(line) || mark(environment))
        .map(|(line, _)| line.replace('\0', " "))
        .collect()
}

#[test]
fn heavy_services_end_with_a_killed_test_process() {
    if std::env::var(ROLE).is_ok() {
        let _services = (Broker::start(), Storage::start(), Postgres::start());
        println!("ready");
        std::thread::park();
    }
    let own = std::env::current_exe().expect("a path");
    let parent = Program::new(own)
        .args(["--exact", "heavy_services_end_with_a_killed_test_process", "--nocapture"])
        .env(ROLE, "1")
        .start();
    wait_for("all services", START_TIMEOUT, || {
        parent.stdout().contains("ready").then_some(()).ok_or_else(|| parent.last_lines())
    });
    assert!(!processes_of(parent.id()).is_empty());
    parent.kill();
    wait_for("the end of all", Duration::from_secs(30), || {
        let left = processes_of(parent.id());
        if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
    });
}
