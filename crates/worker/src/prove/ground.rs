//! What stands around the jail for attempts to reach for: a canary behind every way out. None of it is anybody's.

use std::fs::File;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use valet_jail::hostile::Canaries;

/// What a canary service says to whoever reaches it.
const GREETING: &[u8] = b"VALET-CANARY\n";

/// What is in the canary file.
const SECRET: &[u8] = b"VALET-CANARY-SECRET\n";

/// What is behind the door: any bytes will do.
const FIXTURE: &[u8] = &[0x47; 4_096];

/// The canaries; they are gone when this is dropped.
#[derive(Debug)]
pub struct Ground {
    directory: PathBuf,
    canaries: Canaries,
    fixture: Arc<File>,
    greeting: JoinHandle<()>,
    _listening: [UnixListener; 2],
}

impl Ground {
    /// Sets the canaries up, inside `scratch`.
    ///
    /// # Errors
    /// When a file or a socket cannot be made.
    pub async fn lay(scratch: &Path) -> io::Result<Self> {
        let directory = scratch.join("self-test");
        std::fs::create_dir(&directory)?;
        let secret = directory.join("secret");
        std::fs::write(&secret, SECRET)?;
        let fixture = directory.join("fixture");
        std::fs::write(&fixture, FIXTURE)?;
        let service = TcpListener::bind("127.0.0.1:0").await?;
        let socket_path = directory.join("socket");
        let abstract_socket = format!("valet-canary-{}", std::process::id());
        let named = UnixListener::bind(&socket_path)?;
        let unnamed = UnixListener::bind_addr(&SocketAddr::from_abstract_name(abstract_socket.as_bytes())?)?;
        let canaries = Canaries {
            secret_file: text(&secret),
            loopback_port: service.local_addr()?.port(),
            abstract_socket,
            socket_path: text(&socket_path),
            victim_pid: std::process::id().cast_signed(),
        };
        let greeting = tokio::spawn(greet(service));
        let fixture = Arc::new(File::open(fixture)?);
        Ok(Self { directory, canaries, fixture, greeting, _listening: [named, unnamed] })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn canaries(&self) -> &Canaries {
        &self.canaries
    }

    pub(super) fn fixture(&self) -> (Arc<File>, u64) {
        (self.fixture.clone(), FIXTURE.len() as u64)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.greeting.abort();
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            tracing::debug!(%error, "the self-test's folder stays until this worker's is swept");
        }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

async fn greet(service: TcpListener) {
    while let Ok((mut stream, _)) = service.accept().await {
        // A peer that hangs up has been greeted all the same.
        let _ = stream.write_all(GREETING).await;
    }
}
