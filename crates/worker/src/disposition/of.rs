//! From a cause to its row of the table: exhaustive matches, so that no cause is without one.

use std::io;

use valet_blob::{Operation, StorageErrorKind};
use valet_grant::GrantError;
use valet_preset::{Exceeded, PresetError};
use valet_protocol::{DecodeError, Reason};
use valet_seal::OpenError;

use super::Case;
use crate::cause::Cause;
use crate::codec::{Breach, CodecError};
use crate::scratch::ScratchError;

/// Signal of the kernel's memory killer, and of operators.
const SIGKILL: i32 = rustix::process::Signal::KILL.as_raw();

/// The row of a cause.
#[must_use]
pub fn case_of(cause: &Cause) -> Case {
    match cause {
        Cause::Message(error) => of_message(error),
        Cause::Stranger(_) => Case::Stranger,
        Cause::Preset(error) => of_preset(error),
        Cause::Grant(error) => of_grant(error),
        Cause::GrantPair(_) => Case::GrantsTogether,
        Cause::Sealed(OpenError::UnknownKey { .. }) => Case::SealedKeyUnknown,
        Cause::Sealed(_) => Case::SealedUnopened,
        Cause::TooLate(_) => Case::MessageEnded,
        Cause::EndedInQueue(_) => Case::EndedInQueue,
        Cause::InputEmpty => Case::InputEmpty,
        Cause::InputTooLarge { .. } => Case::InputLarge,
        Cause::InputExceeds(exceeded) => of_bound(exceeded),
        Cause::InputTruncated { .. } => Case::InputCut,
        Cause::NotMedia { .. } => Case::InputNoMedia,
        Cause::OutputTooLarge { .. } => Case::OutputLarge,
        Cause::OutputMissing | Cause::OutputUnreadable { .. } | Cause::OutputUnfit(_) => Case::OutputBad,
        Cause::Storage(error) => of_storage(error.operation, &error.kind),
        Cause::Scratch(ScratchError::Full { .. }) => Case::ScratchFull,
        Cause::Scratch(ScratchError::NotPrivate { .. }) => Case::ScratchBroken,
        Cause::Scratch(ScratchError::Use { cause, .. }) | Cause::ScratchFile(cause) => of_scratch(cause),
        Cause::Codec(error) => of_codec(error),
        Cause::HandedBackTooOften => Case::HandedBackTooOften,
        Cause::HeldTooLong { .. } => Case::HeldTooLong,
        Cause::TimeoutTooShort { .. } => Case::TimeoutTooShort,
        Cause::WorkerLost { .. } => Case::WorkerLost,
    }
}

/// The decoder names the reason itself; here it only gets its row.
fn of_message(error: &DecodeError) -> Case {
    match error.reason() {
        Reason::BadJson => Case::NotJson,
        Reason::MessageTooLarge => Case::MessageTooLarge,
        Reason::UnsupportedVersion => Case::OtherVersion,
        Reason::UnknownField => Case::UnknownField,
        _ => Case::BadField,
    }
}

fn of_preset(error: &PresetError) -> Case {
    match error {
        PresetError::UnknownPreset { .. } | PresetError::UnknownVersion { .. } => Case::NoPreset,
        PresetError::UnknownParam { .. } | PresetError::BadParam { .. } => Case::BadParameter,
        PresetError::Unsuited { .. } => Case::PresetUnsuited,
        PresetError::OverBounds { exceeded, .. } => of_bound(exceeded),
        PresetError::Measurement { .. } => Case::PresetMeasurement,
        // Only a mistake of this program leads here; the preset crate may add kinds.
        PresetError::NoSuchPass { .. } | PresetError::UnsafeName { .. } | _ => Case::PresetFault,
    }
}

fn of_bound(exceeded: &Exceeded) -> Case {
    match exceeded {
        Exceeded::Duration { .. } => Case::InputLong,
        Exceeded::Pixels { .. } => Case::InputPixels,
        Exceeded::Frames { .. } => Case::InputFrames,
        Exceeded::Streams { .. } => Case::InputStreams,
    }
}

fn of_grant(error: &GrantError) -> Case {
    match error {
        error if error.is_expired() => Case::GrantEnded,
        error if error.is_too_short() => Case::GrantShort,
        error if error.is_wrong_right() => Case::GrantRight,
        _ => Case::GrantRule,
    }
}

pub(super) fn of_storage(operation: Operation, kind: &StorageErrorKind) -> Case {
    let writing = operation == Operation::Store;
    match kind {
        StorageErrorKind::GrantExpired => Case::StorageExpired,
        StorageErrorKind::GrantNotYetValid => Case::StorageNotYet,
        StorageErrorKind::GrantInvalid
        | StorageErrorKind::WrongAddress(_)
        | StorageErrorKind::WrongProtocol => Case::StorageDenied,
        StorageErrorKind::WrongRight => Case::StorageRight,
        StorageErrorKind::ContainerMissing if writing => Case::OutputNoContainer,
        StorageErrorKind::BlobMissing
        | StorageErrorKind::ContainerMissing
        | StorageErrorKind::BlobArchived => Case::InputAbsent,
        StorageErrorKind::NameCollision => Case::OutputTaken,
        // Bytes that changed on their way out may arrive whole the next time; those that came in wrong are wrong.
        StorageErrorKind::Md5Mismatch if writing => Case::OutputGarbled,
        StorageErrorKind::InputChanged | StorageErrorKind::Md5Mismatch => Case::InputOther,
        StorageErrorKind::TooLarge { .. } if writing => Case::OutputLarge,
        StorageErrorKind::TooLarge { .. } => Case::InputLarge,
        StorageErrorKind::Throttled => Case::StorageThrottled,
        StorageErrorKind::Unavailable => Case::StorageDown,
        StorageErrorKind::Connection => Case::StorageConnection,
        StorageErrorKind::Timeout => Case::StorageLate,
        StorageErrorKind::EgressRefused(_) => Case::StorageHost,
        StorageErrorKind::ScratchFull => Case::ScratchFull,
        StorageErrorKind::Scratch => Case::ScratchBroken,
        // Whatever a server says of itself may be over the next time, known to us or not.
        StorageErrorKind::Unexpected { status: 408 | 429 | 500.., .. } => Case::StorageDown,
        StorageErrorKind::Unexpected { .. } => Case::StorageUnknown,
    }
}

/// A file or a folder of ours that could not be made, written or read.
fn of_scratch(cause: &io::Error) -> Case {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Case::ScratchFull,
        _ => Case::ScratchBroken,
    }
}

fn of_codec(error: &CodecError) -> Case {
    match error {
        CodecError::Start { .. } => Case::CodecStart,
        CodecError::File(cause) => of_scratch(cause),
        CodecError::Storage(error) => of_storage(error.operation, &error.kind),
        CodecError::Violation { .. } | CodecError::Forbidden { .. } => Case::CodecViolation,
        CodecError::Exit { .. } | CodecError::Answer { .. } => Case::CodecExit,
        CodecError::Signal { signal: SIGKILL, .. } => Case::CodecKilled,
        CodecError::Signal { .. } => Case::CodecCrash,
        CodecError::Breach { breach, .. } => match breach {
            Breach::Wall => Case::CodecWall,
            Breach::Stall => Case::CodecStall,
            Breach::Cpu => Case::CodecCpu,
            Breach::Memory => Case::CodecMemory,
            Breach::Frames => Case::CodecFrames,
            Breach::OutputBytes => Case::OutputLarge,
            Breach::ScratchFull => Case::ScratchFull,
        },
    }
}
