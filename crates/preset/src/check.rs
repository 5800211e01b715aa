//! The check of a result before it is stored: ffprobe's facts about it against what the preset promises.
//! It must never trust what ffmpeg said of itself; exit code 0 is no proof.

use serde::Serialize;

use crate::facts::{MediaFacts, VideoFacts};
use crate::geometry::{Frame, FrameBox};

/// What a preset's result must be like.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaCheck {
    /// The output is the input's bytes: nothing to look at, no facts needed.
    Bytes,
    /// The output is JSON for [`MediaFacts::from_ffprobe_json`]; give its facts as `output`.
    Document,
    /// The output is media: probe it.
    Media(MediaRules),
}

/// What the facts of an output must say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MediaRules {
    /// The demuxer that must recognise it; one of ffprobe's comma-separated names.
    pub format: &'static str,
    /// Its video or picture.
    pub video: Option<VideoRule>,
    /// Its audio.
    pub audio: AudioRule,
    /// How long it is.
    pub duration: DurationRule,
}

/// What the video of an output must be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VideoRule {
    /// Codec as ffprobe calls it; `None`: the input's own.
    pub codec: Option<&'static str>,
    /// Pixel format, when one is promised.
    pub pixel_format: Option<&'static str>,
    /// How large.
    pub size: SizeRule,
}

/// How large the picture of an output must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizeRule {
    /// The input's displayed size in this box, even, never larger than the input.
    Fit(FrameBox),
    /// The input's displayed size at this width at most.
    FitWidth(u32),
    /// As [`SizeRule::FitWidth`], both sides even.
    FitWidthEven(u32),
    /// Exactly this.
    Exactly(Frame),
    /// At most this.
    AtMost(Frame),
    /// The input's stored size.
    Same,
    /// ffprobe 5.1 cannot read it (animated WebP); the codec must do.
    Unread,
}

/// What the audio of an output must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AudioRule {
    /// There is none.
    None,
    /// This codec.
    Codec(&'static str),
    /// This codec when the input has audio, none otherwise.
    CodecIfAny(&'static str),
    /// The input's codec when the input has audio.
    Same,
}

/// How long an output must be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DurationRule {
    /// As long as the input, give or take half a second or 2 %.
    Same,
    /// At most this many seconds, give or take half a second.
    AtMost(f64),
    /// Not looked at: a picture.
    Any,
}

/// In what an output differs from what its preset promises.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the output's {what} is {found}, expected {expected}")]
pub struct CheckFailure {
    /// What was looked at: `format`, `video codec`, `duration`, …
    pub what: &'static str,
    /// What it is, from bounded facts.
    pub found: String,
    /// What it should be.
    pub expected: String,
}

impl CheckFailure {
    /// What the person who sent the job can do about it.
    pub fn advice(&self) -> &'static str {
        match self.what {
            "duration" => "Play the input to its end: it is probably cut off or damaged.",
            _ => "Play the input: it may be damaged. If it plays, report this with the job's id.",
        }
    }
}

impl MediaCheck {
    /// Whether the output has to be probed for [`MediaCheck::check`].
    pub fn needs_probe(&self) -> bool {
        matches!(self, Self::Media(_))
    }

    /// Compares the facts of an output with what the preset promises for this input.
    ///
    /// # Errors
    /// [`CheckFailure`] for the first difference.
    pub fn check(&self, input: &MediaFacts, output: &MediaFacts) -> Result<(), CheckFailure> {
        match self {
            Self::Bytes | Self::Document => Ok(()),
            Self::Media(rules) => rules.check(input, output),
        }
    }
}

impl MediaRules {
    fn check(&self, input: &MediaFacts, output: &MediaFacts) -> Result<(), CheckFailure> {
        if !output.format.split(',').any(|name| name == self.format) {
            return Err(failure("format", &output.format, self.format));
        }
        match (&self.video, &output.video) {
            (None, None) => {}
            (None, Some(video)) => return Err(failure("video", &video.codec, "none")),
            // A preset that keeps the input's codec keeps its lack of a video as well.
            (Some(VideoRule { codec: None, .. }), None) if input.video.is_none() => {}
            (Some(_), None) => return Err(failure("video", "missing", "one stream")),
            (Some(rule), Some(video)) => rule.check(input.video.as_ref(), video)?,
        }
        self.audio.check(input, output)?;
        self.duration.check(input, output)
    }
}

