//! Every fixed bound of this crate in one place, with its unit and the reason for the number.
//! Bounds of parameters are with their preset; nothing here may be widened by a message.

/// Longest name or value shown back in an error, in characters after escaping.
pub const SHOWN_CHARS_MAX: usize = 64;

/// Largest ffprobe answer that is parsed, in bytes. 32 streams with every field we ask for take 20 kB.
pub const FACTS_BYTES_MAX: usize = 1_048_576;

/// Most streams a demuxer may announce. Real files have under ten; each costs memory before any check.
pub const STREAMS_MAX: u32 = 32;

/// Bytes ffmpeg may read to recognise a file. The default of ffmpeg, said so that no file can raise it.
pub const PROBE_BYTES_MAX: u32 = 5_000_000;

/// Microseconds of media ffmpeg may look at to recognise its streams.
pub const ANALYZE_MICROSECONDS_MAX: u32 = 10_000_000;

/// Largest decoded frame, in pixels: 8K video (33 M) and 100-megapixel photographs pass, picture bombs stop
/// at 52 MB of memory (measured).
pub const PIXELS_MAX: u32 = 100_000_000;

/// Largest single allocation of ffmpeg, in bytes.
pub const ALLOC_BYTES_MAX: u32 = 1_073_741_824;

/// Longest input, in seconds: a day. Longer ones are refused, and reading stops there if a file lied.
pub const INPUT_SECONDS_MAX: u32 = 86_400;

/// Most pictures of an input's video: a day at 120 a second.
pub const FRAMES_MAX: u64 = 10_368_000;

/// Highest frame rate of an encoded video, in frames a second: displays show no more, SVT-AV1 refuses 240.
pub const FRAMES_PER_SECOND_MAX: u32 = 60;

/// Longest side of any picture that is made, in pixels: what browsers and phones decode; 8192² takes 100 MB.
pub const PICTURE_SIDE_MAX: u32 = 8_192;

/// Most threads any codec is given; beyond it x264 loses quality and memory grows by 60 MB a thread.
pub const THREADS_MAX: u32 = 16;

/// How often ffmpeg reports progress, in seconds.
pub const PROGRESS_PERIOD_SECONDS: f64 = 0.5;

/// Bytes at the end of a measuring pass's stderr that hold its figures (they take 400).
pub const MEASUREMENT_BYTES_MAX: usize = 65_536;

/// Private memory (`RLIMIT_DATA`) of presets that make pictures, in bytes: lossless WebP of a 98-megapixel PNG
/// of 16 bits took 2.5 GB, a sprite sheet of 8K HDR 1.8 GB, the largest GIF preview 1.4 GB (measured).
pub const PICTURE_MEMORY_BYTES: u64 = 4_294_967_296;

/// Private memory of presets that make sound or only move streams, in bytes: 96 MiB did for 4K and 8K films
/// (measured); a waveform of a day keeps 100 MB more.
pub const SOUND_MEMORY_BYTES: u64 = 536_870_912;

/// Private memory of presets that encode video, in bytes: with 16 threads 8K HDR took 3.7 GB, 4K HDR 1.8 GB;
/// with 2 threads 8K took 1.4 GB (measured).
pub const VIDEO_MEMORY_BYTES: u64 = 6_442_450_944;

/// Private memory of ffprobe, in bytes: it decodes one picture, of [`PIXELS_MAX`] with 8 bytes a pixel at most.
pub const PROBE_MEMORY_BYTES: u64 = 1_342_177_280;
