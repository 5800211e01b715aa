//! The outbox: every message taken stays here until the broker has confirmed it, over all reconnects.
//!
//! Only `Ack(None)` counts. A message that was in flight when its channel died is sent again under
//! the same `message_id`, so the broker may see it twice, and never not at all. Memory is bounded by
//! the publisher's window. Must never report success on anything else, nor wait without a limit.

mod flight;

use crate::{
    Outgoing, PublishError, PublisherOptions,
    link::{Link, Opened},
};
use flight::{Flights, Verdict, open_confirmed};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::{interval, sleep},
};

/// How often ages are looked at. Coarse: limits are tens of seconds.
const LOOK: Duration = Duration::from_millis(250);
/// Messages taken from the queue in one go.
const BATCH: usize = 64;
/// Longest rest of a message that its queue refused.
const REST_MAX: Duration = Duration::from_secs(5);

/// A message under way.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) message: Arc<Outgoing>,
    pub(crate) done: oneshot::Sender<Result<(), PublishError>>,
    pub(crate) taken: Instant,
    /// How often its queue nacked it.
    pub(crate) refusals: u32,
    /// When the broker first had no queue for it.
    pub(crate) returned: Option<Instant>,
    /// It came back from the current try; its ack is still to come, or in the same batch.
    pub(crate) came_back: bool,
    /// Returned to the window when the entry is settled.
    pub(crate) _permit: OwnedSemaphorePermit,
}

pub(crate) struct Outbox {
    link: Link,
    options: PublisherOptions,
    user: Option<Arc<str>>,
    taken: mpsc::Receiver<Entry>,
    /// All that is not settled, in the order taken.
    entries: BTreeMap<u64, Entry>,
    /// To be sent on the current channel, oldest first.
    ready: VecDeque<u64>,
    /// Refused by their queue; not before this time.
    resting: Vec<(Instant, u64)>,
    next: u64,
    /// Up to this number messages are sent one at a time: the broker closed a channel over one of
    /// them without saying which.
    careful_until: u64,
}

/// Why a channel is no longer used.
enum End {
    /// Make a new one.
    Lost,
    /// No publisher is left and nothing is under way, or the session was closed.
    Finished,
}

impl Outbox {
    pub(crate) fn new(link: Link, options: PublisherOptions, taken: mpsc::Receiver<Entry>) -> Self {
        let user = link.config().username().map(Arc::from);
        Self {
            link,
            options,
            user,
            taken,
            entries: BTreeMap::new(),
            ready: VecDeque::new(),
            resting: Vec::new(),
            next: 1,
            careful_until: 0,
        }
    }

    pub(crate) async fn run(mut self) {
        while let Some(opened) = self.open().await {
            // Everything unsettled is sent again, oldest first: what was in flight is unknown.
            self.ready = self.entries.keys().copied().collect();
            self.entries.values_mut().for_each(|entry| entry.came_back = false);
            self.resting.clear();
            if let End::Finished = self.work(&opened).await {
                break;
            }
        }
        // Dropping the entries tells every receipt that the session was closed.
    }

    /// A channel in confirm mode. Ages go on meanwhile. None: the session is closed or done with.
    async fn open(&mut self) -> Option<Opened> {
        let link = self.link.clone();
        let open = open_confirmed(&link);
        tokio::pin!(open);
        let mut look = interval(LOOK);
        loop {
            tokio::select! {
                opened = &mut open => return opened,
                _ = look.tick() => self.give_up_old(),
                entry = self.taken.recv() => match entry {
                    Some(entry) => self.take(entry),
                    None if self.entries.is_empty() => return None,
                    // No new ones will come; the old ones still wait for the channel.
                    None => sleep(LOOK).await,
                },
            }
        }
    }

    /// Publishes on one channel until it is lost.
    async fn work(&mut self, opened: &Opened) -> End {
        let mut flights = Flights::new(opened.channel.clone(), self.user.clone());
        let mut look = interval(LOOK);
        let mut batch = Vec::with_capacity(BATCH);
        let link = self.link.clone();
        let lost = link.lost(opened.generation);
        tokio::pin!(lost);
        let mut accepting = true;
        loop {
            self.launch(&mut flights);
            if !accepting && self.entries.is_empty() {
                return End::Finished;
            }
            tokio::select! {
                verdicts = flights.landed(), if !flights.is_empty() => {
                    if link.has_token() && verdicts.iter().any(|(_, verdict)| verdict.is_expiry()) {
                        // The broker's clock is ahead of ours. No message is to blame, and all go again.
                        link.suspect(opened.generation, "the broker says that its token has expired").await;
                        return End::Lost;
                    }
                    if !self.conclude(verdicts, flights.len()) {
                        return End::Lost;
                    }
                }
                count = self.taken.recv_many(&mut batch, BATCH), if accepting => {
                    accepting = count > 0;
                    batch.drain(..).for_each(|entry| self.take(entry));
                }
                _ = look.tick() => {
                    self.give_up_old();
                    self.wake_rested();
                    if flights.oldest().is_some_and(|age| age > self.options.confirm_timeout) && !link.is_blocked() {
                        link.suspect(opened.generation, "a confirm took too long").await;
                        return End::Lost;
                    }
                }
                () = &mut lost => return if link.is_closed() { End::Finished } else { End::Lost },
            }
        }
    }

