//! Messages sent on one channel and not yet confirmed.

use crate::{
    Outgoing,
    link::{Link, Opened, RPC},
};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use lapin::{
    Channel, Confirmation,
    message::BasicReturnMessage,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// A message that the broker could not route.
#[derive(Debug)]
pub(super) struct Returned {
    pub(super) message_id: String,
    pub(super) exchange: String,
    pub(super) routing_key: String,
}

/// What the broker said about one message. A returned message may be *another* message.
#[derive(Debug)]
pub(super) enum Verdict {
    Confirmed { returned: Option<Returned> },
    Refused { returned: Option<Returned> },
    Lost(lapin::Error),
}

impl Verdict {
    /// Was it refused as the login's token has ended?
    pub(super) fn is_expiry(&self) -> bool {
        matches!(self, Self::Lost(cause) if cause.to_string().contains("token has expired"))
    }

    pub(super) fn returned(&self) -> Option<&Returned> {
        match self {
            Self::Confirmed { returned } | Self::Refused { returned } => returned.as_ref(),
            Self::Lost(_) => None,
        }
    }
}

pub(super) struct Flights {
    channel: Channel,
    user: Option<Arc<str>>,
    flying: FuturesUnordered<BoxFuture<'static, (u64, Verdict)>>,
    /// Start times in order; those landed are dropped lazily.
    started: VecDeque<(u64, Instant)>,
    landed: std::collections::HashSet<u64>,
}

impl Flights {
    pub(super) fn new(channel: Channel, user: Option<Arc<str>>) -> Self {
        Self {
            channel,
            user,
            flying: FuturesUnordered::new(),
            started: VecDeque::new(),
            landed: std::collections::HashSet::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flying.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.flying.len()
    }

    /// Sends one message. The frames are queued at the first poll, so the order of launches is the
    /// order on the wire, and the next one need not wait until this one is written.
    pub(super) fn launch(&mut self, number: u64, message: Arc<Outgoing>) {
        let (channel, user) = (self.channel.clone(), self.user.clone());
        self.started.push_back((number, Instant::now()));
        self.flying.push(
            async move {
                let verdict = send(&channel, &message, user.as_deref()).await;
                (number, verdict)
            }
            .boxed(),
        );
    }

    /// Waits for at least one verdict, then takes all that are there. All, since a message's return
    /// may be attached to an earlier confirm of the same batch (see `mark_returned`).
    pub(super) async fn landed(&mut self) -> Vec<(u64, Verdict)> {
        let mut verdicts = Vec::new();
        verdicts.extend(self.flying.next().await);
        while let Some(Some(next)) = self.flying.next().now_or_never() {
            verdicts.push(next);
        }
        self.landed.extend(verdicts.iter().map(|(number, _)| *number));
        while self.started.front().is_some_and(|(number, _)| self.landed.remove(number)) {
            self.started.pop_front();
        }
        verdicts
    }

    /// How long the oldest has been waiting for its confirm.
    pub(super) fn oldest(&self) -> Option<Duration> {
        self.started.front().map(|(_, started)| started.elapsed())
    }
}

async fn send(channel: &Channel, message: &Outgoing, user: Option<&str>) -> Verdict {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let exchange = message.exchange.as_str().into();
    let routing_key = message.routing_key.as_str().into();
    let properties = message.properties(user);
    let confirm = match channel.basic_publish(exchange, routing_key, options, &message.body, properties).await
    {
        Ok(confirm) => confirm,
        Err(error) => return Verdict::Lost(error),
    };
    match confirm.await {
        Ok(Confirmation::Ack(returned)) => Verdict::Confirmed { returned: returned.map(Returned::from) },
        Ok(Confirmation::Nack(returned)) => Verdict::Refused { returned: returned.map(Returned::from) },
        Ok(Confirmation::NotRequested) => {
            Verdict::Lost(std::io::Error::other("the channel is not in confirm mode").into())
        }
        Err(error) => Verdict::Lost(error),
    }
}

impl From<BasicReturnMessage> for Returned {
    fn from(message: BasicReturnMessage) -> Self {
        let id = message.delivery.properties.message_id().as_ref();
        Self {
            message_id: id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
            exchange: message.delivery.exchange.as_str().to_owned(),
            routing_key: message.delivery.routing_key.as_str().to_owned(),
        }
    }
}

/// A channel in confirm mode; waits as long as it takes. None: the session is closed.
pub(super) async fn open_confirmed(link: &Link) -> Option<Opened> {
    loop {
        let opened = link.channel().await.ok()?;
        match timeout(RPC, opened.channel.confirm_select(ConfirmSelectOptions::default())).await {
            Ok(Ok(())) => return Some(opened),
            Ok(Err(_)) | Err(_) => link.suspect(opened.generation, "confirm mode was not granted").await,
        }
    }
}
