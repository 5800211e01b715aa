//! Who leads among dispatchers: one owns an exclusive queue on its consuming connection, the others wait.
//!
//! The lock lives as long as the connection: nobody can forget to give it back, and it needs no clock. The broker gives
//! it to the next one when it has noticed that the connection is gone, and that may be before its owner has. So it keeps
//! two from working side by side for long, and nothing may be lost or done twice if two do for a moment.

use crate::{
    backoff::Backoff,
    link::{Link, Opened, RPC},
    topology::names::DISPATCH_LEAD,
};
use futures::StreamExt;
use lapin::{
    Channel, Consumer, ErrorKind,
    options::{BasicConsumeOptions, QueueDeclareOptions},
    types::FieldTable,
};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// How often one that waits asks again.
const ASK: Duration = Duration::from_secs(1);

/// The leadership. Dropping it gives it back.
#[derive(Debug)]
pub struct Lead {
    /// Kept: the lock goes with the last consumer on it.
    channel: Channel,
    lost: watch::Receiver<Option<String>>,
}

/// Why we do not lead yet.
enum Refusal {
    /// Another connection does.
    Taken,
    Broker(lapin::Error),
    Silent,
}

impl Lead {
    /// Waits for the leadership, for as long as it takes and over reconnects. None once the session is closed.
    pub(crate) async fn wait(link: Link) -> Option<Self> {
        let mut backoff = Backoff::default();
        loop {
            let opened = link.channel().await.ok()?;
            let refusal = match timeout(RPC, take(&opened.channel)).await {
                Ok(Ok(consumer)) => return Some(Self::watched(link, opened, consumer)),
                Ok(Err(error)) if is_locked(&error) => Refusal::Taken,
                Ok(Err(error)) => Refusal::Broker(error),
                Err(_) => Refusal::Silent,
            };
            match refusal {
                Refusal::Taken => sleep(ASK).await,
                Refusal::Broker(error) => {
                    let advice = "run `valet topology check`: a right of this login is missing";
                    tracing::warn!(queue = DISPATCH_LEAD, %error, advice, "the broker refuses the leadership");
                    sleep(backoff.next_wait()).await;
                }
                Refusal::Silent => link.suspect(opened.generation, "the broker did not answer a lock").await,
            }
        }
    }

    fn watched(link: Link, opened: Opened, mut consumer: Consumer) -> Self {
        let (tell, lost) = watch::channel(None);
        tokio::spawn(async move {
            let cause = loop {
                tokio::select! {
                    next = consumer.next() => match next {
                        // Nothing is ever published to it; whatever comes is nobody's message.
                        Some(Ok(_)) => {}
                        Some(Err(error)) => break error.to_string(),
                        None => break "the broker ended the lock".to_owned(),
                    },
                    () = link.lost(opened.generation) => break "the connection was lost".to_owned(),
                    () = tell.closed() => return,
                }
            };
            tell.send_replace(Some(cause));
        });
        Self { channel: opened.channel, lost }
    }

    /// Whether it is known to be lost.
    pub fn is_lost(&self) -> bool {
        self.lost.borrow().is_some() || !self.channel.status().connected()
    }

    /// Resolves with the reason once it is lost: publish nothing more, and wait for it anew. Cancel-safe.
    pub async fn lost(&self) -> String {
        let mut lost = self.lost.clone();
        let cause = lost.wait_for(Option::is_some).await.ok().and_then(|cause| cause.clone());
        cause.unwrap_or_else(|| "nobody watches it any more".to_owned())
    }

    /// Gives it back, so that the next one need not wait for the connection's end.
    pub async fn release(self) {
        let _ = timeout(RPC, self.channel.close(200, "the lead is given back".into())).await;
    }
}

/// Exclusive: of this connection alone. Auto-delete: gone with its consumer, when the leadership is given back.
async fn take(channel: &Channel) -> lapin::Result<Consumer> {
    let options =
        QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(DISPATCH_LEAD.into(), options, FieldTable::default()).await?;
    // Exclusive here as well: a second lead on our own connection is refused like a stranger's.
    let options = BasicConsumeOptions { exclusive: true, no_ack: true, ..BasicConsumeOptions::default() };
    channel.basic_consume(DISPATCH_LEAD.into(), "".into(), options, FieldTable::default()).await
}

/// 405 RESOURCE_LOCKED: another connection's. 403 with "in exclusive use": another consumer of ours.
fn is_locked(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(amqp)
        if amqp.get_id() == 405 || amqp.get_message().as_str().contains("exclusive use"))
}
