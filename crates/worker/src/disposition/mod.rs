//! What becomes of a job that did not succeed. The only place that decides; it settles nothing itself.
//!
//! | class | attempts 1 and 2 | attempt 3 | report |
//! |---|---|---|---|
//! | permanent | dead letter with its reason | the same | `failed` |
//! | transient | back by way of the next retry queue | dead letter `attempts-exhausted`, cause in the detail | `retrying`, then `dead` |
//! | expired | to the queue `expired`, for new grants | the same | `expired` |
//!
//! A cause is *transient* when the same message may succeed later or elsewhere: storage or this machine failed,
//! not the job. All else is *permanent*: doing it again costs hours and ends the same way. *Expired* needs new
//! grants, which the producer alone can mint. The causes:
//!
//! | cause | class | reason |
//! |---|---|---|
//! | message does not decode | permanent | the decoder's |
//! | published by nobody expected | permanent | `publisher-refused` |
//! | preset, version, parameter | permanent | `unknown-preset`, `bad-parameter` |
//! | preset does not fit the input | permanent | `not-media` |
//! | grant expired, or the message's `not_after` passed | expired | `grant-expired` |
//! | grant too short for the job | expired | `grant-too-short` |
//! | grant breaks another rule | permanent | `grant-wrong-right`, `grant-refused` |
//! | input empty, too large, cut off, no media | permanent | `input-empty` … `not-media` |
//! | output too large, missing, not as promised | permanent | `output-too-large`, `output-invalid` |
//! | storage: grant expired | expired | `grant-expired` |
//! | storage: not yet valid | transient | `grant-invalid` |
//! | storage: signature, address, protocol | permanent | `grant-invalid` |
//! | storage: right | permanent | `grant-wrong-right` |
//! | storage: blob, blob container, archive tier | permanent | `input-missing` (input), `internal` (output) |
//! | storage: changed, MD5 | permanent | `input-changed` (MD5 on the way out: transient, `storage-unavailable`) |
//! | storage: name taken | permanent | `output-exists` |
//! | storage: throttled, down, cut, late | transient | `storage-unavailable` |
//! | storage: host not allowed | permanent | `egress-refused` |
//! | scratch full | transient | `scratch-full` |
//! | scratch broken, codec cannot start | transient | `internal` |
//! | codec asked the door or the kernel for what no codec needs | permanent | `jail-violation` |
//! | input over a bound | permanent | `duration-limit`, `pixel-limit`, `frame-limit`, `stream-limit` |
//! | codec exit code | permanent | `codec-failed` |
//! | codec killed from outside (memory) | transient | `codec-failed` |
//! | codec crashed by another signal | permanent | `codec-failed` |
//! | wall clock, stall | permanent | `wall-limit`, `no-progress` |
//! | processor time, memory, pictures | permanent | `cpu-limit`, `memory-limit`, `frame-limit` |

use valet_blob::{Operation, StorageErrorKind};
use valet_broker::Disposition;
use valet_grant::GrantError;
use valet_preset::{Exceeded, PresetError};
use valet_protocol::{Dead, Expired, Failed, Reason, ReportData, Retrying};

use crate::cause::Cause;
use crate::codec::{Breach, CodecError};
use crate::scratch::ScratchError;

/// Attempts that a job has: the broker has as many stages.
pub const ATTEMPTS_MAX: u32 = 3;

/// Seconds that a job waits before attempts 2 and 3, as `valet topology declare` sets them unless told otherwise.
/// They are announced only; the broker's retry queues keep the time.
const DELAY_SECONDS: [u32; 2] = [30, 300];

/// Signal of the kernel's memory killer, and of operators.
const SIGKILL: i32 = rustix::process::Signal::KILL.as_raw();

/// What kind of failure a cause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Never again.
    Permanent,
    /// Again, later or elsewhere.
    Transient,
    /// Again with new grants.
    Expired,
}

/// A decision: first to be reported, then to be settled.
#[derive(Debug, PartialEq)]
pub struct Decision {
    /// How to settle.
    pub disposition: Disposition,
    /// What to report.
    pub report: ReportData,
    /// The cause's reason, for the log.
    pub reason: Reason,
    /// What happened, for the log.
    pub detail: String,
}

