//! Marks: how a reader knows that it has read all that was in the log.
//!
//! It publishes a message of its own into the log and reads until that comes back. A stream puts all messages into
//! one order, so what the broker had confirmed to anybody before the mark was sent comes before it. Nothing else says
//! so: the length that a stream tells is up to 5 s old, its last chunk is that of the replica we are connected to,
//! which may be behind, and silence is a guess that costs time. A mark costs one round trip and some 150 bytes.
//!
//! Must never be needed: a login without the right to it, or a broker that takes nothing, is read without.

use crate::{
    LinkState, Outgoing, Publisher, PublisherOptions,
    link::Link,
    publisher::Receipt,
    topology::names::{EVENTS, MARK},
};
use lapin::message::Delivery;
use std::{future::pending, time::Duration};
use tokio::sync::watch;
use uuid::Uuid;

/// Over this time a mark may outlive a broker's restart.
const PATIENCE: Duration = Duration::from_secs(30);
/// Right after its start a broker may not know the log yet; a log that is bound to nothing stays so.
const UNROUTABLE_PATIENCE: Duration = Duration::from_secs(5);

/// Places marks in the log of reports.
#[derive(Debug)]
pub(crate) struct Marker {
    /// Its own: a refusal closes its channel.
    publisher: Publisher,
    /// Of the connection that it publishes over.
    states: watch::Receiver<LinkState>,
}

/// A mark that is on its way.
#[derive(Debug)]
pub(super) struct Mark {
    id: String,
    /// None once the broker has it.
    receipt: Option<Receipt>,
    states: watch::Receiver<LinkState>,
}

impl Marker {
    pub(crate) fn new(publish: Link) -> Self {
        let states = publish.states();
        let options = PublisherOptions {
            window: 1,
            patience: PATIENCE,
            unroutable_patience: UNROUTABLE_PATIENCE,
            ..PublisherOptions::default()
        };
        Self { publisher: Publisher::start(publish, options), states }
    }

    /// Sends a mark. Does not wait for the broker.
    pub(super) async fn send(&self) -> Mark {
        let id = Uuid::new_v4().to_string();
        let receipt = self.publisher.publish(Outgoing::new(EVENTS, format!("{MARK}.{id}"), &id, b"")).await;
        Mark { id, receipt: Some(receipt), states: self.states.clone() }
    }
}

impl Mark {
    pub(super) fn is(&self, id: &str) -> bool {
        self.id == id
    }

    /// Resolves with the reason once this mark cannot be counted on. Cancel-safe.
    pub(super) async fn failed(&mut self) -> String {
        let Some(receipt) = &mut self.receipt else { return pending().await };
        tokio::select! {
            outcome = receipt => match outcome {
                Ok(()) => self.receipt = None,
                Err(error) => return error.to_string(),
            },
            // With a full disk or memory nothing can be published, for hours perhaps, and everything be read.
            Ok(_) = self.states.wait_for(|state| matches!(state, LinkState::Blocked { .. })) => {
                return "the broker takes no messages for now".to_owned();
            }
        }
        pending().await
    }
}

/// The id, if this message is a mark.
pub(super) fn read(delivery: &Delivery) -> Option<String> {
    let (word, id) = delivery.routing_key.as_str().split_once('.')?;
    (word == MARK && Uuid::try_parse(id).is_ok()).then(|| id.to_owned())
}
