//! Promises of the codec root, with this machine's own programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::closure::parse;
use super::*;

/// A dynamic program that every machine with a shell has.
const SHELL: &str = "/bin/sh";

fn shell(cache: &Path) -> Root {
    Root::prepare(cache, &[("sh", Path::new(SHELL))]).expect("a shell can be prepared")
}

fn cache() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Runs a program of the root as the jail does, walls apart: relative names, no environment.
fn run(root: &Root, name: &str, arguments: &[&str]) -> std::process::Output {
    let words = root.command(name).expect("a program of the root");
    #[expect(clippy::disallowed_methods, reason = "a program copied by this test")]
    let mut command = std::process::Command::new(root.directory().join(&words[0]));
    command.args(&words[1..]).args(arguments).env_clear().current_dir(root.directory());
    command.output().expect("the program starts")
}

/// The smallest thing with an ELF program's head: static, since it names no loader.
fn static_program(directory: &Path) -> PathBuf {
    let mut bytes = vec![0u8; 64];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[18] = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    let path = directory.join("static");
    fs::write(&path, bytes).expect("written");
    path
}

#[test]
fn a_dynamic_program_runs_from_its_root() {
    let cache = cache();
    let root = shell(cache.path());
    assert!(root.has("sh") && !root.is_static("sh") && root.loader("sh").is_some());
    assert!(!root.library_path().starts_with('/'));
    assert_eq!(run(&root, "sh", &["-c", "echo $((6 * 7))"]).stdout, b"42\n");
}

#[test]
fn a_static_program_goes_alone() {
    let cache = cache();
    let program = static_program(cache.path());
    let root = Root::prepare(&cache.path().join("roots"), &[("codec", &program)]).expect("prepared");
    assert!(root.is_static("codec") && root.library_directories().is_empty());
    assert_eq!(root.command("codec").expect("known"), ["bin/codec"]);
    assert_eq!(root.command("other"), None);
}

#[test]
fn the_placeholder_is_empty_and_everyone_may_read_everything() {
    let cache = cache();
    let root = shell(cache.path());
    assert_eq!(fs::metadata(root.directory().join(OUTPUT_PLACEHOLDER)).expect("there").len(), 0);
    for path in ["", "bin", "bin/sh"] {
        let mode = fs::metadata(root.directory().join(path)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "{path:?}");
    }
}

#[test]
fn a_second_start_uses_the_same_root() {
    let cache = cache();
    let (first, second) = (shell(cache.path()), shell(cache.path()));
    assert_eq!(first.directory(), second.directory());
    assert_eq!((first.repaired(), second.repaired()), (None, None));
}

/// Each kind of damage is found, said, and mended.
#[test]
fn a_damaged_root_is_not_used() {
    let cache = cache();
    let directory = shell(cache.path()).directory().to_owned();
    let program = directory.join("bin/sh");
    let whole = fs::read(&program).expect("readable");
    let bent = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&program, bytes).expect("writable");
    };
    let damages: [(&str, &dyn Fn()); 7] = [
        ("other content", &|| bent(whole.len() / 2)),
        ("another size", &|| fs::write(&program, &whole[1..]).expect("writable")),
        ("missing", &|| fs::remove_file(&program).expect("removable")),
        ("not part", &|| fs::write(directory.join("lib/evil.so"), "x").expect("writable")),
        ("not part", &|| fs::create_dir(directory.join("tmp")).expect("writable")),
        ("other permissions", &|| {
            fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).expect("ours");
        }),
        ("no plain file", &|| {
            fs::remove_file(&program).expect("removable");
            std::os::unix::fs::symlink(SHELL, &program).expect("writable");
        }),
    ];
    for (said, damage) in damages {
        damage();
        let root = shell(cache.path());
        assert!(root.repaired().is_some_and(|what| what.contains(said)), "{said}: {:?}", root.repaired());
        assert_eq!(fs::read(&program).expect("readable"), whole);
        assert_eq!(shell(cache.path()).repaired(), None);
    }
    assert_eq!(run(&shell(cache.path()), "sh", &["-c", "exit 3"]).status.code(), Some(3));
}

#[test]
fn a_changed_source_is_a_new_root() {
    let cache = cache();
    let (program, roots) = (static_program(cache.path()), cache.path().join("roots"));
    let prepare = || Root::prepare(&roots, &[("codec", &program)]).expect("prepared");
    let old = prepare();
    let mut bytes = fs::read(&program).expect("readable");
    bytes.push(0);
    fs::write(&program, bytes).expect("writable");
    let new = prepare();
    assert_ne!(old.directory(), new.directory());
    assert!(old.directory().is_dir(), "another worker may still use it");
}

