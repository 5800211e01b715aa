//! The limits of one run of the codec: wall clock, signs of life, output size, frames, free scratch.
//! Decides only; it reads no clock and kills nothing.

use std::time::{Duration, Instant, SystemTime};

use super::Run;
use super::progress::Progress;

/// What one run of the codec may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest run by the wall clock.
    pub wall: Duration,
    /// Longest time without a sign of life: nothing read, nothing written, no progress reported.
    pub stall: Duration,
    /// Processor seconds of all threads together.
    pub cpu_seconds_max: u64,
    /// Private memory, in bytes.
    pub memory_bytes_max: u64,
    /// Largest output file, in bytes.
    pub output_bytes_max: u64,
    /// Most pictures that are written.
    pub frames_max: u64,
    /// Free bytes of the scratch file system under which the run is ended, before other jobs suffer.
    pub free_bytes_min: u64,
}

impl Limits {
    /// Those of a question that every program answers at once, such as its version.
    #[must_use]
    pub fn of_question() -> Self {
        let wall = Duration::from_secs(10);
        Self {
            wall,
            stall: wall,
            cpu_seconds_max: 10,
            memory_bytes_max: 1 << 30,
            output_bytes_max: 0,
            frames_max: 0,
            free_bytes_min: 0,
        }
    }
}

/// A wait for storage that excuses a run which is met by its wall clock limit in it, or half of the limit if that is
/// shorter: an answer and some tries take less.
const WAIT_AT_WALL: Duration = Duration::from_secs(10);

/// No shorter wait excuses a run: one that began with next to no time left meets its limit whatever storage does.
const WAIT_MIN: Duration = Duration::from_secs(1);

impl Limits {
    /// How long a run that breaks this limit must have waited for its input, up to now and without a break, so that
    /// storage is to blame. None for limits that no wait can break.
    pub(super) fn wait_to_blame(&self, breach: Breach) -> Option<Duration> {
        match breach {
            Breach::Wall => Some(WAIT_AT_WALL.min(self.wall / 2).max(WAIT_MIN)),
            Breach::Stall => Some((self.stall / 2).max(WAIT_MIN)),
            Breach::Cpu | Breach::Memory | Breach::OutputBytes | Breach::Frames | Breach::ScratchFull => None,
        }
    }
}

/// The limit that a run broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// It ran longer than [`Limits::wall`].
    Wall,
    /// It gave no sign of life for [`Limits::stall`].
    Stall,
    /// It used more than [`Limits::cpu_seconds_max`].
    Cpu,
    /// It asked for more than [`Limits::memory_bytes_max`].
    Memory,
    /// Its output grew over [`Limits::output_bytes_max`].
    OutputBytes,
    /// It wrote more than [`Limits::frames_max`] pictures.
    Frames,
    /// The scratch file system is nearly full.
    ScratchFull,
}

/// What can be seen of a run from outside.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Signs {
    /// Its last progress block.
    pub(super) progress: Progress,
    /// Size of the output file, and when it was last written: the rewrite that moves an index to the front
    /// of an mp4 changes the time alone.
    pub(super) output: Option<(u64, SystemTime)>,
    /// Bytes that the door served. A preset that makes one picture of a whole film writes nothing until the end.
    pub(super) served_bytes: u64,
    /// Free bytes of the scratch file system.
    pub(super) free_bytes: Option<u64>,
}

impl Signs {
    /// What is seen now. A sign that cannot be read is absent; the wall clock needs none. These reads are of
    /// kernel memory, short enough for the runtime's threads.
    pub(super) fn look(run: &Run<'_>, progress: Progress) -> Self {
        let written =
            run.output.as_deref().and_then(|output| Some((output.bytes().ok()?, output.modified().ok()?)));
        Self {
            progress,
            output: written,
            served_bytes: run.input.map_or(0, |door| door.stats().served_bytes),
            free_bytes: crate::scratch::free_bytes(run.directory).ok(),
        }
    }

    fn moved_since(&self, other: &Self) -> bool {
        self.progress.moved_since(&other.progress)
            || self.output != other.output
            || self.served_bytes != other.served_bytes
    }
}

/// One run under its limits.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    limits: &'a Limits,
    started: Instant,
    last_sign: Instant,
    last: Signs,
}

impl<'a> Watch<'a> {
    pub(super) fn start(limits: &'a Limits, now: Instant) -> Self {
        Self { limits, started: now, last_sign: now, last: Signs::default() }
    }

