//! The end of the machine that the worker runs on, as Azure's Scheduled Events announce it: a drain in time, and the
//! word that the machine may go.
//!
//! ```text
//! every second: GET scheduledevents ─▶ an event that ends this very machine ─▶ gate shut, drain, hand back in time
//!                                                                             └─▶ slots done ─▶ POST StartRequests
//! ```
//!
//! A single word lets an event happen to all of its machines: for one that others share it must never be said.
//!
//! It is asked at the metadata service, which gives out identities of the machine to whoever asks: nothing but events
//! and the machine's name must ever be asked for here, and no answer is passed on.

mod event;
mod service;

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::config::Config;
use crate::gate::{Gate, Reason};
use crate::stop::{Phase, Stopper};

pub use service::Service;

use event::{Document, Event, Kind};
use service::ServiceError;

/// What Azure's machines have as their chassis' asset tag, each of them the same.
const AZURE_TAG: &str = "7783-7084-3265-9085-8269-3286-77";

/// Where the kernel tells the asset tag.
const TAG_FILE: &str = "/sys/class/dmi/id/chassis_asset_tag";

/// Azure asks to be asked once a second: a spot machine has 30 seconds.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Pause after a failure; the service is updated at times.
const FAILURE_INTERVAL: Duration = Duration::from_secs(5);

/// What is kept of the time before the machine goes: for handing back, the last reports, and the word to Azure.
const MARGIN: Duration = Duration::from_secs(8);

/// How long the last word to Azure may take.
const ACKNOWLEDGE_TIME: Duration = Duration::from_secs(3);

/// Whether this machine says that it is Azure's.
#[must_use]
pub fn is_on_azure() -> bool {
    std::fs::read_to_string(TAG_FILE).is_ok_and(|tag| tag.trim() == AZURE_TAG)
}

/// Starts to look for the end of this machine, as one of `followers`, if it can be told; what is received then is to be
/// acknowledged once jobs are done or handed back.
pub fn watch(
    config: &Config,
    gate: &Gate,
    stopper: &Stopper,
    followers: &mut JoinSet<()>,
) -> Option<oneshot::Receiver<Announced>> {
    let service = config.surroundings.scheduled_events.clone()?;
    let (announce, announced) = oneshot::channel();
    let watch = Watch { service, gate: gate.clone(), stopper: stopper.clone(), grace: config.grace };
    followers.spawn(watch.run(announce));
    Some(announced)
}

/// Looks for the end of this machine.
#[derive(Debug)]
struct Watch {
    service: Service,
    gate: Gate,
    stopper: Stopper,
    /// The longest that jobs in hand may take then.
    grace: Duration,
}

/// An end that has been announced, and that the worker has drained for.
#[derive(Debug)]
pub struct Announced {
    service: Service,
    event: Event,
}

impl Watch {
    /// Waits until the end of this machine is announced, then drains, and says of what. Never ends otherwise.
    async fn run(self, announced: oneshot::Sender<Announced>) {
        let name = self.name().await;
        tracing::debug!(name, "looking for scheduled events");
        let event = self.next_end(&name).await;
        let grace = event.grace(self.grace, MARGIN, Timestamp::now());
        let (kind, not_before) = (event.kind.as_str(), event.not_before.map(|at| at.to_string()));
        tracing::warn!(
            kind,
            not_before,
            grace_seconds = grace.as_secs(),
            "this machine is about to go: draining"
        );
        self.gate.close(Reason::Evicted);
        // Before the drain, which may be over at once. Nobody listens when the worker is at its end already.
        let _ = announced.send(Announced { service: self.service, event });
        self.stopper.advance(Phase::Draining);
        sleep(grace).await;
        self.stopper.advance(Phase::Ending);
    }

    /// This machine's name among those that events are about.
    async fn name(&self) -> String {
        let mut failures = Failures::default();
        loop {
            match self.service.name().await {
                Ok(name) => return name,
                Err(error) => failures.tell(&error),
            }
            sleep(FAILURE_INTERVAL).await;
        }
    }

    async fn next_end(&self, name: &str) -> Event {
        let mut failures = Failures::default();
        let mut last = None;
        let mut behind = None;
        loop {
            let interval = match self.service.events().await {
                Ok(document) => {
                    failures.over();
                    // Azure counts its changes, so that the same document need not be read twice.
                    let incarnation = document.incarnation;
                    let behind = behind.get_or_insert_with(|| behind_us(&document, name));
                    if last.replace(incarnation) != Some(incarnation)
                        && let Some(event) = end_of(document, name, behind)
                    {
                        return event;
                    }
                    POLL_INTERVAL
                }
                Err(error) => {
                    failures.tell(&error);
                    FAILURE_INTERVAL
                }
            };
            sleep(interval).await;
        }
    }
}

/// The ids of those that this machine has been through already, as the first document tells them.
fn behind_us(first: &Document, name: &str) -> Vec<String> {
    let behind = first.events.iter().filter(|event| event.is_about(name) && event.may_lie_behind());
    let told = behind.inspect(|event| {
        tracing::info!(
            kind = event.kind.as_str(),
            "this machine's last event began before the worker did: passed over"
        )
    });
    told.map(|event| event.id.clone()).collect()
}

/// The first event that ends this machine, or stops it for so long that its jobs do not survive; none of those `behind`.
fn end_of(document: Document, name: &str, behind: &[String]) -> Option<Event> {
    let mut ours = document.events.into_iter().filter(|event| event.is_about(name));
    ours.find(|event| match event.kind {
        _ if behind.contains(&event.id) => false,
        Kind::Preempt | Kind::Terminate | Kind::Reboot | Kind::Redeploy => true,
        Kind::Freeze => {
            tracing::info!(not_before = ?event.not_before, "this machine will stand still for some seconds");
            false
        }
        Kind::Other => false,
    })
}

impl Announced {
    /// Tells Azure that it need not wait any longer, unless other machines may still have jobs in hand. What comes of
    /// it does not matter to the worker.
    pub async fn acknowledge(self) {
        if self.event.is_shared() {
            let machines = self.event.machines.len();
            tracing::info!(machines, "other machines go with this one: Azure is left to wait for its time");
            return;
        }
        let id = self.event.id.as_str();
        match tokio::time::timeout(ACKNOWLEDGE_TIME, self.service.start(id)).await {
            Ok(Ok(())) => {
                tracing::info!(kind = self.event.kind.as_str(), "told Azure that this machine may go")
            }
            Ok(Err(error)) => tracing::warn!(%error, "could not tell Azure that this machine may go"),
            Err(_) => tracing::warn!("could not tell Azure in time that this machine may go"),
        }
    }
}

/// Failures in a row, of which the first is worth a line.
#[derive(Debug, Default)]
struct Failures {
    is_told: bool,
}

impl Failures {
    fn tell(&mut self, error: &ServiceError) {
        if std::mem::replace(&mut self.is_told, true) {
            tracing::debug!(error = crate::logs::chain(error), "no scheduled events");
        } else {
            let error = crate::logs::chain(error);
            tracing::warn!(error, "no scheduled events can be had; this machine may go without notice");
        }
    }

    fn over(&mut self) {
        if std::mem::take(&mut self.is_told) {
            tracing::info!("scheduled events can be had again");
        }
    }
}
