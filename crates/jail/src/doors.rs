//! The input door's hinge: each `socket()` of the codec becomes one end of a stream pair whose other end is here.
//!
//! The kernel holds the codec's call until it is answered; `connect()` is answered by the filter itself, without being
//! executed. The codec therefore never owns a socket that could reach anything but this process. Nothing here reads
//! the codec's memory: the call's registers are all that is looked at, and they cannot change under us.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;

use crate::watched::watched;

/// How much may lie on its way to the codec. ffmpeg asks for everything from an offset on and hangs up when it has
/// enough: what lies in the buffer was fetched for nothing.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// The doors of one jail, as they are asked for.
#[derive(Debug)]
pub struct Doors {
    notify: AsyncFd<OwnedFd>,
}

impl Doors {
    pub(crate) fn new(notify: OwnedFd) -> io::Result<Self> {
        Ok(Self { notify: watched(notify, Interest::READABLE)? })
    }

    /// The next stream that the codec opens; none when the jail is over. Cancel-safe.
    pub async fn next(&mut self) -> Option<UnixStream> {
        loop {
            let mut ready = self.notify.readable().await.ok()?;
            match asked(self.notify.get_ref())? {
                true => {
                    if let Ok(stream) = answer(self.notify.as_raw_fd()) {
                        return Some(stream);
                    }
                }
                false => ready.clear_ready(),
            }
        }
    }
}

/// Whether a call waits; none when nobody is left who could call.
///
/// Receiving blocks when no call waits, whatever the descriptor's flags, and tokio's word on readiness may be stale.
fn asked(notify: &OwnedFd) -> Option<bool> {
    let mut descriptors = [PollFd::new(notify, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::io::retry_on_intr(|| rustix::event::poll(&mut descriptors, Some(&now))).ok()?;
    let found = descriptors[0].revents();
    if found.contains(PollFlags::IN) {
        return Some(true);
    }
    (!found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)).then_some(false)
}

/// Answers one waiting call; our end of the new stream.
fn answer(notify: RawFd) -> io::Result<UnixStream> {
    let call = receive(notify)?;
    let handed_over = wanted(&call)
        .and_then(|()| stream_pair())
        .and_then(|(ours, theirs)| hand_over(notify, call.id, &theirs).map(|()| ours));
    match handed_over {
        Ok(ours) => UnixStream::from_std(ours.into()),
        Err(refusal) => {
            // Also when the codec has as many descriptors as it may: unanswered, its call would wait for ever.
            refuse(notify, call.id, refusal.raw_os_error().unwrap_or(libc::EACCES))?;
            Err(refusal)
        }
    }
}

/// Only an internet stream; the strict filters refuse anything else before, so this is the second wall.
fn wanted(call: &libc::seccomp_notif) -> io::Result<()> {
    const TYPE_MASK: u64 = 0xf; // the bits above are SOCK_NONBLOCK and SOCK_CLOEXEC
    let [family, kind, protocol, ..] = call.data.args;
    let stream = i64::from(call.data.nr) == libc::SYS_socket
        && family == libc::AF_INET as u64
        && kind & TYPE_MASK == libc::SOCK_STREAM as u64
        && [0, libc::IPPROTO_TCP as u64].contains(&protocol);
    if stream { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT)) }
}

/// Ours never blocks; theirs does until the codec sets its own flags, as an ordinary socket would.
fn stream_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    rustix::net::sockopt::set_socket_send_buffer_size(&ours, SEND_BUFFER_BYTES)?;
    Ok((ours, theirs))
}

/// Takes the waiting call's registers.
fn receive(notify: RawFd) -> io::Result<libc::seccomp_notif> {
    // SAFETY: the struct is plain integers, for which zero is a value; the kernel demands that it be zeroed.
    let mut call: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the request writes one seccomp_notif, which `call` is.
    let done =
        unsafe { libc::ioctl(notify, request(IOWR, 0, size_of::<libc::seccomp_notif>()), &raw mut call) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(call) }
}

/// Puts `theirs` into the codec and answers its call with the new descriptor's number, in one step.
fn hand_over(notify: RawFd, id: u64, theirs: &OwnedFd) -> io::Result<()> {
    let answer = libc::seccomp_notif_addfd {
        id,
        flags: libc::SECCOMP_ADDFD_FLAG_SEND as u32,
        srcfd: theirs.as_raw_fd().cast_unsigned(),
        newfd: 0,
        newfd_flags: libc::O_CLOEXEC.cast_unsigned(),
    };
    // SAFETY: the request reads one seccomp_notif_addfd, which `answer` is.
    let done = unsafe { libc::ioctl(notify, request(IOW, 3, size_of_val(&answer)), &raw const answer) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Answers the call with an error.
fn refuse(notify: RawFd, id: u64, errno: i32) -> io::Result<()> {
    let answer = libc::seccomp_notif_resp { id, val: 0, error: -errno, flags: 0 };
    // SAFETY: the request reads one seccomp_notif_resp, which `answer` is.
    let done = unsafe { libc::ioctl(notify, request(IOWR, 1, size_of_val(&answer)), &raw const answer) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

const IOW: libc::Ioctl = 1;
const IOWR: libc::Ioctl = 3;

/// The number of a seccomp request: direction, size, type `!` and index, as `linux/ioctl.h` packs them.
const fn request(direction: libc::Ioctl, index: libc::Ioctl, bytes: usize) -> libc::Ioctl {
    direction << 30 | (bytes as libc::Ioctl) << 16 | (b'!' as libc::Ioctl) << 8 | index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_the_kernels_numbers() {
        assert_eq!(request(IOWR, 0, size_of::<libc::seccomp_notif>()), 0xc050_2100);
        assert_eq!(request(IOWR, 1, size_of::<libc::seccomp_notif_resp>()), 0xc018_2101);
        assert_eq!(request(IOW, 3, size_of::<libc::seccomp_notif_addfd>()), 0x4018_2103);
    }
}
