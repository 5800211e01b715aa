//! What a jail costs: printed, not judged; a loaded machine proves nothing.

#[path = "../fixture/exit_program.rs"]
mod exit_program;

use std::path::Path;
use std::time::{Duration, Instant};

use exit_program::exit_program;

use crate::support::{LIMITS, Rig, finish, levels, spawn};

const RUNS: usize = 50;

#[tokio::test]
async fn a_static_program_runs_and_ends_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = exit_program(folder.path());
    let rig = Rig::with(&[("static", &program)]);
    assert!(rig.root.is_static("static"));
    let bare = median((0..RUNS).map(|_| time_bare(&program)).collect());
    for level in levels() {
        let (mut ready, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let started = Instant::now();
            let jail = rig.start(level, LIMITS, None, &["static"]).await.expect("a jail");
            ready.push(jail.ready_in());
            assert_eq!(finish(jail).await.code(), 0, "{level}");
            whole.push(started.elapsed());
        }
        let fastest = ready.iter().min().copied().unwrap_or_default();
        let (ready, whole) = (median(ready), median(whole));
        eprintln!(
            "{level}: ready in {ready:?} (fastest {fastest:?}), run and reaped in {whole:?}; bare {bare:?}"
        );
    }
}

fn time_bare(program: &Path) -> Duration {
    let started = Instant::now();
    assert!(spawn(program, &[]).and_then(|mut child| child.wait()).expect("it runs").success());
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
