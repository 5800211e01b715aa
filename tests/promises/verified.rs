//! A success counts once storage has confirmed it: the producer may read, and looks before it calls a job done.

use serde_json::Value;

use crate::stage::{COMMAND_TIMEOUT, Stage};

/// A job that its worker calls done, of which nobody has looked at the output yet.
fn done(stage: &Stage<'_>) -> String {
    let input = stage.put("input", "some bytes");
    let id = stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
    let worker = stage.worker();
    valet_testkit::wait_for("the worker's success", COMMAND_TIMEOUT, || {
        let job = stage.json(0, &["status", &id]).remove(0);
        if job["state"] == "succeeded" { Ok(()) } else { Err(job.to_string()) }
    });
    worker.terminate(COMMAND_TIMEOUT);
    let job = stage.json(0, &["status", &id]).remove(0);
    assert!(job["output"]["verified"].is_null(), "nobody has looked yet: {job:#}");
    id
}

/// The job counts as failed, now and from now on.
#[track_caller]
fn expect_mismatch(stage: &Stage<'_>, id: &str, word: &str) {
    let end = stage.wait(1, id);
    assert_eq!((&end["state"], &end["reason"]), (&"failed".into(), &"output-mismatch".into()), "{end:#}");
    assert_eq!(end["output"]["verified"], false, "{end:#}");
    assert!(end["detail"].as_str().is_some_and(|detail| detail.contains(word)), "{end:#}");
    let job = stage.json(0, &["status", id]).remove(0);
    assert_eq!((&job["state"], &job["reason"]), (&end["state"], &end["reason"]), "{job:#}");
    assert_eq!(stage.json(0, &["list", "--state", "failed", "--reason", "output-mismatch"]).len(), 1);
}

/// Headers of a blob that says it is `id`'s.
fn metadata<'a>(id: &'a str, sha256: &'a str) -> [(&'static str, &'a str); 3] {
    [("x-ms-meta-job", id), ("x-ms-meta-attempt", "1"), ("x-ms-meta-sha256", sha256)]
}

#[test]
fn an_output_that_was_replaced_is_no_success() {
    let stage = Stage::new();
    let id = done(&stage);
    stage.storage.put(&stage.output, "output", "other bytes");
    expect_mismatch(&stage, &id, "does not say");
}

#[test]
fn an_output_with_forged_metadata_is_no_success() {
    let stage = Stage::new();
    let id = done(&stage);
    let sha256 = stage.storage.head(&stage.output, "output").expect("stored").metadata["sha256"].clone();
    // As long, and it says everything that the true one said; only its MD5 is storage's own word.
    stage.storage.put_with(&stage.output, "output", "SOME BYTES", &metadata(&id, &sha256));
    expect_mismatch(&stage, &id, "MD5");
}

#[test]
fn an_output_that_is_not_there_is_no_success() {
    let stage = Stage::new();
    let id = done(&stage);
    stage.storage.delete(&stage.output, "output");
    expect_mismatch(&stage, &id, "no such blob");
}

#[test]
fn an_output_is_looked_at_once_and_may_be_moved_away_afterwards() {
    let stage = Stage::new();
    let id = done(&stage);
    stage.valet().args(["collect", "--once"]).run(COMMAND_TIMEOUT).expect_code(0);
    stage.storage.delete(&stage.output, "output");
    let end = stage.wait(0, &id);
    assert_eq!((&end["state"], &end["output"]["verified"]), (&"succeeded".into(), &true.into()), "{end:#}");
}

#[test]
fn a_foreign_blob_in_the_way_is_a_failure() {
    let stage = Stage::new();
    let input = stage.put("input", "some bytes");
    stage.storage.put(&stage.output, "output", "somebody else's");
    let _worker = stage.worker();
    let end = stage.run(1, &input, &stage.target("output"), &["--preset", "copy"]);
    assert_eq!((&end["state"], &end["reason"]), (&"failed".into(), &"output-exists".into()), "{end:#}");
    assert_eq!(stage.storage.get(&stage.output, "output"), b"somebody else's");
}

#[test]
fn a_blob_that_another_copy_of_the_job_stored_is_its_success_as_storage_has_it() {
    let stage = Stage::new();
    let input = stage.put("input", "some bytes");
    let id = stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
    // What the other copy stored while this one waits in the queue.
    let sha256 = "5".repeat(64);
    stage.storage.put_with(&stage.output, "output", "as the other copy made it", &metadata(&id, &sha256));
    let _worker = stage.worker();
    let end = stage.wait(0, &id);
    assert_eq!((&end["state"], &end["output"]["verified"]), (&"succeeded".into(), &true.into()), "{end:#}");
    let told: (&Value, &Value) = (&end["output"]["bytes"], &end["output"]["sha256"]);
    assert_eq!(told, (&25.into(), &sha256.as_str().into()), "{end:#}");
    let jobs = stage.json(0, &["list", "--state", "succeeded"]);
    assert_eq!(jobs.len(), 1, "{jobs:?}");
}

#[test]
fn without_the_storage_key_a_success_is_told_as_the_worker_told_it() {
    let stage = Stage::new();
    let id = done(&stage);
    stage.storage.delete(&stage.output, "output");
    let nobody = ["VALET_STORAGE_ACCOUNT", "VALET_STORAGE_ACCOUNT_KEY_FILE", "VALET_STORAGE_ENDPOINT"];
    let valet = nobody.iter().fold(stage.valet(), |program, name| program.env(name, ""));
    let told = valet.args(["--json", "wait", &id]).run(COMMAND_TIMEOUT).expect_code(0);
    let end: Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert!(end["state"] == "succeeded" && end["output"]["verified"].is_null(), "{end:#}");
}
