//! The limits of one run of the codec: wall clock, signs of life, output size, free scratch.
//! Decides only; it reads no clock and kills nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use super::progress::Progress;

/// What one run of the codec may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest run by the wall clock.
    pub wall: Duration,
    /// Longest time without a sign of life: nothing read, nothing written, no progress reported.
    pub stall: Duration,
    /// Largest output file, in bytes.
    pub output_bytes_max: u64,
    /// Free bytes of the scratch file system under which the run is ended, before other jobs suffer.
    pub free_bytes_min: u64,
}

/// The limit that a run broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// It ran longer than [`Limits::wall`].
    Wall,
    /// It gave no sign of life for [`Limits::stall`].
    Stall,
    /// Its output grew over [`Limits::output_bytes_max`].
    OutputBytes,
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
    /// Bytes that the codec read. A preset that makes one picture of a whole film writes nothing until the end.
    pub(super) read_bytes: Option<u64>,
    /// Free bytes of the scratch file system.
    pub(super) free_bytes: Option<u64>,
}

impl Signs {
    fn moved_since(&self, other: &Self) -> bool {
        self.progress.moved_since(&other.progress)
            || self.output != other.output
            || self.read_bytes != other.read_bytes
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
        let output_bytes = signs.output.map_or(0, |(bytes, _)| bytes);
        let broken = [
            (output_bytes > self.limits.output_bytes_max, Breach::OutputBytes),
            (signs.free_bytes.is_some_and(|free| free < self.limits.free_bytes_min), Breach::ScratchFull),
            (now.duration_since(self.started) >= self.limits.wall, Breach::Wall),
            (now.duration_since(self.last_sign) >= self.limits.stall, Breach::Stall),
        ];
        broken.into_iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, breach)| Err(breach))
    }
}

/// Where to look for [`Signs`]: the process, its output file, its file system.
#[derive(Debug)]
pub(super) struct Lookout {
    pub(super) pid: u32,
    pub(super) output: Option<PathBuf>,
    pub(super) directory: PathBuf,
}

impl Lookout {
    /// What is seen now. A sign that cannot be read is absent; the wall clock needs none. These reads are of
    /// kernel memory, short enough for the runtime's threads.
    pub(super) fn look(&self, progress: Progress) -> Signs {
        let written =
            |path| std::fs::metadata(path).ok().and_then(|file| Some((file.len(), file.modified().ok()?)));
        Signs {
            progress,
            output: self.output.as_ref().and_then(written),
            read_bytes: self.read_bytes(),
            free_bytes: crate::scratch::free_bytes(&self.directory).ok(),
        }
    }

    fn read_bytes(&self) -> Option<u64> {
        let counters = std::fs::read_to_string(format!("/proc/{}/io", self.pid)).ok()?;
        counters.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        let second = Duration::from_secs(1);
        Limits { wall: 60 * second, stall: 10 * second, output_bytes_max: 1_000, free_bytes_min: 100 }
    }

    #[test]
    fn a_sign_of_life_of_any_kind_puts_the_stall_off() {
        let (limits, start) = (limits(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut watch = Watch::start(&limits, start);
        let mut signs = Signs { read_bytes: Some(1), ..Signs::default() };
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
    fn each_limit_is_named_by_its_own_breach() {
        let (limits, start) = (limits(), Instant::now());
        let check =
            |seconds, signs| Watch::start(&limits, start).check(start + Duration::from_secs(seconds), signs);
        let large = Signs { output: Some((1_001, SystemTime::UNIX_EPOCH)), ..Signs::default() };
        let full = Signs { free_bytes: Some(99), ..Signs::default() };
        let busy = Signs { read_bytes: Some(7), ..Signs::default() };
        assert_eq!(check(0, large), Err(Breach::OutputBytes));
        assert_eq!(check(0, full), Err(Breach::ScratchFull));
        assert_eq!(check(60, busy), Err(Breach::Wall));
        assert_eq!(check(10, Signs::default()), Err(Breach::Stall));
        assert_eq!(check(9, Signs::default()), Ok(()));
    }
}
