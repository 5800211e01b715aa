//! The main job: a producer mints and enqueues, a worker without a key reads, transcodes, stores and reports.

use serde_json::Value;
use valet_testkit::media;

use crate::stage::Stage;

#[test]
fn a_clip_becomes_a_720p_mp4() {
    let stage = Stage::new();
    let _worker = stage.worker();
    let input = stage.put("holiday/clip.mp4", media::bytes("clip.mp4"));
    let end = stage.run(0, &input, &stage.target("clip.mp4"), &["--preset", "h264-720p"]);
    assert_eq!((&end["state"], &end["attempt"]), (&"succeeded".into(), &1.into()), "{end:#}");

    let bytes = stage.storage.get(&stage.output, "clip.mp4");
    assert_eq!(end["output"]["bytes"], bytes.len(), "{end:#}");
    let head = stage.storage.head(&stage.output, "clip.mp4").expect("the output is there");
    assert_eq!(head.content_type, "video/mp4");
    assert_eq!(head.metadata["job"], end["id"].as_str().expect("an id"));
    assert_eq!(head.metadata["sha256"], end["output"]["sha256"].as_str().expect("a hash"));
}

#[test]
fn reports_tell_the_job_from_acceptance_to_success_in_order() {
    let stage = Stage::new();
    let _worker = stage.worker();
    let input = stage.put("clip.mp4", media::bytes("clip.mp4"));
    let end = stage.run(0, &input, &stage.target("clip.mp4"), &["--preset", "h264-720p"]);
    let reports = stage.reports(end["id"].as_str().expect("an id"));
    let kinds: Vec<&str> = reports.iter().map(kind).collect();
    // The producer says that it has submitted the job once the broker has it: a worker may be quicker.
    let of_worker: Vec<&str> = kinds.iter().copied().filter(|kind| *kind != "submitted").collect();
    assert_eq!(of_worker.len() + 1, kinds.len(), "submitted once: {kinds:?}");
    assert_eq!(
        (of_worker.first(), of_worker.get(1), of_worker.last()),
        (Some(&"accepted"), Some(&"started"), Some(&"succeeded")),
        "{kinds:?}"
    );
    assert_eq!(kinds.iter().filter(|kind| **kind == "succeeded").count(), 1, "{kinds:?}");
    let phases: Vec<&Value> = reports
        .iter()
        .filter(|report| kind(report) == "progress")
        .map(|report| &report["data"]["phase"])
        .collect();
    for phase in ["codec", "finalising"] {
        assert!(phases.contains(&&Value::from(phase)), "{phase} in {phases:?}");
    }
    let percents: Vec<f64> = reports.iter().filter_map(|report| report["data"]["percent"].as_f64()).collect();
    assert!(percents.is_sorted() && percents.iter().all(|percent| *percent < 100.0), "{percents:?}");
}

#[test]
fn jobs_wait_for_a_worker_and_two_workers_share_them() {
    let stage = Stage::new();
    let input = stage.put("input", "some bytes");
    let ids: Vec<String> = (0..12)
        .map(|number| stage.submit(&input, &stage.target(&number.to_string()), &["--preset", "copy"]))
        .collect();
    let status = stage.json(0, &["status", &ids[0]]);
    assert_eq!(status[0]["state"], "queued", "{status:?}");
    let (_one, _two) = (stage.worker(), stage.worker());
    for id in &ids {
        assert_eq!(stage.wait(0, id)["state"], "succeeded");
    }
    assert_eq!(stage.storage.list(&stage.output).len(), ids.len());
    assert!(stage.dead().is_empty());
}

/// `succeeded` of `valet.job.succeeded`.
fn kind(report: &Value) -> &str {
    report["type"].as_str().and_then(|kind| kind.rsplit('.').next()).unwrap_or_default()
}
