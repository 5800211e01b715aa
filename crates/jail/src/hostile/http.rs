//! Requests to the door that are not `GET` or `HEAD /input`, byte by byte. Any status but a refusal is a break-out.

use super::attempt::{Act, Attempt};
use super::network::ask;
use super::outcome::Outcome;

const GROUP: &str = "requests";

/// Where ffmpeg believes the input to be.
const DOOR: &str = "127.0.0.1:80";

/// A request in pieces, each repeated so many times.
type Pieces = &'static [(&'static str, usize)];

const fn attempt(name: &'static str, what: &'static str, pieces: Pieces) -> Attempt {
    Attempt::new(GROUP, name, what, Act::Request(pieces))
}

/// Sends it and looks at the answer.
pub(super) fn request(pieces: Pieces) -> Outcome {
    ask(DOOR, &pieces.iter().map(|(text, times)| text.repeat(*times)).collect::<String>())
}

/// A request of one piece that ends with the right host and an empty line.
macro_rules! plain {
    ($line:literal) => {
        &[(concat!($line, " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), 1)]
    };
}

/// A request for the input with these lines in its head.
macro_rules! head {
    ($lines:literal) => {
        &[(concat!("GET /input HTTP/1.1\r\nHost: 127.0.0.1\r\n", $lines, "\r\n\r\n"), 1)]
    };
}

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt("http-other-path", "ask for another path", plain!("GET /secret")).at_start(),
    attempt("http-root", "ask for /", plain!("GET /")),
    attempt("http-query", "add a query", plain!("GET /input?x=1")),
    attempt("http-fragment", "add a fragment", plain!("GET /input#x")),
    attempt("http-dots", "ask for /input/../secret", plain!("GET /input/../secret")),
    attempt("http-dots-home", "ask for /x/../input", plain!("GET /x/../input")),
    attempt("http-percent", "write a letter as %69", plain!("GET /%69nput")),
    attempt("http-double-slash", "ask for //input", plain!("GET //input")),
    attempt("http-trailing-slash", "ask for /input/", plain!("GET /input/")),
    attempt("http-upper-case", "ask for /INPUT", plain!("GET /INPUT")),
    attempt(
        "http-absolute-metadata",
        "ask as of a proxy for the metadata service",
        &[(
            "GET http://169.254.169.254/metadata/instance HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\n\r\n",
            1,
        )],
    ),
    attempt("http-absolute-input", "ask as of a proxy for the input", plain!("GET http://127.0.0.1/input")),
    attempt(
        "http-connect",
        "ask for a tunnel",
        &[("CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\n\r\n", 1)],
    ),
    attempt("http-options", "ask what may be asked", plain!("OPTIONS *")),
    attempt("http-trace", "ask for an echo", plain!("TRACE /input")),
    attempt("http-delete", "delete the input", plain!("DELETE /input")),
    attempt(
        "http-put",
        "replace the input",
        &[("PUT /input HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx", 1)],
    ),
    attempt(
        "http-post",
        "post to the input",
        &[("POST /input HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx", 1)],
    ),
    attempt("http-output", "ask for the output", plain!("GET /output")),
    attempt("http-lower-case-method", "write get in small letters", plain!("get /input")),
    attempt(
        "http-other-host",
        "ask for another host",
        &[("GET /input HTTP/1.1\r\nHost: metadata.internal\r\n\r\n", 1)],
    ),
    attempt(
        "http-host-with-login",
        "put a login before the host",
        &[("GET /input HTTP/1.1\r\nHost: 127.0.0.1@metadata.internal\r\n\r\n", 1)],
    ),
    attempt("http-no-host", "name no host", &[("GET /input HTTP/1.1\r\n\r\n", 1)]),
    attempt("http-two-hosts", "name two hosts", head!("Host: metadata.internal")),
    attempt(
        "http-two-lengths",
        "give the body's length twice",
        head!("Content-Length: 1\r\nTransfer-Encoding: chunked"),
    ),
    attempt(
        "http-body",
        "send a body with a GET",
        &[("GET /input HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nbody", 1)],
    ),
    attempt("http-upgrade", "ask for another protocol", head!("Connection: Upgrade\r\nUpgrade: websocket")),
    attempt("http-many-ranges", "ask for two ranges", head!("Range: bytes=0-1,4-5")),
    attempt("http-two-range-headers", "ask for a range twice", head!("Range: bytes=0-1\r\nRange: bytes=4-5")),
    attempt(
        "http-range-overflow",
        "ask for a range beyond all numbers",
        head!("Range: bytes=99999999999999999999-"),
    ),
    attempt("http-range-inverted", "ask for a range that ends before it begins", head!("Range: bytes=9-1")),
    attempt("http-range-unit", "ask for a range in other units", head!("Range: seconds=0-1")),
    attempt("http-range-negative", "ask for a negative range", head!("Range: bytes=-5-3")),
    attempt("http-folded-header", "fold a header over two lines", head!("X-A: b\r\n c")),
    attempt("http-null-header", "put a null byte into a header", head!("X-A: b\0c")),
    attempt("http-split-header", "put a bare carriage return into a header", head!("X-A: b\rX-B: c")),
    attempt("http-space-before-colon", "put a space before a header's colon", head!("Range : bytes=0-1")),
    attempt(
        "http-unknown-version",
        "speak HTTP/9.9",
        &[("GET /input HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n", 1)],
    ),
    attempt("http-old-version", "speak HTTP/0.9", &[("GET /input\r\n\r\n", 1)]),
    attempt("http-garbage", "say what is no request", &[("\0\u{1}\u{2}\u{3}\r\n\r\n\r\n", 1)]),
    attempt("http-tls", "begin with TLS", &[("\u{16}\u{3}\u{1}\0\u{5}\u{1}\0\0\u{1}\u{3}\r\n\r\n", 1)]),
    attempt("http2-preface", "begin with HTTP/2", &[("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 1)]),
    attempt(
        "http-long-path",
        "ask for a path of 70 000 letters",
        &[("GET /", 1), ("a", 70_000), (" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 1)],
    ),
    attempt(
        "http-many-headers",
        "send 200 headers",
        &[("GET /input HTTP/1.1\r\nHost: 127.0.0.1\r\n", 1), ("X-A: b\r\n", 200), ("\r\n", 1)],
    ),
    attempt(
        "http-long-header",
        "send a header of 1 MiB",
        &[("GET /input HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ", 1), ("a", 1 << 20), ("\r\n\r\n", 1)],
    ),
];
