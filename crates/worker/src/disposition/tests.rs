//! The table of dispositions: every cause leads to its row, every row is reached, and what follows is what is told.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use valet_blob::{Operation, StorageErrorKind};
use valet_grant::{GrantPolicy, ReadGrant};
use valet_jail::JailError;
use valet_preset::{Exceeded, PresetError};
use valet_protocol::{DecodeError, ReportKind};
use valet_seal::OpenError;

use super::of::of_storage;
use super::*;
use crate::codec::{Breach, CodecError, Limits};
use crate::sample::Grant;
use crate::scratch::ScratchError;

fn standing(stage: u32, remints: u32) -> Standing {
    Standing { attempt: stage + 3, stage, remints, delays_seconds: [7, 70], may_hand_back: true }
}

fn signal(signal: i32) -> Cause {
    Cause::Codec(CodecError::Signal { program: "ffmpeg", signal, said: String::new() })
}

fn breach(breach: Breach) -> Cause {
    Cause::Codec(CodecError::Breach { program: "ffmpeg", breach, limits: Box::new(Limits::sample()) })
}

fn io() -> std::io::Error {
    std::io::Error::other("broken")
}

/// As the system says it.
fn full() -> std::io::Error {
    std::io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
}

fn second() -> std::time::Duration {
    std::time::Duration::from_secs(1)
}

fn grant_error(rights: &str, hours: i64, policy: &GrantPolicy) -> Cause {
    let now = Timestamp::now();
    let expiry = now + SignedDuration::from_hours(hours);
    let url = Grant { path: "acct/in/a.mov", rights, expiry, more: "&spr=https" }.url();
    Cause::Grant(ReadGrant::parse(url, policy, now).unwrap_err())
}

