//! Everything that goes wrong on purpose, and the scene that it happens in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::crew::Crew;
use super::tally::{Count, Tally};
use super::verdict::Ends;
use super::work::Job;
use super::{Chaos, tap};
use crate::stage::{COMMAND_TIMEOUT, Stage};
use crate::wait::{let_pass, try_wait_for};
use crate::{Fault, FaultProxy, Process};

/// Longest until a broker that was taken away answers again, and until a command works again after that.
pub(super) const RETURN_TIMEOUT: Duration = Duration::from_secs(120);

/// What a broker gets between two outages at the least, longer than the longest pause before somebody tries to
/// connect again: a broker that nobody ever finds up proves nothing but patience.
const UP_TIME: Duration = Duration::from_secs(16);

/// How `valet cancel` ends when the job had ended before.
const EXIT_JOB_ENDED: i32 = 1;

/// How `valet` ends when it cannot reach the broker.
const EXIT_UNAVAILABLE: i32 = 69;

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub(super) enum Injury {
    KillWorker(usize),
    /// In good order, with another one in its place.
    DrainWorker(usize),
    /// Every connection of every program, from the broker's side.
    CutConnections,
    StopBroker(Duration),
    KillBroker(Duration),
    KillReminter,
    /// So many job messages come a second time.
    Duplicate(usize),
    /// Some job that was submitted; the number chooses which.
    Cancel(u64),
    Trouble(Trouble),
}

/// What storage does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// 503, so often.
    Busy(u32),
    /// 429, so often.
    Throttled(u32),
    /// A connection that ends before its request is read, so often.
    Reset(u32),
    /// Answers late.
    Slow(u32, Duration),
    /// Stores, and loses its answer.
    LostAnswer,
    /// Cuts an answer after so many bytes.
    Cut(u64),
    /// What is stored arrives broken, so often: the one trouble that an attempt does not sit out, but another one
    /// follows.
    Garbled(u32),
    /// Nothing is taken for so long.
    Away(Duration),
}

impl Trouble {
    /// The kinds in turns, so that each comes.
    pub(super) fn random(number: usize, random: &mut fastrand::Rng) -> Self {
        let times = random.u32(4..24);
        match number % 8 {
            0 => Self::Busy(times),
            1 => Self::Throttled(times),
            2 => Self::Reset(times),
            3 => Self::Slow(times, Duration::from_millis(random.u64(100..800))),
            4 => Self::LostAnswer,
            5 => Self::Cut(random.u64(..512)),
            6 => Self::Garbled(random.u32(1..4)),
            _ => Self::Away(Duration::from_millis(random.u64(1_000..9_000))),
        }
    }

    fn begin(self, proxy: &FaultProxy) {
        match self {
            Self::Busy(times) => proxy.times(times, Fault::busy()),
            Self::Throttled(times) => proxy.times(times, Fault::answer(429, "TooManyRequests")),
            Self::Reset(times) => proxy.times(times, Fault::Refuse),
            Self::Slow(times, time) => proxy.times(times, Fault::Latency(time)),
            Self::LostAnswer => proxy.next_method("PUT", Fault::DropResponse),
            Self::Cut(bytes) => proxy.next_method("GET", Fault::CutAfter(bytes)),
            Self::Garbled(times) => {
                (0..times).for_each(|_| proxy.next_method("PUT", Fault::answer(400, "Md5Mismatch")));
            }
            Self::Away(time) => {
                proxy.always(Fault::Refuse);
                let_pass(time);
                // Takes back other troubles as well, which are then counted and did not all come: it is chaos.
                proxy.heal();
            }
        }
    }

    fn count(self) -> Count {
        match self {
            Self::Busy(_) => Count::Busy,
            Self::Throttled(_) => Count::Throttled,
            Self::Reset(_) => Count::Reset,
            Self::Slow(..) => Count::Slow,
            Self::LostAnswer => Count::LostAnswer,
            Self::Cut(_) => Count::Cut,
            Self::Garbled(_) => Count::Garbled,
            Self::Away(_) => Count::Away,
        }
    }
}

