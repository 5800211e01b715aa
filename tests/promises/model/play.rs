//! Plays a sequence: producer, workers, undertaker and operator in the small, on the model of the broker, and on a
//! real one beside it that must do the same.

use std::collections::BTreeMap;

use jiff::Timestamp;
use valet_broker::Counting;
use valet_protocol::{JobId, Reason};

use super::ledger::{Key, Ledger};
use super::memory::{Ended, Letter, Memory, Settle, Taken};
use super::op::{JOBS, Op, SLOTS};
use super::real::Real;

/// One run of a sequence.
pub(super) struct Play<'a> {
    ids: Vec<JobId>,
    memory: Memory,
    real: Option<&'a Real>,
    ledger: Ledger,
    /// What each slot holds.
    hands: BTreeMap<usize, Taken>,
    /// When each job was ordered to be cancelled last.
    orders: [Option<Timestamp>; JOBS],
}

impl<'a> Play<'a> {
    /// On the model alone, of a broker that counts so.
    pub(super) fn in_memory(counting: Counting) -> Self {
        Self::new(counting, None)
    }

    /// On a real broker too, whose queues are empty.
    pub(super) fn beside(real: &'a Real) -> Self {
        Self::new(real.counting(), Some(real))
    }

    fn new(counting: Counting, real: Option<&'a Real>) -> Self {
        let ids: Vec<JobId> =
            (0..JOBS).map(|_| JobId::from_uuid(uuid::Uuid::now_v7()).expect("a v7 is one")).collect();
        Self {
            memory: Memory::new(counting),
            ledger: Ledger::new(&ids),
            ids,
            real,
            hands: BTreeMap::new(),
            orders: [None; JOBS],
        }
    }

    /// All of it, and then whatever brings every job to its end.
    pub(super) fn run(mut self, ops: &[Op]) -> Result<(), String> {
        for (number, op) in ops.iter().enumerate() {
            self.step(*op)
                .map_err(|problem| format!("after operation {} ({op:?}): {problem}", number + 1))?;
        }
        self.bring_to_an_end().map_err(|problem| format!("while all came to an end: {problem}"))
    }

    fn step(&mut self, op: Op) -> Result<(), String> {
        self.perform(op)?;
        if let Some(real) = self.real {
            real.expect_depths(self.memory.depths())?;
        }
        if let Some(problem) = self.ledger.problem() {
            return Err(problem);
        }
        (0..JOBS).try_for_each(|job| self.expect_in_place(job))
    }

    /// A message of a job is in one place at most, and that place fits the job's state.
    fn expect_in_place(&self, job: usize) -> Result<(), String> {
        let (places, word) = (self.memory.places(job), self.ledger.word(job));
        let fits = match places.as_slice() {
            [] => word.is_final() || self.ledger.submitted_at[job].is_none(),
            [place] if place == "dead" => word.is_final(),
            // A job that was done and is submitted again stays done.
            [_] => !word.is_final() || self.ledger.is_done(job),
            _ => false,
        };
        if fits { Ok(()) } else { Err(format!("job {job} is {word} and in {places:?}")) }
    }

    fn perform(&mut self, op: Op) -> Result<(), String> {
        match op {
            Op::Submit { job } => self.submit(job, false),
            Op::SubmitDying { job } => self.submit(job, true),
            Op::Cancel { job } => self.cancel(job),
            Op::Replay { job } => self.replay(job),
            Op::Take { slot } => self.take(slot),
            Op::Succeed { slot } => {
                self.end(slot, Settle::Ack, |ledger, job, key| ledger.succeeded(job, key))
            }
            Op::FailForGood { slot } => {
                self.end(slot, Settle::Bury, |ledger, job, key| ledger.failed(job, key))
            }
            Op::FailForNow { slot } => self.fail_for_now(slot),
            Op::Crash { slot } => self.end(slot, Settle::Crash, |_, _, _| ()),
            Op::HandBack { slot } => self.end(slot, Settle::HandBack, |_, _, _| ()),
            Op::Bury => self.bury(),
        }
    }

    fn submit(&mut self, job: usize, dying: bool) -> Result<(), String> {
        if !self.memory.places(job).is_empty() {
            return Ok(());
        }
        self.publish(job, dying)
    }

