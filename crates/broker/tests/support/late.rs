//! A way to the broker on which a consumer's messages are held back until they are let go: its log is slow to be read.
//! Must never let them go by itself.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// Class and method of `basic.consume-ok`.
const CONSUME_OK: [u8; 4] = [0, 60, 0, 21];
/// Type, channel and size come before a frame's payload, one byte after it.
const HEAD: usize = 7;

/// A port that leads to `target`; on each connection, what follows the first consume-ok is held back until `is_free`.
pub async fn way(target: String, is_free: watch::Receiver<bool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let broker = TcpStream::connect(&target).await.expect("the broker is there");
            let ((mut from_client, to_client), (from_broker, mut to_broker)) =
                (client.into_split(), broker.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_broker).await });
            tokio::spawn(pass(from_broker, to_client, is_free.clone()));
        }
    });
    port
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut is_free: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut seen = Vec::new();
    let mut passed = 0;
    while from.read_buf(&mut seen).await? > 0 {
        if let Some(end) = end_of_consume_ok(&seen).filter(|end| passed < *end) {
            to.write_all(&seen[passed..end]).await?;
            passed = end;
            is_free.wait_for(|is_free| *is_free).await.map_err(std::io::Error::other)?;
        }
        to.write_all(&seen[passed..]).await?;
        passed = seen.len();
    }
    Ok(())
}

/// Behind the first such frame; none while it has not come whole.
fn end_of_consume_ok(bytes: &[u8]) -> Option<usize> {
    let payload = bytes.windows(CONSUME_OK.len()).position(|words| words == CONSUME_OK)?;
    let size = bytes.get(payload.checked_sub(HEAD)? + 3..payload)?;
    let size = u32::from_be_bytes(size.try_into().ok()?) as usize;
    Some(payload + size + 1).filter(|end| *end <= bytes.len())
}
