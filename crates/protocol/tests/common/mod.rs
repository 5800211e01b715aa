//! What the tests share: one full message, one report of each kind, golden files.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)] // each test file uses its part

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use valet_grant::GrantUrl;
use valet_protocol::*;

pub const ID: &str = "01976d2a-7f00-7abc-8def-0123456789ab";

/// A signature that must never be seen again.
pub const MARKER: &str = "MARKERc2lnbmF0dXJl%2B0123456789abcdefABCDEF%3D";

pub fn input_url() -> String {
    format!(
        "https://acct.blob.core.windows.net/in/a.mov?sv=2022-11-02&sr=b&sp=r&se=2026-01-31T18:00:00Z&sig={MARKER}"
    )
}

pub fn output_url() -> String {
    format!(
        "https://other.blob.core.windows.net/out/a.mp4?sv=2022-11-02&sr=b&sp=c&se=2026-01-31T18:00:00Z&sig={MARKER}"
    )
}

pub fn message() -> JobMessage {
    let serde_json::Value::Object(params) = json!({ "crf": 23, "fast": true, "speed": 1.5, "tune": "film" })
    else {
        unreachable!("it is an object")
    };
    JobMessage {
        id: ID.parse().unwrap(),
        lane: "default".parse().unwrap(),
        grants: Grants::Open { input: GrantUrl::new(input_url()), output: GrantUrl::new(output_url()) },
        input: Input { etag: Some("\"0x8DCB1A2B3C4D5E6\"".parse().unwrap()) },
        output: Output { content_type: Some("video/mp4".into()) },
        preset: PresetRef { name: "h264-720p".into(), version: 1, params },
        limits: Limits {
            wall_seconds: Some(3_600),
            input_bytes: Some(53_687_091_200),
            stall_seconds: Some(60),
            output_bytes: Some(10_737_418_240),
            cpu_seconds: Some(7_200),
            memory_bytes: Some(2_147_483_648),
            duration_seconds: Some(7_200),
            pixels: Some(8_294_400),
            frames: Some(432_000),
            streams: Some(8),
        },
        priority: Priority::Normal,
        tags: [("title".to_owned(), "42 – “Größe”".to_owned())].into(),
        submitted_at: "2026-01-31T12:00:00.25Z".parse().unwrap(),
        not_after: "2026-01-31T18:00:00Z".parse().unwrap(),
        remints: 3,
        attempts_before: 2,
    }
}

/// The header of the grants in [`sealed_message`].
pub fn sealed_header() -> SealedHeader {
    let half = |c: char| c.to_string().repeat(43);
    SealedHeader {
        kid: "fleet-2026-01".into(),
        epk: (half('x'), half('y')),
        binding: Binding::of(&message()),
        parties: (None, None),
    }
}

/// A JWE's shape with this header; nobody has encrypted anything.
pub fn sealed_text(header: &[u8]) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.encode(header);
    format!("{header}.{}.{}.{}.{}", "k".repeat(54), "i".repeat(16), "c".repeat(700), "t".repeat(22))
}

/// The full message with its grants sealed.
pub fn sealed_message() -> JobMessage {
    let sealed = sealed_text(&sealed_header().to_json()).parse().unwrap();
    JobMessage { grants: Grants::Sealed(sealed), ..message() }
}

pub fn sealed_json() -> serde_json::Value {
    serde_json::from_slice(sealed_message().encode().unwrap().as_ref()).unwrap()
}

pub fn message_json() -> serde_json::Value {
    serde_json::from_slice(message().encode().unwrap().as_ref()).unwrap()
}

pub fn report(data: ReportData) -> Report {
    Report {
        job: ID.parse().unwrap(),
        lane: "default".parse().unwrap(),
        attempt: 2,
        redelivery: 1,
        worker: "vm-7".into(),
        time: "2026-01-31T12:00:05.5Z".parse().unwrap(),
        data,
    }
}

