//! The table: every way in which a job's turn can end, its class and its reason, as data.
//!
//! `of` leads each cause here by exhaustive matches, so that the compiler finds a cause without a row and a row
//! without a cause; `document` prints the table for people. It must never look at a message or a clock.

use valet_protocol::Reason;

/// What kind of end it is, which decides what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The output is stored.
    Done,
    /// Somebody asked for this end.
    Cancelled,
    /// Never again: doing it again costs hours and ends the same way.
    Permanent,
    /// Again, later or elsewhere: storage or this machine failed, not the job.
    Transient,
    /// Again with new grants, which the producer alone can mint.
    Expired,
    /// It was taken off its queue by the broker, after it had ended every worker that took it.
    Lost,
    /// Not by this worker: anybody may have it at once.
    HandedBack,
    /// The broker has given it to somebody else, who will speak for it.
    TakenBack,
}

impl Class {
    /// Every class, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::Cancelled,
        Self::Permanent,
        Self::Transient,
        Self::Expired,
        Self::Lost,
        Self::HandedBack,
        Self::TakenBack,
    ];

    /// Its name in the documentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Permanent => "permanent",
            Self::Transient => "transient",
            Self::Expired => "expired",
            Self::Lost => "lost",
            Self::HandedBack => "handed back",
            Self::TakenBack => "taken back",
        }
    }
}

macro_rules! cases {
    ($($name:ident $class:ident $($reason:ident)? $cause:literal;)*) => {
        /// One row of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Case {
            $(#[doc = $cause] $name,)*
        }

        impl Case {
            /// Every row, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What happened.
            #[must_use]
            pub fn cause(self) -> &'static str {
                match self { $(Self::$name => $cause,)* }
            }

            /// Its class.
            #[must_use]
            pub fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }

            /// Its reason in reports and dead letters; none for an end without one.
            #[must_use]
            pub fn reason(self) -> Option<Reason> {
                match self { $(Self::$name => cases!(@reason $($reason)?),)* }
            }
        }
    };
    (@reason) => { None };
    (@reason $reason:ident) => { Some(Reason::$reason) };
}

