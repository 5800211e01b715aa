//! `docs/presets.md`, written from the catalogue so that it cannot drift; a test compares the two.

use std::fmt::Write as _;

use crate::catalogue::catalogue;
use crate::decoders::{PICTURES, SOUND, SUBTITLES, VIDEO};
use crate::input::InputKind;
use crate::param::{ParamKind, ParamSpec, ParamValue};
use crate::preset::{PresetInfo, Work};

const HEAD: &str = "# Presets\n\n\
<!-- Written from crates/preset by its tests: VALET_BLESS=1 cargo test -p valet-preset -->\n\n\
A job names a preset, its version and parameters; nothing else of a message reaches ffmpeg. A parameter that\n\
is left out takes its default. Video never grows, keeps its aspect, comes out upright with square pixels,\n\
8-bit 4:2:0 and standard dynamic range; titles, places and other metadata of the input are removed.\n\n\
| preset | what it makes | content type | opens |\n\
|---|---|---|---|\n";

const LISTS: &str = "\n## What may be opened\n\n\
ffmpeg and ffprobe read one address, `http://127.0.0.1/input`, with `-protocol_whitelist http,tcp`,\n\
`-format_whitelist` and `-codec_whitelist` of the names below. Nothing that opens what its input names is among\n\
them: no playlists, no image sequences, no scripts, no drawings. A name that an ffmpeg was built without does no\n\
harm. ffprobe opens a decoder for every stream and refuses a file with one that is not listed; ffmpeg never\n\
decodes subtitles, and has them not on its list.\n";

/// The whole document.
pub fn catalogue_markdown() -> String {
    let infos = || catalogue().iter().map(|preset| preset.info());
    let mut page = HEAD.to_owned();
    for info in infos() {
        let PresetInfo { name, summary, content_type, .. } = info;
        line(
            &mut page,
            format_args!("| [`{name}`](#{name}) | {summary} | {content_type} | {} |", takes(info.input)),
        );
    }
    for info in infos() {
        section(&mut page, info);
    }
    allow_lists(&mut page);
    page
}

/// What may be opened and decoded at all.
fn allow_lists(page: &mut String) {
    line(page, format_args!("{LISTS}"));
    let kinds = [("files of video or sound", InputKind::Media), ("picture files", InputKind::Picture)];
    for (title, kind) in kinds {
        let demuxers = kind.demuxers().map(|demuxer| (demuxer.name, demuxer.reason));
        table(page, &format!("demuxer of {title}"), demuxers);
    }
    for (title, decoders) in
        [("video", VIDEO), ("sound", SOUND), ("pictures", PICTURES), ("subtitles (ffprobe alone)", SUBTITLES)]
    {
        let decoders = decoders.iter().map(|decoder| (decoder.name, decoder.reason));
        table(page, &format!("decoder of {title}"), decoders);
    }
}

fn table(page: &mut String, title: &str, rows: impl Iterator<Item = (&'static str, &'static str)>) {
    line(page, format_args!("| {title} | for |\n|---|---|"));
    rows.for_each(|(name, reason)| line(page, format_args!("| `{name}` | {reason} |")));
    line(page, format_args!(""));
}

fn section(page: &mut String, info: &PresetInfo) {
    let extension = if info.output_extension.is_empty() { "the input's" } else { info.output_extension };
    line(page, format_args!("\n## {}\n\n{}.\n", info.name, info.summary));
    line(page, format_args!("Version {} · extension `{extension}` · {}", info.version, running(info)));
    if info.params.is_empty() {
        return;
    }
    line(page, format_args!("\n| parameter | values | default | meaning |\n|---|---|---|---|"));
    for spec in info.params {
        let ParamSpec { name, summary, .. } = spec;
        line(page, format_args!("| `{name}` | {} | {} | {summary} |", values(spec), default(spec)));
    }
}

fn running(info: &PresetInfo) -> String {
    let passes = match info.work {
        Work::Copy => "no codec".to_owned(),
        Work::Probe => "ffprobe only".to_owned(),
        Work::Transcode([_]) => "one pass".to_owned(),
        Work::Transcode(passes) => format!("{} passes", passes.len()),
    };
    let output = if info.seekable_output { "needs a seekable output" } else { "output can be streamed" };
    format!(
        "{passes} · {output} · up to {} threads · at most {} s unless the job says otherwise · {} MiB of memory",
        info.threads_max,
        info.wall_seconds_default,
        info.memory_bytes_max / (1024 * 1024)
    )
}

fn takes(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Bytes => "any bytes",
        InputKind::Media => "files of video or sound",
        InputKind::Picture => "picture files",
        InputKind::MediaOrPicture => "files of video, sound or a picture",
    }
}

fn values(spec: &ParamSpec) -> String {
    let unit = if spec.unit.is_empty() { String::new() } else { format!(" {}", spec.unit) };
    match spec.kind {
        ParamKind::Integer { min, max } => format!("{min} to {max}{unit}"),
        ParamKind::Decimal { min, max } => format!("{min:?} to {max:?}{unit}"),
        ParamKind::Choice { of } => of.join(", "),
        ParamKind::Switch => "true, false".to_owned(),
    }
}

fn default(spec: &ParamSpec) -> String {
    match spec.default {
        None => "–".to_owned(),
        Some(ParamValue::Integer(number)) => number.to_string(),
        Some(ParamValue::Decimal(number)) => format!("{number:?}"),
        Some(ParamValue::Choice(word)) => word.to_owned(),
        Some(ParamValue::Switch(on)) => on.to_string(),
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("a String takes any text");
}
