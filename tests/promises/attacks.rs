//! Files made to turn ffmpeg against the machine: every one ends as a dead letter with a clear reason. Nothing of
//! the machine is opened, nobody on it is called, and nothing is stored.
//!
//! That each file does its work where there are no walls is shown in testkit's own tests.

use std::path::PathBuf;

use serde_json::Value;
use valet_testkit::attack::{LURES, Prey, decoy};
use valet_testkit::{Broker, Canary, Exchange, FaultProxy, Folder, Process, Storage};

use crate::stage::Stage;
use crate::verdict::{expect_failed, expect_nothing_stored};

/// Names as an attacker gives them: the contents decide, not the name.
const INPUT: &str = "holiday.mp4";
/// Beside the input, in the same blob container, and not granted.
const NEIGHBOUR: &str = "neighbour.ts";

/// Presets that read film, pictures, sound, and anything.
const PRESETS: [&str; 4] = ["h264-720p", "image-webp", "audio-aac", "probe-json"];

/// Nobody opened it as media, or it asked for something and was stopped.
const STOPPED: [&str; 2] = ["not-media", "jail-violation"];
/// What it names was not opened, so that there is nothing to make an output of.
const STARVED: [&str; 4] = ["not-media", "jail-violation", "codec-failed", "output-invalid"];

/// A stage with prey around it, and eyes on all of it.
struct Trap {
    stage: Stage<'static>,
    /// All that storage is asked for goes through it.
    proxy: FaultProxy,
    canary: Canary,
    /// The worker's own user may read it: only the jail stands before it.
    file: PathBuf,
    worker: Process,
    _folder: Folder,
}

impl Trap {
    fn set() -> Self {
        let storage = Storage::shared();
        let proxy = FaultProxy::start(storage.address());
        let stage = Stage::on(Broker::shared(), storage).through(&proxy.url(&storage.endpoint()));
        let secret = std::fs::read(decoy()).expect("the decoy is readable");
        let folder = stage.mode.folder("prey");
        let file = folder.write("decoy.ts", &secret);
        stage.put(NEIGHBOUR, &secret);
        let canary = Canary::start(secret);
        let worker = stage.worker();
        Self { stage, proxy, canary, file, worker, _folder: folder }
    }

    fn prey(&self) -> Prey {
        Prey {
            file: self.file.clone(),
            url: self.canary.url(),
            port: self.canary.port(),
            neighbour: NEIGHBOUR.to_owned(),
        }
    }

    /// Every preset meets these bytes; returns how each job ended.
    #[track_caller]
    fn spring(&self, bytes: &[u8], reasons: &[&str]) -> Vec<Value> {
        let input = self.stage.put(INPUT, bytes);
        let submit =
            |preset: &&str| self.stage.submit(&input, &self.stage.target(preset), &["--preset", *preset]);
        let jobs: Vec<String> = PRESETS.iter().map(submit).collect();
        let ends = jobs.iter().map(|job| expect_failed(&self.stage, job, reasons)).collect();
        self.expect_unharmed(INPUT);
        ends
    }

    /// Nobody was called, only the input was read, and nothing was stored.
    #[track_caller]
    fn expect_unharmed(&self, input: &str) {
        self.canary.expect_untouched();
        expect_nothing_stored(&self.stage);
        let own = format!("/{}/{input}?", self.stage.input);
        let other = |exchange: &Exchange| !exchange.target.contains(&own);
        let others: Vec<Exchange> = self.proxy.exchanges().into_iter().filter(other).collect();
        assert!(others.is_empty(), "more than the input was asked for: {others:?}");
        assert!(self.worker.is_running(), "{}", self.worker.stderr());
    }
}

/// The lure of this name meets all presets.
#[track_caller]
fn expect_useless(name: &str, reasons: &[&str]) {
    let lure = LURES.iter().find(|lure| lure.name == name).unwrap_or_else(|| panic!("no lure `{name}`"));
    let trap = Trap::set();
    trap.spring(&(lure.bytes)(&trap.prey()), reasons);
}

#[test]
fn hls_opens_no_file() {
    expect_useless("HLS with a file as segment", &STOPPED);
}

#[test]
fn hls_calls_no_service() {
    expect_useless("HLS with a URL as segment", &STOPPED);
}

#[test]
fn hls_fetches_no_key() {
    expect_useless("HLS with a URL as key", &STOPPED);
}

#[test]
fn hls_fetches_no_other_playlist() {
    expect_useless("HLS with a URL as playlist", &STOPPED);
}

#[test]
fn hls_reads_no_neighbour() {
    expect_useless("HLS with a neighbour as segment", &STOPPED);
}

#[test]
fn ffconcat_opens_no_part_of_a_file() {
    expect_useless("ffconcat with a part of a file", &STOPPED);
}

#[test]
fn ffconcat_joins_no_files() {
    expect_useless("ffconcat with joined files", &STOPPED);
}

#[test]
fn ffconcat_reads_no_neighbour() {
    expect_useless("ffconcat with a neighbour", &STOPPED);
}

#[test]
fn ffconcat_opens_no_file() {
    expect_useless("ffconcat with a file", &STOPPED);
}

#[test]
fn ffconcat_calls_no_service() {
    expect_useless("ffconcat with a URL", &STOPPED);
}

#[test]
fn dash_calls_no_service() {
    expect_useless("DASH with a URL as base", &STOPPED);
}

#[test]
fn sdp_opens_no_stream() {
    expect_useless("SDP with a stream of this machine", &STOPPED);
}

#[test]
fn svg_draws_nothing_from_elsewhere() {
    expect_useless("SVG with pictures elsewhere", &STOPPED);
}

#[test]
fn quicktime_takes_its_media_from_no_other_file() {
    let lure = LURES.iter().find(|lure| lure.name.contains("QuickTime")).expect("there is one");
    let trap = Trap::set();
    let bytes = (lure.bytes)(&trap.prey());
    let input = trap.stage.put(INPUT, bytes);
    // What it is, probe-json may say: that is all in the input.
    for preset in ["h264-720p", "thumbnail", "audio-aac", "remux-mp4"] {
        let job = trap.stage.submit(&input, &trap.stage.target(preset), &["--preset", preset]);
        expect_failed(&trap.stage, &job, &STARVED);
    }
    trap.expect_unharmed(INPUT);
}

#[test]
fn a_name_that_is_a_pattern_of_image_sequences_reads_no_other_blob() {
    let trap = Trap::set();
    let pattern = "shot-%03d.png";
    let input = trap.stage.put(pattern, "no picture at all");
    trap.stage.put("shot-001.png", valet_testkit::media::bytes("graphic.png"));
    for preset in PRESETS {
        let job = trap.stage.submit(&input, &trap.stage.target(preset), &["--preset", preset]);
        expect_failed(&trap.stage, &job, &["not-media"]);
    }
    trap.expect_unharmed("shot-%2503d.png");
}
