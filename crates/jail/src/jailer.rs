//! The worker's handle on its zygote: starts it, gives it orders, and has each jail standing when it returns.
//!
//! Nothing here may need a runtime before [`Jailer::run`], or keep anything of a runtime afterwards: the zygote is
//! older than the first runtime, and outlives a temporary one.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, SendFlags};
use tokio::io::Interest;
use tokio::net::unix::pipe;

use crate::hostile::Canaries;
use crate::ids::Ids;
use crate::root::Root;
use crate::running::{Control, Jail};
use crate::watched::watched;
use crate::wire::{self, Report};
use crate::{Doors, JailError, Level, Limits, Output, StartError, scm};

/// The first argument of the process that is a zygote.
pub const ZYGOTE_WORD: &str = "__jail";

/// How long a zygote may take to say that it is up: it compiles three filters, some milliseconds even when emulated.
const HELLO: Duration = Duration::from_secs(10);

/// Makes jails. Clones share one zygote; when the last clone and the last jail are gone, so is the zygote.
#[derive(Debug, Clone)]
pub struct Jailer {
    zygote: Arc<Zygote>,
    ids: Option<Ids>,
}

/// One jail, described.
#[derive(Debug)]
pub struct Order<'a> {
    /// The codec's root.
    pub root: &'a Root,
    /// What runs inside.
    pub task: Task<'a>,
    /// Which walls.
    pub level: Level,
    /// What it may use.
    pub limits: Limits,
    /// The one file that it may write; its name is gone once the jail stands.
    pub output: Option<&'a mut Output>,
}

/// What runs in a jail.
#[derive(Debug, Clone, Copy)]
pub enum Task<'a> {
    /// A program of the root.
    Program {
        /// Its name in the root.
        name: &'a str,
        /// Its arguments, without the program's own name.
        arguments: &'a [String],
    },
    /// One hostile attempt of [`crate::hostile::ATTEMPTS`], made behind the very same walls.
    Attempt {
        /// Its name.
        name: &'a str,
        /// What it tries to reach.
        canaries: &'a Canaries,
    },
}

impl Jailer {
    /// Starts the zygote from this very program, whose `main` must call [`crate::zygote_main`] when its first argument
    /// is [`ZYGOTE_WORD`].
    ///
    /// Call it first thing in `main`, on the main thread: the zygote dies with the *thread* that started it, and
    /// it inherits what this process is at that moment, secrets in memory excepted.
    pub fn start() -> Result<Self, StartError> {
        Self::start_with(Path::new("/proc/self/exe"))
    }

    /// Starts the zygote from another program that honours [`ZYGOTE_WORD`]; tests need it, whose own program does not.
    pub fn start_with(program: &Path) -> Result<Self, StartError> {
        let zygote = Zygote::start(program)?;
        Ok(Self { zygote: Arc::new(zygote), ids: Ids::find(None) })
    }

    /// Another first uid than the default for the ids that only jails use. It matters to a worker that is root.
    #[must_use]
    pub fn with_first_uid(self, uid: Option<u32>) -> Self {
        Self { ids: Ids::find(uid), ..self }
    }

    /// The zygote's process id, for logs and for tests that kill it.
    pub fn zygote_pid(&self) -> u32 {
        self.zygote.pid
    }

    /// Makes a jail and sets its task going. When this returns, every wall stands but the strict filters, which the
    /// jail's process puts on itself between this word and its task; should that fail, [`Jail::wait`] tells the step.
    ///
    /// Dropping the future, or the jail, kills whatever already exists.
    pub async fn run(&self, order: Order<'_>) -> Result<Jail, JailError> {
        let started = Instant::now();
        let Order { root, task, level, limits, output } = order;
        let (control, theirs) = scm::pair().map_err(JailError::resources("a control socket"))?;
        let (stdout, stdout_inside) = pipe()?;
        let (stderr, stderr_inside) = pipe()?;
        let handle = output.as_deref().map(Output::handle).transpose().map_err(JailError::Output)?;
        let message = wire::Order {
            level,
            limits,
            root: text(root.directory())?,
            task: inside(root, task)?,
            output: output.as_deref().and_then(Output::name).map(text).transpose()?,
            outer_id: self.outer_id()?,
        };
        let mut descriptors = vec![theirs.as_fd(), stdout_inside.as_fd(), stderr_inside.as_fd()];
        descriptors.extend(handle.as_ref().map(AsFd::as_fd));
        self.zygote.order(&message, &descriptors).await.map_err(JailError::Zygote)?;
        // Only the jail may hold the other ends now, so that their closing means its end.
        drop((theirs, stdout_inside, stderr_inside, handle));

        let control = Control::new(control).map_err(JailError::resources("a control socket"))?;
        let (process, notify) = standing(&control).await?;
        if let Some(output) = output {
            output.unlink().map_err(JailError::Output)?;
        }
        let doors = Doors::new(notify).map_err(JailError::resources("the door"))?;
        control.go().map_err(JailError::Zygote)?;
        let ready_in = started.elapsed();
        Ok(Jail::new(Arc::clone(&self.zygote), control, process, [stdout, stderr], doors, ready_in))
    }

