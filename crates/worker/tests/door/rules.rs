//! Every request that is not the permitted one shuts the door, and is told.

use super::codec::{Codec, get};
use super::{door_to, noise, violation};

const LINE: &str = "only GET and HEAD of /input, by HTTP/1.1";
const HOST: &str = "the host is 127.0.0.1";
const BODY: &str = "a request has no body";
const UPGRADE: &str = "no upgrade and no expectation";
const RANGE: &str = "one range, of the form a-b, a- or -n";
const FORM: &str = "a request is HTTP/1.1, with at most 32 headers and 16 KiB";

/// Sends `request` through a door of its own: what it answers, and which rule it names.
async fn ask(request: &[u8]) -> (Option<u16>, &'static str, String) {
    let door = door_to(b"0123456789");
    let mut codec = Codec::open(&door);
    codec.send(request).await;
    let violation = violation(&door).await;
    let answer = String::from_utf8(codec.rest().await).unwrap();
    assert!(!answer.contains("0123456789"), "nothing of the input is told: {answer}");
    (answer.get(9..12).map(|status| status.parse().unwrap()), violation.rule, violation.asked)
}

/// The permitted request with another first line.
fn with_line(line: &str) -> String {
    format!("{line}\r\nHost: 127.0.0.1\r\n\r\n")
}

/// The permitted request with more headers.
fn with_headers(headers: &str) -> String {
    format!("GET /input HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n")
}

#[tokio::test]
async fn the_first_line_is_one_of_four() {
    for line in [
        "GET / HTTP/1.1",
        "GET /inputs HTTP/1.1",
        "GET /input/ HTTP/1.1",
        "GET //input HTTP/1.1",
        "GET /./input HTTP/1.1",
        "GET /a/../input HTTP/1.1",
        "GET /../../etc/passwd HTTP/1.1",
        "GET /%69nput HTTP/1.1",
        "GET /input%00 HTTP/1.1",
        "GET /input? HTTP/1.1",
        "GET /input?comp=list HTTP/1.1",
        "GET /input# HTTP/1.1",
        "GET /input#seg.ts HTTP/1.1",
        "GET /INPUT HTTP/1.1",
        "GET /output HTTP/1.1",
        "GET * HTTP/1.1",
        "GET http://127.0.0.1/input HTTP/1.1",
        "GET http://169.254.169.254/metadata/instance HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "OPTIONS /input HTTP/1.1",
        "CONNECT 169.254.169.254:80 HTTP/1.1",
        "CONNECT 127.0.0.1:80 HTTP/1.1",
        "TRACE /input HTTP/1.1",
        "POST /input HTTP/1.1",
        "PUT /input HTTP/1.1",
        "PATCH /input HTTP/1.1",
        "DELETE /input HTTP/1.1",
        "get /input HTTP/1.1",
        "XYZ /input HTTP/1.1",
    ] {
        let (status, rule, asked) = ask(with_line(line).as_bytes()).await;
        assert_eq!((status, rule, asked.as_str()), (Some(403), LINE, line));
    }
}

#[tokio::test]
async fn the_host_is_the_one_that_was_told() {
    for headers in [
        "",
        "Host: 169.254.169.254\r\n",
        "Host: localhost\r\n",
        "Host: 127.0.0.1:8080\r\n",
        "Host: 127.0.0.1:\r\n",
        "Host: 127.0.0.2\r\n",
        "Host: 127.0.0.1.evil.example\r\n",
        "Host: 127.0.0.1, 127.0.0.1\r\n",
        "Host: [::1]\r\n",
        "Host:\r\n",
        "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n",
        "Host: 127.0.0.1\r\nhOST: internal.example\r\n",
    ] {
        for version in ["1.1", "1.0"] {
            let request = format!("GET /input HTTP/{version}\r\n{headers}\r\n");
            let (status, rule, _) = ask(request.as_bytes()).await;
            assert_eq!((status, rule), (Some(403), HOST), "{headers:?} in {version}");
        }
    }
    let (_, _, asked) = ask(b"GET /input HTTP/1.1\r\nHost: internal.example\r\n\r\n").await;
    assert_eq!(asked, "GET /input HTTP/1.1; host: internal.example");
}

#[tokio::test]
async fn a_request_brings_no_body_and_wants_no_other_protocol() {
    for (headers, rule) in [
        ("Content-Length: 5\r\n", BODY),
        ("Content-Length: 00\r\n", BODY),
        ("Transfer-Encoding: chunked\r\n", BODY),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", BODY),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", BODY),
        ("Upgrade: websocket\r\nConnection: upgrade\r\n", UPGRADE),
        (
            "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings\r\n",
            UPGRADE,
        ),
        ("Expect: 100-continue\r\n", UPGRADE),
        ("Expect: 100-continue\r\nContent-Length: 0\r\n", UPGRADE),
    ] {
        let (status, found, asked) = ask(with_headers(headers).as_bytes()).await;
        assert_eq!((status, found), (Some(403), rule), "{headers:?}: {asked}");
    }
}

