//! What any job may use here, whatever its message says.

use std::time::Duration;

use valet_preset::Bounds;
use valet_settings::{Bytes, Reader};

const GIB: u64 = 1 << 30;

/// The most that any job may use here, whatever its message says.
#[derive(Debug, Clone)]
pub struct JobLimits {
    /// Wall clock of all codec passes together, in seconds; none: as long as the broker lends a job.
    pub wall_seconds_max: Option<u32>,
    /// Time without a sign of life before a codec is ended.
    pub stall: Duration,
    /// Processor seconds of all threads of a codec; the wall clock times the processors is a limit too.
    pub cpu_seconds_max: u64,
    /// Processors of this machine.
    pub processors: u64,
    /// Private memory of a codec, in bytes.
    pub memory_bytes_max: u64,
    /// Largest input, in bytes.
    pub input_bytes_max: u64,
    /// Largest output, in bytes.
    pub output_bytes_max: u64,
    /// What any input may be.
    pub bounds: Bounds,
}

pub(super) fn limits(reader: &mut Reader) -> JobLimits {
    let Bytes(input_bytes_max) =
        reader.or_within("worker.input_bytes_max", Bytes(50 * GIB), Bytes(1)..=Bytes(1_024 * GIB));
    let put = Bytes(valet_blob::PUT_BYTES_MAX);
    let Bytes(output_bytes_max) = reader.or_within("worker.output_bytes_max", put, Bytes(1)..=put);
    let Bytes(memory_bytes_max) =
        reader.or_within("worker.memory_bytes_max", Bytes(4 * GIB), Bytes(64 << 20)..=Bytes(1_024 * GIB));
    let widest = Bounds::default();
    JobLimits {
        wall_seconds_max: Some(reader.or_within("worker.wall_seconds_max", u32::MAX, 1..=u32::MAX))
            .filter(|seconds| *seconds < u32::MAX),
        stall: Duration::from_secs(reader.or_within("worker.stall_seconds", 120, 1..=86_400)),
        cpu_seconds_max: reader.or_within("worker.cpu_seconds_max", u64::MAX, 1..=u64::MAX),
        processors: std::thread::available_parallelism().map_or(1, |count| count.get() as u64),
        memory_bytes_max,
        input_bytes_max,
        output_bytes_max,
        bounds: Bounds {
            duration_seconds: reader.or_within(
                "worker.duration_seconds_max",
                widest.duration_seconds,
                1..=widest.duration_seconds,
            ),
            pixels: reader.or_within("worker.pixels_max", widest.pixels, 1..=widest.pixels),
            frames: reader.or_within("worker.frames_max", widest.frames, 1..=widest.frames),
            streams: reader.or_within("worker.streams_max", widest.streams, 1..=widest.streams),
        },
    }
}
