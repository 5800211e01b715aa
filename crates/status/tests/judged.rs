//! What storage says of outputs, against what was reported.

use valet_protocol::{Reason, ReportData, Stored};
use valet_status::{JobRecord, Sight, State, StoredFacts};

use crate::common::*;

fn done(stored: Stored, attempt: u32) -> JobRecord {
    let mut job = JobRecord::unseen(key(1));
    job.apply(&submitted(0));
    job.apply(&report(2, "w1", (attempt, 0), succeeded(stored)));
    job
}

/// What storage says of the output that [`succeeded`] reports.
fn own() -> StoredFacts {
    StoredFacts {
        bytes: Some(5),
        job: Some(id(1).to_string()),
        attempt: Some(1),
        sha256: Some("ab".into()),
        md5: Some("cd".into()),
        content_type: Some("video/mp4".into()),
    }
}

#[track_caller]
fn expect_mismatch(stored: Stored, sight: Sight, word: &str) {
    let mut job = done(stored, 1);
    job.judge(&sight, at(9));
    assert_eq!((job.state, job.reason), (State::Failed, Some(Reason::OutputMismatch)), "{word}");
    assert!(job.detail.as_deref().is_some_and(|detail| detail.contains(word)), "{:?}", job.detail);
    assert_eq!(job.output.as_ref().and_then(|output| output.verified), Some(false));
    // The same worker telling its success again does not change that.
    job.apply(&report(10, "w1", (1, 0), succeeded(stored)));
    assert_eq!(job.state, State::Failed);
}

#[test]
fn an_output_that_is_as_reported_is_verified_once() {
    let mut job = done(Stored::Created, 1);
    assert_eq!(job.to_verify().map(|it| it.blob).as_deref(), Some("acct/out/clip.mp4"));
    job.judge(&Sight::Blob(own()), at(9));
    assert_eq!(
        (job.state, job.output.as_ref().and_then(|output| output.verified)),
        (State::Succeeded, Some(true))
    );
    assert_eq!(job.to_verify(), None);
    job.judge(&Sight::Absent, at(99));
    assert_eq!(job.state, State::Succeeded, "the first word counts: an output may be moved away later");
}

#[test]
fn whatever_differs_is_no_success() {
    let blob = Sight::Blob;
    expect_mismatch(Stored::Created, Sight::Absent, "no such blob");
    expect_mismatch(
        Stored::Created,
        blob(StoredFacts { job: Some(id(2).to_string()), ..own() }),
        "another job",
    );
    expect_mismatch(Stored::Created, blob(StoredFacts { job: None, ..own() }), "does not say");
    expect_mismatch(Stored::Created, blob(StoredFacts { bytes: Some(6), ..own() }), "6 bytes");
    expect_mismatch(Stored::Created, blob(StoredFacts { sha256: Some("ee".into()), ..own() }), "hash");
    expect_mismatch(Stored::Created, blob(StoredFacts { sha256: None, ..own() }), "hash");
    expect_mismatch(Stored::Created, blob(StoredFacts { md5: Some("ee".into()), ..own() }), "MD5");
    expect_mismatch(Stored::Created, blob(StoredFacts { attempt: Some(2), ..own() }), "attempt 2");
    expect_mismatch(Stored::Created, blob(StoredFacts { attempt: None, ..own() }), "which attempt");
    expect_mismatch(Stored::Found, Sight::Absent, "no such blob");
    expect_mismatch(Stored::Found, blob(StoredFacts { attempt: Some(2), ..own() }), "attempt 2");
    expect_mismatch(Stored::ExistsAfterOwnAttempt, blob(StoredFacts { job: None, ..own() }), "does not say");
}

#[test]
fn what_another_copy_of_the_job_stored_is_taken_as_it_is() {
    let facts = StoredFacts { bytes: Some(77), sha256: Some("ee".into()), md5: None, ..own() };
    for (stored, attempt) in [(Stored::Found, 1), (Stored::Found, 3), (Stored::ExistsAfterOwnAttempt, 2)] {
        let mut job = done(stored, attempt);
        job.judge(&Sight::Blob(facts.clone()), at(9));
        let output = job.output.expect("an output");
        assert_eq!((job.state, output.verified), (State::Succeeded, Some(true)));
        assert_eq!((output.bytes, output.sha256.as_deref(), output.md5), (Some(77), Some("ee"), None));
    }
}

#[test]
fn a_failure_for_a_blob_of_this_very_job_is_its_success() {
    let mut job = JobRecord::unseen(key(1));
    job.apply(&submitted(0));
    job.apply(&report(1, "w1", (1, 0), accepted()));
    job.apply(&report(2, "w1", (1, 0), failed(Reason::OutputExists)));
    let mut foreign = job.clone();
    foreign.judge(&Sight::Blob(StoredFacts { job: Some(id(2).to_string()), ..own() }), at(9));
    assert_eq!((foreign.state, foreign.reason), (State::Failed, Some(Reason::OutputExists)));
    assert_eq!(foreign.to_verify(), None, "asked once");
    job.judge(&Sight::Blob(own()), at(9));
    assert_eq!(
        (job.state, job.reason, job.output.expect("an output").bytes),
        (State::Succeeded, None, Some(5))
    );
}