/// What all steps of a run share.
pub(super) struct Scene<'a> {
    pub(super) stage: &'a Stage<'a>,
    pub(super) proxy: &'a FaultProxy,
    pub(super) crew: &'a Crew<'a>,
    pub(super) remints: bool,
    cancels: bool,
    /// One outage of the broker at a time; when it was back from the last one.
    broker: Mutex<Option<Instant>>,
    reminter: Mutex<Option<Process>>,
    notes: Mutex<Notes>,
}

/// What has been done so far.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Jobs by id.
    pub(super) submitted: BTreeMap<String, Job>,
    pub(super) duplicated: BTreeSet<String>,
    pub(super) cancelled: BTreeSet<String>,
    pub(super) counts: BTreeMap<Count, u64>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(stage: &'a Stage<'a>, proxy: &'a FaultProxy, crew: &'a Crew<'a>) -> Self {
        tap::open(stage);
        let offers = |verb| stage.valet().args([verb, "--help"]).run(COMMAND_TIMEOUT).success();
        let (remints, cancels) = (offers("reminter"), offers("cancel"));
        let reminter = Mutex::new(remints.then(|| start_reminter(stage)));
        Self {
            stage,
            proxy,
            crew,
            remints,
            cancels,
            broker: Mutex::default(),
            reminter,
            notes: Mutex::default(),
        }
    }

    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self, what: Count, times: u64) {
        *self.notes().counts.entry(what).or_default() += times;
    }

    /// Does it, or finds that there is nothing to harm.
    pub(super) fn inflict(&self, injury: &Injury) -> Result<(), String> {
        match injury {
            Injury::KillWorker(which) => {
                self.crew.kill(*which)?;
                self.count(Count::WorkerKilled, 1);
            }
            Injury::DrainWorker(which) => {
                self.crew.drain(*which)?;
                self.count(Count::WorkerDrained, 1);
            }
            Injury::CutConnections => self.cut_connections()?,
            Injury::StopBroker(away) => self.take_broker_away(*away, Count::BrokerStopped),
            Injury::KillBroker(away) => self.take_broker_away(*away, Count::BrokerKilled),
            Injury::KillReminter if !self.remints => {}
            Injury::Cancel(_) if !self.cancels => {}
            Injury::KillReminter => {
                let mut reminter = self.reminter.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(reminter) = reminter.take() {
                    reminter.kill();
                }
                *reminter = Some(start_reminter(self.stage));
                self.count(Count::ReminterKilled, 1);
            }
            Injury::Duplicate(times) => self.duplicate(*times)?,
            Injury::Cancel(choice) => self.cancel(*choice)?,
            Injury::Trouble(trouble) => {
                trouble.begin(self.proxy);
                self.count(trouble.count(), 1);
            }
        }
        Ok(())
    }

    /// Ends all troubles that were still to come.
    pub(super) fn end(&self) {
        self.proxy.heal();
        tap::close(self.stage);
    }

    /// Starts the reminter anew when it found no broker at its start, as whatever runs it would; any other end of
    /// its own is a fault.
    pub(super) fn tend_reminter(&self) -> Result<(), String> {
        let mut reminter = self.reminter.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ended) = reminter.take_if(|reminter| !reminter.is_running()) else { return Ok(()) };
        let finished = ended.finish(COMMAND_TIMEOUT);
        if finished.code != Some(EXIT_UNAVAILABLE) {
            return Err(format!("the reminter ended by itself: {finished:?}"));
        }
        *reminter = Some(start_reminter(self.stage));
        Ok(())
    }

    /// Ends the reminter in good order.
    pub(super) fn end_reminter(&self) -> Result<(), String> {
        let reminter = self.reminter.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(reminter) = reminter else { return Ok(()) };
        let ended = reminter.terminate(COMMAND_TIMEOUT);
        if ended.success() {
            Ok(())
        } else {
            Err(format!("the reminter: {ended}\n{}", reminter.last_lines()))
        }
    }

    pub(super) fn tally(&self, chaos: Chaos, ends: Ends) -> Tally {
        Tally::new(chaos, &self.notes().counts, ends)
    }

    fn cut_connections(&self) -> Result<(), String> {
        let path = format!("/api/vhosts/{}/connections", self.stage.vhost.name());
        let (_, list) = self.until_answered(|| self.stage.broker.try_api("GET", &path, None))?;
        for name in list.as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()) {
            // It may be gone by now, and the broker as well.
            let path = format!("/api/connections/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
            if self.stage.broker.try_api("DELETE", &path, None).is_ok_and(|(status, _)| status == 204) {
                self.count(Count::ConnectionsCut, 1);
            }
        }
        Ok(())
    }

    fn take_broker_away(&self, away: Duration, how: Count) {
        let mut back = self.broker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(back) = *back {
            let_pass(UP_TIME.saturating_sub(back.elapsed()));
        }
        match how {
            Count::BrokerKilled => self.stage.broker.kill(),
            _ => self.stage.broker.stop(),
        }
        let_pass(away);
        self.stage.broker.restart();
        self.count(how, 1);
        *back = Some(Instant::now());
    }

    fn duplicate(&self, times: usize) -> Result<(), String> {
        for message in self.until_answered(|| tap::take(self.stage, times))? {
            let (Some(id), Some(body)) = (message.id, message.body) else { continue };
            self.notes().duplicated.insert(id);
            self.until_answered(|| self.stage.try_publish(&body, message.properties.clone()))?;
            self.count(Count::Duplicated, 1);
        }
        Ok(())
    }

    fn cancel(&self, choice: u64) -> Result<(), String> {
        let id = {
            let notes = self.notes();
            let all = notes.submitted.len().max(1) as u64;
            let at = usize::try_from(choice % all).unwrap_or_default();
            notes.submitted.keys().nth(at).cloned()
        };
        let Some(id) = id else { return Ok(()) };
        // Before it is given: it may be told before the command has ended.
        self.notes().cancelled.insert(id.clone());
        self.until_answered(|| {
            let told = self.stage.valet().args(["cancel", &id]).run(COMMAND_TIMEOUT);
            // One that has ended is not cancelled, which the command says by its code.
            if told.success() || told.code == Some(EXIT_JOB_ENDED) {
                return Ok(());
            }
            Err(format!("valet cancel {id}: {:?} {}", told.code, told.stderr))
        })?;
        self.count(Count::Cancelled, 1);
        Ok(())
    }

    /// Queues and workers in words, for a failure.
    pub(super) fn state(&self) -> String {
        let path = format!("/api/queues/{}", self.stage.vhost.name());
        let queues = self.stage.broker.try_api("GET", &path, None).map(|(_, queues)| queues);
        let queues = queues.unwrap_or_else(|cause| cause.into());
        let told = |queue: &Value| format!("{}={} {}", queue["name"], queue["messages"], queue["state"]);
        let queues: Vec<String> = queues.as_array().into_iter().flatten().map(told).collect();
        format!("queues: {}\n{}", queues.join(", "), self.crew.last_lines())
    }

    /// Asks again until the broker is back.
    pub(super) fn until_answered<T>(&self, ask: impl FnMut() -> Result<T, String>) -> Result<T, String> {
        try_wait_for(RETURN_TIMEOUT, ask)
    }
}

fn start_reminter(stage: &Stage<'_>) -> Process {
    stage.valet().arg("reminter").start()
}

/// A job message as the tap saw it.
pub(super) struct Tapped {
    pub(super) id: Option<String>,
    pub(super) properties: Value,
    pub(super) body: Option<Vec<u8>>,
}

impl Tapped {
    pub(super) fn new(message: &Value, body: Option<Vec<u8>>) -> Self {
        let properties = message["properties"].clone();
        let id = properties["message_id"].as_str().map(str::to_owned);
        let properties = if properties.is_object() { properties } else { json!({}) };
        Self { id, properties, body }
    }
}
