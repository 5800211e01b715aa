//! What the reports of one job, in the order of the log, say together.

use valet_protocol::{Reason, Report, ReportData, Stored};
use valet_status::{JobRecord, Outcome, State};

use crate::common::*;

fn after(reports: &[Report]) -> JobRecord {
    let mut job = JobRecord::unseen(key(1));
    for report in reports {
        job.apply(report);
    }
    job
}

/// One worker's reports of one hand-over, a second apart.
fn told(from: i64, worker: &str, hand_over: (u32, u32), data: Vec<ReportData>) -> Vec<Report> {
    let of = |(at, data)| report(from + at as i64, worker, hand_over, data);
    data.into_iter().enumerate().map(of).collect()
}

fn outcomes(job: &JobRecord) -> Vec<Option<Outcome>> {
    job.attempts.iter().map(|attempt| attempt.outcome).collect()
}

#[test]
fn a_job_without_reports_is_not_called_anything_else() {
    assert_eq!((after(&[]).state, after(&[]).state.is_final()), (State::Unseen, false));
}

#[test]
fn a_submitted_job_is_queued_and_described() {
    let job = after(&[submitted(0)]);
    assert_eq!((job.state, job.tags["title"].as_str()), (State::Queued, "42"));
    assert_eq!(
        (job.preset.as_deref(), job.input_blob.as_deref(), job.output_blob.as_deref()),
        (Some("h264-720p@1"), Some("acct/in/Clip.mov"), Some("acct/out/clip.mp4"))
    );
}

#[test]
fn a_submission_that_is_told_late_only_describes() {
    let mut reports = told(5, "w1", (1, 0), vec![accepted(), failed(Reason::NotMedia)]);
    reports.push(submitted(4));
    let job = after(&reports);
    assert_eq!((job.state, job.reason), (State::Failed, Some(Reason::NotMedia)));
    assert_eq!(job.tags["title"], "42");
}

#[test]
fn success_is_never_taken_back_and_the_first_one_counts() {
    let mut reports = vec![submitted(0)];
    reports.extend(told(1, "w1", (1, 0), vec![accepted(), started(), succeeded(Stored::Created)]));
    reports.extend(told(9, "w2", (1, 1), vec![accepted(), failed(Reason::OutputExists)]));
    reports.extend(told(20, "w3", (1, 2), vec![accepted(), succeeded(Stored::Found)]));
    reports.push(report(30, "w4", (1, 2), dead(Reason::WorkerLost)));
    reports.push(report(31, "w4", (1, 2), cancelled()));
    let job = after(&reports);
    assert_eq!((job.state, job.reason, job.ended_at), (State::Succeeded, None, Some(at(3))));
    let output = job.output.as_ref().expect("an output");
    assert_eq!((output.stored, output.bytes, output.attempt), (Stored::Created, Some(5), 1));
    assert_eq!(outcomes(&job), [Some(Outcome::Succeeded), Some(Outcome::Failed), Some(Outcome::Succeeded)]);
}

#[test]
fn a_failure_says_more_than_the_dead_letter_after_it_or_before_it() {
    let failure = report(3, "w1", (1, 0), failed(Reason::CodecFailed));
    let letter = report(4, "w1", (1, 0), dead(Reason::AttemptsExhausted));
    for reports in [[failure.clone(), letter.clone()], [letter, failure]] {
        let job = after(&reports);
        assert_eq!((job.state, job.reason), (State::Failed, Some(Reason::CodecFailed)));
    }
}

#[test]
fn a_job_that_runs_again_has_no_reason_any_more() {
    let first = told(1, "w1", (1, 0), vec![accepted(), started(), retrying()]);
    let waiting = after(&first);
    assert_eq!((waiting.state, waiting.reason), (State::Retrying, Some(Reason::StorageUnavailable)));
    let again = after(&[first, told(40, "w2", (2, 0), vec![accepted()])].concat());
    assert_eq!((again.state, again.reason, again.attempt), (State::Running, None, Some(2)));
    assert_eq!(outcomes(&again), [Some(Outcome::Retrying), None]);
}

#[test]
fn a_replay_begins_anew_and_a_stray_workers_words_do_not() {
    let ended = told(1, "w1", (1, 0), vec![accepted(), failed(Reason::InputMissing)]);
    let stray = after(&[ended.clone(), told(60, "w9", (1, 0), vec![started(), progress(7)])].concat());
    assert_eq!(stray.state, State::Failed);
    let replayed = after(&[ended, told(60, "w2", (1, 0), vec![accepted(), started()])].concat());
    assert_eq!((replayed.state, replayed.reason, replayed.ended_at), (State::Running, None, None));
    assert_eq!(outcomes(&replayed), [Some(Outcome::Failed), None]);
}

#[test]
fn a_later_submission_begins_anew_and_the_same_one_again_does_not() {
    let mut reports = vec![submitted(0)];
    reports.extend(told(1, "w1", (1, 0), vec![accepted(), failed(Reason::InputMissing)]));
    reports.push(submitted(0));
    assert_eq!(after(&reports).state, State::Failed);
    reports.push(submitted(50));
    let job = after(&reports);
    assert_eq!((job.state, job.reason, job.submitted_at), (State::Queued, None, Some(at(50))));
    // The first round's reports once more: confirms get lost.
    let again = reports[1..3].to_vec();
    assert_eq!(after(&[reports, again].concat()).state, State::Queued);
}

