//! ffmpeg's machine-readable progress (`-progress pipe:1`): lines `key=value`, a block ends with `progress=`.
//!
//! The codec is not trusted: every line and every number is bounded, and what does not parse is left out.
//! Never keeps more than one line in memory.

use std::time::Duration;

/// Longest line that is looked at, in bytes; ffmpeg's own stay under 40. The rest of a longer one is dropped.
const LINE_BYTES_MAX: usize = 256;

/// Longest media time that is believed, in microseconds: 30 days. No preset takes longer input.
const OUT_TIME_MICROSECONDS_MAX: u64 = 30 * 24 * 3600 * 1_000_000;

/// How far the codec is, as its last whole block said.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Pictures written so far.
    pub frame: u64,
    /// Pictures a second, when ffmpeg knows.
    pub fps: Option<f64>,
    /// Media time written so far.
    pub out_time: Option<Duration>,
    /// Media seconds a wall second, when ffmpeg knows.
    pub speed: Option<f64>,
    /// Bytes that the muxer wrote.
    pub output_bytes: u64,
    /// Whether ffmpeg said that this block is its last.
    pub ended: bool,
}

impl Progress {
    /// Whether `other` shows that work was done in between.
    #[must_use]
    pub fn moved_since(&self, other: &Self) -> bool {
        (self.frame, self.out_time, self.output_bytes, self.ended)
            != (other.frame, other.out_time, other.output_bytes, other.ended)
    }

    /// Takes one `key=value` line into the block; says whether the block is whole.
    fn take(&mut self, line: &str) -> bool {
        let Some((key, value)) = line.split_once('=') else { return false };
        let value = value.trim();
        match key.trim() {
            "frame" => self.frame = value.parse().unwrap_or(self.frame),
            "fps" => self.fps = rate(value),
            "out_time_us" => self.out_time = out_time(value),
            "speed" => self.speed = rate(value.trim_end_matches('x')),
            "total_size" => self.output_bytes = value.parse().unwrap_or(self.output_bytes),
            "progress" => self.ended = value == "end",
            _ => {}
        }
        key == "progress"
    }
}

/// A rate that is a number, not negative and not absurd.
fn rate(value: &str) -> Option<f64> {
    value.parse().ok().filter(|rate: &f64| (0.0..=1e6).contains(rate))
}

fn out_time(value: &str) -> Option<Duration> {
    let microseconds = value.parse().ok()?;
    (microseconds <= OUT_TIME_MICROSECONDS_MAX).then(|| Duration::from_micros(microseconds))
}

/// Cuts the codec's standard output into blocks.
#[derive(Debug, Default)]
pub struct Blocks {
    line: Vec<u8>,
    block: Progress,
}

impl Blocks {
    /// Takes bytes as they come; returns the last block that they completed, if any.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Progress> {
        let mut last = None;
        for byte in bytes {
            match byte {
                b'\n' if self.end_line() => last = Some(self.block),
                b'\n' => {}
                byte if self.line.len() < LINE_BYTES_MAX => self.line.push(*byte),
                _ => {}
            }
        }
        last
    }

    fn end_line(&mut self) -> bool {
        let whole = std::str::from_utf8(&self.line).is_ok_and(|line| self.block.take(line));
        self.line.clear();
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &[u8] =
        b"frame=75\nfps=37.50\nstream_0_0_q=28.0\nbitrate= 512.3kbits/s\ntotal_size=262144\n\
        out_time_us=3000000\nout_time_ms=3000000\nout_time=00:00:03.000000\ndup_frames=0\ndrop_frames=0\n\
        speed=1.5x\nprogress=continue\n";

    #[test]
    fn a_block_of_ffmpeg_is_read() {
        let progress = Blocks::default().push(BLOCK).unwrap();
        let expected = Progress {
            frame: 75,
            fps: Some(37.5),
            out_time: Some(Duration::from_secs(3)),
            speed: Some(1.5),
            output_bytes: 262_144,
            ended: false,
        };
        assert_eq!(progress, expected);
    }

    #[test]
    fn a_block_cut_anywhere_reads_the_same() {
        for cut in 0..BLOCK.len() {
            let mut blocks = Blocks::default();
            let early = blocks.push(&BLOCK[..cut]);
            let late = blocks.push(&BLOCK[cut..]);
            assert_eq!(early, None, "cut at {cut}");
            assert_eq!(late.map(|progress| progress.frame), Some(75), "cut at {cut}");
        }
    }

    #[test]
    fn numbers_that_are_absurd_or_missing_are_left_out() {
        let said = b"fps=nan\nspeed=N/A\nout_time_us=-9223372036854775807\nframe=x\nprogress=end\n";
        let progress = Blocks::default().push(said).unwrap();
        assert_eq!(progress, Progress { ended: true, ..Progress::default() });
        let said = format!("out_time_us={}\nspeed=1e30x\nprogress=continue\n", u64::MAX);
        assert_eq!(Blocks::default().push(said.as_bytes()).unwrap(), Progress::default());
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut blocks = Blocks::default();
        for _ in 0..1_000 {
            assert_eq!(blocks.push(&[b'x'; 4_096]), None);
        }
        assert!(blocks.line.capacity() <= 2 * LINE_BYTES_MAX, "capacity {}", blocks.line.capacity());
        assert!(blocks.push(b"\nframe=1\nprogress=end\n").is_some_and(|progress| progress.frame == 1));
    }

    #[test]
    fn movement_is_seen_in_frames_time_and_bytes_but_not_in_rates() {
        let still = Progress { frame: 1, fps: Some(1.0), ..Progress::default() };
        assert!(!Progress { fps: Some(2.0), speed: Some(1.0), ..still }.moved_since(&still));
        assert!(Progress { frame: 2, ..still }.moved_since(&still));
        assert!(Progress { output_bytes: 1, ..still }.moved_since(&still));
    }
}
