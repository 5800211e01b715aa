//! What a codec finds around itself: three streams, one file, and no machine.

use valet_jail::Level;

use crate::support::{LIMITS, Rig, levels};

#[tokio::test]
async fn only_streams_and_two_variables_are_inherited() {
    let rig = Rig::new();
    for level in levels() {
        let finished = rig.fixture(level, &["look"]).await;
        assert_eq!(finished.code(), 0, "{level}: {finished:?}");
        let found = &finished.stdout;
        assert!(found.contains("open [0, 1, 2]"), "{level}: {found}");
        assert!(
            found.contains(r#"environment [("LC_ALL", "C"), ("MALLOC_ARENA_MAX", "2")]"#),
            "{level}: {found}"
        );
        assert!(!found.contains("uid 0\n"), "{level}: {found}");
        assert!(found.contains("groups-of-root false"), "{level}: {found}");
        if level == Level::L1 {
            assert!(found.contains("pid 1\n") && found.contains("hostname jail\n"), "{found}");
        }
    }
}

#[tokio::test]
async fn output_is_one_more_descriptor_at_l2_alone() {
    let rig = Rig::new();
    for level in levels() {
        let mut output = rig.output();
        let finished = rig.run(level, LIMITS, Some(&mut output), &["fixture", "look"]).await;
        let expected = if level == Level::L1 { "open [0, 1, 2]\n" } else { "open [0, 1, 2, 3]\n" };
        assert!(finished.stdout.contains(expected), "{level}: {finished:?}");
    }
}

#[tokio::test]
async fn output_is_written_and_has_no_name() {
    let rig = Rig::new();
    for level in levels() {
        let mut output = rig.output();
        let before = output.modified().expect("a time");
        let words = ["fixture", "write", level.output_path(), "100000"];
        let jail = rig.start(level, LIMITS, Some(&mut output), &words).await.expect("a jail");
        assert_eq!(
            std::fs::read_dir(rig.folder.path()).expect("a folder").count(),
            0,
            "{level}: a name is left"
        );
        let finished = crate::support::finish(jail).await;
        assert_eq!(finished.code(), 0, "{level}: {finished:?}");
        assert_eq!(output.bytes().expect("a size"), 100_000, "{level}");
        assert!(output.modified().expect("a time") >= before);
    }
}

#[tokio::test]
async fn output_can_be_opened_twice_with_two_offsets() {
    let rig = Rig::new();
    for level in levels() {
        let mut output = rig.output();
        let words = ["fixture", "write-twice", level.output_path()];
        let finished = rig.run(level, LIMITS, Some(&mut output), &words).await;
        assert_eq!(finished.code(), 0, "{level}: {finished:?}");
        let written = std::io::read_to_string(output.file().as_ref()).expect("text");
        assert_eq!(written, "hello hello", "{level}");
    }
}

#[tokio::test]
async fn nothing_else_can_be_written_or_read() {
    let rig = Rig::new();
    for level in levels() {
        for path in ["/x", "x", "/tmp/x", "/output/x", "bin/x", "/dev/shm/x", "output", "bin/fixture"] {
            let finished = rig.fixture(level, &["create", path]).await;
            assert_eq!(finished.code(), 1, "{level} wrote {path}");
        }
        for path in ["/etc/passwd", "/proc/self/environ", "/proc/1/environ", "/dev/null", "../../etc/passwd"]
        {
            let finished = rig.fixture(level, &["read", path]).await;
            assert_eq!(finished.code(), 1, "{level} read {path}");
        }
    }
}

#[tokio::test]
async fn files_of_the_worker_are_out_of_reach() {
    let rig = Rig::new();
    let secret = rig.folder.path().join("secret");
    std::fs::write(&secret, "s").expect("a file");
    for level in levels() {
        let finished = rig.fixture(level, &["read", secret.to_str().expect("UTF-8")]).await;
        let expected = if level == Level::L1 { libc::ENOENT } else { libc::EACCES };
        assert_eq!(finished.stdout, format!("errno {expected}\n"), "{level}: {finished:?}");
    }
}
