//! The codec's process group, killed whole. Never signals a group that this module did not start.

use rustix::process::{Pid, Signal, kill_process_group};

/// A started process group; it dies when this is dropped, so that a job that is given up leaves nothing behind.
#[derive(Debug)]
pub(super) struct Group(Option<Pid>);

impl Group {
    /// The group that the child `pid` leads.
    pub(super) fn led_by(pid: u32) -> Self {
        Self(i32::try_from(pid).ok().and_then(Pid::from_raw))
    }

    /// Kills every process of the group that is left; none being left is success.
    pub(super) fn kill(&mut self) {
        // Taken, so that it is signalled once only: after the leader is reaped, its number may be given anew.
        if let Some(group) = self.0.take() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