/// Every cause, with its row. A cause that is new has no row in `case_of`, which does not compile then.
fn causes() -> Vec<(Cause, Case)> {
    let policy = GrantPolicy::default();
    let patient = GrantPolicy { time_budget: SignedDuration::from_hours(5), ..policy.clone() };
    let codec = |error| Cause::Codec(error);
    let too_large = DecodeError::TooLarge { bytes: 2, max: 1 };
    let unknown_field = DecodeError::UnknownField { field: "urll".into(), nearest: None };
    let unknown_key = OpenError::UnknownKey { kid: "old".into(), known: "1 key".into() };
    let exceeds = |exceeded| Cause::InputExceeds(exceeded);
    vec![
        (Cause::Message(DecodeError::NotUtf8 { offset: 0 }), Case::NotJson),
        (Cause::Message(too_large), Case::MessageTooLarge),
        (Cause::Message(DecodeError::UnsupportedVersion { version: 2 }), Case::OtherVersion),
        (Cause::Message(unknown_field), Case::UnknownField),
        (Cause::Message(DecodeError::MissingField { field: "id".into() }), Case::BadField),
        (Cause::Stranger(None), Case::Stranger),
        (Cause::Preset(PresetError::UnknownPreset { name: "x".into(), nearest: None }), Case::NoPreset),
        (Cause::Preset(PresetError::NoSuchPass { preset: "copy", pass: 9 }), Case::PresetFault),
        (grant_error("r", -1, &policy), Case::GrantEnded),
        (grant_error("r", 1, &patient), Case::GrantShort),
        (grant_error("rw", 1, &policy), Case::GrantRight),
        (grant_error("r", 47, &policy), Case::GrantRule),
        (Cause::GrantPair(Vec::new()), Case::GrantsTogether),
        (Cause::Sealed(unknown_key), Case::SealedKeyUnknown),
        (Cause::Sealed(OpenError::OtherMessage), Case::SealedUnopened),
        (Cause::Sealed(OpenError::Broken), Case::SealedUnopened),
        (Cause::Sealed(OpenError::Content), Case::SealedUnopened),
        (Cause::TooLate(Timestamp::UNIX_EPOCH), Case::MessageEnded),
        (Cause::EndedInQueue(Timestamp::UNIX_EPOCH), Case::EndedInQueue),
        (Cause::WorkerLost { deliveries: Some(4) }, Case::WorkerLost),
        (Cause::HeldTooLong { held: second(), wall: second() }, Case::HeldTooLong),
        (
            Cause::TimeoutTooShort { wall_seconds: 2, consumer_timeout_seconds: 1, advice: String::new() },
            Case::TimeoutTooShort,
        ),
        (Cause::HandedBackTooOften, Case::HandedBackTooOften),
        (Cause::InputEmpty, Case::InputEmpty),
        (Cause::InputTooLarge { bytes: 2, bytes_max: 1 }, Case::InputLarge),
        (exceeds(Exceeded::Duration { seconds: 2.0, seconds_max: 1 }), Case::InputLong),
        (Cause::InputTruncated { said: String::new() }, Case::InputCut),
        (Cause::NotMedia { said: String::new() }, Case::InputNoMedia),
        (Cause::OutputTooLarge { bytes: 2, bytes_max: 1 }, Case::OutputLarge),
        (Cause::OutputMissing, Case::OutputBad),
        (Cause::OutputUnreadable { said: String::new() }, Case::OutputBad),
        (Cause::Scratch(ScratchError::Full { needed_bytes: 2, free_bytes: 1 }), Case::ScratchFull),
        (Cause::ScratchFile(io()), Case::ScratchBroken),
        (Cause::ScratchFile(full()), Case::ScratchFull),
        (Cause::ScratchFile(std::io::ErrorKind::QuotaExceeded.into()), Case::ScratchFull),
        (Cause::Scratch(ScratchError::Use { path: "/scratch".into(), cause: io() }), Case::ScratchBroken),
        (Cause::Scratch(ScratchError::Use { path: "/scratch".into(), cause: full() }), Case::ScratchFull),
        (codec(CodecError::Start { program: "ffmpeg", cause: JailError::Zygote(io()) }), Case::CodecStart),
        (codec(CodecError::Exit { program: "ffmpeg", code: 1, said: String::new() }), Case::CodecExit),
        (codec(CodecError::Answer { program: "ffprobe", bytes_max: 1 }), Case::CodecExit),
        (codec(CodecError::File(std::sync::Arc::new(io()))), Case::ScratchBroken),
        (codec(CodecError::File(std::sync::Arc::new(full()))), Case::ScratchFull),
        (signal(9), Case::CodecKilled),
        (signal(11), Case::CodecCrash),
        (
            codec(CodecError::Violation { program: "ffmpeg", rule: "path", asked: "GET /".into() }),
            Case::CodecViolation,
        ),
        (codec(CodecError::Forbidden { program: "ffmpeg", said: String::new() }), Case::CodecViolation),
        (breach(Breach::Wall), Case::CodecWall),
        (breach(Breach::Stall), Case::CodecStall),
        (breach(Breach::Cpu), Case::CodecCpu),
        (breach(Breach::Memory), Case::CodecMemory),
        (breach(Breach::Frames), Case::CodecFrames),
        (breach(Breach::OutputBytes), Case::OutputLarge),
        (breach(Breach::ScratchFull), Case::ScratchFull),
    ]
}

/// Every failure of storage, with its row.
fn storage_failures() -> Vec<(Operation, StorageErrorKind, Case)> {
    use Operation::{Fetch, Open, Store};
    use StorageErrorKind as Kind;
    let address = "192.0.2.1".parse().ok();
    let too_large = || Kind::TooLarge { bytes: 2, bytes_max: 1 };
    let unexpected = |status| Kind::Unexpected { status, code: String::new() };
    vec![
        (Store, Kind::GrantExpired, Case::StorageExpired),
        (Open, Kind::GrantNotYetValid, Case::StorageNotYet),
        (Open, Kind::GrantInvalid, Case::StorageDenied),
        (Open, Kind::WrongAddress(address), Case::StorageDenied),
        (Open, Kind::WrongProtocol, Case::StorageDenied),
        (Open, Kind::WrongRight, Case::StorageRight),
        (Open, Kind::BlobMissing, Case::InputAbsent),
        (Open, Kind::ContainerMissing, Case::InputAbsent),
        (Store, Kind::ContainerMissing, Case::OutputNoContainer),
        (Open, Kind::BlobArchived, Case::InputAbsent),
        (Fetch, Kind::InputChanged, Case::InputOther),
        (Fetch, Kind::Md5Mismatch, Case::InputOther),
        (Store, Kind::Md5Mismatch, Case::OutputGarbled),
        (Store, Kind::NameCollision, Case::OutputTaken),
        (Fetch, too_large(), Case::InputLarge),
        (Store, too_large(), Case::OutputLarge),
        (Open, Kind::Throttled, Case::StorageThrottled),
        (Open, Kind::Unavailable, Case::StorageDown),
        (Store, Kind::Connection, Case::StorageConnection),
        (Store, Kind::Timeout, Case::StorageLate),
        (Open, Kind::EgressRefused("x".into()), Case::StorageHost),
        (Fetch, Kind::ScratchFull, Case::ScratchFull),
        (Fetch, Kind::Scratch, Case::ScratchBroken),
        (Open, unexpected(418), Case::StorageUnknown),
        (Open, unexpected(408), Case::StorageDown),
        (Open, unexpected(429), Case::StorageDown),
        (Store, unexpected(507), Case::StorageDown),
    ]
}

