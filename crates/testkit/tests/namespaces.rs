//! `without-namespaces` is the container that tests take it for.

use std::time::Duration;

use valet_testkit::{Finished, Program};

const TIMEOUT: Duration = Duration::from_secs(20);

fn inside(words: &[&str]) -> Finished {
    Program::bin("without-namespaces").args(words).run(TIMEOUT)
}

#[test]
fn ordinary_programs_run_in_it_and_start_others() {
    let finished = inside(&["sh", "-c", "echo $(echo from a child); exit 7"]).expect_code(7);
    assert_eq!(finished.stdout, "from a child\n");
}

#[test]
fn every_namespace_is_refused_in_it() {
    for flag in ["--user", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup"] {
        let refused = inside(&["unshare", flag, "true"]);
        assert!(refused.code == Some(1) && refused.stderr.contains("not permitted"), "{flag}: {refused:?}");
    }
}

#[test]
fn mounts_are_refused_in_it_whoever_asks() {
    let refused = inside(&["mount", "-t", "tmpfs", "none", "/mnt"]);
    assert!(!refused.success(), "{refused:?}");
}

#[test]
fn what_is_no_program_is_told() {
    let refused = inside(&["/no/such/program"]).expect_code(70);
    assert!(refused.stderr.contains("/no/such/program"), "{}", refused.stderr);
    inside(&[]).expect_code(2);
}
