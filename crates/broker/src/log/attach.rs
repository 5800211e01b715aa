//! Putting a consumer on the log, and finding its end.

use crate::{
    delivery::number,
    link::{Link, Opened, RPC},
    start_check::{is_not_found, is_refused},
};
use futures::{FutureExt, StreamExt};
use lapin::{
    Acker, Channel, Consumer,
    options::{BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use std::time::Duration;
use tokio::time::timeout;

/// A log that says that it is empty is believed after this. Its length is up to 5 s old.
const EMPTY: Duration = Duration::from_millis(300);

/// A consumer on the log.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) generation: u64,
    /// Kept: dropping it would end the consumer.
    channel: Channel,
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
        .map_err(fault)?;
    Ok(Attached { generation, channel, consumer, unacked: 0, last: None })
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
    let says_empty = length(&attached, queue).await? == 0;
    let first = timeout(if says_empty { EMPTY } else { RPC }, attached.consumer.next()).await;
    let mut newest = match first {
        Ok(Some(first)) => first.map_err(Fault::Broker)?,
        Err(_) if says_empty => return Ok(None),
        // A consumer that ended, or a broker that is too slow, says nothing about the log.
        Ok(None) | Err(_) => return Err(Fault::Silent(attached.generation)),
    };
    // A chunk is delivered as one piece before the channel's next answer, so after a round trip all
    // of the last chunk is here.
    length(&attached, queue).await?;
    while let Some(Some(next)) = attached.consumer.next().now_or_never() {
        newest = next.map_err(Fault::Broker)?;
    }
    Ok(number(&newest.properties, "x-stream-offset"))
}

/// What the broker says, up to 5 s late.
async fn length(attached: &Attached, queue: &str) -> Result<u32, Fault> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let asked = attached.channel.queue_declare(queue.into(), options, FieldTable::default());
    let told = timeout(RPC, asked).await.map_err(|_| Fault::Silent(attached.generation))?;
    Ok(told.map_err(fault)?.message_count())
}

fn fault(error: lapin::Error) -> Fault {
    match is_refused(&error) || is_not_found(&error) {
        true => Fault::Denied(error),
        false => Fault::Broker(error),
    }
}
