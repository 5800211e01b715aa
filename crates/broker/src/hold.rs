//! The consumer that delivered a job, kept open while the job is in hand.
//!
//! Its end is the only sign of a lost lease that RabbitMQ 4.3 gives. It takes nothing more meanwhile:
//! its window of one is full. Before the job is settled it must be gone ([`Hold::release`]), or the
//! next job would be pushed to a slot that nobody waits in.

use crate::{
    lease::{LeaseLoss, loss},
    link::RPC,
};
use futures::StreamExt;
use lapin::{
    Channel, Consumer,
    message::Delivery,
    options::{BasicCancelOptions, BasicNackOptions},
};
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

/// A watched consumer.
#[derive(Debug)]
pub(crate) struct Hold {
    release: oneshot::Sender<()>,
    released: oneshot::Receiver<Result<(), LeaseLoss>>,
}

impl Hold {
    /// Watches `consumer`, and tells its end to the receiver.
    pub(crate) fn start(channel: Channel, consumer: Consumer) -> (Self, watch::Receiver<Option<LeaseLoss>>) {
        let (release, wanted) = oneshot::channel();
        let (done, released) = oneshot::channel();
        let (ended, seen) = watch::channel(None);
        tokio::spawn(watch_over(channel, consumer, wanted, done, ended));
        (Self { release, released }, seen)
    }

    /// Cancels the consumer; Ok once nothing more can come from it.
    pub(crate) async fn release(self) -> Result<(), LeaseLoss> {
        // An error means that the watch has ended, and `released` says how.
        let _ = self.release.send(());
        let silent = |_| loss(format!("the consumer was not cancelled within {} s", RPC.as_secs()));
        timeout(RPC, self.released)
            .await
            .map_err(silent)?
            .unwrap_or_else(|_| Err(loss("the channel is gone")))
    }
}

async fn watch_over(
    channel: Channel,
    mut consumer: Consumer,
    mut wanted: oneshot::Receiver<()>,
    done: oneshot::Sender<Result<(), LeaseLoss>>,
    ended: watch::Sender<Option<LeaseLoss>>,
) {
    let how = loop {
        tokio::select! {
            next = consumer.next() => match next {
                Some(Ok(extra)) => give_back(extra).await,
                Some(Err(error)) => {
                    // Not closed by us as well: that would cost all slots the connection.
                    let how = loss(format!("the broker closed the channel: {error}"));
                    ended.send_replace(Some(how.clone()));
                    let _ = done.send(Err(how));
                    return;
                }
                None => break loss("the broker ended the consumer: the job was held for too long, or its queue moved"),
            },
            // An error means that the delivery was dropped, which closes the channel.
            asked = &mut wanted => {
                let outcome = match asked {
                    Ok(()) => cancel(&channel, &mut consumer).await,
                    Err(_) => return,
                };
                let _ = done.send(outcome);
                return;
            }
        }
    };
    ended.send_replace(Some(how.clone()));
    let _ = done.send(Err(how));
    // The broker may still count on an answer from this channel, and would take a late one for a sign
    // of life: it ends here.
    let _ = timeout(RPC, channel.close(200, "lease lost".into())).await;
}

/// Cancel, cancel-ok, and then what had slipped in before.
async fn cancel(channel: &Channel, consumer: &mut Consumer) -> Result<(), LeaseLoss> {
    let cancelled = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await;
    cancelled.map_err(|error| loss(format!("the channel is gone: {error}")))?;
    while let Some(Ok(extra)) = consumer.next().await {
        give_back(extra).await;
    }
    Ok(())
}

/// Never seen, as the window is one; but a job nobody works on must not stay here.
async fn give_back(extra: Delivery) {
    tracing::error!("a second job came to a slot; handing it back");
    let _ = extra.nack(BasicNackOptions { requeue: true, multiple: false }).await;
}