/// Decides about a job that failed with `cause` in `attempt` (from 1).
#[must_use]
pub fn decide(cause: &Cause, attempt: u32) -> Decision {
    let (class, reason) = classify(cause);
    let detail = cause.detail();
    let (disposition, report) = match class {
        Class::Permanent => permanent(cause, reason, &detail),
        Class::Expired => expired(cause, reason, &detail),
        Class::Transient if attempt < ATTEMPTS_MAX => transient(reason, &detail, attempt),
        Class::Transient => exhausted(reason, &detail),
    };
    Decision { disposition, report, reason, detail }
}

fn permanent(cause: &Cause, reason: Reason, detail: &str) -> (Disposition, ReportData) {
    let advice = cause.advice().unwrap_or_else(|| reason.advice().to_owned()).into();
    let report = ReportData::Failed(Failed { reason, detail: detail.into(), advice });
    (Disposition::DeadLetter { reason, detail: detail.to_owned() }, report)
}

fn expired(cause: &Cause, reason: Reason, detail: &str) -> (Disposition, ReportData) {
    let not_after = if let Cause::TooLate(not_after) = cause { Some(*not_after) } else { None };
    let report = ReportData::Expired(Expired { reason, detail: detail.into(), not_after, remints_left: 0 });
    (Disposition::Expired { reason, detail: detail.to_owned() }, report)
}

fn transient(reason: Reason, detail: &str, attempt: u32) -> (Disposition, ReportData) {
    let stage = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let delay_seconds = DELAY_SECONDS.get(stage).copied().unwrap_or_default();
    let report = Retrying { reason, detail: detail.into(), next_attempt: attempt + 1, delay_seconds };
    (Disposition::Retry, ReportData::Retrying(report))
}

/// The last attempt's own reason goes into the detail: the dead letter must tell what to mend.
fn exhausted(reason: Reason, detail: &str) -> (Disposition, ReportData) {
    let detail = format!("{reason}: {detail}");
    let report = Dead { reason: Reason::AttemptsExhausted, detail: detail.as_str().into() };
    (Disposition::DeadLetter { reason: Reason::AttemptsExhausted, detail }, ReportData::Dead(report))
}

/// The table of this module's documentation.
#[must_use]
pub fn classify(cause: &Cause) -> (Class, Reason) {
    use Class::{Expired, Permanent, Transient};
    match cause {
        Cause::Message(error) => (Permanent, error.reason()),
        Cause::Stranger(_) => (Permanent, Reason::PublisherRefused),
        Cause::Preset(error) => (Permanent, of_preset(error)),
        Cause::Grant(error) => of_grant(error),
        Cause::GrantPair(_) => (Permanent, Reason::GrantRefused),
        Cause::TooLate(_) => (Expired, Reason::GrantExpired),
        Cause::InputEmpty => (Permanent, Reason::InputEmpty),
        Cause::InputTooLarge { .. } => (Permanent, Reason::InputTooLarge),
        Cause::InputExceeds(exceeded) => (Permanent, of_bound(exceeded)),
        Cause::InputTruncated { .. } => (Permanent, Reason::InputTruncated),
        Cause::NotMedia { .. } => (Permanent, Reason::NotMedia),
        Cause::OutputTooLarge { .. } => (Permanent, Reason::OutputTooLarge),
        Cause::OutputMissing | Cause::OutputUnreadable { .. } | Cause::OutputUnfit(_) => {
            (Permanent, Reason::OutputInvalid)
        }
        Cause::Storage(error) => of_storage(error.operation, &error.kind),
        Cause::Scratch(ScratchError::Full { .. }) => (Transient, Reason::ScratchFull),
        Cause::Scratch(ScratchError::Use { .. } | ScratchError::NotPrivate { .. })
        | Cause::ScratchFile(_) => (Transient, Reason::Internal),
        Cause::Codec(error) => of_codec(error),
    }
}

fn of_preset(error: &PresetError) -> Reason {
    match error {
        PresetError::UnknownPreset { .. } | PresetError::UnknownVersion { .. } => Reason::UnknownPreset,
        PresetError::UnknownParam { .. } | PresetError::BadParam { .. } => Reason::BadParameter,
        PresetError::Unsuited { .. } => Reason::NotMedia,
        PresetError::OverBounds { exceeded, .. } => of_bound(exceeded),
        PresetError::Measurement { .. } => Reason::CodecFailed,
        // Only a mistake of this program leads here; the preset crate may add kinds.
        PresetError::NoSuchPass { .. } | PresetError::UnsafeName { .. } | _ => Reason::Internal,
    }
}