#[test]
fn a_worker_that_falls_silent_is_lost_once_the_job_goes_on_without_it() {
    let lost = told(1, "w1", (1, 0), vec![accepted(), started(), progress(1)]);
    assert_eq!(outcomes(&after(&lost)), [None]);
    let elsewhere = after(&[lost.clone(), told(30, "w2", (1, 1), vec![accepted()])].concat());
    assert_eq!(outcomes(&elsewhere), [Some(Outcome::WorkerLost), None]);
    assert_eq!((elsewhere.state, elsewhere.worker.as_deref()), (State::Running, Some("w2")));
    let gone = after(&[lost, vec![report(90, "w3", (1, 0), dead(Reason::WorkerLost))]].concat());
    assert_eq!((gone.state, gone.reason), (State::Dead, Some(Reason::WorkerLost)));
    assert_eq!(outcomes(&gone), [Some(Outcome::WorkerLost)]);
}

#[test]
fn expired_with_remints_left_waits_for_new_grants_and_without_ends() {
    let waiting = vec![submitted(0), report(100, "w1", (1, 0), expired(2))];
    assert_eq!((after(&waiting).state, after(&waiting).remints_left), (State::Reminting, Some(2)));
    let again = [waiting.clone(), vec![report(101, "valet", (1, 0), reminted(1))]].concat();
    assert_eq!((after(&again).state, after(&again).reason), (State::Queued, None));
    let taken = [again, told(110, "w1", (1, 0), vec![accepted()])].concat();
    assert_eq!(after(&taken).state, State::Running);
    let over = [taken, vec![report(200, "w1", (1, 0), expired(0))]].concat();
    assert_eq!((after(&over).state, after(&over).reason), (State::Expired, Some(Reason::GrantExpired)));
    // Told only after a worker has taken the job with the new grants.
    let late = [waiting, told(110, "w1", (1, 0), vec![accepted()])].concat();
    let late = [late, vec![report(105, "valet", (1, 0), reminted(1))]].concat();
    assert_eq!((after(&late).state, after(&late).remints_left), (State::Running, Some(1)));
}

#[test]
fn a_cancelled_job_is_cancelled_until_it_is_submitted_again() {
    let mut reports = vec![submitted(0)];
    reports.extend(told(1, "w1", (1, 0), vec![accepted(), started(), cancelled()]));
    let job = after(&reports);
    assert_eq!((job.state, job.state.is_final()), (State::Cancelled, true));
    assert_eq!(outcomes(&job), [Some(Outcome::Cancelled)]);
    reports.push(submitted(60));
    assert_eq!(after(&reports).state, State::Queued);
}

#[test]
fn only_a_running_job_is_silent_and_only_its_own_worker_breaks_the_silence() {
    let mut job = after(&told(0, "w1", (1, 1), vec![accepted(), started()]));
    job.apply(&report(40, "w0", (1, 0), progress(3)));
    job.mark_silence(at(50));
    assert_eq!(job.silent_seconds, Some(49));
    job.mark_silence(at(31));
    assert_eq!(job.silent_seconds, None);
    job.apply(&report(51, "w1", (1, 1), failed(Reason::NotMedia)));
    job.mark_silence(at(500));
    assert_eq!(job.silent_seconds, None);
}

#[test]
fn a_record_survives_its_own_json() {
    let mut reports =
        vec![submitted(0), report(50, "w1", (1, 0), expired(1)), report(51, "valet", (1, 0), reminted(0))];
    reports.extend(told(
        60,
        "w1",
        (2, 0),
        vec![accepted(), started(), progress(4), succeeded(Stored::Created)],
    ));
    let job = after(&reports);
    let text = serde_json::to_string(&job).expect("JSON");
    assert_eq!(serde_json::from_str::<JobRecord>(&text).expect("a record"), job);
}

#[test]
fn history_is_bounded() {
    let reports: Vec<Report> =
        (0..500).flat_map(|n| told(n * 10, "w1", (1, n as u32), vec![accepted()])).collect();
    let job = after(&reports);
    assert_eq!((job.attempts.len(), job.attempts.last().map(|last| last.redelivery)), (64, Some(499)));
}

#[test]
fn mints_are_counted_by_the_producer_alone_and_anew_for_each_submission() {
    let mut job = after(&[submitted(0)]);
    let allowed = job.remints_allowed;
    assert!(allowed.is_some(), "{job:?}");
    for time in 1..=20 {
        job.apply(&report(time, "producer", (1, 0), reminted(7)));
    }
    // More ends than are kept, and what a worker says is left, change nothing.
    assert_eq!((job.remints_made, job.remints_allowed), (20, allowed));
    job.apply(&submitted(30));
    assert_eq!((job.remints_made, job.remints_allowed), (0, allowed));
}
