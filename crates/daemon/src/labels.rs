//! Labels of metrics that daemons share. Each has few values, whatever messages say: a name that comes from outside is
//! told only while there is room for it, or if it is one of ours.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use valet_broker::LinkState;

/// Lanes that have a label of their own; an installation has few.
pub const LANES_MAX: usize = 32;

/// What stands for every further lane, and for presets that there are not.
pub const OTHER: &str = "other";

/// Labels of the state of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Link {
    /// `publish` or `consume`.
    pub link: &'static str,
    /// `connecting`, `up`, `blocked` or `closed`.
    pub state: &'static str,
}

/// States that a connection may have, as labels.
pub const LINK_STATES: [&str; 4] = ["connecting", "up", "blocked", "closed"];

/// A state as one of [`LINK_STATES`].
#[must_use]
pub fn link_state(state: &LinkState) -> &'static str {
    match state {
        LinkState::Connecting { .. } => "connecting",
        LinkState::Up => "up",
        LinkState::Blocked { .. } => "blocked",
        LinkState::Closed => "closed",
    }
}

/// The lanes that were seen first.
#[derive(Debug, Default)]
pub struct Lanes(Mutex<BTreeSet<String>>);

/// Sets the gauge of each state of each connection: 1 for the one that it is in.
pub fn note_links(family: &Family<Link, Gauge>, publish: &LinkState, consume: &LinkState) {
    for (link, now) in [("publish", publish), ("consume", consume)] {
        for state in LINK_STATES {
            family.get_or_create(&Link { link, state }).set(i64::from(state == link_state(now)));
        }
    }
}

impl Lanes {
    /// The label of a lane.
    pub fn label(&self, lane: &str) -> String {
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
