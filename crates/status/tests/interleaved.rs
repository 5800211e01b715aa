//! Several speak of one job at once, and confirms get lost: however their reports are mixed in the log, and
//! however often each comes, the job ends where it ends when they come in the order of their times.

use proptest::prelude::*;
use valet_protocol::{Reason, Report, ReportData, Stored};
use valet_status::{JobRecord, State};

use crate::common::*;

/// How one hand-over to a worker goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Silent,
    Retries,
    Fails,
    Succeeds,
    Cancelled,
}

fn way() -> impl Strategy<Value = Way> {
    let ways = [Way::Silent, Way::Silent, Way::Retries, Way::Fails, Way::Succeeds, Way::Cancelled];
    prop::sample::select(ways.to_vec())
}

/// The reports of each reporter, in its own order: the producer, one worker a hand-over, and whoever finds the
/// dead letter. A hand-over that falls silent is given out again; one that retries is followed by another attempt.
fn life(ways: &[Way], found_dead: bool) -> Vec<Vec<Report>> {
    let mut reporters = vec![vec![submitted(0)]];
    let (mut attempt, mut redelivery, mut time) = (1, 0, 10);
    for (number, way) in ways.iter().enumerate() {
        let worker = format!("w{number}");
        let mut told = vec![accepted(), started(), progress(1), progress(2)];
        told.extend(match way {
            Way::Silent => None,
            Way::Retries => Some(retrying()),
            Way::Fails => Some(failed(Reason::NotMedia)),
            Way::Succeeds => Some(succeeded(Stored::Created)),
            Way::Cancelled => Some(cancelled()),
        });
        let of =
            |(at, data): (usize, ReportData)| report(time + at as i64, &worker, (attempt, redelivery), data);
        reporters.push(told.into_iter().enumerate().map(of).collect());
        time += 10;
        match way {
            Way::Silent => redelivery += 1,
            Way::Retries => (attempt, redelivery) = (attempt + 1, 0),
            _ => return reporters,
        }
    }
    if found_dead {
        reporters.push(vec![report(time, "finder", (attempt, 0), dead(Reason::WorkerLost))]);
    }
    reporters
}

/// A mix of the reporters' reports that keeps each one's order; `turns` says whose is next.
fn mixed(mut reporters: Vec<Vec<Report>>, turns: &[usize]) -> Vec<Report> {
    reporters.iter_mut().for_each(|reports| reports.reverse());
    let mut log = Vec::new();
    let mut turns = turns.iter().cycle();
    while !reporters.is_empty() {
        let turn = turns.next().copied().unwrap_or_default() % reporters.len();
        log.extend(reporters[turn].pop());
        reporters.retain(|reports| !reports.is_empty());
    }
    log
}

fn after(log: &[Report]) -> JobRecord {
    let mut job = JobRecord::unseen(key(1));
    log.iter().for_each(|report| {
        job.apply(report);
    });
    job
}

/// What must not depend on the order.
fn gist(job: &JobRecord) -> impl PartialEq + std::fmt::Debug + use<> {
    let attempts: Vec<_> = job
        .attempts
        .iter()
        .map(|it| (it.attempt, it.redelivery, it.worker.clone(), it.outcome, it.reason, it.ended_at))
        .collect();
    (job.state, job.reason, job.ended_at, job.output.is_some(), job.tags.clone(), attempts)
}

proptest! {
    #[test]
    fn the_mix_of_reporters_does_not_matter(
        ways in prop::collection::vec(way(), 1..5),
        found_dead: bool,
        turns in prop::collection::vec(0_usize..8, 1..40),
    ) {
        let reporters = life(&ways, found_dead);
        let mut plain: Vec<Report> = reporters.concat();
        plain.sort_by_key(|report| report.time);
        let log = mixed(reporters, &turns);
        prop_assert_eq!(gist(&after(&log)), gist(&after(&plain)), "{:?}", log.iter().map(Report::id).collect::<Vec<_>>());
    }

    #[test]
    fn reports_that_come_again_say_nothing_new(
        ways in prop::collection::vec(way(), 1..5),
        found_dead: bool,
        again in prop::collection::vec((0_usize..100, 0_usize..100), 0..30),
    ) {
        let mut log: Vec<Report> = life(&ways, found_dead).concat();
        log.sort_by_key(|report| report.time);
        let plain = after(&log);
        for (which, how_much_later) in again {
            let report = log[which % log.len()].clone();
            // Again, somewhere behind its first time.
            let first = log.iter().position(|other| *other == report).unwrap_or_default();
            let at = first + 1 + how_much_later % (log.len() - first);
            log.insert(at, report);
        }
        prop_assert_eq!(after(&log), plain);
    }

    #[test]
    fn a_success_anywhere_in_the_log_is_the_end(
        ways in prop::collection::vec(way(), 1..5),
        turns in prop::collection::vec(0_usize..8, 1..40),
        at in 0_usize..60,
    ) {
        let mut log = mixed(life(&ways, true), &turns);
        log.insert(at % (log.len() + 1), report(7, "w9", (1, 0), succeeded(Stored::ExistsAfterOwnAttempt)));
        prop_assert_eq!(after(&log).state, State::Succeeded);
    }
}
