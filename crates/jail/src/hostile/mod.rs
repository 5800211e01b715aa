//! Attempts to break out, made from inside a real jail: the worker's self-test at start, and `valet-worker prove`.
//!
//! Each runs in the jail's own process, behind every wall, and is one function over bare system calls or the bytes of
//! one request. It says on standard output what came of it. An attempt must never do harm where the wall is missing:
//! it looks, touches its own, and says what it saw.

mod attempt;
mod files;
mod http;
mod judge;
mod kernel;
mod limits;
mod network;
mod outcome;
mod processes;
mod programs;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use attempt::{Attempt, Kind};
pub use judge::{Evidence, FLOOD_KEPT_BYTES_MAX, Verdict, judge};

use outcome::Outcome;
pub(crate) use outcome::errno_name;

/// Things outside the jail that attempts try to reach.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Canaries {
    /// A file with a secret that the jail must not read: another job's, or the worker's.
    pub secret_file: String,
    /// A port of the host's loopback where [`GREETING`] is said to whoever connects.
    pub loopback_port: u16,
    /// The name of a listening abstract unix socket, without its leading zero byte; it says [`GREETING`].
    pub abstract_socket: String,
    /// The path of a listening unix socket; it says [`GREETING`].
    pub socket_path: String,
    /// A process that the jail must not touch.
    pub victim_pid: i32,
}

/// What the canaries' listeners say first: whoever reads it got out.
pub const GREETING: &str = "VALET-CANARY";

/// Every group of attempts, in the order in which people read them.
const GROUPS: [&[Attempt]; 8] = [
    files::ATTEMPTS,
    processes::ATTEMPTS,
    network::ATTEMPTS,
    network::SOCKETS,
    programs::ATTEMPTS,
    limits::ATTEMPTS,
    kernel::ATTEMPTS,
    http::ATTEMPTS,
];

const COUNT: usize = {
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

static ALL: [Attempt; COUNT] = {
    let (mut all, mut count, mut group) = ([GROUPS[0][0]; COUNT], 0, 0);
    while group < GROUPS.len() {
        let mut index = 0;
        while index < GROUPS[group].len() {
            all[count] = GROUPS[group][index];
            (count, index) = (count + 1, index + 1);
        }
        group += 1;
    }
    all
};

/// Every attempt.
pub static ATTEMPTS: &[Attempt] = &ALL;

/// The attempt of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Attempt> {
    ATTEMPTS.iter().find(|attempt| attempt.name == name)
}

/// Makes one attempt, says on standard output what came of it, and ends the process.
pub(crate) fn run(name: &str, canaries: &Canaries) -> ! {
    let outcome =
        find(name).map_or_else(|| Outcome::Broken(format!("no attempt {name:?}")), |it| it.make(canaries));
    outcome.say();
    // SAFETY: ends the process; nothing of the zygote's, whose image this is, may run at its exit.
    unsafe { libc::_exit(0) }
}