    /// Compares what is seen now with the limits.
    pub(super) fn check(&mut self, now: Instant, signs: Signs) -> Result<(), Breach> {
        if signs.moved_since(&self.last) {
            self.last_sign = now;
        }
        self.last = signs;
        let limits = self.limits;
        let output_bytes = signs.output.map_or(0, |(bytes, _)| bytes);
        let broken = [
            (output_bytes > limits.output_bytes_max, Breach::OutputBytes),
            (signs.progress.frame > limits.frames_max, Breach::Frames),
            (signs.free_bytes.is_some_and(|free| free < limits.free_bytes_min), Breach::ScratchFull),
            (now.duration_since(self.started) >= limits.wall, Breach::Wall),
            (now.duration_since(self.last_sign) >= limits.stall, Breach::Stall),
        ];
        broken.into_iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, breach)| Err(breach))
    }
}

#[cfg(test)]
impl Limits {
    /// Limits that are in nobody's way but for a minute, ten seconds, 1,000 bytes and 50 pictures.
    pub(crate) fn sample() -> Self {
        let second = Duration::from_secs(1);
        Self {
            wall: 60 * second,
            stall: 10 * second,
            cpu_seconds_max: 60,
            memory_bytes_max: 1 << 30,
            output_bytes_max: 1_000,
            frames_max: 50,
            free_bytes_min: 100,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_life_of_any_kind_puts_the_stall_off() {
        let (limits, start) = (Limits::sample(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut watch = Watch::start(&limits, start);
        let mut signs = Signs { served_bytes: 1, ..Signs::default() };
        assert_eq!(watch.check(at(9), signs), Ok(()), "reads");
        signs.output = Some((5, SystemTime::UNIX_EPOCH));
        assert_eq!(watch.check(at(18), signs), Ok(()), "writes");
        signs.output = Some((5, SystemTime::UNIX_EPOCH + Duration::from_secs(1)));
        assert_eq!(watch.check(at(27), signs), Ok(()), "rewrites in place");
        signs.progress.frame = 1;
        assert_eq!(watch.check(at(36), signs), Ok(()), "reports");
        assert_eq!(watch.check(at(45), signs), Ok(()));
        assert_eq!(watch.check(at(46), signs), Err(Breach::Stall));
    }

    #[test]
    fn a_wait_excuses_what_time_alone_breaks_and_never_a_short_one() {
        let second = Duration::from_secs(1);
        let wait = |wall, stall, breach| {
            Limits { wall: wall * second, stall: stall * second, ..Limits::sample() }.wait_to_blame(breach)
        };
        assert_eq!(wait(3_600, 120, Breach::Wall), Some(10 * second));
        assert_eq!(wait(8, 120, Breach::Wall), Some(4 * second));
        assert_eq!(wait(0, 120, Breach::Wall), Some(second), "nothing was left of the time");
        assert_eq!(wait(3_600, 120, Breach::Stall), Some(60 * second));
        assert_eq!(wait(3_600, 1, Breach::Stall), Some(second));
        for breach in [Breach::Cpu, Breach::Memory, Breach::OutputBytes, Breach::Frames, Breach::ScratchFull]
        {
            assert_eq!(wait(3_600, 120, breach), None, "{breach:?}");
        }
    }

    #[test]
    fn each_limit_is_named_by_its_own_breach() {
        let (limits, start) = (Limits::sample(), Instant::now());
        let check =
            |seconds, signs| Watch::start(&limits, start).check(start + Duration::from_secs(seconds), signs);
        let large = Signs { output: Some((1_001, SystemTime::UNIX_EPOCH)), ..Signs::default() };
        let many = Signs { progress: Progress { frame: 51, ..Progress::default() }, ..Signs::default() };
        let full = Signs { free_bytes: Some(99), ..Signs::default() };
        let busy = Signs { served_bytes: 7, ..Signs::default() };
        assert_eq!(check(0, large), Err(Breach::OutputBytes));
        assert_eq!(check(0, many), Err(Breach::Frames));
        assert_eq!(check(0, full), Err(Breach::ScratchFull));
        assert_eq!(check(60, busy), Err(Breach::Wall));
        assert_eq!(check(10, Signs::default()), Err(Breach::Stall));
        assert_eq!(check(9, Signs::default()), Ok(()));
    }
}
