//! The table that a run ends with: what was done to it, and what became of the jobs. Never judges.

use std::collections::BTreeMap;
use std::fmt;

use super::Chaos;
use super::verdict::Ends;

macro_rules! counts {
    ($($name:ident $words:literal;)*) => {
        /// What is counted, in the order of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Count {
            $($name,)*
        }

        impl Count {
            const ALL: &[Self] = &[$(Self::$name,)*];

            fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

counts! {
    WorkerKilled "worker killed, another one started";
    WorkerDrained "worker drained, another one started";
    ProducerKilled "producer killed while submitting, run again";
    SubmittedTwice "batch submitted twice under one key";
    SubmitRefused "submit refused (broker away), tried again";
    ReminterKilled "reminter killed, another one started";
    BrokerStopped "broker stopped and started again";
    BrokerKilled "broker killed and started again";
    ConnectionsCut "connection cut by the broker";
    Busy "storage: some 503";
    Throttled "storage: some 429";
    Reset "storage: some connections reset";
    Slow "storage: some late answers";
    LostAnswer "storage: stored, answer lost";
    Cut "storage: answer cut";
    Garbled "storage: some uploads arrive broken";
    Away "storage away for 1 to 9 s";
    ShortLived "job with grants of 2 to 6 s";
    Reminted "job with such grants, minted anew";
    Duplicated "job message that came twice";
    Cancelled "job cancelled";
}

/// What a run did and what became of its jobs.
#[derive(Debug)]
pub struct Tally {
    chaos: Chaos,
    injected: BTreeMap<Count, u64>,
    ends: Ends,
}

impl Tally {
    pub(super) fn new(chaos: Chaos, injected: &BTreeMap<Count, u64>, ends: Ends) -> Self {
        Self { chaos, injected: injected.clone(), ends }
    }

    /// Jobs that succeeded.
    pub fn succeeded(&self) -> usize {
        self.ends.jobs.get("succeeded").copied().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Chaos { seed, jobs, workers, slots } = self.chaos;
        writeln!(f, "seed {seed}: {jobs} jobs, {workers} workers of {slots} slots")?;
        writeln!(f, "{:52} {:>6}", "what was done", "times")?;
        for count in Count::ALL {
            let times = self.injected.get(count).copied().unwrap_or_default();
            writeln!(f, "  {:50} {times:>6}", count.words())?;
        }
        writeln!(f, "{:52} {:>6}", "how jobs ended, each once", "jobs")?;
        for (end, jobs) in &self.ends.jobs {
            writeln!(f, "  {end:50} {jobs:>6}")?;
        }
        writeln!(f, "{:52} {:>6}", "what it took", "")?;
        for (what, times) in &self.ends.efforts {
            writeln!(f, "  {what:50} {times:>6}")?;
        }
        write!(f, "repeat: cargo xtask chaos --jobs {jobs} --seed {seed}")
    }
}
