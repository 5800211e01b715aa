//! More than its share: the output's size, memory, threads, processor time, time, and messages.

use std::io::{self, Write};
use std::ptr;
use std::time::Duration;

use super::attempt::{Act, Attempt, Kind};
use super::outcome::{Outcome, call, errno_name};
use super::{Canaries, files};

const GROUP: &str = "limits";

/// What the attempt writes at most; give its jail a smaller `file_bytes`.
const OUTPUT_BYTES_TRIED: usize = 256 << 20;

/// What the attempt maps at most, untouched; give its jail a smaller `data_bytes`.
const MEMORY_BYTES_TRIED: usize = 64 << 30;

/// More threads than any jail admits.
const THREADS_TRIED: usize = 2000;

/// What the flood writes to standard output. A reader that keeps it all is at fault.
pub(super) const FLOOD_BYTES: usize = 64 << 20;

const CHUNK_BYTES: usize = 1 << 20;

const fn attempt(name: &'static str, what: &'static str, act: fn(&Canaries) -> Outcome) -> Attempt {
    Attempt::new(GROUP, name, what, Act::Call(act))
}

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt("fill-output", "write without end into the output", |_| fill()),
    attempt("sparse-output", "make the output huge without writing", |_| sparse()),
    attempt("private-memory", "map private memory without end", |_| memory()),
    attempt("shared-memory", "map shared memory, which the memory limit does not count", |_| {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        call!(
            "mapped it",
            SYS_mmap,
            0,
            CHUNK_BYTES,
            protection,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0
        )
    })
    .at_start(),
    attempt("system-v-memory", "get System V shared memory", |_| {
        call!("has it", SYS_shmget, libc::IPC_PRIVATE, CHUNK_BYTES, 0o600)
    }),
    attempt("locked-memory", "keep memory from being swapped", |_| {
        call!("locked it", SYS_mlockall, libc::MCL_CURRENT)
    }),
    attempt("raise-limits", "raise its own limits", |_| {
        let limits = libc::rlimit64 { rlim_cur: libc::RLIM64_INFINITY, rlim_max: libc::RLIM64_INFINITY };
        call!("raised one", SYS_prlimit64, 0, libc::RLIMIT_FSIZE, &raw const limits, 0)
    }),
    attempt("realtime", "run before everyone else", |_| {
        let priority = libc::sched_param { sched_priority: 1 };
        call!("does", SYS_sched_setscheduler, 0, libc::SCHED_FIFO, &raw const priority)
    }),
    attempt("threads", "start threads without end", |_| threads()),
    attempt("burn", "use the processor without end", |_| burn()).ends_by(Kind::Burn),
    attempt("sleep", "wait for ever", |_| sleep_for_ever()).ends_by(Kind::Sleep),
    attempt("flood", "write 64 MiB to standard output", |_| flood()).ends_by(Kind::Flood),
];

fn fill() -> Outcome {
    let Ok(mut output) = files::output() else { return Outcome::Broken("no output file".to_owned()) };
    let chunk = vec![b'x'; CHUNK_BYTES];
    let mut written = 0;
    while written < OUTPUT_BYTES_TRIED {
        match output.write(&chunk) {
            Ok(length) => written += length,
            Err(error) => return after(&error, written),
        }
    }
    Outcome::Did(format!("wrote {} MiB", written >> 20))
}

fn sparse() -> Outcome {
    const HUGE: u64 = 1 << 40;
    let Ok(output) = files::output() else { return Outcome::Broken("no output file".to_owned()) };
    Outcome::of(output.set_len(HUGE), |()| "it is a terabyte long".to_owned())
}

/// Maps, and does not touch: the limit counts either, and the machine does not suffer.
fn memory() -> Outcome {
    const AT_ONCE: usize = 64 << 20;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    for count in 0..MEMORY_BYTES_TRIED / AT_ONCE {
        // SAFETY: asks for new memory; nothing that exists changes.
        let block =
            unsafe { libc::mmap(ptr::null_mut(), AT_ONCE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if block == libc::MAP_FAILED {
            return after(&io::Error::last_os_error(), count * AT_ONCE);
        }
    }
    Outcome::Did(format!("mapped {} GiB", MEMORY_BYTES_TRIED >> 30))
}

/// By libc, since Rust's own threads allocate as they start, and abort where they cannot.
fn threads() -> Outcome {
    extern "C" fn wait(_: *mut libc::c_void) -> *mut libc::c_void {
        sleep_for_ever()
    }
    const STACK_BYTES: usize = 64 << 10;
    // SAFETY: attributes are plain data, which the first call makes a value; the second takes it and a number.
    let (prepared, attributes) = unsafe {
        let mut attributes = std::mem::zeroed();
        let made = libc::pthread_attr_init(&raw mut attributes);
        (made | libc::pthread_attr_setstacksize(&raw mut attributes, STACK_BYTES), attributes)
    };
    if prepared != 0 {
        return Outcome::Broken("cannot describe a thread".to_owned());
    }
    for count in 0..THREADS_TRIED {
        let mut thread = std::mem::MaybeUninit::<libc::pthread_t>::uninit();
        // SAFETY: thread and attributes outlive the call; the thread's function uses no data.
        let error = unsafe {
            libc::pthread_create(thread.as_mut_ptr(), &raw const attributes, wait, ptr::null_mut())
        };
        if error != 0 {
            return Outcome::Refused(format!("{} after {count}", errno_name(error)));
        }
    }
    Outcome::Did(format!("has {THREADS_TRIED} threads"))
}

fn burn() -> Outcome {
    let mut count = 0_u64;
    loop {
        count = std::hint::black_box(count.wrapping_add(1));
    }
}

fn sleep_for_ever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

fn flood() -> Outcome {
    let line = vec![b'x'; CHUNK_BYTES];
    let mut stdout = io::stdout().lock();
    for _ in 0..FLOOD_BYTES / CHUNK_BYTES {
        if let Err(error) = stdout.write_all(&line) {
            return Outcome::refused(&error);
        }
    }
    Outcome::Refused("written; whoever read it may not have kept it".to_owned())
}

fn after(error: &io::Error, bytes: usize) -> Outcome {
    match Outcome::refused(error) {
        Outcome::Refused(by) => Outcome::Refused(format!("{by} after {} MiB", bytes >> 20)),
        other => other,
    }
}