cases! {
    Stored              Done                           "the output is stored, or was found in place after an earlier attempt";
    Ordered             Cancelled  Cancelled           "`valet cancel` came before the output was being stored";
    // The message.
    NotJson             Permanent  BadJson             "the message is not UTF-8 or not JSON";
    MessageTooLarge     Permanent  MessageTooLarge     "the message is too large";
    OtherVersion        Permanent  UnsupportedVersion  "the message is of another version";
    UnknownField        Permanent  UnknownField        "the message has a field that the format does not have";
    BadField            Permanent  BadMessage          "a field of the message is missing, doubled or out of its limits";
    Stranger            Permanent  PublisherRefused    "a login that no jobs are taken from published the message";
    // The preset.
    NoPreset            Permanent  UnknownPreset       "no preset of this name and version";
    BadParameter        Permanent  BadParameter        "a parameter is unknown or out of its bounds";
    PresetUnsuited      Permanent  NotMedia            "the preset does not fit the input: no picture, no sound";
    PresetMeasurement   Permanent  CodecFailed         "a measuring pass gave no usable figures";
    PresetFault         Permanent  Internal            "a preset was used as it cannot be: a fault of Valet";
    // Time and grants.
    MessageEnded        Expired    GrantExpired        "the message's `not_after` has passed";
    EndedInQueue        Expired    GrantExpired        "the broker took the message off a queue: its time was over";
    GrantEnded          Expired    GrantExpired        "a grant has expired";
    GrantShort          Expired    GrantTooShort       "a grant ends before the job's time would";
    GrantRight          Permanent  GrantWrongRight     "a grant has another right than it needs";
    GrantRule           Permanent  GrantRefused        "a grant breaks another rule of the audit";
    GrantsTogether      Permanent  GrantRefused        "the two grants break a rule together";
    SealedKeyUnknown    Permanent  SealedKeyUnknown    "the grants are sealed to a key that the worker does not have";
    SealedUnopened      Permanent  SealedRefused       "the sealed grants do not open, or are bound to another message";
    // Storage.
    StorageExpired      Expired    GrantExpired        "storage: the grant has expired";
    StorageNotYet       Transient  GrantInvalid        "storage: the grant is not valid yet";
    StorageDenied       Permanent  GrantInvalid        "storage: signature, address or protocol refused";
    StorageRight        Permanent  GrantWrongRight     "storage: the grant lacks the right";
    StorageThrottled    Transient  StorageUnavailable  "storage: 429, or 503 `ServerBusy`, for all tries";
    StorageDown         Transient  StorageUnavailable  "storage: 408 or 5xx for all tries";
    StorageConnection   Transient  StorageUnavailable  "storage: no connection, or a broken one, for all tries";
    StorageLate         Transient  StorageUnavailable  "storage: no answer, or no end of a transfer, in time";
    StorageHost         Permanent  EgressRefused       "storage: a host or an address that Valet does not talk to";
    StorageUnknown      Permanent  Internal            "storage: an answer that nobody knows, such as 418";
    InputAbsent         Permanent  InputMissing        "the input blob or its blob container is not there, or is archived";
    InputOther          Permanent  InputChanged        "the input is not the content that was asked for or opened, or its MD5 is wrong";
    OutputNoContainer   Permanent  Internal            "the output's blob container is not there";
    OutputTaken         Permanent  OutputExists        "the output's name is taken, and no attempt of this job came before";
    OutputGarbled       Transient  StorageUnavailable  "the output's bytes changed on their way to storage";
    // The input.
    InputEmpty          Permanent  InputEmpty          "the input has no bytes";
    InputLarge          Permanent  InputTooLarge       "the input is over its limit in bytes";
    InputLong           Permanent  DurationLimit       "the input is longer than it may be";
    InputPixels         Permanent  PixelLimit          "a picture of the input is larger than it may be";
    InputFrames         Permanent  FrameLimit          "the input has more pictures than it may have";
    InputStreams        Permanent  StreamLimit         "the input has more streams than it may have";
    InputCut            Permanent  InputTruncated      "the input ends before its media does";
    InputNoMedia        Permanent  NotMedia            "the input is no media";
    // The codec.
    CodecStart          Transient  Internal            "the codec's jail could not be made";
    CodecExit           Permanent  CodecFailed         "the codec gave up, or answered with too much";
    CodecKilled         Transient  CodecFailed         "the codec was killed from outside (SIGKILL): the machine ran out of memory, or a person did it";
    CodecCrash          Permanent  CodecFailed         "the codec crashed by another signal";
    CodecViolation      Permanent  JailViolation       "the codec asked its door or the kernel for what no codec needs";
    CodecWall           Permanent  WallLimit           "the codec ran longer than its wall limit";
    CodecStall          Permanent  NoProgress          "the codec gave no sign of life";
    CodecCpu            Permanent  CpuLimit            "the codec used up its processor time";
    CodecMemory         Permanent  MemoryLimit         "the codec asked for more memory than it may have";
    CodecFrames         Permanent  FrameLimit          "the codec wrote more pictures than it may";
    // The output.
    OutputLarge         Permanent  OutputTooLarge      "the output is over its limit in bytes";
    OutputBad           Permanent  OutputInvalid       "the output is missing, cannot be read back, or is not what the preset promises";
    // This machine.
    ScratchFull         Transient  ScratchFull         "scratch has no room";
    ScratchBroken       Transient  Internal            "scratch cannot be used";
    HeldTooLong         Transient  StorageUnavailable  "the whole attempt took longer than its wall limit and 240 s: transfers were slow";
    TimeoutTooShort     Transient  BrokerUnavailable   "the broker would take the job back before its wall limit, as the topology is declared at that moment";
    HandedBackTooOften  Transient  WorkerLost          "the worker ends, and one more hand-back would be over the broker's delivery limit";
    // Not this worker's to end.
    WorkerLost          Lost       WorkerLost          "the broker gave it out as often as its delivery limit says, and no worker came to an end with it";
    WorkerEnding        HandedBack                     "the worker ends: grace period over, second signal, eviction";
    LeaseLost           TakenBack                      "the connection, the channel or the consumer is gone, or the consumer timeout has passed";
}
