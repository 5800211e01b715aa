//! Promises of the table and the judge; and that attempts succeed where the walls are missing, so that their refusals
//! mean something. (That every attempt fails inside a jail is the crate's own test of real jails.)

use std::collections::HashSet;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use super::*;
use crate::{End, Level};

/// The worker waits for these at every start: some milliseconds each.
const AT_START_MAX: usize = 20;

#[test]
fn names_are_distinct_and_words() {
    let names: HashSet<_> = ATTEMPTS.iter().map(|attempt| attempt.name).collect();
    assert_eq!(names.len(), ATTEMPTS.len());
    let word = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    assert!(names.iter().all(|name| word(name)));
    assert!(ATTEMPTS.iter().all(|attempt| !attempt.what.is_empty() && attempt.what.len() < 90));
}

#[test]
fn a_start_tries_each_group_and_not_for_long() {
    let at_start: Vec<_> = ATTEMPTS.iter().filter(|attempt| attempt.at_start).collect();
    let groups: HashSet<_> = ATTEMPTS.iter().map(|attempt| attempt.group).collect();
    assert_eq!(at_start.iter().map(|attempt| attempt.group).collect::<HashSet<_>>(), groups);
    assert!(at_start.len() <= AT_START_MAX, "{}", at_start.len());
    assert!(at_start.iter().all(|attempt| attempt.kind == Kind::Act && attempt.residue_at.is_none()));
}

#[test]
fn nothing_is_borne_at_the_strongest_level() {
    assert!(ATTEMPTS.iter().all(|attempt| attempt.residue_at.is_none_or(|(level, _)| level == Level::L2)));
}

fn evidence(stdout: &str, end: End) -> Evidence<'_> {
    Evidence { level: Level::L1, stdout, end, door_refused: false, out_of_time: false }
}

fn verdict(name: &str, evidence: Evidence<'_>) -> Verdict {
    judge(find(name).expect("in the table"), &evidence)
}

#[test]
fn an_attempt_is_judged_by_what_it_left_behind() {
    let held = |name, evidence| matches!(verdict(name, evidence), Verdict::Refused { .. });
    let killed = End::Signal(libc::SIGKILL);
    assert!(held("read-passwd", evidence("refused: ENOENT\n", End::Code(0))));
    assert!(held("ptrace", evidence("", End::Signal(libc::SIGSYS))));
    assert!(held("fill-output", evidence("", End::Signal(libc::SIGXFSZ))));
    assert!(held("http-put", Evidence { door_refused: true, ..evidence("", killed) }));
    assert!(held("burn", evidence("", End::Signal(libc::SIGXCPU))));
    assert!(held("burn", evidence("", killed)));
    assert!(held("sleep", Evidence { out_of_time: true, ..evidence("", killed) }));
    assert!(held("flood", evidence("xxxx", End::Code(0))));
}

#[test]
fn a_success_counts_whatever_comes_after_it() {
    let got_out = |name, evidence| matches!(verdict(name, evidence), Verdict::Succeeded { .. });
    assert!(got_out("read-passwd", evidence("did: read root:x:0\n", End::Signal(libc::SIGSYS))));
    assert!(got_out(
        "http-put",
        Evidence { door_refused: true, ..evidence("did: HTTP 200\n", End::Code(0)) }
    ));
    assert!(got_out("burn", Evidence { out_of_time: true, ..evidence("", End::Signal(libc::SIGKILL)) }));
    let kept = "x".repeat(FLOOD_KEPT_BYTES_MAX + 1);
    assert!(got_out("flood", evidence(&kept, End::Code(0))));
}

#[test]
fn no_verdict_is_a_failure() {
    let broken = |name, evidence| matches!(verdict(name, evidence), Verdict::Broken { .. });
    assert!(broken("read-passwd", evidence("", End::Code(0))));
    assert!(broken("read-passwd", evidence("", End::Code(121))));
    assert!(broken("read-passwd", evidence("", End::Signal(libc::SIGSEGV))));
    assert!(broken("read-passwd", evidence("broken: no attempt\n", End::Code(0))));
    assert!(broken("exec-itself", evidence("valet-worker 0.1.0\n", End::Code(0))));
    assert!(broken("sleep", evidence("", End::Code(0))));
    assert!(broken("sleep", evidence("refused: EINTR\n", End::Code(0))));
    assert!(broken("burn", evidence("", End::Code(0))));
    assert!(broken("flood", evidence("", End::Code(0))));
    assert!(!verdict("flood", evidence("", End::Code(0))).held());
}

