//! Whoever dies, nothing of the jail survives.

use std::io::{BufRead, BufReader};

use valet_jail::{JailError, Level};
use valet_testkit::wait_for;

use crate::support::{LIMITS, PATIENCE, Rig, cache, children, fixture, kill, levels, runs, spawn};

/// The launcher and the jail's process of a rig's only jail.
fn processes(rig: &Rig) -> [u32; 2] {
    let zygote = rig.jailer.zygote_pid();
    wait_for("a launcher and a jail", PATIENCE, || {
        let launchers = children(zygote);
        let jails = launchers.first().map(|pid| children(*pid)).unwrap_or_default();
        match (launchers.as_slice(), jails.as_slice()) {
            (&[launcher], &[jail]) => Ok([launcher, jail]),
            seen => Err(format!("{seen:?}")),
        }
    })
}

/// That no process is left, or which ones are.
fn none(pids: impl IntoIterator<Item = u32>) -> Result<(), String> {
    let left: Vec<u32> = pids.into_iter().collect();
    if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
}

fn all_gone(level: Level, pids: &[u32]) {
    wait_for(&format!("all gone at {level}"), PATIENCE, || {
        none(pids.iter().copied().filter(|pid| runs(*pid)))
    });
}

#[tokio::test]
async fn dropping_the_handle_kills() {
    let rig = Rig::new();
    for level in levels() {
        let jail = rig.start(level, LIMITS, None, &["fixture", "sleep"]).await.expect("a jail");
        let pids = processes(&rig);
        drop(jail);
        all_gone(level, &pids);
    }
}

#[tokio::test]
async fn death_of_the_launcher_kills() {
    let rig = Rig::new();
    for level in levels() {
        let mut jail = rig.start(level, LIMITS, None, &["fixture", "sleep"]).await.expect("a jail");
        let pids = processes(&rig);
        kill(pids[0]);
        all_gone(level, &pids);
        assert!(matches!(jail.wait().await, Err(JailError::Lost)), "{level}");
    }
}

#[tokio::test]
async fn death_of_the_zygote_kills_and_is_told() {
    for level in levels() {
        let rig = Rig::new();
        let mut jail = rig.start(level, LIMITS, None, &["fixture", "sleep"]).await.expect("a jail");
        let pids = processes(&rig);
        let jailer = rig.jailer.clone();
        let told = tokio::spawn(async move { jailer.ended().await });
        kill(rig.jailer.zygote_pid());
        told.await.expect("ended() returns");
        all_gone(level, &pids);
        assert!(matches!(jail.wait().await, Err(JailError::Lost)), "{level}");
        let error = rig.start(level, LIMITS, None, &["fixture", "sleep"]).await.expect_err("no zygote");
        assert!(matches!(error, JailError::Zygote(_) | JailError::Lost), "{level}: {error:?}");
    }
}

#[tokio::test]
async fn death_of_the_worker_kills_and_leaves_no_file() {
    let rig = Rig::new();
    let roots = cache();
    for level in levels() {
        let arguments =
            [roots.as_path(), rig.folder.path()].map(|path| path.to_str().expect("UTF-8").to_owned());
        let words = ["hold-jail", &level.to_string(), &arguments[0], &arguments[1]];
        let mut worker = spawn(&fixture(), &words).expect("a worker");
        let mut said = String::new();
        let stdout = worker.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut said).expect("a line");
        assert_eq!(said, "holding\n", "{level}");
        let zygotes = children(worker.id());
        let launchers: Vec<u32> = zygotes.iter().flat_map(|pid| children(*pid)).collect();
        let jails: Vec<u32> = launchers.iter().flat_map(|pid| children(*pid)).collect();
        assert_eq!((zygotes.len(), launchers.len(), jails.len()), (1, 1, 1), "{level}");
        worker.kill().expect("a kill");
        worker.wait().expect("a death");
        all_gone(level, &[zygotes, launchers, jails].concat());
        assert_eq!(
            std::fs::read_dir(rig.folder.path()).expect("a folder").count(),
            0,
            "{level}: a file is left"
        );
    }
}

#[test]
fn death_of_the_worker_at_any_moment_leaves_no_process() {
    for level in levels() {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments =
            [cache().as_path(), folder.path()].map(|path| path.to_str().expect("UTF-8").to_owned());
        let words = ["die-often", &level.to_string(), &arguments[0], &arguments[1]];
        let parent = spawn(&fixture(), &words).expect("a parent of workers");
        let counted = parent.wait_with_output().expect("it ends");
        assert!(counted.status.success(), "{level}: {counted:?}");
    }
}

#[tokio::test]
async fn an_ended_jail_leaves_no_process() {
    let rig = Rig::new();
    for level in levels() {
        rig.fixture(level, &["exit", "0"]).await;
        wait_for("no launcher", PATIENCE, || none(children(rig.jailer.zygote_pid())));
    }
}

#[test]
fn one_jailer_serves_two_runtimes_after_each_other() {
    let rig = Rig::new();
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let jailer = rig.jailer.clone();
            let ended = tokio::spawn(async move { jailer.ended().await });
            assert_eq!(rig.fixture(levels()[0], &["exit", "0"]).await.code(), 0);
            assert!(!ended.is_finished());
            ended.abort();
        });
    }
}