#[tokio::test]
async fn a_range_that_no_codec_asks_for_shuts_the_door() {
    for range in [
        "bytes=0-1,2-3",
        "bytes=5-2",
        "bytes=18446744073709551616-",
        "bytes=0-18446744073709551616",
        "bytes=-",
        "bytes=a-",
        "items=0-1",
        "bytes 0-1",
        "",
    ] {
        let (status, rule, asked) = ask(get(Some(range)).as_bytes()).await;
        assert_eq!((status, rule), (Some(416), RANGE), "{range}");
        assert_eq!(asked, format!("GET /input HTTP/1.1; range: {range}"));
    }
    let twice = with_headers("Range: bytes=0-1\r\nRange: bytes=0-1\r\n");
    let (status, rule, _) = ask(twice.as_bytes()).await;
    assert_eq!((status, rule), (Some(416), RANGE));
}

#[tokio::test]
async fn what_is_no_request_shuts_the_door() {
    let many = "X: y\r\n".repeat(32);
    let long = "a".repeat(70_000);
    for (name, request) in [
        ("garbage", "\u{1b}[2J\0\0\r\n\r\n".to_owned()),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\0".to_owned()),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("HTTP/0.9", "GET /input\r\n\r\n".to_owned()),
        ("HTTP/1.2", with_line("GET /input HTTP/1.2")),
        ("other spacing", with_line("GET  /input HTTP/1.1")),
        ("a space behind", with_line("GET /input HTTP/1.1 ")),
        ("a tab", with_line("GET\t/input HTTP/1.1")),
        ("a folded header", with_headers("X: a\r\n b\r\n")),
        ("a space before the colon", with_headers("Range : bytes=0-1\r\n")),
        ("a header without a colon", with_headers("Range\r\n")),
        ("a NUL in a header", with_headers("X: a\0b\r\n")),
        ("33 headers", with_headers(&many)),
        ("a long target", with_line(&format!("GET /{long} HTTP/1.1"))),
        ("a long header", with_headers(&format!("X: {long}\r\n"))),
        ("17 KiB", with_headers(&format!("X: {}\r\n", &long[..17 << 10]))),
        ("two lengths", with_headers("Content-Length: 0\r\nContent-Length: 5\r\n")),
        ("no length", with_headers("Content-Length: +0\r\n")),
        (
            "encoded in 1.0",
            with_line("GET /input HTTP/1.0").replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ),
    ] {
        let (status, rule, asked) = ask(request.as_bytes()).await;
        assert_eq!(rule, FORM, "{name}: {asked}");
        assert!(matches!(status, None | Some(400 | 414 | 431)), "{name}: {status:?}");
        assert!(asked.is_ascii() && !asked.contains(|c: char| c.is_ascii_control()), "{name}: {asked:?}");
        assert!(asked.len() <= 200, "{name}");
    }
    let (_, _, asked) = ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(asked, "PRI * HTTP/2.0");
    let (_, _, asked) = ask("GET /\u{202e}x\u{1b}[2J HTTP/1.1\r\n\r\n".as_bytes()).await;
    assert_eq!(asked, r"GET /\xe2\x80\xaex\x1b[2J HTTP/1.1");
}

#[tokio::test]
async fn as_many_headers_as_are_permitted_are() {
    let door = door_to(b"0123456789");
    let mut codec = Codec::open(&door);
    codec.send(with_headers(&"X: y\r\n".repeat(31))).await;
    assert_eq!(codec.answer().await.body, b"0123456789");
    codec.send(with_headers(&format!("X: {}\r\n", "a".repeat(15 << 10)))).await;
    assert_eq!(codec.answer().await.body, b"0123456789");
}

#[tokio::test]
async fn the_first_violation_stands_and_nothing_is_served_after_it() {
    let door = door_to(b"0123456789");
    let mut before = Codec::open(&door);
    before.send(get(None)).await;
    assert_eq!(before.answer().await.status, 200);
    let mut guilty = Codec::open(&door);
    guilty.send(with_line("GET /first HTTP/1.1")).await;
    assert_eq!(violation(&door).await.asked, "GET /first HTTP/1.1");
    before.send(get(None)).await;
    assert_eq!(before.answer().await.status, 403, "on a connection that was there before");
    let mut after = Codec::open(&door);
    after.send(with_line("GET /second HTTP/1.1")).await;
    assert_eq!(after.rest().await, b"", "and a new one is not served at all");
    assert_eq!(violation(&door).await.asked, "GET /first HTTP/1.1");
}

#[tokio::test]
async fn a_violation_ends_what_is_being_served_elsewhere() {
    let door = door_to(&noise(3 << 20));
    let mut reading = Codec::open(&door);
    reading.send(get(None)).await;
    reading.read_some(1).await;
    let mut guilty = Codec::open(&door);
    guilty.send(with_line("GET /secret HTTP/1.1")).await;
    violation(&door).await;
    assert!(reading.rest().await.len() < 3 << 20, "what was on its way, and no more");
}

#[tokio::test]
async fn a_violation_behind_a_permitted_request_is_seen() {
    let door = door_to(b"0123456789");
    let mut codec = Codec::open(&door);
    codec.send(get(None) + &with_line("GET /second HTTP/1.1")).await;
    assert_eq!(codec.answer().await.body, b"0123456789");
    assert_eq!(violation(&door).await.asked, "GET /second HTTP/1.1");
}

/// A codec that does harm and is gone at once must not get away with it.
#[tokio::test]
async fn a_violation_of_a_codec_that_is_gone_is_seen() {
    let door = door_to(b"0123456789");
    let mut codec = Codec::open(&door);
    codec.send(with_line("GET /secret HTTP/1.1")).await;
    codec.hang_up().await;
    assert_eq!(violation(&door).await.asked, "GET /secret HTTP/1.1");
}
