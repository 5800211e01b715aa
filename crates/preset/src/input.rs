//! What ffmpeg may open: one address, and allow-lists of protocols, demuxers and decoders, one reason an entry.
//! Nothing here may depend on a message.

use serde::Serialize;

use crate::argv::{Args, Text};
use crate::bounds::Bounds;
use crate::decoders::{Decoder, PICTURES as PICTURE_DECODERS, SOUND, SUBTITLES, VIDEO};
use crate::limits::{ALLOC_BYTES_MAX, ANALYZE_MICROSECONDS_MAX, PROBE_BYTES_MAX};

/// Where every input is read: the worker's door inside the jail. Nothing else answers there.
pub const INPUT_URL: &str = "http://127.0.0.1/input";

/// A demuxer that inputs may be read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Demuxer {
    /// Its name in ffmpeg.
    pub name: &'static str,
    /// Why it is on the list.
    pub reason: &'static str,
}

/// Which inputs a preset takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// Any bytes; nothing is opened.
    Bytes,
    /// Video with or without sound, or sound.
    Media,
    /// One picture.
    Picture,
    /// All of both.
    MediaOrPicture,
}

/// Containers of video and sound. Not here, ever: hls, dash, concat, sdp, rtsp, imf, image2, lavfi, tty,
/// vobsub, svg_pipe: each opens what its input names (measured: playlists read local files).
const MEDIA: &[Demuxer] = &[
    Demuxer { name: "mov", reason: "MP4, QuickTime, M4A, 3GP: cameras, phones, editors" },
    Demuxer { name: "matroska", reason: "Matroska and WebM: screen recorders, browsers" },
    Demuxer { name: "mpegts", reason: "transport streams: broadcast, recorders" },
    Demuxer { name: "mpeg", reason: "program streams: DVD-era archives" },
    Demuxer { name: "mxf", reason: "broadcast masters and camera cards" },
    Demuxer { name: "avi", reason: "older cameras and archives" },
    Demuxer { name: "asf", reason: "Windows Media archives" },
    Demuxer { name: "flv", reason: "recorded live streams" },
    Demuxer { name: "wav", reason: "uncompressed sound, BWF" },
    Demuxer { name: "w64", reason: "uncompressed sound above 4 GiB" },
    Demuxer { name: "aiff", reason: "uncompressed sound from Apple systems" },
    Demuxer { name: "mp3", reason: "sound" },
    Demuxer { name: "aac", reason: "raw AAC sound" },
    Demuxer { name: "flac", reason: "lossless sound" },
    Demuxer { name: "ogg", reason: "Opus and Vorbis sound, voice messages" },
];

/// Picture files. As `*_pipe`, which read the one stream they are given; `image2` would open other names.
const PICTURES: &[Demuxer] = &[
    Demuxer { name: "jpeg_pipe", reason: "photographs" },
    Demuxer { name: "png_pipe", reason: "graphics, screenshots" },
    Demuxer { name: "webp_pipe", reason: "pictures of the web" },
    Demuxer { name: "gif", reason: "short animations" },
    Demuxer { name: "bmp_pipe", reason: "pictures of Windows systems" },
    Demuxer { name: "tiff_pipe", reason: "scans" },
];

impl InputKind {
    /// The demuxers such an input may be read with.
    pub fn demuxers(self) -> impl Iterator<Item = &'static Demuxer> {
        let (media, pictures): (&[Demuxer], &[Demuxer]) = match self {
            Self::Bytes => (&[], &[]),
            Self::Media => (MEDIA, &[]),
            Self::Picture => (&[], PICTURES),
            Self::MediaOrPicture => (MEDIA, PICTURES),
        };
        media.iter().chain(pictures)
    }

    /// The decoders that ffmpeg may use on such an input.
    pub fn decoders(self) -> impl Iterator<Item = &'static Decoder> {
        let lists: &[&[Decoder]] = match self {
            Self::Bytes => &[],
            Self::Media => &[VIDEO, SOUND],
            Self::Picture => &[PICTURE_DECODERS],
            Self::MediaOrPicture => &[VIDEO, SOUND, PICTURE_DECODERS],
        };
        lists.iter().copied().flatten()
    }
}

/// Names as ffmpeg wants them.
fn listed(names: impl Iterator<Item = &'static str>) -> Text {
    Text::empty().joined(names)
}

/// Options in front of `-i` that keep ffmpeg to the one file, and to what a file may cost.
pub(crate) fn hardened(kind: InputKind, bounds: &Bounds) -> Args {
    let decoders = kind.decoders().map(|decoder| decoder.name);
    opening(kind, bounds).option("-codec_whitelist", listed(decoders)).option("-t", bounds.duration_seconds)
}

/// The same for ffprobe, which looks at inputs and outputs of every kind and opens subtitles as well.
pub(crate) fn probing(bounds: &Bounds) -> Args {
    let kind = InputKind::MediaOrPicture;
    let decoders = kind.decoders().chain(SUBTITLES).map(|decoder| decoder.name);
    opening(kind, bounds).option("-codec_whitelist", listed(decoders))
}

fn opening(kind: InputKind, bounds: &Bounds) -> Args {
    Args::default()
        .option("-max_alloc", ALLOC_BYTES_MAX)
        .words(&["-protocol_whitelist", "http,tcp"])
        .option("-format_whitelist", listed(kind.demuxers().map(|demuxer| demuxer.name)))
        .option("-max_streams", bounds.streams)
        .option("-probesize", PROBE_BYTES_MAX)
        .option("-analyzeduration", ANALYZE_MICROSECONDS_MAX)
        .option("-max_pixels", bounds.pixels)
}
