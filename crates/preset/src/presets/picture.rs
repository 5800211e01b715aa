//! What presets that show pictures share: from a source of any shape to an upright picture of square
//! pixels in standard dynamic range, and where in a film to look.

use crate::argv::{Args, Filters, text};
use crate::error::{PresetError, Unsuited};
use crate::facts::{Transfer, VideoFacts};
use crate::geometry::Frame;
use crate::param::{ParamKind, ParamSpec, Params};
use crate::preset::Scene;

/// How far before the end the last picture is looked for, in seconds: two frames at 24 a second.
const LAST_PICTURE_SECONDS: f64 = 0.1;

/// Filters from `video` to a picture of `frame`'s size. ffmpeg itself turns it upright before these.
pub(crate) fn upright(video: &VideoFacts, frame: Frame) -> Filters {
    let whole =
        if video.interlaced { Filters::default().then("bwdif=mode=send_frame") } else { Filters::default() };
    whole
        .then(text!["scale=", frame.width, ":", frame.height, ":flags=lanczos"])
        .append(tone_mapping(video.transfer))
        .then("setsar=1")
}

/// Filters from high to standard dynamic range. Every side of every step is said, not left to the file: where
/// one is missing, zscale finds "no path between colorspaces" and ffmpeg 5.1 then hangs (measured).
fn tone_mapping(transfer: Transfer) -> Filters {
    let linear = match transfer {
        Transfer::Sdr => return Filters::default(),
        Transfer::Pq => {
            "zscale=tin=smpte2084:pin=bt2020:min=bt2020nc:rin=tv:p=bt2020:m=bt2020nc:t=linear:npl=203"
        }
        Transfer::Hlg => {
            "zscale=tin=arib-std-b67:pin=bt2020:min=bt2020nc:rin=tv:p=bt2020:m=bt2020nc:t=linear:npl=203"
        }
    };
    Filters::default()
        .then(linear)
        .then("format=gbrpf32le")
        .then("zscale=p=bt709")
        // 203 cd/m² is the white of ITU-R BT.2408, 1,000 (five times that) what HDR is mostly graded to. Said,
        // not read: without metadata the filter assumes 10,000 and the picture comes out dark. Möbius keeps
        // the middle tones as they are and bends only the bright ones.
        .then("tonemap=tonemap=mobius:desat=0:peak=5")
        .then("zscale=t=bt709:m=bt709:r=tv")
        .then("format=yuv420p")
}

/// Seconds of pictures in the input; `None` for a single picture.
pub(crate) fn picture_seconds(scene: &Scene<'_>) -> Result<Option<f64>, PresetError> {
    let video = scene.video()?;
    if scene.facts.is_picture() {
        return Ok(None);
    }
    Ok(video.duration_seconds.or(scene.facts.duration_seconds))
}

/// Where to look in the input, in seconds: `at_seconds` if given, else `at_percent` of its length.
/// Never so late that no picture follows.
pub(crate) fn position_seconds(scene: &Scene<'_>, stretch_seconds: f64) -> Result<f64, PresetError> {
    let Some(duration_seconds) = picture_seconds(scene)? else {
        return Ok(0.0);
    };
    let last = (duration_seconds - stretch_seconds.max(LAST_PICTURE_SECONDS)).max(0.0);
    match scene.params.optional_decimal("at_seconds") {
        Some(at_seconds) if at_seconds > duration_seconds => {
            Err(scene.unsuited(Unsuited::BehindEnd { at_seconds, duration_seconds }))
        }
        Some(at_seconds) => Ok(at_seconds.min(last)),
        None => Ok((duration_seconds * scene.params.decimal("at_percent") / 100.0).min(last)),
    }
}

/// Options that start to read at `position_seconds`.
pub(crate) fn seek(position_seconds: f64) -> Args {
    if position_seconds > 0.0 { Args::default().option("-ss", position_seconds) } else { Args::default() }
}

/// Options that read the stretch of a preview: `seconds` from the position on.
pub(crate) fn preview_stretch(scene: &Scene<'_>) -> Result<Args, PresetError> {
    let seconds = scene.params.decimal("seconds");
    Ok(seek(position_seconds(scene, seconds)?).option("-t", seconds))
}

/// Filters of a preview: its frame rate and size.
pub(crate) fn preview(scene: &Scene<'_>) -> Result<Filters, PresetError> {
    let video = scene.video()?;
    let frame = Frame::displayed(video).fit_width(scene.params.count("width")).even();
    Ok(upright(video, frame).before(text!["fps=fps=", scene.params.count("fps")]))
}

/// Options that write one picture as JPEG.
pub(crate) fn jpeg(params: &Params) -> Args {
    // ffmpeg counts from 2 (best) to 31, people from 100 to 1.
    let quantizer = 2.0 + (100.0 - f64::from(params.count("quality"))) * 29.0 / 99.0;
    Args::default()
        .words(&["-an", "-frames:v", "1", "-c:v", "mjpeg"])
        .option("-q:v", quantizer.round())
        .words(&["-flags:v", "+bitexact", "-f", "image2pipe"])
}

/// The parameter for the length of a preview.
pub(crate) const PREVIEW_SECONDS: ParamSpec =
    ParamSpec::decimal("seconds", (0.5, 15.0), 3.0, "s", "Length of the preview");

/// The parameter for the frame rate of a preview.
pub(crate) const PREVIEW_RATE: ParamSpec = ParamSpec::whole("fps", (2, 25), 10, "1/s", "Pictures a second");

/// The parameter for the quality of a JPEG.
pub(crate) const JPEG_QUALITY: ParamSpec =
    ParamSpec::whole("quality", (1, 100), 90, "", "Quality of the JPEG: 100 is best and largest");

/// The parameter that says the position in seconds; stronger than [`at_percent`].
pub(crate) const AT_SECONDS: ParamSpec = ParamSpec {
    name: "at_seconds",
    kind: ParamKind::Decimal { min: 0.0, max: 86_400.0 },
    default: None,
    unit: "s",
    summary: "Position from the start; takes the place of at_percent",
};

/// The parameter that says the position in percent of the length.
pub(crate) const fn at_percent(default: f64) -> ParamSpec {
    ParamSpec::decimal("at_percent", (0.0, 100.0), default, "%", "Position in percent of the length")
}
