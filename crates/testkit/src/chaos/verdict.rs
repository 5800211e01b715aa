//! What must be true of every job when all is over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::injury::{Notes, Scene};
use super::reader::{Reports, kind};
use super::work::{Job, Kind};
use crate::stage::COMMAND_TIMEOUT;

/// How jobs ended, and what it took.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    /// Jobs by final state.
    pub(super) jobs: BTreeMap<String, usize>,
    /// What the reports tell of the way there.
    pub(super) efforts: Vec<(&'static str, usize)>,
}

/// Judges every job, every letter and every blob.
pub(super) fn judge(scene: &Scene<'_>, reports: &Reports) -> Result<Ends, String> {
    let notes = scene.notes();
    let stored: BTreeSet<String> = scene.stage.storage.list(&scene.stage.output).into_iter().collect();
    let letters = letters(scene)?;
    let mut ends = Ends { efforts: efforts(reports, &letters), ..Ends::default() };
    let mut broken = Vec::new();
    for (id, job) in &notes.submitted {
        let judged = judge_job(scene, &notes, reports, (id, job), stored.contains(&job.output()));
        match judged {
            Ok(end) => *ends.jobs.entry(end).or_default() += 1,
            Err(problem) => broken.push(format!("{problem} ({:?})\n{}", job.kind, reports.told(id))),
        }
    }
    broken.extend(strays(&notes, reports, &stored, &letters));
    if broken.is_empty() { Ok(ends) } else { Err(broken.join("\n")) }
}

/// The one state that a job ended in.
fn judge_job(
    scene: &Scene<'_>,
    notes: &Notes,
    reports: &Reports,
    (id, job): (&str, &Job),
    stored: bool,
) -> Result<String, String> {
    let ends = reports.ends(id);
    let end = the_end(notes, id, &ends)?;
    let successes: BTreeSet<&str> =
        reports.of(id).iter().filter(|r| kind(r) == "succeeded").filter_map(|r| r["id"].as_str()).collect();
    if successes.len() > 1 {
        return Err(format!("succeeded {} times: {successes:?}", successes.len()));
    }
    if job.kind == Kind::Hopeless && end == "succeeded" {
        return Err("a text became a picture".to_owned());
    }
    match (end == "succeeded", stored) {
        (true, true) => check_output(scene, id, job)?,
        (true, false) => return Err("told as stored, and not there".to_owned()),
        // Stored by a worker that was killed before it could say so, and nobody could ask storage later: a grant
        // that has died cannot be asked with. Whoever holds the key can (`valet wait`, `valet collect`).
        (false, true) if end == "expired" => {
            check_output(scene, id, job)?;
            return Ok("expired, stored by a worker that died".to_owned());
        }
        (false, true) => return Err(format!("{end}, and its output is there")),
        (false, false) => {}
    }
    Ok(end.to_owned())
}

/// Success is never taken back; otherwise a job has one end. A message that came twice is done twice, and the second
/// time may end otherwise: then the first end counts.
fn the_end<'a>(notes: &Notes, id: &str, ends: &BTreeSet<&'a str>) -> Result<&'a str, String> {
    if ends.contains("succeeded") {
        return Ok("succeeded");
    }
    let mut all = ends.iter();
    match (all.next(), all.next()) {
        (Some(end), None) => Ok(end),
        (Some(end), Some(_)) if notes.duplicated.contains(id) => Ok(end),
        (None, _) => Err("has no end".to_owned()),
        (Some(_), Some(_)) => Err(format!("has more than one end: {ends:?}")),
    }
}

fn check_output(scene: &Scene<'_>, id: &str, job: &Job) -> Result<(), String> {
    let (storage, container) = (scene.stage.storage, &scene.stage.output);
    let bytes = storage.get(container, &job.output());
    let metadata = storage.head(container, &job.output()).map(|head| head.metadata).unwrap_or_default();
    let sha256 = hexadecimal(&Sha256::digest(&bytes));
    if metadata.get("job").map(String::as_str) != Some(id) {
        return Err(format!("its output is another job's: {metadata:?}"));
    }
    if metadata.get("sha256") != Some(&sha256) {
        return Err(format!("its output is not what was hashed: {sha256}, {metadata:?}"));
    }
    match job.own_input() {
        Some(input) if input != bytes => Err("its output is not a copy of its input".to_owned()),
        None if bytes.is_empty() => Err("its output is empty".to_owned()),
        _ => Ok(()),
    }
}

/// Blobs and letters of which nobody has told, and jobs that nobody has submitted.
fn strays(notes: &Notes, reports: &Reports, stored: &BTreeSet<String>, letters: &[Value]) -> Vec<String> {
    let outputs: BTreeSet<String> = notes.submitted.values().map(Job::output).collect();
    let blobs = stored.difference(&outputs).map(|blob| format!("nobody asked for the blob {blob}"));
    let unknown =
        reports.all().filter(|r| !r["subject"].as_str().is_some_and(|id| notes.submitted.contains_key(id)));
    let unknown = unknown.map(|report| format!("a report of no job of ours: {report}"));
    let untold = letters.iter().filter(|letter| !is_told(letter, reports));
    let untold = untold.map(|letter| {
        let id = letter["id"].as_str().unwrap_or_default();
        format!("a letter that no report told of: {letter}\n{}", reports.told(id))
    });
    blobs.chain(unknown).chain(untold).collect()
}

/// A final report gives the letter's reason.
fn is_told(letter: &Value, reports: &Reports) -> bool {
    let of_job = reports.of(letter["id"].as_str().unwrap_or_default());
    let mut ends = of_job.iter().filter(|report| ["failed", "dead", "expired"].contains(&kind(report)));
    ends.any(|report| report["data"]["reason"] == letter["reason"])
}

fn letters(scene: &Scene<'_>) -> Result<Vec<Value>, String> {
    let told = scene.stage.valet().args(["--json", "dead", "ls"]).run(COMMAND_TIMEOUT).expect_code(0).stdout;
    told.lines().map(|line| serde_json::from_str(line).map_err(|cause| format!("{cause}: {line}"))).collect()
}

fn efforts(reports: &Reports, letters: &[Value]) -> Vec<(&'static str, usize)> {
    let ids = |wanted: &dyn Fn(&Value) -> bool| {
        let ids = reports.all().filter(|report| wanted(report)).filter_map(|report| report["id"].as_str());
        ids.collect::<BTreeSet<_>>().len()
    };
    let of = |word: &'static str| ids(&|report| kind(report) == word);
    let again = |report: &Value| report["redelivery"].as_u64().is_some_and(|times| times > 0);
    vec![
        ("attempts that began", of("accepted")),
        ("  of them given out again by the broker", ids(&|r| kind(r) == "accepted" && again(r))),
        ("retries after a delay", of("retrying")),
        ("grants minted anew", of("reminted")),
        (
            "outputs found or stored by an attempt before",
            ids(&|r| kind(r) == "succeeded" && r["data"]["stored"] != "created"),
        ),
        ("dead letters", letters.len()),
        ("reports", reports.ids().len()),
        ("reports told twice", reports.all().count() - reports.ids().len()),
    ]
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
