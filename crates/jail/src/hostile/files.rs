//! Files: the host's, another job's, the kernel's, and what lies beside the one file that may be written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::FromRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Canaries;
use super::attempt::{Act, Attempt};
use super::outcome::{Outcome, call};
use crate::Level;

const GROUP: &str = "files";

const METADATA: &str = "Landlock does not govern the look at a name: sizes and dates of files that the jail's user \
                        could reach show, their content does not";

const fn attempt(name: &'static str, what: &'static str, act: fn(&Canaries) -> Outcome) -> Attempt {
    Attempt::new(GROUP, name, what, Act::Call(act))
}

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt("read-passwd", "read /etc/passwd", |_| read("/etc/passwd")).at_start(),
    attempt("read-secret", "read a secret file of the worker or of another job", |c| read(&c.secret_file))
        .at_start(),
    attempt("read-secret-upwards", "the same by ../../..", |c| {
        read(&format!("{}{}", "../".repeat(24), c.secret_file))
    }),
    attempt("read-shell", "read the host's shell", |_| read("/bin/sh")),
    attempt("read-through-proc", "read /etc/passwd through /proc/self/root", |_| {
        read("/proc/self/root/etc/passwd")
    }),
    attempt("read-own-proc", "read /proc/self/status", |_| read("/proc/self/status")),
    attempt("read-sys", "read a file of /sys", |_| read("/sys/devices/system/cpu/online")),
    attempt("read-device", "read a device", |_| read("/dev/zero")),
    attempt("list-root", "list /", |_| list(Path::new("/"))).at_start(),
    attempt("list-codec-root", "list the codec's own directory", |_| list(Path::new("."))),
    attempt("list-other-job", "list the directory of the secret file", |c| list(&beside(&c.secret_file))),
    attempt("stat-secret", "look at size and date of the secret file", |c| stat(&c.secret_file))
        .residue(Level::L2, METADATA),
    attempt("stat-passwd", "look at size and date of /etc/passwd", |_| stat("/etc/passwd"))
        .residue(Level::L2, METADATA),
    attempt("statfs-passwd", "ask for the file system of /etc/passwd", |_| statfs())
        .residue(Level::L2, METADATA),
    attempt("readlink-exe", "ask which program this is, by /proc/self/exe", |_| {
        Outcome::of(fs::read_link("/proc/self/exe"), |path| path.display().to_string())
    })
    .residue(Level::L2, "Landlock does not govern symbolic links: the process's own program is no secret"),
    attempt("write-root", "make a file in /", |_| create(Path::new("/valet-escape"))).at_start(),
    attempt("write-shm", "make a file in /dev/shm", |_| create(Path::new("/dev/shm/valet-escape"))),
    attempt("write-other-job", "make a file beside the secret file", |c| {
        create(&beside(&c.secret_file).join("valet-escape"))
    }),
    attempt("write-secret", "open the secret file for writing", |c| write(&c.secret_file)),
    attempt("write-codec", "open the codec or its loader for writing", |_| write_codec()),
    attempt("create-beside-output", "make a file beside the output", |_| {
        create(&beside(output_name().as_deref().unwrap_or("/output")).join("valet-escape"))
    }),
    attempt("rename-output", "rename the output", |_| {
        let name = output_name().unwrap_or_else(|| "/output".to_owned());
        Outcome::of(fs::rename(&name, format!("{name}.moved")), |()| "the output has another name".to_owned())
    }),
    attempt("unlink-output", "unlink the output", |_| {
        let name = output_name().unwrap_or_else(|| "/output".to_owned());
        Outcome::of(fs::remove_file(name), |()| "the output has no name".to_owned())
    }),
    attempt("link-secret", "make a second name for the secret file", |c| {
        Outcome::of(fs::hard_link(&c.secret_file, "/valet-escape"), |()| "it has a second name".to_owned())
    }),
    attempt("symlink", "make a symbolic link", |_| {
        Outcome::of(std::os::unix::fs::symlink("/etc/passwd", "valet-escape"), |()| "made a link".to_owned())
    }),
    attempt("mkdir", "make a directory", |_| {
        Outcome::of(fs::create_dir("valet-escape"), |()| "made a directory".to_owned())
    }),
    attempt("mkfifo", "make a named pipe", |_| {
        call!("made a pipe", SYS_mknodat, libc::AT_FDCWD, c"valet-escape".as_ptr(), libc::S_IFIFO | 0o600, 0)
    }),
    attempt("chmod-output", "make the output executable", |_| {
        let name = output_name().unwrap_or_else(|| "/output".to_owned());
        let mode = fs::Permissions::from_mode(0o755);
        Outcome::of(fs::set_permissions(name, mode), |()| "the output is executable".to_owned())
    }),
    attempt("open-by-handle", "open a file by its handle, past its path", |_| {
        call!("opened it", SYS_open_by_handle_at, libc::AT_FDCWD, 0, libc::O_RDONLY)
    }),
    attempt("leaked-descriptors", "use a descriptor that somebody left open", |_| leaked()).at_start(),
    attempt("environment", "read the environment", |_| environment()).at_start(),
];

