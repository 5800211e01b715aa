//! Every limit of the wire format, with its unit and the reason for its number.
//! Must hold data only; `docs/wire-format.md` repeats the table and a test keeps the two equal.

/// One limit, as the documentation shows it.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The constant's name.
    pub name: &'static str,
    /// Its value, in `unit`.
    pub value: u64,
    /// The unit: bytes, seconds, entries …
    pub unit: &'static str,
    /// What is limited, and why this number.
    pub reason: &'static str,
}

macro_rules! limits {
    ($($name:ident: $type:ty = $value:expr, $unit:literal, $reason:literal;)*) => {
        $(#[doc = $reason] #[doc = ""] #[doc = concat!("Unit: ", $unit, ".")] pub const $name: $type = $value;)*

        /// All limits in the order in which the documentation shows them.
        pub const TABLE: &[Limit] =
            &[$(Limit { name: stringify!($name), value: $name as u64, unit: $unit, reason: $reason }),*];
    };
}

limits! {
    MESSAGE_BYTES_MAX: usize = 65_536, "bytes",
        "A whole job message. Two URLs, tags and parameters at their own limits still fit, and a queue of 100,000 messages stays below 7 GB.";
    REPORT_BYTES_MAX: usize = 49_152, "bytes",
        "A report's body. Its longest texts together (two blob names and all tags) stay below it, so a report never fails for its size.";
    REMINTS_MAX: u32 = 100, "mints",
        "`remints`. A hundred days of waiting at the longest lifetime of a grant; more is a job that nobody wants.";
    ATTEMPTS_BEFORE_MAX: u32 = 10_000, "attempts",
        "`attempts_before`. Three attempts under each grant that may be minted, and room.";
    ORDER_BYTES_MAX: usize = 8_192, "bytes",
        "An order on the exchange `control`: an id, a time and a detail.";
    URL_BYTES_MAX: usize = 8_192, "bytes",
        "`input.url` and `output.url`. A blob name of 1,024 characters, percent-encoded, and a full user delegation SAS fit.";
    SEALED_BYTES_MAX: usize = 24_576, "bytes",
        "`sealed`. Two URLs at their own limits, encrypted, and the header fit.";
    KEY_ID_BYTES_MAX: usize = 64, "bytes",
        "`kid` of sealed grants and of the fleet's keys; a hash in hexadecimal fits.";
    ETAG_BYTES_MAX: usize = 128, "bytes",
        "`input.etag`, quotes included. Azure's have about 20; the rest is room.";
    CONTENT_TYPE_BYTES_MAX: usize = 128, "bytes",
        "`output.content_type`. Room for one type with a codecs parameter; it becomes an HTTP header.";
    LANE_BYTES_MAX: usize = 40, "bytes",
        "`lane`. It is part of queue names and routing keys, which RabbitMQ ends at 255 bytes.";
    PRESET_NAME_BYTES_MAX: usize = 64, "bytes",
        "`preset.name`. It is printed in tables and metadata.";
    PRESET_VERSION_MAX: u32 = 9_999, "versions",
        "`preset.version`, counted from 1.";
    PARAMS_MAX: usize = 32, "entries",
        "`preset.params`. No preset has more than a dozen parameters.";
    PARAM_NAME_BYTES_MAX: usize = 64, "bytes",
        "A name in `preset.params`.";
    PARAM_TEXT_BYTES_MAX: usize = 256, "bytes",
        "A text value in `preset.params`. Parameters are numbers and words, never scripts.";
    TAGS_MAX: usize = 32, "entries",
        "`tags`. They are for the sender's own correlation and are kept with the job.";
    TAG_KEY_BYTES_MAX: usize = 64, "bytes",
        "A key in `tags`; at least one byte.";
    TAG_VALUE_BYTES_MAX: usize = 256, "bytes",
        "A value in `tags`. A title or an identifier fits; a document does not belong there.";
    WALL_SECONDS_MIN: u32 = 1, "seconds",
        "`limits.wall_seconds`. Zero would fail every job.";
    WALL_SECONDS_MAX: u32 = 86_400, "seconds",
        "`limits.wall_seconds`. One day: the longest lifetime that a grant has by default, so no job could use more.";
    INPUT_BYTES_LIMIT_MAX: u64 = 209_715_200_000_000, "bytes",
        "`limits.input_bytes`. The largest block blob of Azure (50,000 blocks of 4,000 MiB).";
    STALL_SECONDS_MIN: u32 = 5, "seconds",
        "`limits.stall_seconds`. A codec tells of its progress twice a second, but opening a file and the first pictures take longer.";
    STALL_SECONDS_MAX: u32 = 86_400, "seconds",
        "`limits.stall_seconds`. As long as the wall clock limit can be.";
    OUTPUT_BYTES_LIMIT_MAX: u64 = 209_715_200_000_000, "bytes",
        "`limits.output_bytes`. The largest block blob of Azure.";
    CPU_SECONDS_MAX: u32 = 5_529_600, "seconds",
        "`limits.cpu_seconds`. One day of 64 cores.";
    MEMORY_BYTES_MIN: u64 = 67_108_864, "bytes",
        "`limits.memory_bytes`. ffmpeg needs about this much for the smallest picture; less would fail every job.";
    MEMORY_BYTES_MAX: u64 = 1_099_511_627_776, "bytes",
        "`limits.memory_bytes`. 1 TiB, more than any preset can use.";
    DURATION_SECONDS_MAX: u32 = 86_400, "seconds",
        "`limits.duration_seconds`. One day: no preset takes a longer input.";
    PIXELS_MAX: u32 = 100_000_000, "pixels",
        "`limits.pixels`. What presets decode at most: three times 8K video.";
    FRAMES_MAX: u64 = 10_368_000, "frames",
        "`limits.frames`. One day at 120 pictures a second; no preset takes more.";
    STREAMS_MAX: u32 = 32, "streams",
        "`limits.streams`. What presets open at most; real files have under ten.";
    TIME_BYTES_MAX: usize = 40, "bytes",
        "`submitted_at` and `not_after`. RFC 3339 with nanoseconds and an offset has 35.";
    FIELD_NAME_BYTES_MAX: usize = 64, "bytes",
        "A field name that an error repeats; a longer or unusual one is described by its length.";
    DETAIL_BYTES_MAX: usize = 2_048, "bytes",
        "`detail` of a report and the header `valet-detail`. Room for ffmpeg's last lines, not for its log.";
    ADVICE_BYTES_MAX: usize = 1_024, "bytes",
        "`advice` of a report: a few sentences.";
    BLOB_TEXT_BYTES_MAX: usize = 4_352, "bytes",
        "`output` of a report: account, blob container and a blob name of 1,024 four-byte characters.";
    SHORT_TEXT_BYTES_MAX: usize = 128, "bytes",
        "Names of codecs, formats, phases and versions in a report.";
    WORKER_NAME_BYTES_MAX: usize = 64, "bytes",
        "A worker's name; a host name of one label fits.";
}