#[test]
fn a_residue_is_borne_at_its_level_alone() {
    let did = evidence("did: 12 bytes\n", End::Code(0));
    assert!(matches!(verdict("stat-secret", Evidence { level: Level::L2, ..did }), Verdict::Residue { .. }));
    assert!(matches!(verdict("stat-secret", did), Verdict::Succeeded { .. }));
}

/// Makes an attempt in a child process without any wall; what it says.
fn bare(name: &str, canaries: &Canaries) -> String {
    let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
    // SAFETY: the child makes the attempt and ends by `_exit`; it uses nothing that another thread may have locked but
    // the allocator, which glibc keeps usable after a fork.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        rustix::stdio::dup2_stdout(&writer).expect("stdout");
        run(name, canaries);
    }
    drop(writer);
    let text = std::io::read_to_string(std::fs::File::from(reader)).expect("text");
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    text
}

/// Listeners that greet, a secret, and this process as the victim.
fn canaries(folder: &std::path::Path) -> Canaries {
    let secret = folder.join("secret");
    std::fs::write(&secret, "SECRET").expect("written");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let loopback_port = tcp.local_addr().expect("a port").port();
    let abstract_socket = format!("valet-canary-{}", std::process::id());
    let name = SocketAddr::from_abstract_name(&abstract_socket).expect("a name");
    let path = folder.join("socket");
    let unix = [UnixListener::bind_addr(&name).expect("bound"), UnixListener::bind(&path).expect("bound")];
    std::thread::spawn(move || {
        tcp.incoming().flatten().try_for_each(|mut peer| writeln!(peer, "{GREETING}"))
    });
    for listener in unix {
        std::thread::spawn(move || {
            listener.incoming().flatten().try_for_each(|mut peer| writeln!(peer, "{GREETING}"))
        });
    }
    Canaries {
        secret_file: secret.display().to_string(),
        loopback_port,
        abstract_socket,
        socket_path: path.display().to_string(),
        victim_pid: std::process::id().cast_signed(),
    }
}

/// An attempt that cannot succeed anywhere proves nothing by failing in the jail. These need no privilege.
#[test]
fn without_walls_attempts_succeed() {
    let folder = tempfile::tempdir().expect("a folder");
    let canaries = canaries(folder.path());
    let mut names = vec![
        "read-passwd",
        "read-secret",
        "read-secret-upwards",
        "read-own-proc",
        "read-through-proc",
        "read-device",
        "list-root",
        "list-other-job",
        "stat-secret",
        "statfs-passwd",
        "readlink-exe",
        "write-other-job",
        "write-secret",
        "environment",
        "victim-environment",
        "victim-command-line",
        "signal-victim",
        "signal-victim-thread",
        "limits-of-victim",
        "outlive-launcher",
        "connect-loopback",
        "abstract-socket",
        "path-socket",
        "listen",
        "udp-socket",
        "unix-socket",
        "netlink-socket",
        "clone",
        "exec-shell",
        "exec-memory",
        "writable-code",
        "new-code",
        "shared-memory",
        "system-v-memory",
        "keyctl",
        "private-memory",
    ];
    if cfg!(target_arch = "x86_64") {
        names.extend(["fork", "vfork"]);
    }
    for name in names {
        let said = bare(name, &canaries);
        assert!(said.starts_with("did: "), "{name}: {said:?}");
    }
}

/// Where no canary answers, nothing may pass for one.
#[test]
fn an_answer_without_greeting_or_success_is_a_refusal() {
    let door = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = door.local_addr().expect("a port").to_string();
    let canaries = Canaries {
        secret_file: String::new(),
        loopback_port: door.local_addr().expect("a port").port(),
        abstract_socket: format!("valet-nobody-{}", std::process::id()),
        socket_path: "/nonexistent".to_owned(),
        victim_pid: 0,
    };
    assert_eq!(bare("path-socket", &canaries), "refused: ENOENT\n");
    assert_eq!(bare("abstract-socket", &canaries), "refused: ECONNREFUSED\n");
    // Without a filter the socket is an internet socket, which alone is too much.
    assert!(bare("connect-loopback", &canaries).starts_with("did: owns an internet socket"), "{address}");
}
