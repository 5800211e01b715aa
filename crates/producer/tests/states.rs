//! What the reports of one job, in the order of the log, say together.

use jiff::Timestamp;
use valet_producer::follow::{JobState, Phase};
use valet_protocol::{
    Accepted, Dead, Failed, JobId, Lane, Reason, Report, ReportData, Retrying, Stored, Success, Timings,
};

fn report(job: JobId, attempt: u32, data: ReportData) -> Report {
    let (lane, worker) = (Lane::default(), "w1".into());
    Report { job, lane, attempt, redelivery: 0, worker, time: Timestamp::UNIX_EPOCH, data }
}

fn failed(reason: Reason) -> ReportData {
    ReportData::Failed(Failed { reason, detail: "what happened".into(), advice: "what to do".into() })
}

fn succeeded() -> ReportData {
    ReportData::Succeeded(Box::new(Success {
        stored: Stored::Created,
        output: "acct/out/a.mp4".into(),
        content_type: "video/mp4".into(),
        input_bytes: 10,
        output_bytes: Some(5),
        sha256: Some("ab".into()),
        md5: Some("cd".into()),
        media: None,
        timings: Timings::default(),
        codec_version: "none".into(),
        jail: None,
    }))
}

fn after(reports: impl IntoIterator<Item = (u32, ReportData)>) -> JobState {
    let id = valet_producer::ids::fresh();
    let mut state = JobState::unseen(id);
    reports.into_iter().for_each(|(attempt, data)| state.apply(&report(id, attempt, data)));
    state
}

#[test]
fn a_job_without_reports_is_not_called_anything_else() {
    let state = after([]);
    assert_eq!((state.state, state.state.is_final()), (Phase::Unseen, false));
}

#[test]
fn success_is_never_taken_back() {
    let state = after([(1, succeeded()), (2, failed(Reason::OutputExists))]);
    assert_eq!(state.state, Phase::Succeeded);
    assert!(state.reason.is_none() && state.output.is_some());
}

#[test]
fn a_failure_says_more_than_the_dead_letter_after_it() {
    let dead = ReportData::Dead(Dead { reason: Reason::AttemptsExhausted, detail: "".into() });
    let state = after([(3, failed(Reason::CodecFailed)), (3, dead)]);
    assert_eq!((state.state, state.reason.as_deref()), (Phase::Failed, Some("codec-failed")));
}

#[test]
fn a_job_that_runs_again_has_no_reason_any_more() {
    let retrying = ReportData::Retrying(Retrying {
        reason: Reason::StorageUnavailable,
        detail: "503".into(),
        next_attempt: 2,
        delay_seconds: 30,
    });
    let waiting = after([(1, retrying.clone())]);
    assert_eq!((waiting.state, waiting.state.is_final()), (Phase::Retrying, false));
    let again = after([(1, retrying), (2, ReportData::Accepted(Accepted::default()))]);
    assert_eq!((again.state, again.reason, again.attempt), (Phase::Running, None, Some(2)));
    let replayed = after([(1, failed(Reason::NotMedia)), (1, ReportData::Accepted(Accepted::default()))]);
    assert_eq!((replayed.state, replayed.reason), (Phase::Running, None));
}
