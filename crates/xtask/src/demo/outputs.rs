//! What came out: each output is fetched as the owner of the storage would, probed, and saved for a person.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use valet_testkit::workspace;

use super::clips::{Expected, JOBS, Job};
use super::say::{self, Promises};
use super::scene::{RENDITIONS, Scene};
use crate::shell;

const FOLDER: &str = "demo-out";

/// Saves and probes what succeeded. `ends` are the states of [`JOBS`], in their order.
pub(super) fn save(scene: &Scene, ends: &[Value], promises: &mut Promises) -> Result<(), String> {
    let folder = workspace::root().join(FOLDER);
    let unwritable = |cause| format!("cannot write {}: {cause}; remove it, then once more", folder.display());
    fs::create_dir_all(&folder).map_err(unwritable)?;
    let mut rows = Vec::new();
    for (job, end) in JOBS.iter().zip(ends) {
        let Expected::Output { codecs, look_for } = &job.expected else { continue };
        let Some(facts) = stored(scene, job, end).map(|bytes| write(&folder, job, &bytes)).transpose()?
        else {
            promises.hold(false, format!("{} became {}: {end}", job.input, job.output));
            continue;
        };
        let is_right = facts.codecs == *codecs;
        promises.hold(is_right, format!("{} became {}", job.input, job.output));
        rows.push([
            format!("{FOLDER}/{}", job.output),
            facts.size,
            facts.length,
            facts.codecs_told,
            (*look_for).to_owned(),
        ]);
    }
    println!();
    say::remark("Open these:");
    say::rows(&rows);
    Ok(())
}

/// Shows why the corrupt input failed, and that nothing of it was stored.
pub(super) fn explain(scene: &Scene, ends: &[Value], promises: &mut Promises) {
    for (job, end) in JOBS.iter().zip(ends) {
        let Expected::Failure(reason) = job.expected else { continue };
        let text = |name: &str| end[name].as_str().unwrap_or("(nothing)").to_owned();
        let rows = [
            ["reason", &text("reason")],
            ["what happened", &text("detail")],
            ["what to do", &text("advice")],
        ];
        say::rows(&rows.map(|row| row.map(str::to_owned)));
        let is_told = end["reason"] == reason && end["advice"].is_string();
        promises.hold(is_told, format!("{} failed with a reason and advice, in words", job.input));
        let is_absent = !scene.storage.exists(RENDITIONS, job.output);
        promises.hold(is_absent, format!("{RENDITIONS}/{} does not exist: no half output", job.output));
    }
}

/// What a person wants to know about a file.
struct Facts {
    size: String,
    length: String,
    codecs: Vec<String>,
    codecs_told: String,
}

fn stored(scene: &Scene, job: &Job, end: &Value) -> Option<Vec<u8>> {
    let is_there = end["state"] == "succeeded" && scene.storage.exists(RENDITIONS, job.output);
    is_there.then(|| scene.storage.get(RENDITIONS, job.output))
}

fn write(folder: &Path, job: &Job, bytes: &[u8]) -> Result<Facts, String> {
    let path = folder.join(job.output);
    fs::write(&path, bytes)
        .map_err(|cause| format!("cannot write {}: {cause}; remove it, then once more", path.display()))?;
    probe(&path, bytes.len() as u64)
}

fn probe(path: &PathBuf, size: u64) -> Result<Facts, String> {
    let mut ffprobe = shell::command("ffprobe");
    ffprobe.args(["-v", "error", "-of", "json", "-show_format", "-show_streams"]).arg(path);
    let said = shell::output(&mut ffprobe)?;
    let value: Value = serde_json::from_str(&said).map_err(|cause| format!("ffprobe: {cause}"))?;
    let streams = value["streams"].as_array().cloned().unwrap_or_default();
    let codec = |stream: &Value| stream["codec_name"].as_str().unwrap_or("?").to_owned();
    let is_picture = streams.iter().all(|stream| stream["codec_name"] == "mjpeg");
    let seconds = value["format"]["duration"].as_str().and_then(|text| text.parse::<f64>().ok());
    Ok(Facts {
        size: say::bytes(size),
        length: seconds
            .filter(|_| !is_picture)
            .map(|s| format!("{s:.1} s"))
            .unwrap_or_else(|| "-".to_owned()),
        codecs: streams.iter().map(codec).collect(),
        codecs_told: streams.iter().map(stream_told).collect::<Vec<_>>().join(", "),
    })
}

fn stream_told(stream: &Value) -> String {
    let name = match stream["codec_name"].as_str().unwrap_or("?") {
        "mjpeg" => "jpeg",
        other => other,
    };
    match (stream["width"].as_u64(), stream["height"].as_u64()) {
        (Some(width), Some(height)) => format!("{name} {width}x{height}"),
        _ => name.to_owned(),
    }
}
