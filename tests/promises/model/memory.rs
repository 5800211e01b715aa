//! The broker in the small: what RabbitMQ does with Valet's topology, as facts about it say. Waits pass at once.
//!
//! Must never know what a job is: it moves messages.

use std::collections::{BTreeMap, VecDeque};

use valet_broker::Counting;

/// How often a message comes back in one stage before it goes on: Valet's own number. RabbitMQ hands it out once more
/// than that. Where losses are counted over all stages, so are the rejections: there a later stage's is larger by them.
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
    /// How often it came back, as far as this broker tells.
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
    /// How often it came back in this stage.
    returns: u64,
    /// How often it lost its worker, in all stages.
    losses: u64,
    /// How often it was rejected, in all stages.
    rejections: u64,
    /// It was in somebody's hands.
    is_back: bool,
}

/// Its queues.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    stages: [VecDeque<Waiting>; 3],
    ended: VecDeque<(usize, Ended)>,
    dead: Vec<usize>,
    held: BTreeMap<usize, (Waiting, usize)>,
    counting: Counting,
}

impl Memory {
    /// Empty, of a broker that counts so.
    pub(super) fn new(counting: Counting) -> Self {
        Self {
            stages: Default::default(),
            ended: VecDeque::new(),
            dead: Vec::new(),
            held: BTreeMap::new(),
            counting,
        }
    }

    pub(super) fn publish(&mut self, letter: Letter) {
        let waiting = Waiting { letter, returns: 0, losses: 0, rejections: 0, is_back: false };
        self.stages[0].push_back(waiting);
        self.expire();
    }

    /// What could be taken now: of each stage, the head. The last stage first, as a feed asks.
    pub(super) fn heads(&self) -> Vec<Taken> {
        let head = |stage: usize| {
            let waiting = self.stages[stage].front()?;
            Some(Taken { job: waiting.letter.job, stage, returns: self.told(waiting, stage) })
        };
        [2, 1, 0].into_iter().filter_map(head).collect()
    }

    /// How often a message came back, as a worker is told.
    fn told(&self, waiting: &Waiting, stage: usize) -> u64 {
        match (stage, self.counting) {
            (0, _) | (_, Counting::Anew) => waiting.returns,
            (_, Counting::Blurred) => 0,
            (_, Counting::Carried) => waiting.losses,
        }
    }

    /// Whether it came back once too often.
    fn is_over_limit(&self, waiting: &Waiting, stage: usize) -> bool {
        match self.counting {
            Counting::Anew | Counting::Blurred => waiting.returns > DELIVERY_LIMIT,
            // Handing back is free.
            Counting::Carried => waiting.losses + waiting.rejections > DELIVERY_LIMIT + stage as u64,
        }
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
            Settle::Retry => {
                waiting.rejections += 1;
                self.go_on(waiting, stage);
            }
            Settle::HandBack => {
                waiting.returns += 1;
                self.come_back(waiting, stage);
            }
            Settle::Crash => {
                waiting.returns += 1;
                waiting.losses += 1;
                self.come_back(waiting, stage);
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

    fn come_back(&mut self, waiting: Waiting, stage: usize) {
        match (self.is_over_limit(&waiting, stage), stage) {
            (false, _) => self.give_back(waiting, stage),
            // The middle stage has one way out, whatever the reason.
            (true, 1) => self.go_on(waiting, stage),
            (true, _) => self.ended.push_back((waiting.letter.job, Ended::Lost)),
        }
    }

    /// Before what was never given out, and behind what came back earlier.
    fn give_back(&mut self, waiting: Waiting, stage: usize) {
        let queue = &mut self.stages[stage];
        let earlier = queue.iter().take_while(|waiting| waiting.is_back).count();
        queue.insert(earlier, Waiting { is_back: true, ..waiting });
    }

    /// Rejected: after a wait, in the next stage, where it is new; from the last one it is ended.
    fn go_on(&mut self, waiting: Waiting, stage: usize) {
        // Dead-lettering takes the message's own expiry off.
        let letter = Letter { dying: false, ..waiting.letter };
        self.stages[stage + 1].push_back(Waiting { letter, returns: 0, is_back: false, ..waiting });
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