/// Rows that other tests lead causes to: bounds and parameters need a preset at work.
const ELSEWHERE: [Case; 6] = [
    Case::BadParameter,
    Case::PresetUnsuited,
    Case::PresetMeasurement,
    Case::InputPixels,
    Case::InputFrames,
    Case::InputStreams,
];

/// Rows of ends that no cause is behind.
const WITHOUT_CAUSE: [Case; 4] = [Case::Stored, Case::Ordered, Case::WorkerEnding, Case::LeaseLost];

#[test]
fn every_cause_has_its_row_and_every_row_is_reached() {
    for (cause, case) in causes() {
        assert_eq!(case_of(&cause), case, "{cause:?}");
    }
    for (operation, kind, case) in storage_failures() {
        assert_eq!(of_storage(operation, &kind), case, "{operation:?} {kind:?}");
    }
    let causes = causes().into_iter().map(|(_, case)| case);
    let storage = storage_failures().into_iter().map(|(_, _, case)| case);
    let reached: BTreeSet<Case> = causes.chain(storage).chain(ELSEWHERE).chain(WITHOUT_CAUSE).collect();
    let all: BTreeSet<Case> = Case::ALL.iter().copied().collect();
    assert_eq!(reached, all);
}

#[test]
fn a_message_that_cannot_be_read_keeps_its_decoders_reason() {
    for (cause, case) in causes() {
        if let Cause::Message(error) = cause {
            assert_eq!(case.reason(), Some(error.reason()), "{error:?}");
        }
    }
}

#[test]
fn permanent_causes_never_retry_and_transient_ones_do_until_the_last_stage() {
    for case in Case::ALL {
        for (stage, remints) in [(1, 0), (2, 0), (3, 0), (1, 2), (3, 2)] {
            let verdict = verdict(*case, &standing(stage, remints));
            let retries = matches!(verdict, Verdict::Retry { .. });
            let must = case.class() == Class::Transient && stage < STAGES;
            assert_eq!(retries, must, "{case:?} in stage {stage}: {verdict:?}");
            let expires = matches!(verdict, Verdict::Expired { .. });
            assert_eq!(expires, case.class() == Class::Expired && remints > 0, "{case:?}: {verdict:?}");
        }
    }
}

/// What storage says of itself in these ways is over sooner or later.
#[test]
fn storage_that_is_busy_down_or_cut_off_is_transient() {
    for status in [408, 429, 500, 501, 502, 503, 504, 507] {
        let kind = StorageErrorKind::Unexpected { status, code: "New".into() };
        assert_eq!(of_storage(Operation::Open, &kind).class(), Class::Transient, "{status}");
    }
    for kind in [StorageErrorKind::Connection, StorageErrorKind::Timeout, StorageErrorKind::Throttled] {
        assert_eq!(of_storage(Operation::Fetch, &kind).class(), Class::Transient, "{kind:?}");
    }
}