    /// Returns when the zygote is gone. No jail can be made any more, and the running ones died with it: the worker
    /// must stop.
    pub async fn ended(&self) {
        // A descriptor of its own: one runtime may wait in several places, another may have waited before.
        let Ok(socket) =
            self.zygote.socket.try_clone().and_then(|socket| watched(socket, Interest::READABLE))
        else {
            return;
        };
        while let Ok(mut ready) = socket.readable().await {
            match scm::receive::<Report>(&socket, RecvFlags::DONTWAIT) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Ok(Some(_)) => {}
                _ => return,
            }
        }
    }

    /// An id that no other process has, where this process can give one.
    fn outer_id(&self) -> Result<Option<u32>, JailError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let ids = self.ids.as_ref().ok_or_else(|| JailError::setup("identity", libc::EINVAL))?;
        Ok(Some(ids.nth(self.zygote.jails.fetch_add(1, Ordering::Relaxed))))
    }
}

/// What the launcher is told to run, in terms of the root.
fn inside(root: &Root, task: Task<'_>) -> Result<wire::Task, JailError> {
    Ok(match task {
        Task::Program { name, arguments } => {
            let command = root.command(name).ok_or_else(|| JailError::Program(name.to_owned()))?;
            let file = command.first().cloned().ok_or_else(|| JailError::Program(name.to_owned()))?;
            wire::Task::Exec {
                file,
                arguments: command.into_iter().chain(arguments.iter().cloned()).collect(),
            }
        }
        Task::Attempt { name, canaries } => {
            wire::Task::Attempt { name: name.to_owned(), canaries: canaries.clone() }
        }
    })
}

/// Waits until every wall stands; the process and its door's notify descriptor.
async fn standing(control: &Control) -> Result<(OwnedFd, OwnedFd), JailError> {
    let mut process = None;
    loop {
        let (report, descriptors) = control.report().await?;
        let mut descriptors = descriptors.into_iter();
        match report {
            Report::Child => process = descriptors.next(),
            Report::Ready => {
                return process.zip(descriptors.next()).ok_or(JailError::Lost);
            }
            Report::Failed(failure) => return Err(failure.into()),
            Report::Hello | Report::Exit { .. } => return Err(JailError::Lost),
        }
    }
}

/// A pipe whose reading end is the worker's.
fn pipe() -> Result<(pipe::Receiver, OwnedFd), JailError> {
    let ends = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
    let (ours, theirs) = ends.map_err(io::Error::from).map_err(JailError::resources("a pipe"))?;
    let ours = pipe::Receiver::from_owned_fd(ours).map_err(JailError::resources("a pipe"))?;
    Ok((ours, theirs))
}

/// A path as text, since the wire is JSON; from `/` on, since the zygote may have another working directory.
fn text(path: &Path) -> Result<String, JailError> {
    let whole = std::path::absolute(path).ok().and_then(|path| path.into_os_string().into_string().ok());
    whole.ok_or_else(|| JailError::Path(path.to_owned()))
}

/// The zygote's process and the socket that takes its orders.
#[derive(Debug)]
pub(crate) struct Zygote {
    socket: OwnedFd,
    pid: u32,
    process: Mutex<Child>,
    jails: AtomicU32,
}

impl Zygote {
    fn start(program: &Path) -> Result<Self, StartError> {
        let (socket, theirs) = scm::pair().map_err(StartError::Socket)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the zygote is this crate's own process, without environment"
        )]
        let mut command = Command::new(program);
        command.arg(ZYGOTE_WORD).env_clear().stdin(theirs).stdout(Stdio::null()).stderr(Stdio::inherit());
        let process = command.spawn().map_err(StartError::Spawn)?;
        // The command holds the zygote's end of the socket: without this, its death would go unseen.
        drop(command);
        let pid = process.id();
        // Workers that share a machine as root begin at different ids.
        let zygote =
            Self { socket, pid, process: Mutex::new(process), jails: AtomicU32::new(std::process::id()) };
        zygote.hello()?;
        Ok(zygote)
    }

    /// Waits for the zygote's first word.
    fn hello(&self) -> Result<(), StartError> {
        let mut sockets = [rustix::event::PollFd::new(&self.socket, rustix::event::PollFlags::IN)];
        let patience = rustix::event::Timespec { tv_sec: HELLO.as_secs().cast_signed(), tv_nsec: 0 };
        let spoke = rustix::io::retry_on_intr(|| rustix::event::poll(&mut sockets, Some(&patience)));
        if spoke.map_err(|cause| StartError::Socket(cause.into()))? == 0 {
            return Err(StartError::Silent);
        }
        match scm::receive(&self.socket, RecvFlags::DONTWAIT).map_err(StartError::Socket)? {
            Some((Report::Hello, _)) => Ok(()),
            Some((Report::Failed(failure), _)) => Err(failure.into()),
            _ => Err(StartError::Silent),
        }
    }

    /// Hands an order over; waits only where many others are on their way.
    async fn order(
        &self,
        order: &wire::Order,
        descriptors: &[std::os::fd::BorrowedFd<'_>],
    ) -> io::Result<()> {
        let send = || scm::send(&self.socket, order, descriptors, SendFlags::DONTWAIT);
        match send() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            sent => return sent,
        }
        let socket = watched(self.socket.try_clone()?, Interest::WRITABLE)?;
        loop {
            let mut room = socket.writable().await?;
            if let Ok(sent) = room.try_io(|_| send()) {
                return sent;
            }
        }
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Its launchers and their jails die with it. Both calls fail only when it is already gone and reaped.
        let _ = process.kill();
        let _ = process.wait();
    }
}
