//! The task behind a log: attach, read, ack, and attach again where it was.

use super::{
    Entry, Item, LogError, Marker, Start,
    attach::{self, Attached, Fault},
    mark::{self, Mark},
};
use crate::{
    backoff::Backoff,
    delivery::number,
    link::{Link, RPC},
};
use futures::StreamExt;
use lapin::{message::Delivery, options::BasicAckOptions, types::AMQPValue};
use std::{error::Error, future::pending, marker::PhantomData, time::Duration};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

/// Entries sent ahead of their acks. Small enough that memory is bounded (each is a few KiB).
const PREFETCH: u16 = 256;
/// Acks are sent for this many at once.
const ACK_EVERY: u32 = 64;
/// After this much silence a reader looks once more where the log ends.
const SILENCE: Duration = Duration::from_secs(2);

/// Where the past ends, which is told once it has been given out.
#[derive(Debug)]
enum End {
    /// To be looked for.
    Unknown,
    /// At a mark of ours that has not come yet.
    Marked(Mark),
    /// At this offset; none: the log was empty.
    At(Option<u64>),
}

/// Reads the log of one kind of entries for one [`super::Log`].
pub(super) struct Reader<T> {
    link: Link,
    start: Start,
    attached: Option<Attached>,
    /// Has any attach succeeded? From then on refusals are retried.
    was_attached: bool,
    marker: Option<Marker>,
    end: End,
    /// The last offset given out.
    given: Option<u64>,
    caught_up: bool,
    backoff: Backoff,
    entries: PhantomData<fn() -> T>,
}

impl<T: Entry> Reader<T> {
    pub(super) fn new(link: Link, start: Start, marker: Option<Marker>) -> Self {
        // "Next" must know the end before it attaches: that is where it begins.
        let marker = marker.filter(|_| start != Start::Next);
        Self {
            link,
            start,
            attached: None,
            was_attached: false,
            marker,
            end: End::Unknown,
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
            if !self.caught_up && self.reached_the_end() {
                self.caught_up = true;
                self.marker = None;
                return Ok(Item::CaughtUp);
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
                why = self.end.missed(), if !self.caught_up => {
                    tracing::debug!(log = T::QUEUE, why, "no mark can be placed, looking for the end of the log");
                    self.look_again();
                }
                () = sleep(SILENCE), if !self.caught_up => self.heed_silence().await,
            }
        }
    }

    /// Has everything up to the end been given out, or is there nothing up to it?
    fn reached_the_end(&self) -> bool {
        match (&self.end, self.start) {
            (End::Unknown | End::Marked(_), _) => false,
            (End::At(None), _) | (_, Start::Next) => true,
            (End::At(Some(end)), Start::Offset(start)) if start > *end => true,
            (End::At(Some(end)), _) => self.given.is_some_and(|given| given >= *end),
        }
    }

    /// Nothing came for a while, and the end has not been reached.
    async fn heed_silence(&mut self) {
        match (&self.end, self.start) {
            // Our mark comes, however late; unless the log was made anew, and we were asked to start behind it.
            (End::Marked(_), Start::Offset(start)) => {
                if let Ok(Some(end)) = attach::last_offset(&self.link, T::QUEUE).await
                    && start > end
                {
                    self.end = End::At(Some(end));
                }
            }
            (End::Marked(_), Start::First | Start::Next) => {}
            // Nothing is that young, not even our mark.
            (End::At(_), Start::Since(_)) => self.end = End::At(None),
            _ => self.look_again(),
        }
    }

    /// Looks for the end as those do who may not write to the log.
    fn look_again(&mut self) {
        self.marker = None;
        self.end = End::Unknown;
    }

    async fn find_end(&self) -> Result<End, Fault> {
        match &self.marker {
            Some(marker) => Ok(End::Marked(marker.send().await)),
            None => attach::last_offset(&self.link, T::QUEUE).await.map(End::At),
        }
    }

    fn give(&mut self, delivery: Delivery) -> Item<T> {
        let offset = number(&delivery.properties, "x-stream-offset").unwrap_or_default();
        self.given = Some(offset);
        if let Some(attached) = &mut self.attached {
            attached.unacked += 1;
            attached.last = Some(delivery.acker.clone());
        }
        if let Some(id) = mark::read(&delivery) {
            self.end.met(&id, offset);
            return Item::Mark { offset, id };
        }
        match T::read(&delivery) {
            Ok(entry) => Item::Entry { offset, entry: Box::new(entry) },
            Err(problem) => Item::Malformed { offset, problem },
        }
    }

    /// Looks for the end and attaches if need be; the connection's generation.
    async fn attach(&mut self) -> Result<u64, LogError> {
        loop {
            if let (Some(attached), End::Marked(_) | End::At(_)) = (&self.attached, &self.end) {
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
        if matches!(self.end, End::Unknown) {
            self.end = self.find_end().await?;
        }
        if let Some(attached) = &self.attached {
            return Ok(attached.generation);
        }
        let attached = attach::attach(&self.link, T::QUEUE, self.resume_at(), PREFETCH).await?;
        let generation = attached.generation;
        self.attached = Some(attached);
        self.was_attached = true;
        self.backoff = Backoff::default();
        Ok(generation)
    }

    /// The place to attach to: right behind what was given out, else where we were asked to start.
    /// "Next" is pinned to the end, so that a reconnect does not skip what came meanwhile.
    fn resume_at(&self) -> AMQPValue {
        let offset = |offset: u64| AMQPValue::LongLongInt(i64::try_from(offset).unwrap_or(i64::MAX));
        let text = |text: &str| AMQPValue::LongString(text.into());
        match (self.given, self.start) {
            (Some(given), _) => offset(given + 1),
            (None, Start::First) => text("first"),
            (None, Start::Offset(start)) => offset(start),
            (None, Start::Since(time)) => AMQPValue::Timestamp(u64::try_from(time.as_second()).unwrap_or(0)),
            (None, Start::Next) => match self.end {
                End::At(Some(end)) => offset(end + 1),
                _ => text("first"),
            },
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

impl End {
    /// A mark came.
    fn met(&mut self, id: &str, offset: u64) {
        if matches!(self, Self::Marked(mark) if mark.is(id)) {
            *self = Self::At(Some(offset));
        }
    }

    /// Resolves with the reason if our mark will not come. Cancel-safe.
    async fn missed(&mut self) -> String {
        match self {
            Self::Marked(mark) => mark.failed().await,
            Self::Unknown | Self::At(_) => pending().await,
        }
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
