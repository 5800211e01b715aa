//! Files that name others. What they name is there, and would be read by a codec that follows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::atoms;
use crate::{Program, media};

/// Longest that the decoy may take to make.
const MAKE_TIMEOUT: Duration = Duration::from_secs(60);

/// What a lure leads to. Whatever is there, it is the [`decoy`].
#[derive(Clone, Debug)]
pub struct Prey {
    /// A file of this machine.
    pub file: PathBuf,
    /// A service of this machine: `http://127.0.0.1:port`.
    pub url: String,
    /// Its port, for those who speak no HTTP.
    pub port: u16,
    /// The name of a neighbour of the input.
    pub neighbour: String,
}

/// A file that names others.
#[derive(Debug)]
pub struct Lure {
    /// What it is, in words.
    pub name: &'static str,
    /// Its bytes.
    pub bytes: fn(&Prey) -> Vec<u8>,
    /// Options of ffmpeg with which it works where there are no walls: what old versions do unasked, new ones do
    /// when they are told to. `None`: no ffmpeg that we have follows it.
    pub works_with: Option<&'static [&'static str]>,
}

/// Protocols of a codec that may everything.
const ALL: [&str; 2] = ["-protocol_whitelist", "file,http,tcp,udp,rtp,crypto,data,subfile,concat"];
const HLS: &[&str] = &["-f", "hls", ALL[0], ALL[1], "-allowed_extensions", "ALL", "-extension_picky", "0"];
const CONCAT: &[&str] = &["-f", "concat", ALL[0], ALL[1], "-safe", "0"];
const DASH: &[&str] = &["-f", "dash", ALL[0], ALL[1], "-allowed_extensions", "ALL"];
const DREFS: &[&str] = &[ALL[0], ALL[1], "-enable_drefs", "1", "-use_absolute_path", "1"];

/// Every lure.
pub const LURES: &[Lure] = &[
    Lure {
        name: "HLS with a file as segment",
        bytes: |prey| hls(&format!("#EXTINF:2,\nfile://{}", prey.file.display())),
        works_with: Some(HLS),
    },
    Lure {
        name: "HLS with a URL as segment",
        bytes: |prey| hls(&format!("#EXTINF:2,\n{}/segment.ts", prey.url)),
        works_with: Some(HLS),
    },
    Lure {
        name: "HLS with a URL as key",
        bytes: |prey| {
            let key = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{}/key\",IV=0x{:032x}", prey.url, 1);
            hls(&format!("{key}\n#EXTINF:2,\n{}", prey.neighbour))
        },
        works_with: Some(HLS),
    },
    Lure {
        name: "HLS with a URL as playlist",
        bytes: |prey| {
            format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\n{}/playlist.m3u8\n", prey.url).into_bytes()
        },
        works_with: Some(HLS),
    },
    Lure {
        name: "HLS with a neighbour as segment",
        bytes: |prey| hls(&format!("#EXTINF:2,\n{}", prey.neighbour)),
        works_with: Some(HLS),
    },
    Lure {
        name: "ffconcat with a part of a file",
        bytes: |prey| concat(&format!("subfile,,start,0,end,188000,,:{}", prey.file.display())),
        works_with: Some(CONCAT),
    },
    Lure {
        name: "ffconcat with joined files",
        bytes: |prey| concat(&format!("concat:{}|{}/x.ts", prey.file.display(), prey.url)),
        works_with: Some(CONCAT),
    },
    Lure {
        name: "ffconcat with a neighbour",
        bytes: |prey| concat(&prey.neighbour),
        works_with: Some(CONCAT),
    },
    Lure {
        name: "ffconcat with a file",
        bytes: |prey| concat(&prey.file.display().to_string()),
        works_with: Some(CONCAT),
    },
    Lure {
        name: "ffconcat with a URL",
        bytes: |prey| concat(&format!("{}/x.ts", prey.url)),
        works_with: Some(CONCAT),
    },
    Lure { name: "DASH with a URL as base", bytes: dash, works_with: Some(DASH) },
    Lure { name: "SDP with a stream of this machine", bytes: sdp, works_with: None },
    Lure { name: "SVG with pictures elsewhere", bytes: svg, works_with: None },
    Lure {
        name: "QuickTime with its media in another file",
        bytes: |prey| atoms::with_media_in(&media::bytes("clip.mp4"), &prey.file),
        works_with: Some(DREFS),
    },
];

/// A short film that all lures lead to, in a container that can be joined and read from anywhere.
///
/// # Panics
/// When ffmpeg is missing or fails.
pub fn decoy() -> PathBuf {
    media::made_once("decoy.ts", |target: &Path| {
        Program::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "color=magenta:s=98x74:d=2"])
            .args(["-c:v", "libx264", "-pix_fmt", "yuv420p", "-f", "mpegts"])
            .arg(target)
            .run(MAKE_TIMEOUT)
            .expect_code(0);
    })
}

fn hls(segment: &str) -> Vec<u8> {
    format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n{segment}\n#EXT-X-ENDLIST\n").into_bytes()
}

fn concat(file: &str) -> Vec<u8> {
    format!("ffconcat version 1.0\nfile '{file}'\n").into_bytes()
}

fn dash(prey: &Prey) -> Vec<u8> {
    let text = format!(
        r#"<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S" minBufferTime="PT1S" profiles="urn:mpeg:dash:profile:isoff-main:2011">
<Period><AdaptationSet mimeType="video/mp2t" segmentAlignment="true"><Representation id="1" bandwidth="1000">
<BaseURL>{url}/</BaseURL><SegmentList duration="2"><SegmentURL media="{url}/x.ts"/></SegmentList>
</Representation></AdaptationSet></Period></MPD>
"#,
        url = prey.url
    );
    text.into_bytes()
}

fn sdp(prey: &Prey) -> Vec<u8> {
    let port = prey.port;
    format!(
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video {port} RTP/AVP 96\r\n\
         a=rtpmap:96 H264/90000\r\n"
    )
    .into_bytes()
}

fn svg(prey: &Prey) -> Vec<u8> {
    let (file, url) = (prey.file.display(), &prey.url);
    format!(
        r#"<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xi="http://www.w3.org/2001/XInclude" width="64" height="64">
<image xlink:href="file://{file}" width="64" height="64"/><image href="{url}/x.png" width="64" height="64"/>
<text><xi:include href="file://{file}" parse="text"/></text></svg>
"#
    )
    .into_bytes()
}