fn of_bound(exceeded: &Exceeded) -> Reason {
    match exceeded {
        Exceeded::Duration { .. } => Reason::DurationLimit,
        Exceeded::Pixels { .. } => Reason::PixelLimit,
        Exceeded::Frames { .. } => Reason::FrameLimit,
        Exceeded::Streams { .. } => Reason::StreamLimit,
    }
}

fn of_grant(error: &GrantError) -> (Class, Reason) {
    match error {
        error if error.is_expired() => (Class::Expired, Reason::GrantExpired),
        error if error.is_too_short() => (Class::Expired, Reason::GrantTooShort),
        error if error.is_wrong_right() => (Class::Permanent, Reason::GrantWrongRight),
        _ => (Class::Permanent, Reason::GrantRefused),
    }
}

fn of_storage(operation: Operation, kind: &StorageErrorKind) -> (Class, Reason) {
    use Class::{Expired, Permanent, Transient};
    let writing = operation == Operation::Store;
    match kind {
        StorageErrorKind::GrantExpired => (Expired, Reason::GrantExpired),
        StorageErrorKind::GrantNotYetValid => (Transient, Reason::GrantInvalid),
        StorageErrorKind::GrantInvalid
        | StorageErrorKind::WrongAddress(_)
        | StorageErrorKind::WrongProtocol => (Permanent, Reason::GrantInvalid),
        StorageErrorKind::WrongRight => (Permanent, Reason::GrantWrongRight),
        StorageErrorKind::ContainerMissing if writing => (Permanent, Reason::Internal),
        StorageErrorKind::BlobMissing
        | StorageErrorKind::ContainerMissing
        | StorageErrorKind::BlobArchived => (Permanent, Reason::InputMissing),
        StorageErrorKind::NameCollision => (Permanent, Reason::OutputExists),
        // Bytes that changed on their way out may arrive whole the next time; those that came in wrong are wrong.
        StorageErrorKind::Md5Mismatch if writing => (Transient, Reason::StorageUnavailable),
        StorageErrorKind::InputChanged | StorageErrorKind::Md5Mismatch => (Permanent, Reason::InputChanged),
        StorageErrorKind::TooLarge { .. } if writing => (Permanent, Reason::OutputTooLarge),
        StorageErrorKind::TooLarge { .. } => (Permanent, Reason::InputTooLarge),
        StorageErrorKind::Throttled
        | StorageErrorKind::Unavailable
        | StorageErrorKind::Connection
        | StorageErrorKind::Timeout => (Transient, Reason::StorageUnavailable),
        StorageErrorKind::EgressRefused(_) => (Permanent, Reason::EgressRefused),
        StorageErrorKind::ScratchFull => (Transient, Reason::ScratchFull),
        StorageErrorKind::Scratch => (Transient, Reason::Internal),
        StorageErrorKind::Unexpected { .. } if kind.is_transient() => (Transient, Reason::StorageUnavailable),
        StorageErrorKind::Unexpected { .. } => (Permanent, Reason::Internal),
    }
}

fn of_codec(error: &CodecError) -> (Class, Reason) {
    use Class::{Permanent, Transient};
    match error {
        CodecError::Start { .. } | CodecError::File(_) => (Transient, Reason::Internal),
        CodecError::Storage(error) => of_storage(error.operation, &error.kind),
        CodecError::Violation { .. } | CodecError::Forbidden { .. } => (Permanent, Reason::JailViolation),
        CodecError::Exit { .. } | CodecError::Answer { .. } => (Permanent, Reason::CodecFailed),
        CodecError::Signal { signal: SIGKILL, .. } => (Transient, Reason::CodecFailed),
        CodecError::Signal { .. } => (Permanent, Reason::CodecFailed),
        CodecError::Breach { breach, .. } => match breach {
            Breach::Wall => (Permanent, Reason::WallLimit),
            Breach::Stall => (Permanent, Reason::NoProgress),
            Breach::Cpu => (Permanent, Reason::CpuLimit),
            Breach::Memory => (Permanent, Reason::MemoryLimit),
            Breach::Frames => (Permanent, Reason::FrameLimit),
            Breach::OutputBytes => (Permanent, Reason::OutputTooLarge),
            Breach::ScratchFull => (Transient, Reason::ScratchFull),
        },
    }
}

#[cfg(test)]
mod tests;