fn read(path: &str) -> Outcome {
    let first = File::open(path).and_then(|mut file| {
        let mut bytes = [0; 64];
        file.read(&mut bytes).map(|length| String::from_utf8_lossy(&bytes[..length]).into_owned())
    });
    Outcome::of(first, |text| format!("read {text}"))
}

fn list(path: &Path) -> Outcome {
    Outcome::of(fs::read_dir(path), |entries| format!("listed {} names", entries.count()))
}

fn stat(path: &str) -> Outcome {
    Outcome::of(fs::symlink_metadata(path), |metadata| format!("{} bytes", metadata.len()))
}

fn statfs() -> Outcome {
    Outcome::of(rustix::fs::statfs("/etc/passwd").map_err(io::Error::from), |fs| {
        format!("type {:#x}", fs.f_type)
    })
}

/// Makes a file, and takes it away again if it could be made.
fn create(path: &Path) -> Outcome {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    Outcome::of(made, |_| {
        // It did what it should not; that it cannot tidy up is the lesser thing.
        let _ = fs::remove_file(path);
        format!("made {}", path.display())
    })
}

fn write(path: &str) -> Outcome {
    Outcome::of(OpenOptions::new().write(true).open(path), |_| format!("opened {path} for writing"))
}

/// The first of these that exists must refuse.
fn write_codec() -> Outcome {
    let files = [
        "bin/ffmpeg",
        "bin/ffprobe",
        "bin/fixture",
        "lib64/ld-linux-x86-64.so.2",
        "lib/ld-linux-aarch64.so.1",
    ];
    let tried = files.iter().map(|file| write(file));
    let missing = Outcome::Refused("ENOENT".to_owned());
    tried.into_iter().find(|outcome| *outcome != missing).unwrap_or(missing)
}

fn beside(path: &str) -> PathBuf {
    Path::new(path).parent().unwrap_or(Path::new("/")).to_owned()
}

/// The output's name: of the level that has one, or what the kernel remembers of it.
fn output_name() -> Option<String> {
    if OpenOptions::new().write(true).open("/output").is_ok() {
        return Some("/output".to_owned());
    }
    let link = fs::read_link(format!("/proc/self/fd/{}", crate::OUTPUT_DESCRIPTOR)).ok()?;
    Some(link.to_str()?.trim_end_matches(" (deleted)").to_owned())
}

/// The output, opened as a codec does, or else as it was handed over.
pub(super) fn output() -> io::Result<File> {
    let by_name = ["/output".to_owned(), format!("/proc/self/fd/{}", crate::OUTPUT_DESCRIPTOR)];
    if let Some(file) = by_name.iter().find_map(|name| OpenOptions::new().write(true).open(name).ok()) {
        return Ok(file);
    }
    // SAFETY: takes a number and changes nothing that exists.
    let copy = unsafe { libc::fcntl(crate::OUTPUT_DESCRIPTOR, libc::F_DUPFD_CLOEXEC, 0) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { File::from_raw_fd(copy) })
}

/// Every descriptor but the standard ones and a plain output file.
fn leaked() -> Outcome {
    // SAFETY: asks for the flags of a number; most are no descriptors.
    let open = |number: &i32| unsafe { libc::fcntl(*number, libc::F_GETFD) } >= 0;
    let output = |number: &i32| {
        *number == crate::OUTPUT_DESCRIPTOR
            && output().and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.is_file())
    };
    let found: Vec<i32> =
        (libc::STDERR_FILENO + 1..1024).filter(open).filter(|number| !output(number)).collect();
    if found.is_empty() {
        Outcome::Refused("none open".to_owned())
    } else {
        Outcome::Did(format!("{found:?} are open"))
    }
}

fn environment() -> Outcome {
    let known = ["LC_ALL", "MALLOC_ARENA_MAX"];
    match std::env::vars_os().find(|(name, _)| !known.iter().any(|known| name == known)) {
        Some((name, _)) => Outcome::Did(format!("{} is set", name.to_string_lossy())),
        None => Outcome::Refused("nothing in it".to_owned()),
    }
}