#[test]
fn what_cannot_be_looked_at_stays_a_success_that_nobody_verified() {
    let mut job = done(Stored::Created, 1);
    job.judge(&Sight::Unknown, at(9));
    assert_eq!((job.state, job.output.as_ref().and_then(|output| output.verified)), (State::Succeeded, None));
    assert_eq!(job.to_verify(), None);
}

#[test]
fn what_was_stored_by_a_worker_that_died_is_a_success_though_its_grants_died_too() {
    let mut job = JobRecord::unseen(key(1));
    job.apply(&submitted(0));
    job.apply(&report(1, "w1", (1, 0), accepted()));
    let mut unbegun = job.clone();
    job.apply(&report(2, "w1", (1, 0), started()));
    for job in [&mut job, &mut unbegun] {
        job.apply(&report(9, "w2", (1, 0), expired(0)));
        assert_eq!(job.state, State::Expired);
    }
    assert_eq!(unbegun.to_verify(), None, "nobody can have stored it");
    let mut absent = job.clone();
    absent.judge(&Sight::Absent, at(10));
    assert_eq!((absent.state, absent.to_verify()), (State::Expired, None));
    job.judge(&Sight::Blob(own()), at(10));
    assert_eq!((job.state, job.output.expect("an output").verified), (State::Succeeded, Some(true)));
}

#[test]
fn a_success_that_comes_after_a_look_is_looked_at_too() {
    let mut job = JobRecord::unseen(key(1));
    job.apply(&submitted(0));
    job.apply(&report(1, "w1", (1, 0), accepted()));
    job.apply(&report(2, "w1", (1, 0), started()));
    job.apply(&report(9, "w2", (1, 0), dead(Reason::WorkerLost)));
    job.judge(&Sight::Absent, at(10));
    assert_eq!((job.state, job.to_verify()), (State::Dead, None));
    // The worker that was called lost had gone on.
    job.apply(&report(11, "w1", (1, 0), succeeded(Stored::Created)));
    assert!(job.to_verify().is_some(), "{job:?}");
    job.judge(&Sight::Absent, at(12));
    assert_eq!((job.state, job.reason), (State::Failed, Some(Reason::OutputMismatch)));
}

#[test]
fn what_is_compared_is_what_was_submitted_whatever_the_worker_names() {
    // Its own earlier output, perhaps, which is there and says that it is this job's.
    let told = || succeeded_as(Stored::Created, "acct/out/other.mp4");
    let mut job = JobRecord::unseen(key(1));
    job.apply(&submitted(0));
    job.apply(&report(2, "w1", (1, 0), told()));
    assert_eq!(job.to_verify().map(|it| it.blob).as_deref(), Some("acct/out/clip.mp4"));
    job.judge(&Sight::Blob(own()), at(9));
    assert_eq!((job.state, job.reason), (State::Failed, Some(Reason::OutputMismatch)));
    assert!(
        job.detail.as_deref().is_some_and(|detail| detail.contains("acct/out/other.mp4")),
        "{:?}",
        job.detail
    );

    // The worker was faster than the news of the submission.
    let mut late = JobRecord::unseen(key(1));
    late.apply(&report(2, "w1", (1, 0), told()));
    late.judge(&Sight::Blob(own()), at(9));
    assert_eq!(late.state, State::Succeeded, "nobody has said what it was to store");
    late.apply(&submitted(0));
    assert_eq!(late.to_verify().map(|it| it.blob).as_deref(), Some("acct/out/clip.mp4"));
    late.judge(&Sight::Blob(own()), at(10));
    assert_eq!(late.state, State::Failed);
}

#[test]
fn a_name_that_a_worker_escapes_is_the_submitted_one() {
    let mut submission = submitted(0);
    let ReportData::Submitted(data) = &mut submission.data else { unreachable!("it is a submission") };
    data.output = "acct/out/clip\u{202e}.mp4".into();
    let mut job = JobRecord::unseen(key(1));
    job.apply(&submission);
    job.apply(&report(2, "w1", (1, 0), succeeded_as(Stored::Created, "acct/out/clip\\u{202e}.mp4")));
    assert_eq!(job.to_verify().map(|it| it.blob).as_deref(), Some("acct/out/clip\u{202e}.mp4"));
    job.judge(&Sight::Blob(own()), at(9));
    assert_eq!((job.state, job.detail), (State::Succeeded, None));
}
