//! A stranger's job, from its lane to its output: dispatcher and worker run, the partner has a login and storage of its
//! own, and nothing of it is registered but the lane.

use serde_json::json;
use valet_testkit::{Sas, Storage, media};

use crate::message::Message;
use crate::partner::Partner;
use crate::stage::Stage;

/// A copy on the partner's own storage, as its own tools would write it.
fn job(partner: &Partner<'_>, storage: &Storage, [input, output]: [&Sas; 2]) -> Message {
    let message = Message::with_urls(&storage.sas_url(input), &storage.sas_url(output));
    message.with("/lane", json!(partner.lane))
}

#[test]
fn a_strangers_job_is_done_on_its_own_storage_and_told_to_it() {
    let (stage, storage) = (Stage::new(), Storage::start_partner());
    let partner = Partner::added(&stage, &[]);
    let (_dispatcher, _worker) = (stage.dispatcher(), stage.worker());
    let (input, output, clip) = (storage.container(), storage.container(), media::bytes("clip.mp4"));
    storage.put(&input, "clip", &clip);
    let message = job(&partner, &storage, [&Sas::read(&input, "clip"), &Sas::create(&output, "copy")]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(partner.send(&message));
    let told = runtime.block_on(partner.follow(&message.id, &["succeeded", "failed", "dead"]));
    assert_eq!(told["output_bytes"], clip.len(), "{told:#}");
    assert_eq!(storage.get(&output, "copy"), clip);
    let known = stage.json(0, &["status", &message.id, "--lane", &partner.lane]);
    assert_eq!(known[0]["state"], "succeeded", "{known:?}");
}

#[test]
fn a_refusal_tells_the_rule_and_what_to_change_and_is_no_loop() {
    let stage = Stage::new();
    let partner = Partner::added(&stage, &["--preset", "copy"]);
    let (_dispatcher, _worker) = (stage.dispatcher(), stage.worker());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (read, create) = (Sas::read(&stage.input, "a"), Sas::create(&stage.output, "b"));
    let wide = Sas::blob(&stage.input, "a", "rw");
    let fine = || job(&partner, stage.storage, [&read, &create]);
    for (message, rule) in [
        (job(&partner, stage.storage, [&wide, &create]), "SAS004"),
        (fine().with("/preset/name", json!("thumbnail")), "preset"),
        (fine().with("/remints", json!(1)), "remints"),
    ] {
        runtime.block_on(partner.send(&message));
        let told = runtime.block_on(partner.follow(&message.id, &["failed", "dead"]));
        let text = told.to_string();
        assert!(text.contains(rule), "{rule}: {text}");
        assert!(told["advice"].as_str().is_some_and(|advice| !advice.is_empty()), "{text}");
        let letters = stage.dead();
        let of_it = |letter: &&serde_json::Value| letter.to_string().contains(&message.id);
        assert_eq!(letters.iter().filter(of_it).count(), 1, "{letters:?}");
    }
}

/// Ids are the publishers' own choice; one who knows another's can do nothing with it.
#[test]
fn a_job_with_the_id_of_another_lanes_job_touches_nothing_of_that() {
    let stage = Stage::new();
    let partner = Partner::added(&stage, &[]);
    let (_dispatcher, _worker) = (stage.dispatcher(), stage.worker());
    let input = stage.put("clip", media::bytes("clip.mp4"));
    let ours = stage.submit(&input, &stage.target("ours"), &["--preset", "copy"]);
    assert_eq!(stage.wait(0, &ours)["state"], "succeeded");
    let grants = [&Sas::read(&stage.input, "absent"), &Sas::create(&stage.output, "theirs")];
    let mut message = job(&partner, stage.storage, grants).with("/id", json!(ours));
    message.id.clone_from(&ours);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(partner.send(&message));
    runtime.block_on(partner.follow(&ours, &["failed"]));
    let known = |lane: &str| stage.json(0, &["status", &ours, "--lane", lane])[0]["state"].clone();
    assert_eq!((known("default"), known(&partner.lane)), (json!("succeeded"), json!("failed")));
}
