//! The lanes as they are declared, and a task for each of their queues, which judges what comes before it may wait for
//! its turn. A lane that is new, changed, paused or gone is so within moments, without a restart.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use valet_admission::judge;
use valet_broker::{LaneDelivery, LaneQueue, Session};
use valet_protocol::{JobId, Lane, LaneRecord, LaneState, Priority};

use crate::hands::Hands;
use crate::words::End;

/// Pause before a queue is looked for again that is not there.
const PAUSE: Duration = Duration::from_secs(1);

/// The records of all lanes, by name.
pub type Book = BTreeMap<Lane, Arc<LaneRecord>>;

/// A sound message that waits for its turn.
#[derive(Debug)]
pub struct Arrival {
    /// Its lane.
    pub lane: Lane,
    /// The priority of the queue that it lies on.
    pub priority: Priority,
    /// Its job.
    pub job: JobId,
    /// From when on it is of no use.
    pub not_after: Timestamp,
    /// The message.
    pub delivery: LaneDelivery,
}

/// The tasks of all lanes that are served.
#[derive(Debug)]
pub struct Queues {
    session: Session,
    hands: Arc<Hands>,
    prefetch: u16,
    arrivals: mpsc::Sender<Arrival>,
    book: watch::Sender<Book>,
    /// Dropping one ends its tasks, and what they took goes back.
    served: BTreeMap<Lane, (Vec<Priority>, JoinSet<()>)>,
}

impl Queues {
    /// None is served yet.
    #[must_use]
    pub fn new(session: Session, hands: Arc<Hands>, prefetch: u16, arrivals: mpsc::Sender<Arrival>) -> Self {
        let book = watch::Sender::new(Book::new());
        Self { session, hands, prefetch, arrivals, book, served: BTreeMap::new() }
    }

    /// The records as they are now, and as they change.
    #[must_use]
    pub fn book(&self) -> watch::Receiver<Book> {
        self.book.subscribe()
    }

    /// The record of a lane.
    #[must_use]
    pub fn record(&self, lane: &Lane) -> Option<Arc<LaneRecord>> {
        self.book.borrow().get(lane).cloned()
    }

    /// A lane was declared so. Returns whether what was taken from it before has gone back.
    pub fn set(&mut self, record: LaneRecord) -> bool {
        let (lane, state) = (record.lane.clone(), record.state);
        let priorities = record.priorities().to_vec();
        self.book.send_modify(|book| drop(book.insert(lane.clone(), Arc::new(record))));
        let as_before = self.served.get(&lane).is_some_and(|(served, _)| *served == priorities);
        match (state, as_before) {
            (LaneState::Open, true) => false,
            (LaneState::Open, false) => {
                let tasks = priorities.iter().map(|priority| self.task(&lane, *priority)).collect();
                self.served.insert(lane, (priorities, tasks)).is_some()
            }
            (LaneState::Paused | LaneState::Removed, _) => self.served.remove(&lane).is_some(),
        }
    }

    fn task(&self, lane: &Lane, priority: Priority) -> impl Future<Output = ()> + use<> {
        let (session, hands, arrivals) = (self.session.clone(), self.hands.clone(), self.arrivals.clone());
        let (queue, prefetch, book) =
            (LaneQueue { lane: lane.clone(), priority }, self.prefetch, self.book());
        async move {
            loop {
                let mut feed = session.lane_feed(&queue, prefetch);
                while let Some(delivery) = feed.next().await {
                    let Some(record) = book.borrow().get(&queue.lane).cloned() else { return };
                    if !take(&hands, &record, priority, delivery, &arrivals).await {
                        return;
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Judges a message; one that is sound waits for its turn. Whether anybody still waits for any.
async fn take(
    hands: &Hands,
    record: &LaneRecord,
    priority: Priority,
    delivery: LaneDelivery,
    arrivals: &mpsc::Sender<Arrival>,
) -> bool {
    let verdict =
        judge(delivery.body(), delivery.user_id(), record, priority, &hands.policy, Timestamp::now());
    match (End::of_refusal(&verdict), verdict.message) {
        (None, Some(message)) => {
            let (lane, job, not_after) = (record.lane.clone(), message.id, message.not_after);
            arrivals.send(Arrival { lane, priority, job, not_after, delivery }).await.is_ok()
        }
        (Some(end), _) => {
            // One at a time: a flood of what is refused holds up nobody but its own lane.
            hands.refuse(delivery, record, end).await;
            true
        }
        (None, None) => true,
    }
}
