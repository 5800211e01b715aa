//! The task behind a log: attach, read, ack, and attach again where it was.

use super::{
    Entry, Item, LogError, Start,
    attach::{self, Attached, Fault},
};
use crate::{
    backoff::Backoff,
    delivery::number,
    link::{Link, RPC},
};
use futures::StreamExt;
use lapin::{message::Delivery, options::BasicAckOptions, types::AMQPValue};
use std::{error::Error, marker::PhantomData, time::Duration};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

/// Entries sent ahead of their acks. Small enough that memory is bounded (each is a few KiB).
const PREFETCH: u16 = 256;
/// Acks are sent for this many at once.
const ACK_EVERY: u32 = 64;
/// Silence after which a replay counts as caught up, whatever the mark says.
const SILENCE: Duration = Duration::from_secs(2);

/// Reads the log of one kind of entries for one [`super::Log`].
pub(super) struct Reader<T> {
    link: Link,
    start: Start,
    attached: Option<Attached>,
    /// Has any attach succeeded? From then on refusals are retried.
    was_attached: bool,
    /// The last offset in the log at the start; none if it was empty.
    mark: Option<u64>,
    /// The last offset given out.
    given: Option<u64>,
    caught_up: bool,
    backoff: Backoff,
    entries: PhantomData<fn() -> T>,
}

impl<T: Entry> Reader<T> {
    pub(super) fn new(link: Link, start: Start) -> Self {
        Self {
            link,
            start,
            attached: None,
            was_attached: false,
            mark: None,
            given: None,
            caught_up: false,
            backoff: Backoff::default(),
            entries: PhantomData,
        }
    }

    /// Gives items until an error or until nobody wants them.
    pub(super) async fn run(mut self, found: mpsc::Sender<Result<Item<T>, LogError>>) {
        loop {
            let item = tokio::select! {
                item = self.next() => item,
                () = found.closed() => return,
            };
            let last = item.is_err();
            if found.send(item).await.is_err() || last {
                return;
            }
        }
    }

    async fn next(&mut self) -> Result<Item<T>, LogError> {
        loop {
            let (link, generation) = (self.link.clone(), self.attach().await?);
            if !self.caught_up && self.reached_the_mark() {
                return Ok(self.catch_up());
            }
            self.ack_when_due().await;
            let Some(attached) = &mut self.attached else { continue };
            tokio::select! {
                delivered = attached.consumer.next() => match delivered {
                    Some(Ok(delivery)) => return Ok(self.give(delivery)),
                    Some(Err(error)) => self.drop_attached(&error.to_string()).await,
                    None => self.drop_attached("the broker cancelled the reader").await,
                },
                () = link.lost(generation) => self.attached = None,
                () = sleep(SILENCE), if !self.caught_up => return Ok(self.catch_up()),
            }
        }
    }

    fn catch_up(&mut self) -> Item<T> {
        self.caught_up = true;
        Item::CaughtUp
    }

    /// Has everything up to the mark been given out, or is there nothing up to it?
    fn reached_the_mark(&self) -> bool {
        match (self.mark, self.start) {
            (None, _) | (_, Start::Next) => true,
            (Some(mark), Start::Offset(start)) if start > mark => true,
            (Some(mark), _) => self.given.is_some_and(|given| given >= mark),
        }
    }

    fn give(&mut self, delivery: Delivery) -> Item<T> {
        let offset = number(&delivery.properties, "x-stream-offset").unwrap_or_default();
        self.given = Some(offset);
        if let Some(attached) = &mut self.attached {
            attached.unacked += 1;
            attached.last = Some(delivery.acker.clone());
        }
        match T::read(&delivery) {
            Ok(entry) => Item::Entry { offset, entry: Box::new(entry) },
            Err(problem) => Item::Malformed { offset, problem },
        }
    }

    /// Attaches if need be; the connection's generation.
    async fn attach(&mut self) -> Result<u64, LogError> {
        loop {
            if let Some(attached) = &self.attached {
                return Ok(attached.generation);
            }
            match self.try_attach().await {
                Ok(generation) => return Ok(generation),
                Err(Fault::Closed) => return Err(LogError::Closed),
                Err(Fault::Denied(cause)) if !self.was_attached => {
                    return Err(LogError::Denied { queue: T::QUEUE, cause });
                }
                Err(Fault::Denied(error) | Fault::Broker(error)) => {
                    self.drop_attached(&error.to_string()).await
                }
                Err(Fault::Silent(generation)) => self.link.suspect(generation, "a log did not answer").await,
            }
        }
    }

    async fn try_attach(&mut self) -> Result<u64, Fault> {
        if !self.was_attached {
            self.mark = attach::last_offset(&self.link, T::QUEUE).await?;
        }
        let attached = attach::attach(&self.link, T::QUEUE, self.resume_at(), PREFETCH).await?;
        let generation = attached.generation;
        self.attached = Some(attached);
        self.was_attached = true;
        self.backoff = Backoff::default();
        Ok(generation)
    }

    /// The place to attach to: right behind what was given out, else where we were asked to start.
    /// "Next" is pinned to the mark, so that a reconnect does not skip what came meanwhile.
    fn resume_at(&self) -> AMQPValue {
        let offset = |offset: u64| AMQPValue::LongLongInt(i64::try_from(offset).unwrap_or(i64::MAX));
        let text = |text: &str| AMQPValue::LongString(text.into());
        match (self.given, self.start) {
            (Some(given), _) => offset(given + 1),
            (None, Start::First) => text("first"),
            (None, Start::Offset(start)) => offset(start),
            (None, Start::Since(time)) => AMQPValue::Timestamp(u64::try_from(time.as_second()).unwrap_or(0)),
            (None, Start::Next) => self.mark.map_or_else(|| text("first"), |mark| offset(mark + 1)),
        }
    }

    /// Acks in batches: to a stream they are credit for the next ones.
    async fn ack_when_due(&mut self) {
        let Some(attached) = &mut self.attached else { return };
        let Some(last) = attached.last.clone().filter(|_| attached.unacked >= ACK_EVERY) else { return };
        // A failed ack shows as the end of the stream.
        let _ = timeout(RPC, last.ack(BasicAckOptions { multiple: true })).await;
        attached.unacked = 0;
        attached.last = None;
    }

    async fn drop_attached(&mut self, cause: &str) {
        self.attached = None;
        tracing::warn!(log = T::QUEUE, cause, "reading a log broke off, resuming");
        sleep(self.backoff.next_wait()).await;
    }
}

/// String headers of a message; CloudEvents attributes are all strings.
pub(crate) fn headers(delivery: &Delivery) -> Vec<(String, String)> {
    let Some(table) = delivery.properties.headers() else { return Vec::new() };
    let text = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.as_str().to_owned()),
        _ => None,
    };
    table.inner().iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect()
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
