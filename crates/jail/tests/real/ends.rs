//! How a jail ends is told as it was.

use std::path::Path;

use tokio::io::AsyncReadExt;
use valet_jail::{End, Level};

use crate::support::{LIMITS, PATIENCE, Rig, cache, fixture, levels, spawn};

#[tokio::test]
async fn exit_codes_arrive() {
    let rig = Rig::new();
    for level in levels() {
        for code in [0, 7, 121, 255] {
            let finished = rig.fixture(level, &["exit", &code.to_string()]).await;
            assert_eq!(finished.exit.end, End::Code(code), "{level}: {finished:?}");
        }
    }
}

#[tokio::test]
async fn a_crash_is_a_signal() {
    let rig = Rig::new();
    for level in levels() {
        let finished = rig.fixture(level, &["abort"]).await;
        // A pid 1 does not feel SIGABRT; glibc then dies by an illegal access.
        let crashes = [libc::SIGABRT, libc::SIGSEGV, libc::SIGILL, libc::SIGTRAP];
        assert!(crashes.map(End::Signal).contains(&finished.exit.end), "{level}: {finished:?}");
    }
}

#[tokio::test]
async fn another_process_is_an_alarm() {
    let rig = Rig::new();
    for level in levels() {
        let finished = rig.fixture(level, &["spawn"]).await;
        assert_eq!(finished.exit.end, End::Signal(libc::SIGSYS), "{level}: {finished:?}");
    }
}

#[tokio::test]
async fn a_kill_ends_it() {
    let rig = Rig::new();
    for level in levels() {
        let mut jail = rig.start(level, LIMITS, None, &["fixture", "sleep"]).await.expect("a jail");
        jail.kill();
        let exit = jail.wait().await.expect("an exit");
        assert_eq!(exit.end, End::Signal(libc::SIGKILL), "{level}");
        assert!(!exit.spent_all_of(LIMITS.cpu_seconds), "{level}: a kill is not the processor limit's");
        assert_eq!(jail.wait().await.expect("the same again"), exit);
    }
}

#[tokio::test]
async fn streams_end_when_the_codec_closes_them() {
    let rig = Rig::new();
    for level in levels() {
        let mut jail = rig.start(level, LIMITS, None, &["fixture", "close-and-sleep"]).await.expect("a jail");
        let mut stdout = jail.take_stdout().expect("stdout");
        let read = tokio::time::timeout(PATIENCE, stdout.read(&mut [0])).await;
        assert_eq!(read.expect("an end").expect("no error"), 0, "{level}");
    }
}

#[tokio::test]
async fn a_missing_program_is_told_before_any_jail() {
    let rig = Rig::new();
    let error = rig.start(levels()[0], LIMITS, None, &["ffmpreg"]).await.expect_err("no such program");
    assert!(error.to_string().contains("ffmpreg"), "{error}");
}

#[tokio::test]
async fn a_failing_step_is_named_with_its_reason() {
    let rig = Rig::new();
    for level in levels() {
        // An argument with a zero byte cannot be passed on: the last step before the exec sees it.
        let error = rig.start(level, LIMITS, None, &["fixture", "a\0b"]).await.expect_err("cannot be passed");
        assert_eq!((error.step(), error.errno()), (Some("exec"), Some(libc::EINVAL)), "{level}: {error}");
    }
}

#[tokio::test]
async fn refused_namespaces_make_no_weaker_jail() {
    if levels().contains(&Level::L1) {
        return;
    }
    let error =
        Rig::new().start(Level::L1, LIMITS, None, &["fixture", "exit", "0"]).await.expect_err("refused");
    assert_eq!((error.step(), error.errno()), (Some("clone-namespaces"), Some(libc::EPERM)), "{error}");
}

/// Root in a container that has no capabilities cannot become another user; no jail runs as root instead.
#[test]
fn root_that_cannot_give_up_root_makes_no_jail_at_l2() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (fixture, cache) = (fixture(), cache());
    let paths = [fixture.as_path(), cache.as_path(), folder.path()].map(|path| path.to_str().expect("UTF-8"));
    let words = ["--bounding-set=-all", "--inh-caps=-all", paths[0], "hold-jail", "L2", paths[1], paths[2]];
    let worker = spawn(Path::new("setpriv"), &words).and_then(std::process::Child::wait_with_output);
    let said = String::from_utf8(worker.expect("setpriv runs").stdout).expect("UTF-8");
    assert_eq!(said, format!("refused identity {}\n", libc::EPERM));
}
