//! The time in which this dispatcher leads: lanes, turns and the feed of the workers, in one loop that owns them all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use valet_broker::topology::names;
use valet_broker::{EventLog, LaneItem, LogItem, Session, Start};
use valet_daemon::logs::chain;
use valet_protocol::{JobId, Lane, LaneRecord, Priority, Report};

use crate::hands::{Hands, Outcome};
use crate::health::Health;
use crate::queues::{Arrival, Queues};
use crate::running::Running;
use crate::target::Target;
use crate::turn::Turns;

/// How often the workers' queue is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// How far back reports are read to know what runs: longer than a worker is ever silent.
const BACK: SignedDuration = SignedDuration::from_secs(90);

/// Messages that may be on their way to the workers' queue at once.
const FLIGHTS_MAX: usize = 64;

/// Sound messages that the tasks of queues may be ahead of the loop.
const ARRIVALS_MAX: usize = 64;

type Key = (Lane, JobId);

/// Everything that the loop owns.
#[derive(Debug)]
pub struct Reign {
    session: Session,
    hands: Arc<Hands>,
    health: Health,
    queues: Queues,
    arrivals: mpsc::Receiver<Arrival>,
    waiting: BTreeMap<(Lane, Priority), VecDeque<Arrival>>,
    turns: Turns,
    running: Running,
    target: Target,
    /// How many may be sent before the next look.
    room: u32,
    flights: JoinSet<(Key, Outcome)>,
    flying: BTreeSet<Key>,
    begun: Timestamp,
}

impl Reign {
    /// Begins; nothing is taken before [`Reign::run`].
    #[must_use]
    pub fn new(session: Session, hands: Arc<Hands>, health: Health, prefetch: u16) -> Self {
        let (found, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let queues = Queues::new(session.clone(), hands.clone(), prefetch, found);
        Self {
            session,
            hands,
            health,
            queues,
            arrivals,
            waiting: BTreeMap::new(),
            turns: Turns::default(),
            running: Running::default(),
            target: Target::default(),
            room: 0,
            flights: JoinSet::new(),
            flying: BTreeSet::new(),
            begun: Timestamp::now(),
        }
    }

    /// Serves the lanes until `over`; then what is on its way comes to its end, and the rest goes back.
    pub async fn run(mut self, over: impl Future<Output = ()>) {
        let mut lanes = self.session.lanes();
        let mut events = EventLog::replay(&self.session, Start::Since(self.begun - BACK));
        let (looks, mut looked) = mpsc::channel(1);
        let mut beside = JoinSet::new();
        beside.spawn(look(self.session.clone(), looks));
        // Records by lane until all were read: what one said before holds no more, and was never meant to be served.
        let mut unread = Some(BTreeMap::new());
        tokio::pin!(over);
        loop {
            tokio::select! {
                biased;
                () = &mut over => break,
                Some(flown) = self.flights.join_next() => self.land(flown),
                Some(ready) = looked.recv() => self.look(ready),
                item = lanes.next() => match item {
                    Ok(LaneItem::Record(record)) => match &mut unread {
                        Some(records) => drop(records.insert(record.lane.clone(), *record)),
                        None => self.declare(*record),
                    },
                    Ok(LaneItem::CaughtUp) => {
                        unread.take().into_iter().flat_map(BTreeMap::into_values).for_each(|record| self.declare(record));
                        // Who has no record yet would be nobody to it.
                        beside.spawn(crate::ended::file(self.session.clone(), self.hands.clone(), self.queues.book()));
                    }
                    Ok(LaneItem::Malformed { offset, problem }) => {
                        tracing::warn!(offset, problem, "a lane's record cannot be read; what it said before holds");
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::error!(error = chain(&error), advice = error.advice(), "the lanes cannot be read");
                        break;
                    }
                },
                Ok(item) = events.next() => if let LogItem::Report { report, .. } = item {
                    self.read(&report);
                },
                Some(arrival) = self.arrivals.recv() => self.arrive(arrival),
                else => break,
            }
            self.send_on();
        }
        // Nothing new is taken; what is on its way is confirmed and acked, as long as somebody waits for that.
        while let Some(flown) = self.flights.join_next().await {
            self.land(flown);
        }
    }

    fn declare(&mut self, record: LaneRecord) {
        let lane = record.lane.clone();
        tracing::info!(%lane, state = ?record.state, weight = record.weight, "a lane is declared");
        self.turns.set(&record, Instant::now());
        if self.queues.set(record) {
            self.waiting.retain(|(of, _), _| *of != lane);
        }
    }

    fn read(&mut self, report: &Report) {
        self.running.note(report, Instant::now());
        if report.time >= self.begun {
            self.hands.metrics.read(report);
        }
    }

    fn look(&mut self, ready: u32) {
        self.running.forget(Instant::now());
        let more_waits = self.waiting.values().any(|queue| !queue.is_empty());
        let on_the_way = u32::try_from(self.flights.len()).unwrap_or(u32::MAX);
        self.room = self.target.look(ready.saturating_add(on_the_way), more_waits);
        self.hands.metrics.note(true, self.target.jobs());
        self.health.lead(true);
    }

    /// A message that came again stands for the one that was lost with its channel.
    fn arrive(&mut self, arrival: Arrival) {
        let queue = self.waiting.entry((arrival.lane.clone(), arrival.priority)).or_default();
        if arrival.delivery.redelivered() {
            queue.retain(|older| older.job != arrival.job);
        }
        queue.push_back(arrival);
    }

    fn send_on(&mut self) {
        while self.room > 0 && self.flights.len() < FLIGHTS_MAX {
            let waits = |lane: &Lane, priority| {
                let first = self.waiting.get(&(lane.clone(), priority)).and_then(VecDeque::front);
                // The same job is on its way already: what becomes of that decides about this one.
                first.is_some_and(|first| !self.flying.contains(&(lane.clone(), first.job)))
            };
            let next = self.turns.next(waits, |lane| self.running.count(lane), Instant::now());
            let Some(arrival) = next.and_then(|key| self.waiting.get_mut(&key)?.pop_front()) else { return };
            self.send(arrival);
        }
    }

    fn send(&mut self, arrival: Arrival) {
        let Some(record) = self.queues.record(&arrival.lane) else { return };
        let key = (arrival.lane, arrival.job);
        let left = arrival.not_after.duration_since(Timestamp::now());
        let until = Instant::now() + Duration::try_from(left).unwrap_or_default();
        self.running.send(key.0.clone(), key.1, until);
        self.flying.insert(key.clone());
        self.room -= 1;
        let (hands, priority, delivery) = (self.hands.clone(), arrival.priority, arrival.delivery);
        self.flights.spawn(async move { (key, hands.forward(delivery, &record, priority).await) });
    }

    fn land(&mut self, flown: Result<(Key, Outcome), tokio::task::JoinError>) {
        let Ok((key, outcome)) = flown else {
            tracing::error!("sending a message on failed from within; please report the lines above");
            // Whose it was is not known: a message that comes again is judged anew.
            self.flying.clear();
            return;
        };
        self.flying.remove(&key);
        if outcome == Outcome::NotSent {
            self.running.end(key.0, key.1);
        }
    }
}

/// Looks at the workers' queue for as long as somebody wants to know.
async fn look(session: Session, looks: mpsc::Sender<u32>) {
    let mut interval = tokio::time::interval(LOOK);
    loop {
        interval.tick().await;
        match session.depth(names::JOBS_R0).await {
            Ok(depth) => {
                if looks.send(depth.ready).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::debug!(%error, "the workers' queue could not be looked at"),
        }
    }
}
