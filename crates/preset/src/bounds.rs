//! How much an input may be: length, pixels, pictures, streams. What a file says of itself is compared before
//! a codec starts, and goes into the argument lists, so that a file that lied is cut off.
//! Nothing here may ever be wider than the limits of this crate.

use serde::Serialize;

use crate::facts::MediaFacts;
use crate::limits::{FRAMES_MAX, INPUT_SECONDS_MAX, PIXELS_MAX, STREAMS_MAX};

/// How much an input may be. The default is what this crate allows at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// Length, in seconds.
    pub duration_seconds: u32,
    /// Width times height of a picture.
    pub pixels: u32,
    /// Pictures of its video.
    pub frames: u64,
    /// Streams of any kind.
    pub streams: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            duration_seconds: INPUT_SECONDS_MAX,
            pixels: PIXELS_MAX,
            frames: FRAMES_MAX,
            streams: STREAMS_MAX,
        }
    }
}

impl Bounds {
    /// The narrower of both in each, and never wider than the limits of this crate.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        let most = Self::default();
        Self {
            duration_seconds: self.duration_seconds.min(other.duration_seconds).min(most.duration_seconds),
            pixels: self.pixels.min(other.pixels).min(most.pixels),
            frames: self.frames.min(other.frames).min(most.frames),
            streams: self.streams.min(other.streams).min(most.streams),
        }
    }
}

/// What an input has too much of; reads on after "it".
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Exceeded {
    /// Longer than it may be.
    #[error("it says that it is {seconds:.0} s long, the limit is {seconds_max} s")]
    Duration {
        /// How long it says it is.
        seconds: f64,
        /// The limit, in seconds.
        seconds_max: u32,
    },
    /// A larger picture than it may have.
    #[error("its picture has {pixels} pixels, the limit is {pixels_max}")]
    Pixels {
        /// Width times height.
        pixels: u64,
        /// The limit.
        pixels_max: u32,
    },
    /// More pictures than it may have.
    #[error("it has {frames} pictures by its own account, the limit is {frames_max}")]
    Frames {
        /// How many, counted by the file or by its length and rate.
        frames: u64,
        /// The limit.
        frames_max: u64,
    },
    /// More streams than it may have. How many is not known: ffmpeg stops at the limit.
    #[error("it has more than {streams_max} streams")]
    Streams {
        /// The limit.
        streams_max: u32,
    },
}

impl Exceeded {
    /// The bound at which ffmpeg or ffprobe stopped, by what it said on stderr. Its text may quote the input,
    /// so this says why a run that failed did, never that one failed.
    pub fn told(stderr: &str, bounds: &Bounds) -> Option<Self> {
        if stderr.contains("exceeds max_streams parameter") {
            return Some(Self::Streams { streams_max: bounds.streams });
        }
        // "Picture size 15000x15000 exceeds specified max pixel count 100000000, see …"
        let (before, _) = stderr.split_once(" exceeds specified max pixel count")?;
        let (width, height) = before.rsplit(' ').next()?.split_once('x')?;
        let (width, height) = (width.parse::<u32>().ok()?, height.parse::<u32>().ok()?);
        let pixels = u64::from(width) * u64::from(height);
        Some(Self::Pixels { pixels, pixels_max: bounds.pixels })
    }

    /// What the person who sent the job can do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Duration { .. } | Self::Frames { .. } => {
                "Cut it into parts first; if it is short, its header is damaged."
            }
            Self::Pixels { .. } => "Make the picture smaller first.",
            Self::Streams { .. } => "Keep the streams that are needed in a file of their own.",
        }
    }
}

impl MediaFacts {
    /// The first bound that the file breaks by its own account.
    pub fn exceeds(&self, bounds: &Bounds) -> Option<Exceeded> {
        self.duration_over(bounds)
            .or_else(|| self.pixels_over(bounds))
            .or_else(|| self.frames_over(bounds))
            .or_else(|| self.streams_over(bounds))
    }

    /// Pictures of the video: as the file counts them, else by its length and rate.
    pub fn frames_estimate(&self) -> Option<u64> {
        let video = self.video.as_ref()?;
        let by_rate = || {
            let seconds = video.duration_seconds.or(self.duration_seconds)?;
            Some((seconds * video.frames_per_second?).ceil() as u64) // saturates, and is never negative
        };
        video.frames.or_else(by_rate)
    }

    fn duration_over(&self, bounds: &Bounds) -> Option<Exceeded> {
        let seconds_max = bounds.duration_seconds;
        let seconds = self.duration_seconds.filter(|seconds| *seconds > f64::from(seconds_max))?;
        Some(Exceeded::Duration { seconds, seconds_max })
    }

    fn pixels_over(&self, bounds: &Bounds) -> Option<Exceeded> {
        let pixels_max = bounds.pixels;
        let video = self.video.as_ref()?;
        let pixels = u64::from(video.width) * u64::from(video.height);
        (pixels > u64::from(pixels_max)).then_some(Exceeded::Pixels { pixels, pixels_max })
    }

    fn frames_over(&self, bounds: &Bounds) -> Option<Exceeded> {
        let frames_max = bounds.frames;
        let frames = self.frames_estimate().filter(|frames| *frames > frames_max)?;
        Some(Exceeded::Frames { frames, frames_max })
    }

    fn streams_over(&self, bounds: &Bounds) -> Option<Exceeded> {
        let streams_max = bounds.streams;
        (self.streams > streams_max).then_some(Exceeded::Streams { streams_max })
    }
}
