//! What ffprobe says about a file, as bounded values. ffprobe's answer is shaped by an untrusted file, so it
//! must never be passed on as text: only numbers within limits and plain codec names leave this module.

use serde::{Deserialize, Serialize};

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
}

impl MediaFacts {
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

/// ffprobe's answer; what we do not ask for is ignored.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    frames: Vec<FirstFrame>,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct FirstFrame {
    stream_index: u32,
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
struct Format {
    #[serde(default)]
    format_name: String,
    duration: Option<String>,
    bit_rate: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stream {
    index: u32,
    codec_type: String,
    codec_name: String,
    width: u32,
    height: u32,
    pix_fmt: String,
    sample_aspect_ratio: Option<String>,
    color_transfer: String,
    field_order: String,
    avg_frame_rate: Option<String>,
    nb_frames: Option<String>,
    duration: Option<String>,
    channels: u32,
    sample_rate: Option<String>,
    disposition: Disposition,
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
}

impl Answer {
    fn facts(&self) -> MediaFacts {
        let known = |kind: &'static str| {
            self.streams.iter().filter(move |stream| {
                stream.codec_type == kind && !matches!(stream.codec_name.as_str(), "" | "unknown" | "none")
            })
        };
        let longest = self.streams.iter().filter_map(|stream| seconds(stream.duration.as_ref()));
        let mut audio = known("audio").map(Stream::audio);
        MediaFacts {
            format: word(&self.format.format_name),
            duration_seconds: seconds(self.format.duration.as_ref()).or_else(|| longest.reduce(f64::max)),
            bit_rate: number(self.format.bit_rate.as_ref()),
            video: known("video").find(|s| s.disposition.attached_pic == 0).map(|s| self.video(s)),
            audio: audio.next(),
            other_audio: audio.collect(),
            streams: u32::try_from(self.streams.len()).unwrap_or(u32::MAX),
        }
    }

    /// Facts of a video stream; cameras' pictures carry their rotation in the frame, not in the stream.
    fn video(&self, stream: &Stream) -> VideoFacts {
        let of_stream = stream.side_data_list.iter().find_map(|data| data.rotation);
        let of_frame = || {
            let mut frames = self.frames.iter().filter(|frame| frame.stream_index == stream.index);
            frames.find_map(|frame| frame.side_data_list.iter().find_map(|data| data.rotation))
        };
        let rotation = of_stream.or_else(of_frame);
        VideoFacts { rotation_degrees: rotation.map_or(0, clockwise), ..stream.video() }
    }
}

impl Stream {
    fn video(&self) -> VideoFacts {
        VideoFacts {
            index: self.index,
            codec: word(&self.codec_name),
            width: self.width,
            height: self.height,
            pixel_aspect: self.sample_aspect_ratio.as_ref().map_or(1.0, |text| pixel_aspect(text)),
            rotation_degrees: 0,
            pixel_format: word(&self.pix_fmt),
            transfer: match self.color_transfer.as_str() {
                "smpte2084" => Transfer::Pq,
                "arib-std-b67" => Transfer::Hlg,
                _ => Transfer::Sdr,
            },
            interlaced: matches!(self.field_order.as_str(), "tt" | "bb" | "tb" | "bt"),
            frames_per_second: self.avg_frame_rate.as_ref().and_then(|text| ratio(text, '/')),
            frames: number(self.nb_frames.as_ref()),
            duration_seconds: seconds(self.duration.as_ref()),
        }
    }

    fn audio(&self) -> AudioFacts {
        AudioFacts {
            index: self.index,
            codec: word(&self.codec_name),
            channels: self.channels,
            sample_rate: self.sample_rate.as_ref().and_then(|text| text.parse().ok()).unwrap_or(0),
        }
    }
}

/// A codec or format name: at most 64 of `[a-z0-9_,.-]`, the rest of ffprobe's text dropped.
fn word(text: &str) -> String {
    const PLAIN: &str = "_,.-";
    text.chars().filter(|c| c.is_ascii_alphanumeric() || PLAIN.contains(*c)).take(64).collect()
}

/// Finite seconds above zero.
fn seconds(text: Option<&String>) -> Option<f64> {
    text?.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds > 0.0)
}

fn number(text: Option<&String>) -> Option<u64> {
    text?.parse().ok()
}

/// `a:b` or `a/b` above zero; ffprobe writes `0:1` and `0/0` for unknown.
fn ratio(text: &str, between: char) -> Option<f64> {
    const SANE: std::ops::RangeInclusive<f64> = 0.001..=100_000.0;
    let (above, below) = text.split_once(between)?;
    let ratio = above.parse::<f64>().ok()? / below.parse::<f64>().ok()?;
    SANE.contains(&ratio).then_some(ratio)
}

/// Width of a pixel by its height. What is within 2 % of square is square: encoders that rounded a size leave
/// such ratios behind, and following them would only blur the picture.
fn pixel_aspect(text: &str) -> f64 {
    const NEARLY_SQUARE: std::ops::RangeInclusive<f64> = 0.98..=1.02;
    ratio(text, ':').filter(|aspect| !NEARLY_SQUARE.contains(aspect)).unwrap_or(1.0)
}

/// ffprobe's counter-clockwise degrees (-180 to 180) as clockwise quarter turns.
fn clockwise(degrees: f64) -> u32 {
    let turned = (-degrees).rem_euclid(360.0);
    match turned {
        45.0..135.0 => 90,
        135.0..225.0 => 180,
        225.0..315.0 => 270,
        _ => 0,
    }
}
