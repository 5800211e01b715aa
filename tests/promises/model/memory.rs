//! The broker in the small: what RabbitMQ does with Valet's topology, as facts about it say. Waits pass at once.
//!
//! Must never know what a job is: it moves messages.

use std::collections::{BTreeMap, VecDeque};

/// How often a message comes back in one stage before it goes on: Valet's own number. RabbitMQ hands it out once more
/// than that.
pub(super) const DELIVERY_LIMIT: u64 = 3;

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) job: usize,
    /// Dead when it reaches the head of the first queue.
    pub(super) dying: bool,
}

/// One hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) job: usize,
    /// The queue `jobs.r<stage>`.
    pub(super) stage: usize,
    /// How often it came back in this stage.
    pub(super) returns: u64,
}

/// Why the broker took a message off its stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Lost,
    Expired,
}

/// What a worker tells the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settle {
    Ack,
    Retry,
    /// To `dead`.
    Bury,
    HandBack,
    /// The channel goes away.
    Crash,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    letter: Letter,
    returns: u64,
    /// It was in somebody's hands.
    is_back: bool,
}

/// Its queues.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    stages: [VecDeque<Waiting>; 3],
    ended: VecDeque<(usize, Ended)>,
    dead: Vec<usize>,
    held: BTreeMap<usize, (Waiting, usize)>,
    free_hand_back: bool,
}

impl Memory {
    /// Empty. From RabbitMQ 4.3 on handing back is free: it is no return.
    pub(super) fn new(free_hand_back: bool) -> Self {
        Self { free_hand_back, ..Self::default() }
    }

    pub(super) fn publish(&mut self, letter: Letter) {
        self.stages[0].push_back(Waiting { letter, returns: 0, is_back: false });
        self.expire();
    }

    /// What could be taken now: of each stage, the head. The last stage first, as a feed asks.
    pub(super) fn heads(&self) -> Vec<Taken> {
        let head = |stage: usize| {
            let waiting = self.stages[stage].front()?;
            Some(Taken { job: waiting.letter.job, stage, returns: waiting.returns })
        };
        [2, 1, 0].into_iter().filter_map(head).collect()
    }

    /// Gives out the head of a stage.
    pub(super) fn take(&mut self, slot: usize, stage: usize) {
        if let Some(waiting) = self.stages[stage].pop_front() {
            self.held.insert(slot, (waiting, stage));
        }
        self.expire();
    }

    pub(super) fn settle(&mut self, slot: usize, settle: Settle) {
        let Some((mut waiting, stage)) = self.held.remove(&slot) else { return };
        match settle {
            Settle::Ack => {}
            Settle::Bury => self.dead.push(waiting.letter.job),
            Settle::Retry => self.go_on(waiting.letter, stage),
            Settle::HandBack | Settle::Crash => {
                waiting.returns += u64::from(settle == Settle::Crash || !self.free_hand_back);
                match (waiting.returns > DELIVERY_LIMIT, stage) {
                    (false, _) => self.give_back(waiting, stage),
                    // The middle stage has one way out, whatever the reason.
                    (true, 1) => self.go_on(waiting.letter, stage),
                    (true, _) => self.ended.push_back((waiting.letter.job, Ended::Lost)),
                }
            }
        }
        self.expire();
    }

    /// The next one that it ended itself.
    pub(super) fn bury(&mut self) -> Option<(usize, Ended)> {
        let next = self.ended.pop_front()?;
        self.dead.push(next.0);
        Some(next)
    }

    /// Takes a dead letter away; false if there is none.
    pub(super) fn take_dead(&mut self, job: usize) -> bool {
        let at = self.dead.iter().position(|dead| *dead == job);
        at.map(|at| self.dead.remove(at)).is_some()
    }

    /// How many messages wait in each queue.
    pub(super) fn depths(&self) -> Depths {
        let [r0, r1, r2] = [0, 1, 2].map(|stage| self.stages[stage].len());
        [r0, 0, r1, 0, r2, self.ended.len(), self.dead.len()]
    }

    /// Where a job's messages are, in words.
    pub(super) fn places(&self, job: usize) -> Vec<String> {
        let stages = self.stages.iter().enumerate().flat_map(|(stage, queue)| {
            let here = queue.iter().filter(move |waiting| waiting.letter.job == job);
            here.map(move |_| format!("jobs.r{stage}"))
        });
        let held = self.held.iter().filter(|(_, (waiting, _))| waiting.letter.job == job);
        let held = held.map(|(slot, _)| format!("slot {slot}"));
        let ended = self.ended.iter().filter(|(ended, _)| *ended == job).map(|_| "jobs.ended".to_owned());
        let dead = self.dead.iter().filter(|dead| **dead == job).map(|_| "dead".to_owned());
        stages.chain(held).chain(ended).chain(dead).collect()
    }

    /// Before what was never given out, and behind what came back earlier.
    fn give_back(&mut self, waiting: Waiting, stage: usize) {
        let queue = &mut self.stages[stage];
        let earlier = queue.iter().take_while(|waiting| waiting.is_back).count();
        queue.insert(earlier, Waiting { is_back: true, ..waiting });
    }

    /// Rejected: after a wait, in the next stage, where it is new; from the last one it is ended.
    fn go_on(&mut self, letter: Letter, stage: usize) {
        // Dead-lettering takes the message's own expiry off.
        let waiting = Waiting { letter: Letter { dying: false, ..letter }, returns: 0, is_back: false };
        self.stages[stage + 1].push_back(waiting);
    }

    /// Only the head expires.
    fn expire(&mut self) {
        while let Some(waiting) = self.stages[0].pop_front_if(|waiting| waiting.letter.dying) {
            self.ended.push_back((waiting.letter.job, Ended::Expired));
        }
    }
}

/// The queues that [`Depths`] counts.
pub(super) const QUEUES: [&str; 7] =
    ["jobs.r0", "retry.1", "jobs.r1", "retry.2", "jobs.r2", "jobs.ended", "dead"];
/// Messages that wait in each of [`QUEUES`].
pub(super) type Depths = [usize; 7];