#[test]
fn what_an_interrupted_build_left_is_swept_away() {
    let cache = cache();
    let directory = shell(cache.path()).directory().to_owned();
    let partial = directory.with_extension("partial");
    fs::rename(&directory, &partial).expect("ours");
    assert_eq!(shell(cache.path()).directory(), directory);
    assert!(!partial.exists());
}

#[test]
fn workers_that_start_together_share_one_root() {
    let cache = cache();
    let roots: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..6).map(|_| scope.spawn(|| shell(cache.path()))).collect();
        starts.into_iter().map(|start| start.join().expect("prepared")).collect()
    });
    assert!(roots.iter().all(|root| root.directory() == roots[0].directory() && root.repaired().is_none()));
}

#[test]
fn a_cache_where_others_write_is_refused() {
    let cache = cache();
    fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o777)).expect("ours");
    let refused =
        Root::prepare(cache.path(), &[("sh", Path::new(SHELL))]).expect_err("anyone could change it");
    assert!(matches!(refused, RootError::CacheNotOurs(_)), "{refused}");
}

#[test]
fn what_is_no_program_is_refused() {
    let cache = cache();
    let script = cache.path().join("ffmpeg");
    fs::write(
        &script,
        "#!/bin/sh\nexec /opt/ffmpeg \"$@\" # longer than a header, so that only its start decides\n",
    )
    .expect("written");
    let foreign = static_program(cache.path());
    let mut bytes = fs::read(&foreign).expect("readable");
    bytes[18] = 3;
    fs::write(&foreign, bytes).expect("writable");
    let refused =
        |name, path: &Path| Root::prepare(&cache.path().join("roots"), &[(name, path)]).expect_err("refused");
    assert!(matches!(refused("ffmpeg", &script), RootError::NotElf(_)));
    assert!(matches!(refused("ffmpeg", &foreign), RootError::OtherMachine(_)));
    assert!(matches!(refused("ffmpeg", &cache.path().join("none")), RootError::Program { .. }));
    assert!(matches!(refused("../sh", Path::new(SHELL)), RootError::Name(_)));
    assert!(matches!(refused(".", Path::new(SHELL)), RootError::Name(_)));
}

#[test]
fn two_programs_cannot_have_one_name() {
    let cache = cache();
    let program = static_program(cache.path());
    let both: [(&str, &Path); 2] = [("codec", &program), ("codec", Path::new(SHELL))];
    let refused = Root::prepare(&cache.path().join("roots"), &both).expect_err("one of them would be lost");
    assert!(matches!(refused, RootError::Collision { .. }), "{refused}");
}

#[test]
fn a_loaders_list_is_read_in_every_dialect() {
    let glibc = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibm.so.6 => /lib/a b/libm.so.6 (0x00007f01)\n\t/lib64/ld-linux-x86-64.so.2 (0x7f)\n";
    assert_eq!(
        parse(glibc).expect("complete"),
        ["/lib/a b/libm.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from)
    );
    let musl =
        "\t/lib/ld-musl-x86_64.so.1 (0x7f3c)\n\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f3c)\n";
    assert_eq!(parse(musl).expect("complete").len(), 2);
    assert_eq!(parse("\tlibx264.so.164 => not found\n"), Err("libx264.so.164".to_owned()));
    assert_eq!(parse("\tstatically linked\n").expect("complete"), Vec::<PathBuf>::new());
}

/// A distribution's ffmpeg has some 215 libraries, 236 MB. The bound is generous: the machine may be busy.
#[test]
fn a_large_root_is_checked_within_a_start() {
    let ffmpeg = Path::new("/usr/bin/ffmpeg");
    let Ok(true) = ffmpeg.try_exists() else { return };
    let cache = cache();
    let start = Instant::now();
    let root = Root::prepare(cache.path(), &[("ffmpeg", ffmpeg)]).expect("prepared");
    let built = start.elapsed();
    let start = Instant::now();
    assert_eq!(Root::prepare(cache.path(), &[("ffmpeg", ffmpeg)]).expect("prepared").repaired(), None);
    println!("built in {built:?}, checked in {:?}", start.elapsed());
    assert!(start.elapsed().as_secs() < 5);
    assert!(run(&root, "ffmpeg", &["-version"]).stdout.starts_with(b"ffmpeg version"));
}
