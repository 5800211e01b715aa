//! ffprobe's answer. It is shaped by an untrusted file, so it must never be passed on as text: only numbers
//! within limits and plain names leave this module.

use serde::Deserialize;

use crate::facts::{AudioFacts, MediaFacts, Transfer, VideoFacts};

/// ffprobe's answer; what we do not ask for is ignored.
#[derive(Deserialize)]
pub(crate) struct Answer {
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
    /// The facts in it.
    pub(crate) fn facts(&self) -> MediaFacts {
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