/// One report of each kind, with every field set.
pub fn reports() -> Vec<Report> {
    let reason = Reason::StorageUnavailable;
    let detail = || Detail::from("cannot read other/in/a.mov: 503 ServerBusy");
    let data = [
        ReportData::Submitted(Box::new(submitted())),
        ReportData::Accepted(Accepted {}),
        ReportData::Started(Started {
            preset: "h264-720p".into(),
            version: 1,
            input_bytes: 1_000,
            input_etag: Some("\"0x8DCB1A2B3C4D5E6\"".into()),
            jail: Some("L1".into()),
        }),
        ReportData::Progress(Progress {
            sequence: 7,
            phase: "codec".into(),
            percent: Some(12.5),
            fps: Some(240.0),
            speed: Some(8.25),
            out_seconds: Some(3.5),
        }),
        ReportData::Succeeded(Box::new(success())),
        ReportData::Failed(Failed {
            reason: Reason::NotMedia,
            detail: detail(),
            advice: "Look at it.".into(),
        }),
        ReportData::Retrying(Retrying { reason, detail: detail(), next_attempt: 3, delay_seconds: 300 }),
        ReportData::Expired(Expired {
            reason: Reason::GrantExpired,
            detail: detail(),
            not_after: Some("2026-01-31T11:00:00Z".parse().unwrap()),
            remints_left: 2,
        }),
        ReportData::Reminted(Reminted {
            not_after: "2026-01-31T23:00:00Z".parse().unwrap(),
            remints_left: 1,
        }),
        ReportData::Dead(Dead { reason, detail: detail() }),
        ReportData::Cancelled(Cancelled { detail: "while the codec ran".into() }),
    ];
    data.into_iter().map(report).collect()
}

pub fn submitted() -> Submitted {
    Submitted {
        preset: "h264-720p".into(),
        version: 1,
        input: "acct/in/a.mov".into(),
        output: "other/out/a.mp4".into(),
        tags: [("title".into(), "42".into())].into(),
        priority: Priority::Normal,
        submitted_at: "2026-01-31T12:00:00.25Z".parse().unwrap(),
        not_after: "2026-01-31T18:00:00Z".parse().unwrap(),
        wall_seconds: 3_600,
        remints: 3,
    }
}

pub fn success() -> Success {
    Success {
        stored: Stored::ExistsAfterOwnAttempt,
        output: "other/out/a.mp4".into(),
        content_type: "video/mp4".into(),
        input_bytes: 1_000,
        output_bytes: Some(500),
        sha256: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()),
        md5: Some("CY9rzUYh03PK3k6DJie09g==".into()),
        media: Some(MediaFacts {
            format: "mov,mp4,m4a,3gp,3g2,mj2".into(),
            duration_seconds: Some(10.25),
            width: Some(1280),
            height: Some(720),
            video_codec: Some("h264".into()),
            audio_codec: Some("aac".into()),
        }),
        timings: Timings { queue_ms: 1, fetch_ms: 2, codec_ms: 3, check_ms: 4, store_ms: 5, total_ms: 14 },
        codec_version: "ffmpeg 5.1.6".into(),
        jail: Some("L1".into()),
    }
}

pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

pub fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

/// Compares a text with a file, or writes the file if `VALET_BLESS` is set.
pub fn assert_file(path: &Path, expected: &str) {
    if std::env::var_os("VALET_BLESS").is_some() {
        std::fs::write(path, expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    let hint = "VALET_BLESS=1 cargo test -p valet-protocol rewrites it";
    assert_eq!(found, expected, "{} has drifted; {hint}", path.display());
}

/// Members in alphabetical order, whatever order the map of this build keeps.
pub fn sorted(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(members) => {
            let members: std::collections::BTreeMap<_, _> = members.iter().collect();
            members.into_iter().map(|(name, member)| (name.clone(), sorted(member))).collect()
        }
        serde_json::Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