    fn publish(&mut self, job: usize, dying: bool) -> Result<(), String> {
        // Told once the broker has it; here nobody can be quicker.
        self.ledger.submitted(job);
        self.memory.publish(Letter { job, dying });
        self.real.map_or(Ok(()), |real| real.publish(&self.ids[job], dying))
    }

    fn replay(&mut self, job: usize) -> Result<(), String> {
        if !self.memory.take_dead(job) {
            return Ok(());
        }
        if let Some(real) = self.real {
            real.take_dead(&self.ids[job])?;
        }
        self.publish(job, false)
    }

    fn cancel(&mut self, job: usize) -> Result<(), String> {
        let now = self.ledger.tick();
        self.orders[job] = Some(now);
        if let Some(real) = self.real {
            real.order(self.ids[job], now)?;
        }
        let holds = self.hands.iter().find(|(_, taken)| taken.job == job).map(|(slot, _)| *slot);
        let Some(slot) = holds else { return Ok(()) };
        self.end(slot, Settle::Ack, |ledger, job, key| ledger.cancelled(job, key))
    }

    fn take(&mut self, slot: usize) -> Result<(), String> {
        let heads = self.memory.heads();
        let Some(first) = heads.first() else { return Ok(()) };
        if self.hands.contains_key(&slot) {
            return Ok(());
        }
        // Which stage a feed asks first depends on time; what it gets must be the head there.
        let taken = match self.real {
            Some(real) => real.take(slot, &self.ids)?,
            None => *first,
        };
        if !heads.contains(&taken) {
            return Err(format!("the broker gave {taken:?}, one of {heads:?} was due"));
        }
        self.memory.take(slot, taken.stage);
        self.hands.insert(slot, taken);
        if self.orders[taken.job] > self.ledger.submitted_at[taken.job] {
            return self.end(slot, Settle::Ack, |ledger, job, key| ledger.cancelled(job, key));
        }
        self.ledger.accepted(taken.job, key(taken));
        Ok(())
    }

    fn fail_for_now(&mut self, slot: usize) -> Result<(), String> {
        match self.hands.get(&slot).map(|taken| taken.stage) {
            Some(2) => self.end(slot, Settle::Bury, |ledger, job, key| {
                ledger.dead(job, key, Reason::AttemptsExhausted);
            }),
            Some(_) => self.end(slot, Settle::Retry, |ledger, job, key| ledger.retrying(job, key)),
            None => Ok(()),
        }
    }

    /// Reports, then settles, as a worker does.
    fn end(
        &mut self,
        slot: usize,
        settle: Settle,
        report: impl FnOnce(&mut Ledger, usize, Key),
    ) -> Result<(), String> {
        let Some(taken) = self.hands.remove(&slot) else { return Ok(()) };
        report(&mut self.ledger, taken.job, key(taken));
        self.memory.settle(slot, settle);
        self.real.map_or(Ok(()), |real| real.settle(slot, settle))
    }

    fn bury(&mut self) -> Result<(), String> {
        let Some((job, ended)) = self.memory.bury() else { return Ok(()) };
        let stage = match self.real {
            Some(real) => real.bury(&self.ids, (job, ended))?,
            None => 0,
        };
        let key = (stage + 1, 0);
        match ended {
            Ended::Lost => self.ledger.dead(job, key, Reason::WorkerLost),
            Ended::Expired => self.ledger.expired(job, key),
        }
        Ok(())
    }

    /// Workers that live bring every job to its end: nothing is stuck.
    fn bring_to_an_end(&mut self) -> Result<(), String> {
        // Nothing comes back any more, so each message moves at most once.
        for _ in 0..=2 * JOBS {
            for slot in 0..SLOTS {
                self.step(Op::Take { slot })?;
                self.step(Op::Succeed { slot })?;
            }
            self.step(Op::Bury)?;
        }
        let open = (0..JOBS)
            .filter(|job| self.ledger.submitted_at[*job].is_some() && !self.ledger.word(*job).is_final());
        let open: Vec<String> = open.map(|job| format!("job {job} is {}", self.ledger.word(job))).collect();
        if open.is_empty() { Ok(()) } else { Err(format!("stuck: {open:?}")) }
    }
}

/// What a worker's reports are about.
fn key(taken: Taken) -> Key {
    let number = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
    (number(taken.stage as u64) + 1, number(taken.returns))
}
