//! Labels of metrics. Each has few values, whatever messages say: a name that comes from outside is told only while
//! there is room for it, or if it is one of ours.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use valet_broker::LinkState;

/// Lanes that have a label of their own; an installation has few.
pub(super) const LANES_MAX: usize = 32;

/// What stands for every further lane, and for presets that there are not.
pub(super) const OTHER: &str = "other";

/// Labels of ended attempts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Ended {
    /// The job's lane.
    pub(super) lane: String,
    /// The job's preset, if there is such a one.
    pub(super) preset: String,
    /// What became of it: the kind of its last report, `handed-back` or `lost`.
    pub(super) outcome: &'static str,
    /// Why, by the reason's code; `none` for a success.
    pub(super) reason: String,
}

/// The label of a phase.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Phase {
    /// `queue`, `fetch`, `codec`, `check`, `store` or `total`.
    pub(super) phase: &'static str,
}

/// The label of the number of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Stage {
    /// 1 to 3.
    pub(super) stage: u32,
}

/// The label of a reason against taking jobs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Against {
    /// The reason's code.
    pub(super) reason: &'static str,
}

/// Labels of the state of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Link {
    /// `publish` or `consume`.
    pub(super) link: &'static str,
    /// `connecting`, `up`, `blocked` or `closed`.
    pub(super) state: &'static str,
}

/// What is running.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Build {
    /// Version of the worker.
    pub(super) version: &'static str,
    /// Level of the codecs' jail.
    pub(super) jail: String,
    /// Name and version of ffmpeg.
    pub(super) codec: String,
}

/// States that a connection may have, as labels.
pub(super) const LINK_STATES: [&str; 4] = ["connecting", "up", "blocked", "closed"];

/// A state as one of [`LINK_STATES`].
#[must_use]
pub(super) fn link_state(state: &LinkState) -> &'static str {
    match state {
        LinkState::Connecting { .. } => "connecting",
        LinkState::Up => "up",
        LinkState::Blocked { .. } => "blocked",
        LinkState::Closed => "closed",
    }
}

/// The lanes that were seen first.
#[derive(Debug, Default)]
pub(super) struct Lanes(Mutex<BTreeSet<String>>);

impl Lanes {
    /// The label of a lane.
    pub(super) fn label(&self, lane: &str) -> String {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(lane) {
            return lane.to_owned();
        }
        if known.len() >= LANES_MAX {
            return OTHER.to_owned();
        }
        known.insert(lane.to_owned());
        lane.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_have_labels_as_long_as_there_is_room() {
        let lanes = Lanes::default();
        let name = |number: usize| format!("lane-{number}");
        (0..LANES_MAX).for_each(|number| assert_eq!(lanes.label(&name(number)), name(number)));
        assert_eq!(lanes.label("one-more"), OTHER);
        assert_eq!(lanes.label(&name(0)), name(0));
    }
}
