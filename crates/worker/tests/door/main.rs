//! The door, as a codec meets it: what it reads, what it is refused, and what it must not get away with.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod codec;
mod limits;
mod rules;
mod storage;

use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use codec::{Codec, get};
use valet_worker::door::{Door, DoorLimits, DoorStats, Source, Trip, Violation};

/// Bytes that differ from place to place.
fn noise(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut noise = vec![0; bytes];
    random.fill(&mut noise);
    noise
}

/// A file as the source.
fn file(content: &[u8]) -> Source {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(content, 0).unwrap();
    Source::File { file: Arc::new(file), bytes: content.len() as u64 }
}

/// A door to a file.
fn door_to(content: &[u8]) -> Door {
    Door::new(file(content), DoorLimits::default())
}

/// The rule that was broken.
async fn violation(door: &Door) -> Violation {
    match door.tripped().await {
        Trip::Violation(violation) => violation,
        other => panic!("no violation: {other:?}"),
    }
}

#[tokio::test]
async fn the_input_is_read_whole_and_in_part() {
    let content = noise(1_300_001);
    let door = door_to(&content);
    for (range, status, part) in [
        (None, 200, 0..1_300_001),
        (Some("bytes=0-"), 206, 0..1_300_001),
        (Some("bytes=0-0"), 206, 0..1),
        (Some("bytes=600000-1200000"), 206, 600_000..1_200_001),
        (Some("bytes=1300000-"), 206, 1_300_000..1_300_001),
        (Some("bytes=1299999-9999999"), 206, 1_299_999..1_300_001),
        (Some("bytes=-1000"), 206, 1_299_001..1_300_001),
        (Some("bytes=-9999999"), 206, 0..1_300_001),
    ] {
        let mut codec = Codec::open(&door);
        codec.send(&get(range)).await;
        let answer = codec.answer().await;
        assert_eq!(answer.status, status, "{range:?}");
        assert!(answer.body == content[part.clone()], "{range:?}");
        assert_eq!(answer.header("content-length"), Some(part.len().to_string().as_str()));
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        let expected = range.map(|_| format!("bytes {}-{}/1300001", part.start, part.end - 1));
        assert_eq!(answer.header("content-range"), expected.as_deref());
    }
    assert!(door.trip().is_none());
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let door = door_to(b"0123456789");
    let mut codec = Codec::open(&door);
    codec.send(&get(None).replace("GET", "HEAD")).await;
    let answer = codec.head_answer().await;
    assert_eq!((answer.status, answer.header("content-length")), (200, Some("10")));
    codec.send(&get(Some("bytes=2-")).replace("GET", "HEAD")).await;
    let answer = codec.head_answer().await;
    assert_eq!((answer.status, answer.header("content-range")), (206, Some("bytes 2-9/10")));
    codec.send(&get(Some("bytes=9-"))).await;
    assert_eq!(codec.answer().await.body, b"9", "the connection is still in step");
    assert_eq!(door.stats(), DoorStats { connections: 1, requests: 3, served_bytes: 1 });
}

#[tokio::test]
async fn asking_beyond_the_end_is_answered_and_no_violation() {
    for (bytes, range) in
        [(10, "bytes=10-"), (10, "bytes=11-20"), (10, "bytes=-0"), (0, "bytes=0-"), (0, "bytes=-1")]
    {
        let door = door_to(&noise(bytes));
        let mut codec = Codec::open(&door);
        codec.send(&get(Some(range))).await;
        let answer = codec.answer().await;
        assert_eq!(answer.status, 416, "{range} of {bytes}");
        assert_eq!(answer.header("content-range"), Some(format!("bytes */{bytes}").as_str()));
        assert!(door.trip().is_none(), "{range} of {bytes}");
    }
}

#[tokio::test]
async fn an_empty_input_is_read() {
    let door = door_to(b"");
    let mut codec = Codec::open(&door);
    codec.send(&get(None)).await;
    let answer = codec.answer().await;
    assert_eq!((answer.status, answer.body.len(), answer.header("content-length")), (200, 0, Some("0")));
}

#[tokio::test]
async fn a_codec_may_ask_as_ffmpeg_does() {
    let content = noise(100_000);
    let door = door_to(&content);
    for version in ["1.1", "1.0"] {
        let mut codec = Codec::open(&door);
        codec
            .send(&format!(
                "GET /input HTTP/{version}\r\nUser-Agent: Lavf/59.27.100\r\nAccept: */*\r\nRange: bytes=7-\r\n\
                 Connection: close\r\nHost: 127.0.0.1\r\nIcy-MetaData: 1\r\n\r\n"
            ))
            .await;
        let answer = codec.answer().await;
        assert!(answer.status == 206 && answer.body == content[7..], "HTTP/{version}");
        codec.wait_for_end().await;
    }
    let mut codec = Codec::open(&door);
    codec.send("GET /input HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(codec.answer().await.status, 200);
    assert!(door.trip().is_none());
}

#[tokio::test]
async fn hanging_up_is_no_violation_at_any_point() {
    let content = noise(4 << 20);
    let door = door_to(&content);
    drop(Codec::open(&door));
    let request = get(Some("bytes=0-"));
    for sent in [1, 10, request.len() - 1, request.len()] {
        let mut codec = Codec::open(&door);
        codec.send(&request[..sent]).await;
        codec.hang_up().await;
    }
    let mut codec = Codec::open(&door);
    codec.send(&request).await;
    codec.read_some(100_000).await;
    codec.hang_up().await;
    assert!(door.trip().is_none(), "{:?}", door.trip());
    // What lies between door and codec, and no more.
    assert!(door.stats().served_bytes < 2 << 20, "{:?}", door.stats());
}

#[tokio::test]
async fn a_file_that_cannot_be_read_shuts_the_door() {
    let Source::File { file, .. } = file(b"short") else { panic!("a file") };
    let door = Door::new(Source::File { file, bytes: 1_000 }, DoorLimits::default());
    let mut codec = Codec::open(&door);
    codec.send(&get(None)).await;
    assert!(matches!(door.tripped().await, Trip::File(_)), "{:?}", door.trip());
    codec.wait_for_end().await;
}
