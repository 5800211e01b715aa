//! Which decoders an input may be read with, one reason an entry: what the demuxers' own files hold, and no
//! more. Every other decoder is closed, whatever a file asks for.
//!
//! ffprobe opens a decoder for every stream of a file and gives up at the first that is not listed (measured,
//! 5.1), so its list has subtitles too. ffmpeg never decodes them, and its list has not.

use serde::Serialize;

/// A decoder that inputs may be read with. A name that an ffmpeg does not have is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Decoder {
    /// Its name in ffmpeg.
    pub name: &'static str,
    /// Why it is on the list.
    pub reason: &'static str,
}

const fn decoder(name: &'static str, reason: &'static str) -> Decoder {
    Decoder { name, reason }
}

/// Video of the listed containers. Not here: what is rare, old and intricate (Cinepak, Sorenson, Indeo,
/// Theora, RealVideo), and every wrapper of a hardware decoder.
pub(crate) const VIDEO: &[Decoder] = &[
    decoder("h264", "cameras, phones, the web"),
    decoder("hevc", "phones and cameras, HDR"),
    decoder("libdav1d", "AV1: the web"),
    decoder("libaom-av1", "AV1 where dav1d was not built in"),
    decoder("vp8", "browsers' recorders"),
    decoder("vp9", "browsers, screen recorders"),
    decoder("mpeg1video", "program streams of the DVD's time"),
    decoder("mpeg2video", "broadcast, DVD, MXF"),
    decoder("mpeg4", "AVI and 3GP, older phones and cameras"),
    decoder("msmpeg4v2", "AVI and Windows Media archives"),
    decoder("msmpeg4", "AVI and Windows Media archives, version 3"),
    decoder("h263", "3GP of older phones"),
    decoder("flv", "FLV, first generation"),
    decoder("vp6f", "FLV, second generation"),
    decoder("wmv1", "Windows Media 7"),
    decoder("wmv2", "Windows Media 8"),
    decoder("wmv3", "Windows Media 9"),
    decoder("vc1", "Windows Media, advanced profile"),
    decoder("mjpeg", "older cameras"),
    decoder("dvvideo", "tape cameras, MXF"),
    decoder("prores", "editors' masters"),
    decoder("dnxhd", "editors' masters, MXF"),
    decoder("jpeg2000", "broadcast masters in MXF"),
    decoder("ffv1", "lossless archives"),
    decoder("rawvideo", "uncompressed masters"),
    decoder("v210", "uncompressed masters of 10 bits"),
];

/// Sound of the listed containers.
pub(crate) const SOUND: &[Decoder] = &[
    decoder("aac", "cameras, phones, the web"),
    decoder("aac_latm", "AAC in broadcast transport streams"),
    decoder("mp3float", "music, AVI, FLV"),
    decoder("mp3", "the same where only integers were built in"),
    decoder("mp2float", "broadcast, DVD"),
    decoder("mp2", "the same where only integers were built in"),
    decoder("ac3", "broadcast, DVD, films"),
    decoder("eac3", "broadcast, films"),
    decoder("dca", "films: DTS"),
    decoder("truehd", "films: a second track that stops ffprobe if it is not known"),
    decoder("opus", "the web, voice messages"),
    decoder("libopus", "the same by the reference library"),
    decoder("vorbis", "Ogg and WebM"),
    decoder("flac", "lossless music"),
    decoder("alac", "lossless music of Apple systems"),
    decoder("amrnb", "3GP of phones"),
    decoder("amrwb", "3GP of phones, wide band"),
    decoder("wmav1", "Windows Media archives"),
    decoder("wmav2", "Windows Media archives"),
    decoder("wmapro", "Windows Media archives, surround"),
    decoder("adpcm_ms", "WAV and AVI of older systems"),
    decoder("adpcm_ima_wav", "WAV and AVI of older systems, telephony"),
    decoder("pcm_alaw", "telephony, Europe"),
    decoder("pcm_mulaw", "telephony, America and Japan"),
    decoder("pcm_u8", "WAV of 8 bits"),
    decoder("pcm_s8", "AIFF of 8 bits"),
    decoder("pcm_s16le", "WAV, MOV, MXF"),
    decoder("pcm_s16be", "AIFF, MOV"),
    decoder("pcm_s24le", "WAV, MXF"),
    decoder("pcm_s24be", "AIFF, MOV"),
    decoder("pcm_s32le", "WAV, MXF"),
    decoder("pcm_s32be", "AIFF, MOV"),
    decoder("pcm_f32le", "WAV of studios"),
    decoder("pcm_f32be", "AIFF of studios"),
    decoder("pcm_f64le", "WAV of studios"),
    decoder("pcm_f64be", "AIFF of studios"),
    decoder("pcm_dvd", "DVD"),
    decoder("pcm_bluray", "camera cards of AVCHD"),
    decoder("s302m", "PCM in broadcast transport streams"),
];

/// Picture files, and covers within files of sound.
pub(crate) const PICTURES: &[Decoder] = &[
    decoder("mjpeg", "photographs, covers"),
    decoder("png", "graphics, screenshots, covers"),
    decoder("webp", "pictures of the web"),
    decoder("gif", "short animations"),
    decoder("bmp", "pictures of Windows systems"),
    decoder("tiff", "scans"),
];

/// Subtitles, for ffprobe alone.
pub(crate) const SUBTITLES: &[Decoder] = &[
    decoder("mov_text", "MP4, QuickTime"),
    decoder("cc_dec", "closed captions in QuickTime"),
    decoder("srt", "Matroska"),
    decoder("subrip", "Matroska, by its other name"),
    decoder("ass", "Matroska"),
    decoder("ssa", "Matroska, by its other name"),
    decoder("text", "Matroska"),
    decoder("webvtt", "WebM"),
    decoder("dvbsub", "broadcast"),
    decoder("libzvbi_teletextdec", "broadcast teletext"),
    decoder("dvdsub", "DVD, and films made of one"),
    decoder("pgssub", "films"),
    decoder("xsub", "AVI"),
];
