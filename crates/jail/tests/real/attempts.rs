//! Every attempt to break out, made in a real jail at every level, with canaries that are there to be reached.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use valet_jail::hostile::{ATTEMPTS, Attempt, Canaries, Evidence, GREETING, Kind, Verdict, judge};
use valet_jail::{Doors, Jail, Level, Limits, Order, Task};

use crate::support::{Rig, levels};

const LIMITS: Limits = Limits { data_bytes: 256 << 20, cpu_seconds: 1, file_bytes: 4 << 20 };

/// After this the one that waits for ever is killed.
const SLEEP: Duration = Duration::from_millis(300);

/// After this any other is.
const CLOCK: Duration = Duration::from_secs(20);

/// What is kept of an attempt's standard output.
const KEPT_BYTES_MAX: u64 = 64 << 10;

#[tokio::test]
async fn every_attempt_is_refused() {
    let rig = Rig::new();
    let canaries = canaries(rig.folder.path());
    for level in levels() {
        let mut broken_out = Vec::new();
        for attempt in ATTEMPTS {
            let verdict = attempt_at(&rig, level, attempt, &canaries).await;
            println!("{level} {:24} {verdict:?}", attempt.name);
            if !verdict.held() {
                broken_out.push((attempt.name, verdict));
            }
        }
        assert!(broken_out.is_empty(), "{level}: {broken_out:#?}");
    }
    let stolen = std::fs::read_dir(rig.folder.path()).expect("our folder").flatten();
    let names: Vec<_> = stolen.map(|entry| entry.file_name()).collect();
    assert!(!names.iter().any(|name| name == "valet-escape"), "{names:?}");
}

/// The kill list is an alarm: what an exploit alone would call must set it off, not just fail.
#[tokio::test]
async fn what_only_an_exploit_calls_sets_off_the_alarm() {
    let rig = Rig::new();
    let canaries = canaries(rig.folder.path());
    let alarming =
        ["ptrace", "signal-victim", "clone", "exec-memory", "user-namespace", "io-uring", "bpf", "setuid"];
    for level in levels() {
        for name in alarming {
            let attempt = valet_jail::hostile::find(name).expect("in the table");
            let verdict = attempt_at(&rig, level, attempt, &canaries).await;
            let Verdict::Refused { by } = verdict else { panic!("{level} {name}: {verdict:?}") };
            assert!(by.starts_with("SIGSYS"), "{level} {name}: {by}");
        }
    }
}

async fn attempt_at(rig: &Rig, level: Level, attempt: &Attempt, canaries: &Canaries) -> Verdict {
    let mut output = rig.output();
    let task = Task::Attempt { name: attempt.name, canaries };
    let order = Order { root: &rig.root, task, level, limits: LIMITS, output: Some(&mut output) };
    let mut jail = rig.jailer.run(order).await.expect("a jail");
    let door = tokio::spawn(refuse_all(jail.take_doors().expect("a door")));
    let stdout = tokio::spawn(keep_some(jail.take_stdout().expect("stdout")));
    let (end, out_of_time) = ended(&mut jail, attempt.kind).await;
    let asked = door.await.expect("no panic");
    let stdout = stdout.await.expect("no panic");
    let evidence = Evidence { level, stdout: &stdout, end, door_refused: asked, out_of_time };
    judge(attempt, &evidence)
}

async fn ended(jail: &mut Jail, kind: Kind) -> (valet_jail::End, bool) {
    let clock = if kind == Kind::Sleep { SLEEP } else { CLOCK };
    match tokio::time::timeout(clock, jail.wait()).await {
        Ok(exit) => (exit.expect("an exit").end, false),
        Err(_) => {
            jail.kill();
            (jail.wait().await.expect("an exit").end, true)
        }
    }
}

/// A door that refuses whatever is asked; whether anything was.
async fn refuse_all(mut doors: Doors) -> bool {
    let mut asked = false;
    let mut open = Vec::new();
    while let Some(mut stream) = doors.next().await {
        // One that never asks must not hold up the others.
        open.push(tokio::spawn(async move { refuse(&mut stream).await }));
    }
    for task in open {
        asked |= task.await.unwrap_or(false);
    }
    asked
}

async fn refuse(stream: &mut UnixStream) -> bool {
    let mut request = [0; 4096];
    let length = stream.read(&mut request).await.unwrap_or(0);
    // It may be gone already.
    let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
    length > 0
}

/// Reads to the end and keeps the beginning.
async fn keep_some(mut stdout: tokio::net::unix::pipe::Receiver) -> String {
    let mut kept = Vec::new();
    (&mut stdout).take(KEPT_BYTES_MAX).read_to_end(&mut kept).await.expect("readable");
    tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await.expect("readable");
    String::from_utf8_lossy(&kept).into_owned()
}

/// Listeners that greet, a secret, and this process as the victim: at L2 without root, of the jail's own user.
fn canaries(folder: &Path) -> Canaries {
    let other_job = folder.join("other-job");
    std::fs::create_dir(&other_job).expect("a folder");
    std::fs::write(other_job.join("secret"), "SECRET").expect("a secret");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let loopback_port = tcp.local_addr().expect("a port").port();
    let abstract_socket = format!("valet-canary-{}", std::process::id());
    let socket_path = folder.join(format!("canary-{loopback_port}"));
    let abstract_socket = format!("{abstract_socket}-{loopback_port}");
    let name = SocketAddr::from_abstract_name(&abstract_socket).expect("a name");
    let unix =
        [UnixListener::bind_addr(&name).expect("bound"), UnixListener::bind(&socket_path).expect("bound")];
    std::thread::spawn(move || {
        tcp.incoming().flatten().try_for_each(|mut peer| writeln!(peer, "{GREETING}"))
    });
    for listener in unix {
        std::thread::spawn(move || {
            listener.incoming().flatten().try_for_each(|mut peer| writeln!(peer, "{GREETING}"))
        });
    }
    Canaries {
        secret_file: other_job.join("secret").display().to_string(),
        loopback_port,
        abstract_socket,
        socket_path: socket_path.display().to_string(),
        victim_pid: std::process::id().cast_signed(),
    }
}
