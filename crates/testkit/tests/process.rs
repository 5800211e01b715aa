//! Children end with their owner, whatever way the owner ends.

use std::fs;
use std::time::Duration;

use valet_testkit::{Program, wait_for};

const SOON: Duration = Duration::from_secs(20);

/// Whether a process runs; one that is dead and not yet collected by its parent does not.
fn runs(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

#[test]
fn a_child_ends_with_its_owner() {
    let child = Program::new("sleep").arg("600").start();
    let id = child.id();
    assert!(runs(id));
    drop(child);
    assert!(!runs(id));
}

#[test]
fn a_child_ends_with_a_panic() {
    let (send, receive) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let child = Program::new("sleep").arg("600").start();
        send.send(child.id()).expect("the receiver lives");
        panic!("on purpose");
    })
    .join();
    assert!(panicked.is_err());
    assert!(!runs(receive.recv().expect("sent before the panic")));
}

#[test]
fn a_child_outlives_the_thread_that_asked_for_it() {
    let child = std::thread::spawn(|| Program::new("sleep").arg("600").start()).join().expect("it starts");
    // The thread's end would deliver a parent-death signal at once; a second child gives it time to.
    Program::new("true").run(SOON).expect_code(0);
    assert!(child.is_running());
}

#[test]
fn a_child_ends_with_a_killed_test_process() {
    const ROLE: &str = "TESTKIT_TEST_PARENT";
    if std::env::var(ROLE).is_ok() {
        let child = Program::new("sleep").arg("600").start();
        println!("child={}.", child.id());
        child.wait(Duration::from_secs(600));
    }
    let own = std::env::current_exe().expect("a path");
    let parent = Program::new(own)
        .args(["--exact", "a_child_ends_with_a_killed_test_process", "--nocapture"])
        .env(ROLE, "1")
        .start();
    let id: u32 = wait_for("the child's id", SOON, || {
        let said = parent.stdout();
        said.split_once("child=").and_then(|(_, rest)| rest.split_once('.')?.0.parse().ok()).ok_or(said)
    });
    assert!(runs(id));
    parent.kill();
    wait_for("the child's end", SOON, || !runs(id));
}

#[test]
fn a_child_gets_no_environment_but_what_it_is_given() {
    let finished = Program::new("env").env("GIVEN", "1").run(SOON).expect_code(0);
    let names: Vec<&str> = finished.stdout.lines().filter_map(|line| line.split('=').next()).collect();
    assert!(names.iter().all(|name| ["PATH", "TMPDIR", "GIVEN"].contains(name)), "{names:?}");
    assert!(names.contains(&"GIVEN"));
}

#[test]
fn input_output_and_exit_code_are_kept() {
    let script = "cat; echo told >&2; exit 3";
    let finished = Program::new("sh").args(["-c", script]).stdin("asked").run(SOON).expect_code(3);
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("asked", "told\n"));
}

#[test]
#[should_panic(expected = "still runs after")]
fn a_wait_has_an_end() {
    Program::new("sleep").arg("600").run(Duration::from_millis(50));
}

#[test]
#[should_panic(expected = "last state: step 1")]
fn a_failed_wait_shows_the_last_state() {
    wait_for("nothing", Duration::ZERO, || Err::<(), _>("step 1"));
}
