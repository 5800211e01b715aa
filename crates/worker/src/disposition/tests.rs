//! The table of dispositions, case by case.

use valet_jail::JailError;
use valet_protocol::{DecodeError, ReportKind};

use super::Class::{Expired, Permanent, Transient};
use super::*;
use crate::codec::Limits;

fn exit(code: i32) -> CodecError {
    CodecError::Exit { program: "ffmpeg", code, said: "reason".into() }
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

/// The table of this module's documentation, case by case. Grants and presets are `admit`'s tests.
fn table() -> Vec<(Cause, Class, Reason)> {
    let start = CodecError::Start { program: "ffmpeg", cause: JailError::Zygote(io()) };
    let violation = CodecError::Violation { program: "ffmpeg", rule: "path", asked: "GET /".into() };
    let forbidden = CodecError::Forbidden { program: "ffmpeg", said: String::new() };
    let full = ScratchError::Full { needed_bytes: 2, free_bytes: 1 };
    vec![
        (Cause::Message(DecodeError::NotUtf8 { offset: 0 }), Permanent, Reason::BadJson),
        (Cause::Stranger(None), Permanent, Reason::PublisherRefused),
        (Cause::TooLate(jiff::Timestamp::UNIX_EPOCH), Expired, Reason::GrantExpired),
        (Cause::InputEmpty, Permanent, Reason::InputEmpty),
        (Cause::InputTooLarge { bytes: 2, bytes_max: 1 }, Permanent, Reason::InputTooLarge),
        (Cause::InputTruncated { said: String::new() }, Permanent, Reason::InputTruncated),
        (Cause::NotMedia { said: String::new() }, Permanent, Reason::NotMedia),
        (Cause::OutputTooLarge { bytes: 2, bytes_max: 1 }, Permanent, Reason::OutputTooLarge),
        (Cause::OutputMissing, Permanent, Reason::OutputInvalid),
        (Cause::OutputUnreadable { said: String::new() }, Permanent, Reason::OutputInvalid),
        (Cause::Scratch(full), Transient, Reason::ScratchFull),
        (Cause::ScratchFile(io()), Transient, Reason::Internal),
        (Cause::Codec(start), Transient, Reason::Internal),
        (Cause::Codec(exit(1)), Permanent, Reason::CodecFailed),
        (signal(9), Transient, Reason::CodecFailed),
        (signal(11), Permanent, Reason::CodecFailed),
        (breach(Breach::Wall), Permanent, Reason::WallLimit),
        (breach(Breach::Stall), Permanent, Reason::NoProgress),
        (Cause::Codec(violation), Permanent, Reason::JailViolation),
        (Cause::Codec(forbidden), Permanent, Reason::JailViolation),
        (breach(Breach::Cpu), Permanent, Reason::CpuLimit),
        (breach(Breach::Memory), Permanent, Reason::MemoryLimit),
        (breach(Breach::Frames), Permanent, Reason::FrameLimit),
        (breach(Breach::OutputBytes), Permanent, Reason::OutputTooLarge),
        (breach(Breach::ScratchFull), Transient, Reason::ScratchFull),
    ]
}

#[test]
fn every_cause_has_the_class_and_the_reason_of_the_table() {
    for (cause, class, reason) in table() {
        assert_eq!(classify(&cause), (class, reason), "{cause:?}");
    }
}

#[test]
fn every_failure_of_storage_has_the_class_and_the_reason_of_the_table() {
    use Operation::{Fetch, Open, Store};
    use StorageErrorKind as Kind;
    let address = "192.0.2.1".parse().ok();
    let too_large = || Kind::TooLarge { bytes: 2, bytes_max: 1 };
    let unexpected = |status| Kind::Unexpected { status, code: String::new() };
    let table = [
        (Store, Kind::GrantExpired, Expired, Reason::GrantExpired),
        (Open, Kind::GrantNotYetValid, Transient, Reason::GrantInvalid),
        (Open, Kind::GrantInvalid, Permanent, Reason::GrantInvalid),
        (Open, Kind::WrongAddress(address), Permanent, Reason::GrantInvalid),
        (Open, Kind::WrongProtocol, Permanent, Reason::GrantInvalid),
        (Open, Kind::WrongRight, Permanent, Reason::GrantWrongRight),
        (Open, Kind::BlobMissing, Permanent, Reason::InputMissing),
        (Open, Kind::ContainerMissing, Permanent, Reason::InputMissing),
        (Store, Kind::ContainerMissing, Permanent, Reason::Internal),
        (Open, Kind::BlobArchived, Permanent, Reason::InputMissing),
        (Fetch, Kind::InputChanged, Permanent, Reason::InputChanged),
        (Fetch, Kind::Md5Mismatch, Permanent, Reason::InputChanged),
        (Store, Kind::Md5Mismatch, Transient, Reason::StorageUnavailable),
        (Store, Kind::NameCollision, Permanent, Reason::OutputExists),
        (Fetch, too_large(), Permanent, Reason::InputTooLarge),
        (Store, too_large(), Permanent, Reason::OutputTooLarge),
        (Open, Kind::Throttled, Transient, Reason::StorageUnavailable),
        (Open, Kind::Unavailable, Transient, Reason::StorageUnavailable),
        (Store, Kind::Connection, Transient, Reason::StorageUnavailable),
        (Store, Kind::Timeout, Transient, Reason::StorageUnavailable),
        (Open, Kind::EgressRefused("x".into()), Permanent, Reason::EgressRefused),
        (Fetch, Kind::ScratchFull, Transient, Reason::ScratchFull),
        (Fetch, Kind::Scratch, Transient, Reason::Internal),
        (Open, unexpected(418), Permanent, Reason::Internal),
    ];
    for (operation, kind, class, reason) in table {
        assert_eq!(of_storage(operation, &kind), (class, reason), "{operation:?} {kind:?}");
    }
}

#[test]
fn settlement_and_report_of_a_decision_say_the_same() {
    for (cause, class, _) in table() {
        for attempt in 1..=ATTEMPTS_MAX {
            let Decision { disposition, report, .. } = decide(&cause, attempt);
            let kind = report.kind();
            let agrees = match (&disposition, class) {
                (Disposition::DeadLetter { .. }, Permanent) => kind == ReportKind::Failed,
                (Disposition::Expired { .. }, Expired) => kind == ReportKind::Expired,
                (Disposition::Retry, Transient) => attempt < ATTEMPTS_MAX && kind == ReportKind::Retrying,
                (Disposition::DeadLetter { reason, .. }, Transient) => {
                    let last = attempt == ATTEMPTS_MAX && kind == ReportKind::Dead;
                    last && *reason == Reason::AttemptsExhausted
                }
                _ => false,
            };
            assert!(agrees, "attempt {attempt} of {cause:?}: {disposition:?} with {kind}");
        }
    }
}

#[test]
fn the_last_attempts_cause_is_in_the_dead_letter() {
    let cause = || Cause::Scratch(ScratchError::Full { needed_bytes: 2_000, free_bytes: 1 });
    let decision = decide(&cause(), ATTEMPTS_MAX);
    let Disposition::DeadLetter { detail, .. } = decision.disposition else { panic!("{decision:?}") };
    assert!(detail.starts_with("scratch-full: ") && detail.contains("2000"), "{detail}");
    let decision = decide(&cause(), ATTEMPTS_MAX - 1);
    assert_eq!(decision.disposition, Disposition::Retry);
}

#[test]
fn the_announced_delays_are_those_of_the_topology() {
    let options = valet_broker::topology::TopologyOptions::default();
    let seconds = [options.retry_1, options.retry_2].map(|delay| delay.as_secs());
    assert_eq!(seconds, DELAY_SECONDS.map(u64::from));
}
