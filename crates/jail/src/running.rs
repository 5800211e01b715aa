//! A jail that stands: its streams, its door, its end.
//!
//! Dropping it closes the control socket, at which the launcher kills the jail; the kill by pidfd comes on top, for
//! a launcher that is stuck.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags};
use rustix::process::Signal;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;

use crate::jailer::Zygote;
use crate::watched::watched;
use crate::wire::{Go, Report};
use crate::{Doors, JailError, scm};

/// How much of a processor limit must have been measured for a kill to be the limit's.
const TICKS_TOLERATED: f64 = 0.75;

/// A running jail.
#[derive(Debug)]
pub struct Jail {
    control: Control,
    process: OwnedFd,
    stdout: Option<pipe::Receiver>,
    stderr: Option<pipe::Receiver>,
    doors: Option<Doors>,
    ready_in: Duration,
    exit: Option<Exit>,
    /// The launcher dies with the zygote, and the jail with the launcher.
    _zygote: Arc<Zygote>,
}

/// How a jail ended, and what it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// How it ended.
    pub end: End,
    /// Processor time of all its threads.
    pub cpu: Duration,
    /// Largest resident memory.
    pub rss_bytes_max: u64,
}

impl Exit {
    /// Whether the processor limit ended the jail: its signal, or a kill or failure when the time was used up.
    ///
    /// The limit counts whole ticks, `cpu` is measured to the nanosecond: on a busy virtual machine the limit has been
    /// seen to strike at nine tenths of it.
    pub fn spent_all_of(&self, cpu_seconds: u64) -> bool {
        match self.end {
            End::Signal(libc::SIGXCPU) => true,
            // ffmpeg catches the first signal, tidies up, and ends by itself.
            End::Code(0) => false,
            End::Signal(libc::SIGKILL) | End::Code(_) => {
                self.cpu >= Duration::from_secs(cpu_seconds).mul_f64(TICKS_TOLERATED)
            }
            End::Signal(_) => false,
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It returned this code.
    Code(i32),
    /// This signal killed it; SIGSYS is the kill list's.
    Signal(i32),
}

impl Jail {
    pub(crate) fn new(
        zygote: Arc<Zygote>,
        control: Control,
        process: OwnedFd,
        [stdout, stderr]: [pipe::Receiver; 2],
        doors: Doors,
        ready_in: Duration,
    ) -> Self {
        Self {
            control,
            process,
            stdout: Some(stdout),
            stderr: Some(stderr),
            doors: Some(doors),
            ready_in,
            exit: None,
            _zygote: zygote,
        }
    }

    /// The codec's stdout, once. It is an attacker's text: cap it, drain it, escape it.
    pub fn take_stdout(&mut self) -> Option<pipe::Receiver> {
        self.stdout.take()
    }

    /// The codec's stderr, once. It is an attacker's text as well.
    pub fn take_stderr(&mut self) -> Option<pipe::Receiver> {
        self.stderr.take()
    }

    /// The input door, once. A jail whose door nobody serves waits at its first `socket()`.
    pub fn take_doors(&mut self) -> Option<Doors> {
        self.doors.take()
    }

    /// Kills the jail. Its end is reported by [`Jail::wait`] as ever.
    pub fn kill(&self) {
        match rustix::process::pidfd_send_signal(&self.process, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            // A worker that may not signal outside its own Landlock domain has the launcher do it.
            Err(_) => self.control.hang_up(),
        }
    }

    /// Waits for the jail's end. It never waits for its streams: who else holds them does not matter.
    ///
    /// Cancel-safe, and the same answer again when called again.
    pub async fn wait(&mut self) -> Result<Exit, JailError> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let exit = match self.control.report().await?.0 {
            Report::Exit { code, signal, cpu_microseconds, rss_kib_max } => Exit {
                end: code.map(End::Code).or(signal.map(End::Signal)).ok_or(JailError::Lost)?,
                cpu: Duration::from_micros(cpu_microseconds),
                rss_bytes_max: rss_kib_max << 10,
            },
            Report::Failed(failure) => return Err(failure.into()),
            Report::Hello | Report::Child | Report::Ready => return Err(JailError::Lost),
        };
        self.exit = Some(exit);
        Ok(exit)
    }

    /// From the order until every wall stood.
    pub fn ready_in(&self) -> Duration {
        self.ready_in
    }
}

impl Drop for Jail {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.kill();
        }
    }
}

/// The worker's end of a jail's control socket.
#[derive(Debug)]
pub(crate) struct Control(AsyncFd<OwnedFd>);

impl Control {
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Self> {
        watched(socket, Interest::READABLE).map(Self)
    }

    /// The next report. None at all means that launcher and jail are gone.
    pub(crate) async fn report(&self) -> Result<(Report, Vec<OwnedFd>), JailError> {
        loop {
            let mut ready = self.0.readable().await.map_err(JailError::Zygote)?;
            match scm::receive(&self.0, RecvFlags::DONTWAIT) {
                Ok(Some(report)) => return Ok(report),
                Ok(None) => return Err(JailError::Lost),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                // The jail died with our word unread. The kernel says so once, before what was said to us.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => return Err(JailError::Zygote(error)),
            }
        }
    }

    /// Says that nothing more will be said, at which the launcher kills the jail and reports its end.
    fn hang_up(&self) {
        // It fails only when there is nobody left.
        let _ = rustix::net::shutdown(&self.0, rustix::net::Shutdown::Write);
    }

    /// Lets the jail go on.
    pub(crate) fn go(&self) -> io::Result<()> {
        scm::send(&self.0, &Go, &[], SendFlags::DONTWAIT)
    }
}
