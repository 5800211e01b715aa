//! One picture from the middle of the long film, and a look at it with ffprobe, read from storage as they need it:
//! beside the same commands on a local file, and beside a download of the whole before them.

use std::fs;
use std::path::Path;

use valet_testkit::{FaultProxy, Process, Sas};

use super::Score;
use super::door::read_blob;
use crate::bench::attempt::Attempt;
use crate::bench::calls::{self, Call};
use crate::bench::median;
use crate::bench::stage::Stage;

/// Rounds of each side, in turns; odd, for a median.
const ROUNDS: usize = 9;

/// The blob.
pub(super) const FILM: &str = "film.mp4";

/// A preset, and what the project promises of it.
struct Look {
    preset: &'static [&'static str],
    /// Bytes fetched, in percent of the blob.
    percent_most: f64,
    /// Time beside a local file, and beside download and local file.
    times_most: Option<(f64, f64)>,
}

const THUMBNAIL: Look = Look {
    preset: &["thumbnail", "--param", "at_percent=50"],
    percent_most: 2.5,
    times_most: Some((1.3, 0.3)),
};

const PROBE: Look = Look { preset: &["probe-json"], percent_most: 1.0, times_most: None };

pub(super) fn run(stage: &Stage<'_>, film: &Path, score: &mut Score) -> Result<(), String> {
    stage.storage.put_file(&stage.input, FILM, film);
    let worker = stage.worker(1);
    for look in [THUMBNAIL, PROBE] {
        let calls = bytes(stage, &worker, film, &look, score)?;
        if let Some(most) = look.times_most {
            times(stage, film, &look, &calls, most, score)?;
        }
    }
    Ok(())
}

/// One job whose way to storage leads through a relay that counts. Returns the codecs that it ran for its input.
fn bytes(
    stage: &Stage<'_>,
    worker: &Process,
    film: &Path,
    look: &Look,
    score: &mut Score,
) -> Result<Vec<Call>, String> {
    let relay = FaultProxy::start(stage.storage.address());
    let valet = stage.valet().env("VALET_STORAGE_ENDPOINT", relay.url(&stage.storage.endpoint()));
    let job = || Attempt::run(stage, valet, FILM, &format!("counted-{}", look.preset[0]), look.preset);
    let (attempt, calls) = calls::seen(worker.id(), job);
    attempt?;
    let length = fs::metadata(film).map_err(|cause| format!("{}: {cause}", film.display()))?.len();
    let gets = relay.exchanges().into_iter().filter(|exchange| exchange.method == "GET").count();
    let [preset, ..] = look.preset else { return Err("a preset has a name".to_owned()) };
    score.row(&format!("{preset} of {length} bytes: GETs of storage"), gets as f64, "");
    let percent = relay.bytes_down() as f64 / length as f64 * 100.0;
    score.row("  body bytes that storage sent", relay.bytes_down() as f64 / 1e6, "MB");
    score.at_most("  in percent of the blob", percent, look.percent_most);
    Ok(calls)
}

fn times(
    stage: &Stage<'_>,
    film: &Path,
    look: &Look,
    calls: &[Call],
    (local_most, download_most): (f64, f64),
    score: &mut Score,
) -> Result<(), String> {
    let url = stage.storage.sas_url(&Sas::read(&stage.input, FILM));
    let (copy, output) = (stage.folder.join("copy.mp4"), stage.folder.join("bare"));
    let bare = |input: &Path| calls.iter().map(|call| call.bare(input, &output)).sum::<Result<f64, _>>();
    let (mut bares, mut codecs, mut totals, mut downloads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut beside_local, mut beside_download) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let local = bare(film)?;
        let attempt = Attempt::run(stage, stage.valet(), FILM, &format!("timed-{round}"), look.preset)?;
        let download = read_blob(&["plain", &url, &copy.to_string_lossy()])? + bare(&copy)?;
        let _ = fs::remove_file(&copy);
        beside_local.push(attempt.codec / local);
        beside_download.push(attempt.total / download);
        bares.push(local);
        codecs.push(attempt.codec);
        totals.push(attempt.total);
        downloads.push(download);
    }
    score.row("  the same codecs bare, local file", median(bares), "s");
    score.row("  the worker's codecs, jails and doors included", median(codecs), "s");
    score.row("  the worker's whole attempt: also check, store", median(totals), "s");
    score.row("  download of the whole, then codecs bare", median(downloads), "s");
    score.at_most("  worker's codecs beside a local file", median(beside_local), local_most);
    score.at_most("  worker's attempt beside download first", median(beside_download), download_most);
    Ok(())
}
