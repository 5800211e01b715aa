//! `valet partner remove`: the end of a lane and its login, when nothing is left in it.
//! Must never drop a message: what is taken away was found empty after publishing had been forbidden.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;
use valet_broker::management::{DEPTH_AGE_MAX, remove_commands};
use valet_protocol::{Lane, LaneKind, LaneRecord, LaneState};

use super::printed;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::verbs::lane::desk::{Desk, waiting};
use crate::verbs::options::duration;
use crate::verbs::topology;

/// How often the lane is looked at while it empties.
const LOOK: Duration = Duration::from_millis(500);
/// How often somebody who waits is told how much is left.
const TELL: Duration = Duration::from_secs(10);

/// Take a partner's lane and login away
///
/// Refuses while messages are left. With --drain publishing is forbidden first, and the dispatcher is waited for
/// until it has emptied the lane. Reports that the partner has not read yet go with the lane.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The lane
    #[arg(value_name = "LANE")]
    lane: Lane,
    /// Forbid publishing and wait until the lane is empty
    #[arg(long)]
    drain: bool,
    /// With --drain: stop waiting after this time (exit 75); publishing stays forbidden
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "drain")]
    timeout: Option<Duration>,
    /// Print commands of RabbitMQ's own tools that do the same; change nothing
    #[arg(long, conflicts_with = "drain")]
    print: bool,
}

impl Options {
    pub(super) async fn run(self, mut context: Context) -> Outcome {
        if self.print {
            let vhost = printed::vhost(&context)?;
            let partner = LaneRecord::partner(self.lane.clone(), self.lane.to_string());
            let record = LaneRecord { state: LaneState::Removed, changed_at: Timestamp::now(), ..partner };
            return printed::tell(&mut context, &remove_commands(&vhost, &self.lane, self.lane.as_str(), &record));
        }
        let desk = Desk::open(&context).await?;
        let record = desk.lane(&self.lane, Some(LaneKind::Partner))?;
        let left = waiting(&desk.depths(&self.lane).await?);
        if self.drain {
            self.drainable(&record, left)?;
        } else if left > 0 {
            return Err(self.refusal(left));
        }
        self.close_the_door(&desk).await?;
        self.empty(&desk, &record).await?;
        self.take_away(&desk, record).await?;
        context.out.value(&json!({ "lane": self.lane, "state": "removed" }), |_| format!("{} is removed", self.lane))?;
        context.out.flush()
    }

    fn drainable(&self, record: &LaneRecord, left: u64) -> Outcome {
        if record.state == LaneState::Paused && left > 0 {
            let what = format!("{} is paused, and {left} messages are left that nobody serves", self.lane);
            let advice = format!("`valet partner resume {}` first; nothing was changed", self.lane);
            return Err(Failure::new(Exit::JobFailed, what).advise(advice));
        }
        Ok(())
    }

    fn refusal(&self, left: u64) -> Failure {
        let what = format!("{left} messages are left in {}", self.lane);
        Failure::new(Exit::JobFailed, what)
            .advise("--drain forbids publishing and waits until they have been served; nothing was changed")
    }

    /// Rights are looked at when a channel begins to use them: what is connected must begin anew.
    async fn close_the_door(&self, desk: &Desk) -> Outcome {
        let failed = |error| topology::failure(&error);
        let login = self.lane.as_str();
        // A removal that was broken off may have taken it away already.
        if desk.management.login_exists(login).await.map_err(failed)? {
            desk.management.forbid_publishing(login, &self.lane).await.map_err(failed)?;
            desk.management.close_connections(login).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Returns when nothing has been left for longer than counts are old.
    async fn empty(&self, desk: &Desk, record: &LaneRecord) -> Outcome {
        let begun = Instant::now();
        let (mut told, mut empty_since) = (begun, begun);
        while empty_since.elapsed() <= DEPTH_AGE_MAX {
            let left = waiting(&desk.depths(&self.lane).await?);
            if left > 0 {
                self.wait_on(desk, record, left, begun).await?;
                empty_since = Instant::now();
            }
            if told.elapsed() > TELL {
                told = Instant::now();
                tracing::info!(lane = %self.lane, left, "waiting until the lane is empty");
            }
            // The broker lists connections some seconds late.
            let closed = desk.management.close_connections(self.lane.as_str()).await;
            closed.map_err(|error| topology::failure(&error))?;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Whether to wait for what is left.
    async fn wait_on(&self, desk: &Desk, record: &LaneRecord, left: u64, begun: Instant) -> Outcome {
        if !self.drain {
            // A last message came in before the door was closed.
            let permitted = desk.management.permit_publishing(self.lane.as_str(), record).await;
            permitted.map_err(|error| topology::failure(&error))?;
            return Err(self.refusal(left));
        }
        match self.timeout {
            Some(timeout) if begun.elapsed() > timeout => {
                let what = format!("{left} messages are left in {}", self.lane);
                Err(Failure::new(Exit::Timeout, what)
                    .advise("the same command waits on; `valet partner add` permits publishing again"))
            }
            _ => Ok(()),
        }
    }

    /// The login first, so that nobody is met by a lane that is half gone.
    async fn take_away(&self, desk: &Desk, record: LaneRecord) -> Outcome {
        let failed = |error| topology::failure(&error);
        desk.management.remove_partner_login(self.lane.as_str()).await.map_err(failed)?;
        desk.management.remove_lane(&self.lane).await.map_err(failed)?;
        // Last: while it stands, the same command finds the lane again if it was broken off.
        desk.publish(&LaneRecord { state: LaneState::Removed, ..record }).await
    }
}
