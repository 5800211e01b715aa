//! How jobs come in: by a producer that may die in the middle and is run again under the same key, or by hand with
//! grants that die soon.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::injury::Scene;
use super::schedule::{Batch, Life};
use super::tally::Count;
use super::work::Job;
use crate::stage::COMMAND_TIMEOUT;
use crate::wait::let_pass;
use crate::{Program, Sas};

/// Longest life of a grant that is meant to die in a queue.
const LIFE_SECONDS_MAX: u64 = 6;
/// How often the reminter may mint anew for a job.
const REMINTS: u32 = 5;

/// Submits a batch; when this returns, the broker has every job of it.
pub(super) fn submit(scene: &Scene<'_>, batch: &Batch, killed_after: Option<Duration>) -> Result<(), String> {
    match batch.life {
        Life::Long => submit_by_producer(scene, batch, killed_after),
        Life::Short | Life::Reminted if !scene.remints => submit_by_producer(scene, batch, killed_after),
        Life::Short => publish_by_hand(scene, batch, 0),
        Life::Reminted => publish_by_hand(scene, batch, REMINTS),
    }
}

fn submit_by_producer(
    scene: &Scene<'_>,
    batch: &Batch,
    killed_after: Option<Duration>,
) -> Result<(), String> {
    if let Some(life) = killed_after {
        let producer = producer(scene, batch).start();
        let_pass(life);
        scene.count(if producer.is_running() { Count::ProducerKilled } else { Count::SubmittedTwice }, 1);
        producer.kill();
    }
    let ids = scene.until_answered(|| {
        let told = producer(scene, batch).run(COMMAND_TIMEOUT);
        if told.success() {
            return Ok(told.stdout);
        }
        scene.count(Count::SubmitRefused, 1);
        Err(format!("valet submit: {:?}\n{}", told.code, told.stderr))
    })?;
    let ids: Vec<String> = ids.lines().filter_map(id).collect();
    if ids.len() != batch.jobs.len() {
        return Err(format!("{} jobs were submitted, {} told", batch.jobs.len(), ids.len()));
    }
    scene.notes().submitted.extend(ids.into_iter().zip(batch.jobs.iter().cloned()));
    Ok(())
}

fn producer(scene: &Scene<'_>, batch: &Batch) -> Program {
    let stage = scene.stage;
    let lines = batch.jobs.iter().map(|job| format!("{}\n", job.line(&stage.input, &stage.output)));
    stage
        .valet()
        .args(["--json", "submit", "--manifest", "-", "--idempotency-key", &batch.key])
        .stdin(lines.collect::<String>())
}

fn id(line: &str) -> Option<String> {
    serde_json::from_str::<Value>(line).ok()?["id"].as_str().map(str::to_owned)
}

/// Publishes what `valet submit` would for grants that it refuses to mint: so short that they die in a queue.
fn publish_by_hand(scene: &Scene<'_>, batch: &Batch, remints: u32) -> Result<(), String> {
    for (at, job) in batch.jobs.iter().enumerate() {
        let life = 2 + (at as u64 % (LIFE_SECONDS_MAX - 1));
        let id = id_by_hand(&batch.key, job);
        scene.notes().submitted.insert(id.clone(), job.clone());
        // Anew for each try: an answer that was lost means a duplicate.
        scene.until_answered(|| {
            let (body, properties) = message(scene, &id, job, life, remints);
            // Said first: its grants may die before a second word.
            scene.stage.try_tell_submitted(&body)?;
            let tried = scene.stage.try_publish(body.to_string().as_bytes(), properties);
            if tried.is_err() {
                scene.notes().duplicated.insert(id.clone());
            }
            tried
        })?;
        scene.count(if remints > 0 { Count::Reminted } else { Count::ShortLived }, 1);
    }
    Ok(())
}

fn message(scene: &Scene<'_>, id: &str, job: &Job, life_seconds: u64, remints: u32) -> (Value, Value) {
    let stage = scene.stage;
    let now = Timestamp::now();
    let end = now + SignedDuration::from_secs(i64::try_from(life_seconds).unwrap_or(i64::MAX));
    let url = |mut sas: Sas| {
        sas.expiry = end;
        scene.proxy.url(&stage.storage.sas_url(&sas))
    };
    let line = job.line(&stage.input, &stage.output);
    let mut body = json!({
        "version": 1,
        "id": id,
        "lane": "default",
        "input": { "url": url(Sas::read(&stage.input, &job.input())) },
        "output": { "url": url(Sas::create(&stage.output, &job.output())) },
        "preset": { "name": line["preset"], "version": 1, "params": {} },
        "limits": { "wall_seconds": 1 },
        "priority": "normal",
        "submitted_at": now.to_string(),
        "not_after": end.to_string(),
    });
    if remints > 0 {
        body["remints"] = remints.into();
    }
    let properties = json!({
        "message_id": id, "type": "valet.job.v1", "content_type": "application/json", "delivery_mode": 2,
        "expiration": (life_seconds * 1000).to_string(),
    });
    (body, properties)
}

/// The id that the same job gets each time: a UUIDv7 without a time.
fn id_by_hand(key: &str, job: &Job) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(format!("{key}/{}", job.number));
    let word = |range: std::ops::Range<usize>| {
        hash[range].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    format!("00000000-0000-7{}-8{}-{}", &word(0..2)[1..], &word(2..4)[1..], word(4..10))
}
