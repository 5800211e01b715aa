//! Putting a consumer on the log, and finding its end.

use crate::{
    delivery::number,
    link::{Link, Opened, RPC},
    start_check::{is_not_found, is_refused},
};
use futures::StreamExt;
use lapin::{
    Acker, Channel, Consumer,
    options::{BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// After this much silence the last chunk has been read to its end. It arrives as one piece.
const LULL: Duration = Duration::from_millis(150);
/// Longest look for the end: under steady load it moves on all the time.
const LOOK: Duration = Duration::from_secs(1);

/// A consumer on the log.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) generation: u64,
    /// Kept: dropping it would end the consumer.
    _channel: Channel,
    pub(super) consumer: Consumer,
    pub(super) unacked: u32,
    pub(super) last: Option<Acker>,
}

pub(super) enum Fault {
    Closed,
    /// No right, or no such queue.
    Denied(lapin::Error),
    Broker(lapin::Error),
    Silent(u64),
}

/// A consumer from `offset` on.
pub(super) async fn attach(
    link: &Link,
    queue: &str,
    offset: AMQPValue,
    prefetch: u16,
) -> Result<Attached, Fault> {
    let Opened { channel, generation } = link.channel().await.map_err(|_| Fault::Closed)?;
    let consumer = timeout(RPC, consume(&channel, queue, offset, prefetch))
        .await
        .map_err(|_| Fault::Silent(generation))?
        .map_err(|error| match is_refused(&error) || is_not_found(&error) {
            true => Fault::Denied(error),
            false => Fault::Broker(error),
        })?;
    Ok(Attached { generation, _channel: channel, consumer, unacked: 0, last: None })
}

async fn consume(
    channel: &Channel,
    queue: &str,
    offset: AMQPValue,
    prefetch: u16,
) -> lapin::Result<Consumer> {
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), offset);
    channel.basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), arguments).await
}

/// The offset of the newest message; none when the log is empty.
pub(super) async fn last_offset(link: &Link, queue: &str) -> Result<Option<u64>, Fault> {
    // A chunk holds a few thousand messages at most, and this prefetch takes any of them whole.
    let mut attached = attach(link, queue, AMQPValue::LongString("last".into()), u16::MAX).await?;
    let end = Instant::now() + LOOK;
    let mut newest = None;
    // The first message of an idle log may take a little: the replica has to read its file.
    let mut patience = LULL * 2;
    while let Ok(Some(delivered)) =
        timeout_at((Instant::now() + patience).min(end), attached.consumer.next()).await
    {
        let delivery = delivered.map_err(Fault::Broker)?;
        newest = number(&delivery.properties, "x-stream-offset").or(newest);
        patience = LULL;
    }
    Ok(newest)
}
