//! What a jail costs: printed, not judged; a loaded machine proves nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{LIMITS, Rig, finish, levels, spawn};

const RUNS: usize = 50;

#[tokio::test]
async fn a_static_program_runs_and_ends_well() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = exit_program(folder.path());
    let rig = Rig::with(&[("static", &program)]);
    assert!(rig.root.is_static("static"));
    let bare = median((0..RUNS).map(|_| time_bare(&program)).collect());
    for level in levels() {
        let (mut ready, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let started = Instant::now();
            let jail = rig.start(level, LIMITS, None, &["static"]).await.expect("a jail");
            ready.push(jail.ready_in());
            assert_eq!(finish(jail).await.code(), 0, "{level}");
            whole.push(started.elapsed());
        }
        let fastest = ready.iter().min().copied().unwrap_or_default();
        let (ready, whole) = (median(ready), median(whole));
        eprintln!(
            "{level}: ready in {ready:?} (fastest {fastest:?}), run and reaped in {whole:?}; bare {bare:?}"
        );
    }
}

fn time_bare(program: &Path) -> Duration {
    let started = Instant::now();
    assert!(spawn(program, &[]).and_then(|mut child| child.wait()).expect("it runs").success());
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The smallest program that ends well: an ELF file of one segment with the call exit_group(0).
fn exit_program(folder: &Path) -> PathBuf {
    #[cfg(target_arch = "x86_64")]
    const CODE: &[u8] = &[0x31, 0xff, 0xb8, 0xe7, 0, 0, 0, 0x0f, 0x05]; // xor edi,edi; mov eax,231; syscall
    #[cfg(target_arch = "x86_64")]
    const MACHINE: u16 = 62;
    #[cfg(target_arch = "aarch64")]
    const CODE: &[u8] = &[0, 0, 0x80, 0xd2, 0xc8, 0x0b, 0x80, 0xd2, 1, 0, 0, 0xd4]; // mov x0,0; mov x8,94; svc 0
    #[cfg(target_arch = "aarch64")]
    const MACHINE: u16 = 183;
    const HEADERS: u64 = 64 + 56;
    const ADDRESS: u64 = 0x40_0000;
    let size = HEADERS + CODE.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec(); // 64 bits, little-endian, version 1
    file.resize(16, 0);
    file.extend([2_u16, MACHINE].iter().flat_map(|n| n.to_le_bytes())); // executable
    file.extend(1_u32.to_le_bytes());
    file.extend([ADDRESS + HEADERS, 64, 0].iter().flat_map(|n| n.to_le_bytes())); // entry, program headers, no sections
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 56, 1, 64, 0, 0].iter().flat_map(|n| n.to_le_bytes()));
    file.extend([1_u32, 5].iter().flat_map(|n| n.to_le_bytes())); // load; readable and executable
    file.extend([0, ADDRESS, ADDRESS, size, size, 0x1000].iter().flat_map(|n| n.to_le_bytes()));
    file.extend(CODE);
    let path = folder.join("static");
    std::fs::write(&path, file).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    path
}