    fn take(&mut self, entry: Entry) {
        self.entries.insert(self.next, entry);
        self.ready.push_back(self.next);
        self.next += 1;
    }

    /// Sends what is ready; one at a time while a culprit is looked for.
    fn launch(&mut self, flights: &mut Flights) {
        while let Some(&number) = self.ready.front() {
            let careful =
                self.entries.first_key_value().is_some_and(|(first, _)| *first <= self.careful_until);
            if careful && !flights.is_empty() {
                return;
            }
            self.ready.pop_front();
            if let Some(entry) = self.entries.get(&number) {
                flights.launch(number, entry.message.clone());
            }
        }
    }

    /// Acts on what the broker said. False: the channel is dead.
    fn conclude(&mut self, verdicts: Vec<(u64, Verdict)>, still_flying: usize) -> bool {
        let alone = verdicts.len() + still_flying == 1;
        let mut alive = true;
        for returned in verdicts.iter().filter_map(|(_, verdict)| verdict.returned()) {
            self.mark_returned(returned);
        }
        for (number, verdict) in verdicts {
            match verdict {
                Verdict::Confirmed { .. } => self.confirm(number),
                Verdict::Refused { .. } => self.rest(number),
                Verdict::Lost(cause) => {
                    if cause.is_amqp_soft_error() {
                        self.blame(number, cause, alone);
                    }
                    alive = false;
                }
            }
        }
        alive
    }

    /// lapin hands a returned message to whichever confirm comes next, which need not be its own
    /// when the broker confirms several at once. So it is found by its id, and marked before any of
    /// the batch is called confirmed.
    fn mark_returned(&mut self, returned: &flight::Returned) {
        let same = |entry: &Entry| {
            entry.message.message_id == returned.message_id
                && entry.message.exchange == returned.exchange
                && entry.message.routing_key == returned.routing_key
        };
        for entry in self.entries.values_mut().filter(|entry| same(entry)) {
            entry.came_back = true;
        }
    }

    /// The broker acked a message: for good, or because it had dropped it after returning it.
    fn confirm(&mut self, number: u64) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        if !std::mem::take(&mut entry.came_back) {
            return self.settle(number, Ok(()));
        }
        let since = *entry.returned.get_or_insert_with(Instant::now);
        if since.elapsed() < self.options.unroutable_patience {
            return self.rest(number);
        }
        let (message_id, exchange, routing_key) = address(entry);
        self.settle(number, Err(PublishError::Unroutable { message_id, exchange, routing_key }));
    }

    fn settle(&mut self, number: u64, outcome: Result<(), PublishError>) {
        if let Some(entry) = self.entries.remove(&number) {
            // The receipt may have been dropped: nobody waits for this one.
            let _ = entry.done.send(outcome);
        }
    }

    /// The broker closed the channel over one of the messages in flight. Alone, it is the one.
    fn blame(&mut self, number: u64, cause: lapin::Error, alone: bool) {
        if !alone {
            self.careful_until = self.next - 1;
        } else if let Some(entry) = self.entries.remove(&number) {
            let (message_id, exchange, routing_key) = address(&entry);
            entry.fail(PublishError::Denied { message_id, exchange, routing_key, cause: Box::new(cause) });
        }
    }

    /// A nack is the queue's back-pressure (full, or its leader is away): try again later.
    fn rest(&mut self, number: u64) {
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.refusals += 1;
            let wait = LOOK.saturating_mul(1 << entry.refusals.min(8)).min(REST_MAX);
            self.resting.push((Instant::now() + wait, number));
        }
    }

    fn wake_rested(&mut self) {
        let now = Instant::now();
        let ready = &mut self.ready;
        self.resting.retain(|(due, number)| {
            if *due <= now {
                ready.push_back(*number);
            }
            *due > now
        });
    }

    /// Fails what has been under way for longer than the patience.
    fn give_up_old(&mut self) {
        let patience = self.options.patience;
        let old: Vec<u64> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.taken.elapsed() > patience)
            .map(|(number, _)| *number)
            .collect();
        for entry in old.iter().filter_map(|number| self.entries.remove(number)).collect::<Vec<_>>() {
            let (message_id, exchange, routing_key) = address(&entry);
            let seconds = patience.as_secs();
            let error = match entry.refusals {
                _ if entry.returned.is_some() => {
                    PublishError::Unroutable { message_id, exchange, routing_key }
                }
                0 => PublishError::Unconfirmed { message_id, seconds },
                _ => PublishError::Refused { message_id, exchange, routing_key, seconds },
            };
            entry.fail(error);
        }
    }
}

impl Entry {
    fn fail(self, error: PublishError) {
        tracing::debug!(message.id = %self.message.message_id, %error, "message not published");
        let _ = self.done.send(Err(error));
    }
}

fn address(entry: &Entry) -> (String, String, String) {
    let message = &entry.message;
    (message.message_id.clone(), message.exchange.clone(), message.routing_key.clone())
}
