//! What a seed means: jobs, batches, and the order of all that is done to them. Pure: the same seed, the same
//! schedule.

use std::time::Duration;

use super::injury::{Injury, Trouble};
use super::work::Job;

/// Jobs of one `valet submit`.
const BATCH_JOBS: usize = 20;
/// Longest pause between two steps.
const PAUSE_MILLISECONDS_MAX: u64 = 400;
/// Every so many-th batch loses its producer in the middle.
const KILLED_SUBMIT_ONE_IN: usize = 3;
/// Longest life of a producer that is killed: about as long as it takes for a batch.
const SUBMIT_MILLISECONDS_MAX: u64 = 250;

/// All that happens, in order.
#[derive(Debug)]
pub(super) struct Schedule {
    jobs: Vec<Job>,
    steps: Vec<(Duration, Step)>,
}

/// One thing that is done.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Jobs are submitted, by a producer that dies after this time and by another one that starts over.
    Submit { batch: Batch, killed_after: Option<Duration> },
    /// Something goes wrong.
    Harm(Injury),
}

/// Jobs that are submitted together.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) key: String,
    pub(super) jobs: Vec<Job>,
    pub(super) life: Life,
}

/// How long the grants of a batch live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Long enough for everything.
    Long,
    /// So short that some die in the queue, for good.
    Short,
    /// As short, but the reminter mints anew.
    Reminted,
}

impl Schedule {
    pub(super) fn plan(seed: u64, jobs: usize, workers: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let jobs: Vec<Job> = (0..jobs).map(|number| Job::random(number, &mut random)).collect();
        let mut steps = submissions(seed, &jobs, &mut random);
        let first = steps.remove(0);
        steps.extend(injuries(jobs.len(), workers, &mut random).into_iter().map(Step::Harm));
        random.shuffle(&mut steps);
        stop_before_kill(&mut steps);
        // Without a job there is nothing to harm.
        steps.insert(0, first);
        let pause = |step| (Duration::from_millis(random.u64(..PAUSE_MILLISECONDS_MAX)), step);
        let steps = steps.into_iter().map(pause).collect();
        Self { jobs, steps }
    }

    pub(super) fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    pub(super) fn steps(&self) -> &[(Duration, Step)] {
        &self.steps
    }
}

fn submissions(seed: u64, jobs: &[Job], random: &mut fastrand::Rng) -> Vec<Step> {
    let chunks = jobs.chunks(BATCH_JOBS).enumerate();
    let step = |(number, jobs): (usize, &[Job])| {
        let life = match number % 7 {
            3 => Life::Short,
            5 => Life::Reminted,
            _ => Life::Long,
        };
        let key = format!("chaos-{seed}-{number}");
        let killed = number % KILLED_SUBMIT_ONE_IN == 1;
        let killed_after = killed.then(|| Duration::from_millis(random.u64(..SUBMIT_MILLISECONDS_MAX)));
        Step::Submit { batch: Batch { key, jobs: jobs.to_vec(), life }, killed_after }
    };
    chunks.map(step).collect()
}

/// So many of each kind that 300 jobs see all of them.
fn injuries(jobs: usize, workers: usize, random: &mut fastrand::Rng) -> Vec<Injury> {
    let count = |per_thousand: usize| (jobs * per_thousand / 1000).max(1);
    let mut all = Vec::new();
    let mut add = |times: usize, make: &mut dyn FnMut(usize) -> Injury| all.extend((0..times).map(make));
    add(count(27), &mut |_| Injury::KillWorker(random.usize(..workers)));
    add(count(7), &mut |_| Injury::DrainWorker(random.usize(..workers)));
    add(count(7), &mut |_| Injury::CutConnections);
    // The first in good order, then in turns: both kinds come.
    add(count(7), &mut |number| {
        let away = Duration::from_millis(random.u64(100..2_000));
        if number % 2 == 0 { Injury::StopBroker(away) } else { Injury::KillBroker(away) }
    });
    add(count(7), &mut |_| Injury::KillReminter);
    add(count(20), &mut |_| Injury::Duplicate(random.usize(1..4)));
    add(count(27), &mut |_| Injury::Cancel(random.u64(..)));
    add(count(50), &mut |number| Injury::Trouble(Trouble::random(number, random)));
    all
}

/// RabbitMQ 3.10 writes its directory of queues some seconds late, and forgets what was declared just before a kill; a
/// stop in good order puts it on disk. Nobody loses queues that were declared longer ago than that.
fn stop_before_kill(steps: &mut [Step]) {
    let place = |steps: &[Step], wanted: fn(&Injury) -> bool| {
        steps.iter().position(|step| matches!(step, Step::Harm(injury) if wanted(injury)))
    };
    let stop = place(steps, |injury| matches!(injury, Injury::StopBroker(_)));
    let kill = place(steps, |injury| matches!(injury, Injury::KillBroker(_)));
    if let (Some(stop), Some(kill)) = (stop, kill)
        && kill < stop
    {
        steps.swap(stop, kill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_schedule() {
        let told = |seed| format!("{:?}", Schedule::plan(seed, 300, 3));
        assert_eq!(told(7), told(7));
        assert_ne!(told(7), told(8));
    }

    #[test]
    fn three_hundred_jobs_see_every_kind_of_harm() {
        for seed in 0..20 {
            let told = format!("{:?}", Schedule::plan(seed, 300, 3).steps);
            for kind in [
                "KillWorker",
                "DrainWorker",
                "CutConnections",
                "StopBroker",
                "KillBroker",
                "KillReminter",
                "Duplicate",
                "Cancel",
                "Busy",
                "Throttled",
                "Reset",
                "Slow",
                "LostAnswer",
                "Cut",
                "Garbled",
                "Away",
                "killed_after: Some",
                "Short",
                "Reminted",
                "Thumbnail",
            ] {
                assert!(told.contains(kind), "seed {seed} has no {kind}");
            }
        }
    }

    #[test]
    fn the_broker_is_stopped_in_good_order_before_it_is_killed() {
        for seed in 0..20 {
            let told = format!("{:?}", Schedule::plan(seed, 300, 3).steps);
            assert!(told.find("StopBroker") < told.find("KillBroker"), "seed {seed}");
        }
    }

    #[test]
    fn every_job_is_in_one_batch() {
        let schedule = Schedule::plan(1, 333, 3);
        let mut numbers = Vec::new();
        for (_, step) in schedule.steps() {
            if let Step::Submit { batch, .. } = step {
                numbers.extend(batch.jobs.iter().map(|job| job.number));
            }
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (0..333).collect::<Vec<_>>());
    }
}
