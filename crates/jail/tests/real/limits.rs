//! The kernel counts: processor time, memory, file size, threads.

use valet_jail::{End, Level, Limits};

use crate::support::{LIMITS, Rig, levels};

#[tokio::test]
async fn processor_time_is_bounded_and_told() {
    let rig = Rig::new();
    let limits = Limits { cpu_seconds: 1, ..LIMITS };
    for level in levels() {
        let finished = rig.run(level, limits, None, &["fixture", "spin"]).await;
        // A pid 1 does not feel the first limit's signal; the second one kills.
        let expected = if level == Level::L1 { libc::SIGKILL } else { libc::SIGXCPU };
        assert_eq!(finished.exit.end, End::Signal(expected), "{level}: {finished:?}");
        assert!(finished.exit.spent_all_of(limits.cpu_seconds), "{level}: {finished:?}");
        assert!(finished.exit.rss_bytes_max > 0, "{level}: {finished:?}");
    }
}

#[tokio::test]
async fn file_size_is_bounded() {
    let rig = Rig::new();
    let limits = Limits { file_bytes: 50_000, ..LIMITS };
    for level in levels() {
        let mut output = rig.output();
        let words = ["fixture", "write", level.output_path(), "60000"];
        let finished = rig.run(level, limits, Some(&mut output), &words).await;
        let refused = finished.exit.end == End::Signal(libc::SIGXFSZ)
            || finished.stdout == format!("errno {}\n", libc::EFBIG);
        assert!(refused, "{level}: {finished:?}");
        assert_eq!(output.bytes().expect("a size"), 50_000, "{level}");
    }
}

#[tokio::test]
async fn private_memory_is_bounded() {
    let rig = Rig::new();
    for level in levels() {
        let fits = rig.fixture(level, &["allocate", "100"]).await;
        assert_eq!(fits.code(), 0, "{level}: {fits:?}");
        assert!(fits.exit.rss_bytes_max > 100 << 20, "{level}: {fits:?}");
        let refused = rig.fixture(level, &["allocate", "300"]).await;
        assert_eq!((refused.code(), refused.stdout.as_str()), (1, "refused\n"), "{level}");
    }
}

#[tokio::test]
async fn threads_are_bounded() {
    let rig = Rig::new();
    for level in levels() {
        let some = rig.fixture(level, &["threads", "64"]).await;
        assert_eq!(some.code(), 0, "{level}: {some:?}");
        let many = rig.fixture(level, &["threads", "1100"]).await;
        assert_eq!((many.code(), many.stdout), (1, format!("errno {}\n", libc::EAGAIN)), "{level}");
    }
}
