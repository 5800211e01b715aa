//! What worker, zygote, launcher and jail say to each other: JSON in one packet of a socket pair, descriptors beside it.
//!
//! There is no room here for a URL, a grant or a login: an order holds names, numbers and ffmpeg's arguments alone.

use serde::{Deserialize, Serialize};

use crate::hostile::Canaries;
use crate::{Level, Limits};

/// Longest packet. ffmpeg's arguments are a few KiB.
pub(crate) const PACKET_BYTES_MAX: usize = 64 << 10;

/// Most descriptors beside one packet: control socket, stdout, stderr, output file.
pub(crate) const DESCRIPTORS_MAX: usize = 4;

/// Worker to zygote: make this jail. Beside it: control socket, stdout, stderr and, if `output`, the output file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) level: Level,
    pub(crate) limits: Limits,
    /// The codec's root, as the worker sees it.
    pub(crate) root: String,
    pub(crate) task: Task,
    /// The output file's name, as the worker sees it.
    pub(crate) output: Option<String>,
    /// The uid and gid outside that only this jail uses; none where the worker is not root.
    pub(crate) outer_id: Option<u32>,
}

/// What the jail runs once every wall stands.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// `file` is relative to the root; `arguments` are the whole argv.
    Exec { file: String, arguments: Vec<String> },
    /// One hostile attempt, made by the jail's own process instead of an exec.
    Attempt { name: String, canaries: Canaries },
}

/// Zygote, launcher and jail to worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The zygote is up and can make jails.
    Hello,
    /// The jail's first process exists; its pidfd is beside.
    Child,
    /// Every wall but the last filters stands; the door's notify descriptor is beside.
    Ready,
    /// A step did not work; nothing ran.
    Failed(Failure),
    /// The jail is dead, all of it.
    Exit { code: Option<i32>, signal: Option<i32>, cpu_microseconds: u64, rss_kib_max: u64 },
}

/// The step that did not work, and the kernel's reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) step: String,
    pub(crate) errno: i32,
}

/// Worker to jail: the door is served, go on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Go;
