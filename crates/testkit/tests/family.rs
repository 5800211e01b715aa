//! Nothing that a killed program leaves behind goes unseen. One test alone: it adopts every orphan of its process.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use valet_testkit::process::family::{adopt_orphans, descendants, orphans, told};
use valet_testkit::{Program, wait_for};

const TIMEOUT: Duration = Duration::from_secs(20);

#[test]
fn who_hides_in_a_session_of_its_own_is_seen_until_it_is_dead() {
    adopt_orphans();
    let script = "setsid sh -c 'sleep 60 & wait' & echo started; wait";
    let parent = Program::new("sh").args(["-c", script]).start();
    wait_for("the grandchild", TIMEOUT, || descendants(parent.id()).len() >= 2);
    parent.kill();
    let left = wait_for("an orphan", TIMEOUT, || {
        orphans(&[parent.id()]).first().copied().filter(|id| told(*id).contains("sleep 60"))
    });
    let all = descendants(left).into_iter().chain([left]);
    for id in all.filter_map(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
        let _ = kill_process(id, Signal::KILL);
    }
    wait_for("nobody", TIMEOUT, || {
        let left: Vec<String> = orphans(&[parent.id()]).into_iter().map(told).collect();
        if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
    });
}