impl VideoRule {
    fn check(&self, input: Option<&VideoFacts>, output: &VideoFacts) -> Result<(), CheckFailure> {
        if let Some(codec) = self.codec.or(input.map(|video| video.codec.as_str()))
            && output.codec != codec
        {
            return Err(failure("video codec", &output.codec, codec));
        }
        if let Some(pixel_format) = self.pixel_format
            && output.pixel_format != pixel_format
        {
            return Err(failure("pixel format", &output.pixel_format, pixel_format));
        }
        let found = Frame { width: output.width, height: output.height };
        self.size.check(input, found)
    }
}

impl SizeRule {
    fn check(self, input: Option<&VideoFacts>, found: Frame) -> Result<(), CheckFailure> {
        let shown = input.map(Frame::displayed);
        let stored = input.map(|video| Frame { width: video.width, height: video.height });
        let expected = match self {
            Self::Fit(limit) => shown.map(|frame| frame.fit(limit).padded(limit)),
            Self::FitWidth(width) => shown.map(|frame| frame.fit_width(width)),
            Self::FitWidthEven(width) => shown.map(|frame| frame.fit_width(width).even()),
            Self::Exactly(frame) => Some(frame),
            Self::Same => stored,
            Self::AtMost(limit) => {
                let within =
                    (1..=limit.width).contains(&found.width) && (1..=limit.height).contains(&found.height);
                return if within { Ok(()) } else { Err(failure("size", found, format!("at most {limit}"))) };
            }
            Self::Unread => return Ok(()),
        };
        match expected {
            Some(expected) if expected != found => Err(failure("size", found, expected)),
            _ => Ok(()),
        }
    }
}

impl AudioRule {
    fn check(self, input: &MediaFacts, output: &MediaFacts) -> Result<(), CheckFailure> {
        let expected = match self {
            Self::None => None,
            Self::Codec(codec) => Some(codec),
            Self::CodecIfAny(codec) => input.audio.as_ref().map(|_| codec),
            Self::Same => input.audio.as_ref().map(|audio| audio.codec.as_str()),
        };
        let found = output.audio.as_ref().map(|audio| audio.codec.as_str());
        if found == expected {
            return Ok(());
        }
        Err(failure("audio codec", found.unwrap_or("missing"), expected.unwrap_or("none")))
    }
}

impl DurationRule {
    fn check(self, input: &MediaFacts, output: &MediaFacts) -> Result<(), CheckFailure> {
        /// Codec delay, a last long frame, and containers that round.
        const SLACK_SECONDS: f64 = 0.5;
        const SLACK_SHARE: f64 = 0.02;
        if self == Self::Any {
            return Ok(());
        }
        let Some(found) = output.duration_seconds else {
            return Err(failure("duration", "missing", "above zero"));
        };
        let (expected, least) = match self {
            Self::AtMost(seconds) => (Some(seconds), 0.0),
            Self::Same if input.duration_is_estimate() => (None, 0.0),
            _ => (input.duration_seconds, input.duration_seconds.unwrap_or(0.0)),
        };
        let slack = SLACK_SECONDS.max(expected.unwrap_or(0.0) * SLACK_SHARE);
        let too_long = expected.is_some_and(|expected| found > expected + slack);
        if too_long || found < least - slack {
            let expected = expected.unwrap_or(least);
            return Err(failure("duration", format!("{found:.3} s"), format!("{expected:.3} s")));
        }
        Ok(())
    }
}

impl std::fmt::Display for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

fn failure(what: &'static str, found: impl ToString, expected: impl ToString) -> CheckFailure {
    CheckFailure { what, found: found.to_string(), expected: expected.to_string() }
}
