//! What is known about a file, as bounded values: only numbers within limits and plain codec names.
//! Must never hold text of an untrusted file.

use serde::Serialize;

use crate::answer::Answer;
use crate::bounds::{Bounds, Exceeded};
use crate::limits::FACTS_BYTES_MAX;

/// What is known about a media file.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct MediaFacts {
    /// ffprobe's name of the demuxer, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub format: String,
    /// Seconds from start to end, above zero; `None` for pictures and when the file does not say.
    pub duration_seconds: Option<f64>,
    /// Bits a second of the whole file.
    pub bit_rate: Option<u64>,
    /// The first video stream of a known codec that is no cover picture.
    pub video: Option<VideoFacts>,
    /// The first audio stream of a known codec.
    pub audio: Option<AudioFacts>,
    /// The audio streams behind the first.
    pub other_audio: Vec<AudioFacts>,
    /// How many streams of any kind the file has.
    pub streams: u32,
}

/// What is known about a video stream or picture.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct VideoFacts {
    /// Index of the stream in its file, from 0.
    pub index: u32,
    /// Codec, as ffprobe calls it.
    pub codec: String,
    /// Stored width in pixels, before rotation and pixel shape; 0 if unknown.
    pub width: u32,
    /// Stored height in pixels; 0 if unknown.
    pub height: u32,
    /// Width of a pixel divided by its height.
    pub pixel_aspect: f64,
    /// Clockwise turn for display in degrees: 0, 90, 180 or 270.
    pub rotation_degrees: u32,
    /// Pixel format, as ffprobe calls it.
    pub pixel_format: String,
    /// How brightness is coded.
    pub transfer: Transfer,
    /// Whether frames are stored as two fields.
    pub interlaced: bool,
    /// Average frames a second.
    pub frames_per_second: Option<f64>,
    /// Number of frames, when the file says so.
    pub frames: Option<u64>,
    /// Seconds from the first picture to the end of the last, when the file says so.
    pub duration_seconds: Option<f64>,
}

/// How brightness is coded: what decides whether tone mapping is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transfer {
    /// Standard dynamic range.
    #[default]
    Sdr,
    /// Perceptual quantizer (SMPTE ST 2084): HDR10, Dolby Vision.
    Pq,
    /// Hybrid log-gamma (ARIB STD-B67): broadcast, phones.
    Hlg,
}

/// What is known about an audio stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct AudioFacts {
    /// Index of the stream in its file, from 0.
    pub index: u32,
    /// Codec, as ffprobe calls it.
    pub codec: String,
    /// Number of channels; 0 if unknown.
    pub channels: u32,
    /// Samples a second of one channel; 0 if unknown.
    pub sample_rate: u32,
}

/// Why ffprobe's answer is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactsError {
    /// More bytes than an honest file can cause.
    #[error("the media facts take {bytes} bytes, the limit is {bytes_max}")]
    TooLarge {
        /// Size of the answer.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Not the JSON that ffprobe writes.
    #[error("the media facts are no JSON of ffprobe")]
    NotJson {
        /// What the parser met.
        #[source]
        cause: serde_json::Error,
    },
    /// Nothing that can be seen or heard is in the file.
    #[error("the file has no video, picture or audio")]
    NoStreams,
    /// The file is more than it may be.
    #[error("the file is refused: {0}")]
    OverBounds(Exceeded),
}

impl MediaFacts {
    /// Reads what ffprobe, called with [`crate::probe_argv`] of the same `bounds`, left on stdout and stderr,
    /// and holds it against the bounds. Also right for a run that ended with an error.
    ///
    /// # Errors
    /// [`FactsError`]; [`FactsError::OverBounds`] also where ffprobe itself stopped at a bound: then it leaves
    /// no facts, or a picture without a size.
    pub fn from_probe(stdout: &[u8], stderr: &str, bounds: &Bounds) -> Result<Self, FactsError> {
        let facts = Self::from_ffprobe_json(stdout);
        let sized = |facts: &Self| facts.video.as_ref().is_none_or(|video| video.width > 0);
        if !facts.as_ref().is_ok_and(sized)
            && let Some(exceeded) = Exceeded::told(stderr, bounds)
        {
            return Err(FactsError::OverBounds(exceeded));
        }
        let facts = facts?;
        facts.exceeds(bounds).map_or(Ok(facts), |exceeded| Err(FactsError::OverBounds(exceeded)))
    }

    /// Reads the answer to [`crate::probe_argv`] (or of the preset `probe-json`).
    ///
    /// # Errors
    /// [`FactsError`]: too large, not JSON, or a file with nothing to see or hear.
    pub fn from_ffprobe_json(json: &[u8]) -> Result<Self, FactsError> {
        if json.len() > FACTS_BYTES_MAX {
            return Err(FactsError::TooLarge { bytes: json.len(), bytes_max: FACTS_BYTES_MAX });
        }
        let answer: Answer = serde_json::from_slice(json).map_err(|cause| FactsError::NotJson { cause })?;
        let facts = answer.facts();
        if facts.video.is_none() && facts.audio.is_none() { Err(FactsError::NoStreams) } else { Ok(facts) }
    }

    /// Whether the duration is a guess from the bit rate, which the formats without an index leave ffprobe.
    pub fn duration_is_estimate(&self) -> bool {
        matches!(self.format.as_str(), "aac" | "mp3" | "mpeg")
    }

    /// Whether this is one picture, not a film.
    pub fn is_picture(&self) -> bool {
        self.audio.is_none() && self.format.ends_with("_pipe")
    }
}
