//! `pause` and `resume`, of our own lanes and of partners'.

use clap::Args;
use serde_json::json;
use valet_protocol::{Lane, LaneKind, LaneState};

use super::desk::{Desk, state_word, waiting};
use crate::context::Context;
use crate::failure::Outcome;

/// Which lane.
#[derive(Debug, Args)]
pub(in crate::verbs) struct Options {
    /// The lane
    #[arg(value_name = "LANE")]
    lane: Lane,
}

impl Options {
    pub(in crate::verbs) async fn pause(self, context: Context, kind: Option<LaneKind>) -> Outcome {
        self.set(context, kind, LaneState::Paused).await
    }

    pub(in crate::verbs) async fn resume(self, context: Context, kind: Option<LaneKind>) -> Outcome {
        self.set(context, kind, LaneState::Open).await
    }

    async fn set(self, mut context: Context, kind: Option<LaneKind>, state: LaneState) -> Outcome {
        let desk = Desk::open(&context).await?;
        let mut record = desk.lane(&self.lane, kind)?;
        let was = record.state;
        if was != state {
            record.state = state;
            desk.publish(&record).await?;
        }
        let waiting = waiting(&desk.depths(&self.lane).await?);
        let value = json!({ "lane": self.lane, "state": state_word(state), "was": state_word(was), "waiting": waiting });
        context.out.value(&value, |_| text(&self.lane, was, state, waiting))?;
        context.out.flush()
    }
}

fn text(lane: &Lane, was: LaneState, state: LaneState, waiting: u64) -> String {
    let (word, verb) = match state {
        LaneState::Open => ("open", "are served"),
        LaneState::Paused | LaneState::Removed => ("paused", "are kept, and not served"),
    };
    let already = if was == state { " already" } else { "" };
    format!("{lane} is {word}{already}: {waiting} waiting messages {verb}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_many_wait_and_whether_anything_changed() {
        let lane: Lane = "acme".parse().unwrap();
        assert_eq!(
            text(&lane, LaneState::Open, LaneState::Paused, 3),
            "acme is paused: 3 waiting messages are kept, and not served"
        );
        assert_eq!(
            text(&lane, LaneState::Open, LaneState::Open, 0),
            "acme is open already: 0 waiting messages are served"
        );
    }
}
