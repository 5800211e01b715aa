//! The one list of reasons why a job did not succeed: stable codes for reports, dead letters and tools.
//! Must never decide what happens to a job: the worker's disposition does.

use std::fmt;
use std::str::FromStr;

macro_rules! reasons {
    ($($name:ident $code:literal $meaning:literal $advice:literal;)*) => {
        /// Why a job did not succeed. The kebab-case code is stable: it is what travels and what scripts compare.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum Reason {
            $(#[doc = $meaning] #[serde(rename = $code)] $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable code: `grant-expired`.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// What to do about it.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }
    };
}

reasons! {
    BadJson "bad-json"
        "The message is not UTF-8 or not JSON."
        "Correct the program that writes the message; the detail tells line and column.";
    BadMessage "bad-message"
        "A field of the message is missing, doubled or out of its limits."
        "Correct the field that the detail names, and submit again.";
    UnknownField "unknown-field"
        "The message has a field that the format does not have."
        "Remove or rename the field that the detail names.";
    MessageTooLarge "message-too-large"
        "The message is larger than 65,536 bytes."
        "Shorten tags and parameters.";
    UnsupportedVersion "unsupported-version"
        "The message is of a version that this worker does not speak."
        "Send version 1, or update the workers.";
    PublisherRefused "publisher-refused"
        "The message was not published by a login that the worker takes jobs from."
        "Publish with your own login and set user_id to its name, or add it to the workers' `worker.publishers`.";
    UnknownPreset "unknown-preset"
        "There is no preset of this name and version."
        "List the presets with `valet preset ls`.";
    BadParameter "bad-parameter"
        "A preset parameter is unknown or out of its bounds."
        "See the preset's parameters with `valet preset show NAME`.";
    GrantExpired "grant-expired"
        "A grant, or the message's not_after, ended before the job was done."
        "Submit again with new grants; longer ones if the queue was long.";
    GrantTooShort "grant-too-short"
        "A grant ends before the job's time budget would."
        "Mint grants that outlive waiting and work, or lower limits.wall_seconds.";
    GrantRefused "grant-refused"
        "A grant breaks rules of the audit; the detail lists their ids."
        "Check the URL with `valet grant lint` and mint a narrower one.";
    GrantInvalid "grant-invalid"
        "Storage does not accept a grant: its signature is wrong, its key was rotated, or it is not valid yet."
        "Mint anew with the current key and check the clocks.";
    GrantWrongRight "grant-wrong-right"
        "A grant lacks the right for the operation."
        "Mint read (sp=r) for the input and create (sp=c) for the output.";
    SealedKeyUnknown "sealed-key-unknown"
        "The grants are sealed to a key that the worker does not have."
        "Seal to a key of the fleet's current list (`valet fleet publish`), or give the workers the key that is missing.";
    SealedRefused "sealed-refused"
        "The sealed grants do not open: they were changed, or were sealed for another job, lane, preset or expiry."
        "Seal both URLs anew for this message: its id, lane, preset and not_after are bound to them.";
    EgressRefused "egress-refused"
        "A URL's host is not allowed, or leads to a private address."
        "Use the blob endpoint of an Azure storage account over https.";
    InputMissing "input-missing"
        "The input blob or its blob container does not exist."
        "Upload the input first, and check the path.";
    InputChanged "input-changed"
        "The input is not the content that input.etag names, or it changed while it was read."
        "Submit again with the new ETag.";
    InputEmpty "input-empty"
        "The input has no bytes."
        "Upload the input completely before the job is submitted.";
    InputTooLarge "input-too-large"
        "The input is larger than limits.input_bytes or than the worker allows."
        "Raise the limit if the file is meant to be this large.";
    InputTruncated "input-truncated"
        "The input ends before its media does."
        "Upload the input again, completely.";
    NotMedia "not-media"
        "The input is no media that the preset accepts."
        "Check the file with ffprobe; playlists and scripts are never accepted.";
    OutputExists "output-exists"
        "The output blob was there before this job."
        "Choose another output name, or delete the blob if it may go.";
    OutputTooLarge "output-too-large"
        "The result is larger than one atomic write or than the worker allows."
        "Choose a smaller preset or a shorter input.";
    OutputInvalid "output-invalid"
        "The codec ended well, but its result is not what the preset promises."
        "Look at the input; if it is sound, report the preset as faulty.";
    OutputMismatch "output-mismatch"
        "The stored blob is not what the worker reported."
        "Look at who else may write to the output's blob container; delete the blob and submit again.";
    CodecFailed "codec-failed"
        "The codec ended with an error; the detail has its last lines."
        "Read the detail; most often the input is damaged or unusual.";
    WallLimit "wall-limit"
        "The job took longer than its wall clock limit."
        "Raise limits.wall_seconds, or choose a faster preset.";
    NoProgress "no-progress"
        "The codec made no progress for the stall limit."
        "Try again; if it repeats, the input makes the codec hang.";
    JailViolation "jail-violation"
        "The codec tried what no honest input makes it do, and was killed: the input may be an attack."
        "Keep the input away from other players and look at it; the detail tells what was tried.";
    CpuLimit "cpu-limit"
        "The codec used more processor time than its limit."
        "Raise limits.cpu_seconds, choose a faster preset, or look at the input.";
    MemoryLimit "memory-limit"
        "The codec asked for more memory than its limit."
        "Raise limits.memory_bytes, or choose a preset with a smaller picture.";
    DurationLimit "duration-limit"
        "The input is longer than limits.duration_seconds or than the worker allows."
        "Cut it into parts, or raise the limit; if it is short, its header is damaged.";
    PixelLimit "pixel-limit"
        "A picture of the input is larger than limits.pixels or than the worker allows."
        "Make it smaller first, or raise the limit.";
    FrameLimit "frame-limit"
        "The input has more pictures than limits.frames or than the worker allows."
        "Cut it into parts, or raise the limit; if it is short, its header is damaged.";
    StreamLimit "stream-limit"
        "The input has more streams than limits.streams or than the worker allows."
        "Keep the streams that are needed in a file of their own, or raise the limit.";
    ScratchFull "scratch-full"
        "The worker's scratch has too little free space."
        "Free or enlarge the scratch disk, or lower the number of slots.";
    StorageUnavailable "storage-unavailable"
        "Storage could not be reached, or was throttled or failing, for all tries."
        "Check the storage account's health and limits, then submit again.";
    BrokerUnavailable "broker-unavailable"
        "The broker could not be reached for all tries."
        "Check RabbitMQ's health and the network.";
    Cancelled "cancelled"
        "Somebody cancelled the job; nothing was stored."
        "Submit again if it is still wanted.";
    WorkerLost "worker-lost"
        "The worker, or its connection, went away while it had the job."
        "Look at the worker's log; the job is tried again elsewhere.";
    AttemptsExhausted "attempts-exhausted"
        "The job failed in every attempt that it has."
        "Read the reports of the attempts, mend the cause, then `valet dead replay`.";
    Internal "internal"
        "A fault of Valet itself."
        "Report it with the job's id and the worker's log.";
}

/// A text that is no reason's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the code of a reason")]
pub struct UnknownReason;

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(code: &str) -> Result<Self, UnknownReason> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code).ok_or(UnknownReason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
