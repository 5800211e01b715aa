//! `sprite-sheet`: pictures of a film at even steps, side by side on one JPEG, for scrubbing in a player.
//! Tile k shows the middle of the k-th step.

use crate::argv::{Args, Command, text};
use crate::check::{AudioRule, DurationRule, MediaCheck, MediaRules, SizeRule, VideoRule};
use crate::error::{ParamProblem, PresetError, Unsuited};
use crate::geometry::Frame;
use crate::input::InputKind;
use crate::limits::{PICTURE_MEMORY_BYTES, PICTURE_SIDE_MAX};
use crate::param::{ParamKind, ParamSpec, Params};
use crate::preset::{ONE_PASS, Preset, PresetInfo, Scene};
use crate::presets::picture;

const PARAMS: &[ParamSpec] = &[
    ParamSpec {
        name: "interval_seconds",
        kind: ParamKind::Decimal { min: 0.1, max: 3_600.0 },
        default: None,
        unit: "s",
        summary: "Step from tile to tile; takes the place of count",
    },
    ParamSpec {
        name: "count",
        kind: ParamKind::Integer { min: 1, max: 2_000 },
        default: None,
        unit: "",
        summary: "Number of tiles over the whole length (25 when neither is given)",
    },
    ParamSpec::whole("columns", (1, 50), 5, "", "Tiles side by side"),
    ParamSpec::whole("tile_width", (32, 640), 160, "px", "Width of a tile; never larger than the source"),
    picture::JPEG_QUALITY,
];

/// Tiles when the message says nothing.
const COUNT_DEFAULT: u32 = 25;

/// From this step on only keyframes are decoded, ten times as fast; they lie closer together than that.
const KEYFRAMES_FROM_SECONDS: f64 = 30.0;

/// The preset.
pub(crate) struct SpriteSheet;

/// How the tiles lie.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sheet {
    interval_seconds: f64,
    columns: u32,
    rows: u32,
    tile: Frame,
}

impl Preset for SpriteSheet {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "sprite-sheet",
            version: 1,
            summary: "Pictures at even steps on one JPEG sheet, for scrubbing",
            content_type: "image/jpeg",
            output_extension: "jpg",
            seekable_output: false,
            input: InputKind::Media,
            work: ONE_PASS,
            wall_seconds_default: 3_600,
            threads_max: 8,
            memory_bytes_max: PICTURE_MEMORY_BYTES,
            params: PARAMS,
        }
    }

    fn agree(&self, params: &Params) -> Result<(), PresetError> {
        let both = params.optional_decimal("interval_seconds").and(params.optional_count("count"));
        both.map_or(Ok(()), |_| {
            let problem = ParamProblem::Excludes { other: "interval_seconds" };
            Err(PresetError::BadParam { preset: self.info().name, param: "count", problem })
        })
    }

    fn command(&self, scene: &Scene<'_>) -> Result<Command, PresetError> {
        let video = scene.video()?;
        let sheet = Sheet::plan(scene)?;
        let chain = picture::upright(video, sheet.tile)
            .before(text!["fps=fps=1/", sheet.interval_seconds])
            .then(text!["tile=", sheet.columns, "x", sheet.rows]);
        let output = Args::default()
            .option("-map", text!["0:", video.index])
            .option("-vf", chain)
            .append(picture::jpeg(scene.params));
        let keyframes = sheet.interval_seconds >= KEYFRAMES_FROM_SECONDS;
        let input = Args::default().words(if keyframes { &["-skip_frame", "nokey"] } else { &[] });
        Ok(Command { input, output, measures: false })
    }

    fn check(&self, params: &Params) -> MediaCheck {
        let width = params.count("columns") * params.count("tile_width");
        let size = SizeRule::AtMost(Frame { width: width.min(PICTURE_SIDE_MAX), height: PICTURE_SIDE_MAX });
        MediaCheck::Media(MediaRules {
            format: "jpeg_pipe",
            video: Some(VideoRule { codec: Some("mjpeg"), pixel_format: None, size }),
            audio: AudioRule::None,
            duration: DurationRule::Any,
        })
    }
}

impl Sheet {
    fn plan(scene: &Scene<'_>) -> Result<Self, PresetError> {
        let params = scene.params;
        let seconds = picture::picture_seconds(scene)?.ok_or_else(|| scene.unsuited(Unsuited::NoDuration))?;
        let (interval_seconds, count) = match params.optional_decimal("interval_seconds") {
            Some(interval_seconds) => (interval_seconds, (seconds / interval_seconds).ceil().max(1.0)),
            None => {
                let count = f64::from(params.optional_count("count").unwrap_or(COUNT_DEFAULT));
                (seconds / count, count)
            }
        };
        let tile = Frame::displayed(scene.video()?).fit_width(params.count("tile_width")).even();
        let columns = f64::from(params.count("columns")).min(count);
        let rows = (count / columns).ceil();
        let (width, height) = (columns * f64::from(tile.width), rows * f64::from(tile.height));
        if width.max(height) > f64::from(PICTURE_SIDE_MAX) {
            let side_max = PICTURE_SIDE_MAX;
            let problem = Unsuited::PictureTooLarge { width: width as u64, height: height as u64, side_max };
            return Err(scene.unsuited(problem));
        }
        Ok(Self { interval_seconds, columns: columns as u32, rows: rows as u32, tile }) // both under the limit
    }
}
