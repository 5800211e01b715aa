//! What the door costs, for `cargo xtask bench bytes`: a whole blob read through reader, door and a stream pair, as
//! a codec in its jail reads it, beside a plain GET of the same blob.
//!
//! `read_blob door URL`, `read_blob plain URL` and `read_blob plain URL FILE` print seconds. URL carries a grant to
//! read; FILE is where the plain GET puts its bytes, which otherwise vanish.

use std::error::Error;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::time::Instant;

use jiff::Timestamp;
use tokio::net::UnixStream;
use valet_blob::http::{Client, Egress, install_crypto};
use valet_blob::{Input, Reader, ReaderOptions};
use valet_grant::{GrantPolicy, GrantUrl, ReadGrant};
use valet_worker::door::{Door, DoorLimits, Source};

/// What ffmpeg asks of its socket at a time.
const CODEC_READ_BYTES: usize = 32 << 10;

/// What `valet-jail` gives the stream that a codec gets.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// As ffmpeg asks.
const REQUEST: &[u8] =
    b"GET /input HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=0-\r\nConnection: close\r\n\r\n";

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // Tasks, as a worker's jobs are: what runs on the main thread wakes more slowly.
    let seconds = match *words.as_slice() {
        ["door", url] => tokio::spawn(through_door(url.to_owned())).await??,
        ["plain", url] => tokio::spawn(plain(url.to_owned(), None)).await??,
        ["plain", url, file] => tokio::spawn(plain(url.to_owned(), Some(File::create(file)?))).await??,
        _ => return Err("read_blob door URL | plain URL [FILE]".into()),
    };
    println!("{seconds}");
    Ok(())
}

async fn through_door(url: String) -> Result<f64, Failure> {
    let policy = GrantPolicy::loopback();
    let grant = ReadGrant::parse(GrantUrl::new(url), &policy, Timestamp::now())?;
    let client = Client::new(Egress::new(policy.hosts))?;
    let started = Instant::now();
    let input = Input::open(&client, &grant, None).await?;
    let bytes = input.bytes();
    let door = Door::new(Source::Blob(Reader::new(input, ReaderOptions::default())), DoorLimits::default());
    let (ours, theirs) = UnixStream::pair()?;
    rustix::net::sockopt::set_socket_send_buffer_size(&ours, SEND_BUFFER_BYTES)?;
    let codec = theirs.into_std()?;
    codec.set_nonblocking(false)?;
    let serving = tokio::spawn(async move { door.serve_stream(ours).await });
    let read = tokio::task::spawn_blocking(move || read_as_codec(codec)).await??;
    let seconds = started.elapsed().as_secs_f64();
    serving.await?;
    if read < bytes { Err(format!("{read} bytes came of {bytes}").into()) } else { Ok(seconds) }
}

/// Reads until the door closes the stream; how many bytes came, the answer's head included.
fn read_as_codec(mut stream: std::os::unix::net::UnixStream) -> std::io::Result<u64> {
    stream.write_all(REQUEST)?;
    let mut piece = vec![0; CODEC_READ_BYTES];
    let mut read = 0;
    loop {
        match stream.read(&mut piece)? {
            0 => return Ok(read),
            count => read += count as u64,
        }
    }
}

/// One GET of everything.
async fn plain(url: String, mut file: Option<File>) -> Result<f64, Failure> {
    install_crypto();
    #[expect(clippy::disallowed_methods, reason = "the plain client that the guarded one is compared with")]
    let client = reqwest::Client::builder().no_proxy().build()?;
    let started = Instant::now();
    let mut response = client.get(url).header("x-ms-version", valet_blob::API_VERSION).send().await?;
    let expected = response.error_for_status_ref()?.content_length().ok_or("no length")?;
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await? {
        bytes += chunk.len() as u64;
        if let Some(file) = &mut file {
            file.write_all(&chunk)?;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    if bytes < expected { Err(format!("{bytes} bytes came of {expected}").into()) } else { Ok(seconds) }
}