#[test]
fn settlement_and_report_of_a_decision_say_the_same() {
    for (index, (_, case)) in causes().into_iter().enumerate() {
        for (stage, remints) in [(1, 0), (2, 1), (3, 0), (3, 5)] {
            let cause = causes().swap_remove(index).0;
            let Decision { disposition, report, .. } = decide(End::Failed(cause), &standing(stage, remints));
            let kind = report.as_ref().map(ReportData::kind);
            let is_final = report.as_ref().map(ReportData::is_final);
            let expected = match disposition {
                Disposition::Retry => (ReportKind::Retrying, false),
                Disposition::Expired { attempt, .. } => {
                    assert_eq!(attempt, stage + 3);
                    (ReportKind::Expired, false)
                }
                Disposition::DeadLetter { attempt, .. } => {
                    assert_eq!(attempt, stage + 3);
                    let kind = match case.class() {
                        Class::Permanent => ReportKind::Failed,
                        Class::Expired => ReportKind::Expired,
                        _ => ReportKind::Dead,
                    };
                    (kind, true)
                }
                other => panic!("{other:?} of {case:?}"),
            };
            assert_eq!((kind, is_final), (Some(expected.0), Some(expected.1)), "{case:?} in stage {stage}");
        }
    }
}

#[test]
fn ends_without_a_cause_are_acked_or_left_to_others() {
    let decide = |end| decide(end, &standing(1, 0));
    let stored = decide(End::Succeeded(Box::new(crate::sample::success())));
    assert_eq!(stored.disposition, Disposition::Ack);
    assert_eq!(stored.report.as_ref().map(ReportData::kind), Some(ReportKind::Succeeded));
    let cancelled = decide(End::Cancelled("wrong folder".into()));
    assert_eq!(cancelled.disposition, Disposition::Ack);
    assert_eq!(cancelled.report.as_ref().map(ReportData::kind), Some(ReportKind::Cancelled));
    let loss = LeaseLoss { cause: "gone".into() };
    for end in [End::HandedBack, End::TakenBack(loss)] {
        let Decision { disposition, report, .. } = decide(end);
        assert_eq!((disposition, report), (Disposition::HandBack, None));
    }
}

#[test]
fn a_hand_back_that_would_bury_the_job_is_a_retry_instead() {
    let standing = Standing { may_hand_back: false, ..standing(1, 0) };
    let decision = decide(End::HandedBack, &standing);
    assert_eq!(decision.disposition, Disposition::Retry);
    assert!(matches!(decision.report, Some(ReportData::Retrying(told)) if told.reason == Reason::WorkerLost));
}

#[test]
fn the_last_attempts_cause_is_in_the_dead_letter_and_the_delay_is_the_declared_one() {
    let cause = || Cause::Scratch(ScratchError::Full { needed_bytes: 2_000, free_bytes: 1 });
    let decision = decide(End::Failed(cause()), &standing(STAGES, 0));
    let Disposition::DeadLetter { detail, .. } = decision.disposition else { panic!("{decision:?}") };
    assert!(detail.starts_with("scratch-full: ") && detail.contains("2000"), "{detail}");
    for (stage, delay) in [(1, 7), (2, 70)] {
        let decision = decide(End::Failed(cause()), &standing(stage, 0));
        let Some(ReportData::Retrying(told)) = decision.report else { panic!("{decision:?}") };
        assert_eq!((told.next_attempt, told.delay_seconds), (stage + 4, delay));
    }
}

#[test]
fn an_expired_job_without_remints_is_dead_and_says_so() {
    let cause = || Cause::TooLate(Timestamp::UNIX_EPOCH);
    let decision = decide(End::Failed(cause()), &standing(1, 0));
    assert!(matches!(decision.disposition, Disposition::DeadLetter { reason: Reason::GrantExpired, .. }));
    let Some(ReportData::Expired(told)) = decision.report else { panic!("{:?}", decision.report) };
    assert_eq!((told.remints_left, told.not_after), (0, Some(Timestamp::UNIX_EPOCH)));
    let decision = decide(End::Failed(cause()), &standing(1, 4));
    assert!(matches!(decision.disposition, Disposition::Expired { .. }));
    assert!(matches!(decision.report, Some(ReportData::Expired(told)) if told.remints_left == 4));
}

#[test]
fn the_documentation_has_every_row() {
    let page = tables();
    for case in Case::ALL {
        assert_eq!(page.matches(&format!("| {} |", case.cause())).count(), 1, "{case:?}");
    }
}
