//! The attacks are real: without walls, each does what it is for. A wall that stops a dud proves nothing.

use std::path::PathBuf;
use std::time::Duration;

use valet_testkit::attack::{LURES, Lure, Prey, decoy, pixel_bomb, time_gap, untold_time_gap};
use valet_testkit::{Canary, Folder, Program, media};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Gives the lure to a bare ffmpeg and says what came of it: visits of the canary, and a film made of the decoy.
fn follow(lure: &Lure, options: &[&str]) -> (Vec<String>, bool) {
    let folder = Folder::new("lure");
    let secret = if lure.name.contains("QuickTime") { media::path("clip.mp4") } else { decoy() };
    let file = folder.join("decoy.ts");
    std::fs::copy(secret, &file).expect("a private folder is writable");
    let bytes = std::fs::read(&file).expect("it was just written");
    // The canary's port is in the lure, and the lure is in the canary's folder.
    let canary = Canary::start(bytes);
    let prey = Prey { file, url: canary.url(), port: canary.port(), neighbour: "decoy.ts".to_owned() };
    let input = folder.write("input", (lure.bytes)(&prey));
    let output = folder.join("output.mkv");
    let finished = Program::new(media::static_ffmpeg())
        .args(["-nostdin", "-v", "error", "-y"])
        .args(options)
        .arg("-i")
        .arg(&input)
        .args(["-frames:v", "1"])
        .arg(&output)
        .run(TIMEOUT);
    (canary.visits(), finished.success() && is_film(output))
}

fn is_film(path: PathBuf) -> bool {
    path.metadata().is_ok_and(|file| file.len() > 0)
}

#[test]
fn every_lure_works_where_there_are_no_walls() {
    for lure in LURES {
        let Some(options) = lure.works_with else { continue };
        let (visits, film) = follow(lure, options);
        assert!(film || !visits.is_empty(), "{} is a dud: {visits:?}", lure.name);
    }
}

#[test]
fn the_pixel_bomb_is_small_and_says_its_size() {
    let bomb = pixel_bomb();
    assert!(bomb.len() < 2_000_000, "{} bytes", bomb.len());
    assert_eq!(bomb[16..24], [15_000_u32.to_be_bytes(), 15_000_u32.to_be_bytes()].concat());
}

#[test]
fn the_time_gap_is_a_day_and_says_so_or_not() {
    let folder = Folder::new("gap");
    for (bytes, seconds) in [(time_gap(), 86_402.0), (untold_time_gap(), 2.0)] {
        let path = folder.write("gap.mkv", bytes);
        let ask = |entry: &str| {
            let finished = Program::new("ffprobe")
                .args(["-v", "error", "-of", "csv=p=0", "-show_entries", entry])
                .arg(&path)
                .run(TIMEOUT)
                .expect_code(0);
            let last = finished.stdout.trim().lines().next_back().unwrap_or_default().to_owned();
            last.trim_end_matches(',').parse::<f64>().unwrap_or_else(|e| panic!("{e}: {last}"))
        };
        assert!((ask("format=duration") - seconds).abs() < 1.0, "{}", ask("format=duration"));
        assert!(ask("packet=pts_time") > 86_400.0, "{}", ask("packet=pts_time"));
    }
}
