//! Dead letters come back to life under their own id with new grants, and only what was ours comes back.

use jiff::{SignedDuration, Timestamp};
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use serde_json::{Value, json};
use valet_testkit::{Sas, wait_for};

use crate::backstage::{channel, connect};
use crate::message::Message;
use crate::stage::{COMMAND_TIMEOUT, Stage};

#[track_caller]
fn wait_for_letter(stage: &Stage<'_>, id: &str) -> Value {
    wait_for(&format!("the dead letter of {id}"), COMMAND_TIMEOUT, || {
        let letters = stage.dead();
        letters.iter().find(|letter| letter["id"] == id).cloned().ok_or_else(|| format!("{letters:?}"))
    })
}

/// A job whose input is not there yet, dead.
fn job_without_input(stage: &Stage<'_>) -> String {
    let input = format!("{}/late", stage.input);
    let id = stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
    assert_eq!(stage.wait(1, &id)["reason"], "input-missing");
    assert_eq!(wait_for_letter(stage, &id)["queue"], "dead");
    id
}

#[test]
fn an_input_that_came_late_is_done_by_a_replay_under_the_same_id() {
    let stage = Stage::new();
    let _worker = stage.worker();
    let id = job_without_input(&stage);
    stage.put("late", "here at last");

    let would = stage.json(0, &["dead", "replay", &id, "--dry-run"]);
    assert_eq!((&would[0]["id"], &would[0]["replayed"]), (&id.as_str().into(), &false.into()), "{would:?}");
    assert_eq!(stage.dead().len(), 1, "a dry run changes nothing");

    let told = stage.json(0, &["dead", "replay", &id, "--wait", "--timeout", "90s"]);
    let end = told.last().expect("an end");
    assert_eq!((&end["id"], &end["state"]), (&id.as_str().into(), &"succeeded".into()), "{told:?}");
    assert_eq!(stage.storage.get(&stage.output, "output"), b"here at last");
    assert_eq!(stage.storage.head(&stage.output, "output").expect("stored").metadata["job"], id);
    assert!(stage.dead().is_empty(), "{:?}", stage.dead());
}

#[test]
fn a_letter_whose_grants_expired_is_replayed_with_new_ones() {
    let stage = Stage::new();
    let _worker = stage.worker();
    stage.put("input", "some bytes");
    let mut read = Sas::read(&stage.input, "input");
    read.expiry = Timestamp::now() - SignedDuration::from_secs(5);
    let message = Message::new(&stage, &read, &Sas::create(&stage.output, "output"));
    message.publish(&stage);
    let letter = wait_for_letter(&stage, &message.id);
    // Its message does not allow that it is minted anew, so no reminter waits for it.
    assert_eq!(
        (&letter["queue"], &letter["reason"]),
        (&"dead".into(), &"grant-expired".into()),
        "{letter:#}"
    );

    let told = stage.json(0, &["retry", &message.id, "--wait", "--timeout", "90s"]);
    assert_eq!(told.last().expect("an end")["state"], "succeeded", "{told:?}");
    assert_eq!(stage.storage.get(&stage.output, "output"), b"some bytes");
    assert!(stage.dead().is_empty(), "{:?}", stage.dead());
}

/// Two lanes' letters with one id: each is its own, and nobody drops or replays a stranger's along with his own.
#[test]
fn a_letter_of_another_lane_with_the_same_id_is_another_letter() {
    let stage = Stage::new();
    stage.put("input", "some bytes");
    let ours = Message::new(&stage, &Sas::read(&stage.input, "input"), &Sas::create(&stage.output, "output"));
    forge(&stage, "dead", &ours);
    let id = ours.id.clone();
    forge(&stage, "dead", &ours.with("/lane", json!("acme")));
    wait_for("both letters", COMMAND_TIMEOUT, || {
        let letters = stage.dead();
        if letters.len() == 2 { Ok(()) } else { Err(format!("{letters:?}")) }
    });
    assert_eq!(stage.json(0, &["dead", "show", &id]).len(), 2);
    let unsaid = stage.valet().args(["dead", "drop", &id]).run(COMMAND_TIMEOUT).expect_code(2);
    assert!(unsaid.stderr.contains("--lane"), "{}", unsaid.stderr);
    let dropped = stage.json(0, &["dead", "drop", &id, "--lane", "acme"]);
    assert_eq!((dropped.len(), &dropped[0]["lane"]), (1, &json!("acme")), "{dropped:?}");
    let left = stage.dead();
    assert_eq!((left.len(), &left[0]["lane"]), (1, &json!("default")), "{left:?}");
    let told = stage.json(0, &["dead", "replay", &id]);
    assert_eq!((&told[0]["lane"], &told[0]["replayed"]), (&json!("default"), &json!(true)), "{told:?}");
}

/// Puts a letter into this queue with the worker's login, as a thief of it could.
pub(crate) fn forge(stage: &Stage<'_>, queue: &str, message: &Message) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let connection = connect(stage, "worker").await;
        let properties = BasicProperties::default()
            .with_message_id(message.id.as_str().into())
            .with_type("valet.job.v1".into())
            .with_content_type("application/json".into())
            .with_delivery_mode(2);
        let body = message.body.to_string();
        let channel = channel(&connection).await;
        channel.confirm_select(lapin::options::ConfirmSelectOptions::default()).await.expect("confirms");
        let options = BasicPublishOptions::default();
        let sent =
            channel.basic_publish("dead".into(), queue.into(), options, body.as_bytes(), properties).await;
        sent.expect("a worker may write to dead").await.expect("the broker takes it");
    });
}

/// Forged letters are refused by replay, stay where they are, and reach no worker.
#[track_caller]
fn expect_refused(stage: &Stage<'_>, message: &Message, problem: &str) {
    forge(stage, "dead", message);
    wait_for_letter(stage, &message.id);
    let refused = stage.valet().args(["dead", "replay", &message.id]).run(COMMAND_TIMEOUT).expect_code(65);
    assert!(refused.stderr.contains(problem), "{}", refused.stderr);
    assert!(refused.stdout.is_empty(), "{}", refused.stdout);
    wait_for_letter(stage, &message.id);
    assert_eq!(stage.json(0, &["status", &message.id])[0]["state"], "unseen", "no worker has seen it");
}

#[test]
fn a_forged_letter_is_refused_and_stays() {
    let stage = Stage::new();
    stage.put("secret", "not for everybody");
    let _worker = stage.worker();
    // Signed by nobody's key, as a thief without the account's must.
    let forged = |url: String| {
        let (bare, _) = url.split_once("&sig=").expect("a signature");
        format!("{bare}&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D")
    };
    let read = stage.storage.sas_url(&Sas::read(&stage.input, "secret"));
    let create = stage.storage.sas_url(&Sas::create(&stage.output, "output"));
    expect_refused(
        &stage,
        &Message::with_urls(&forged(read.clone()), &forged(create.clone())),
        "not minted here",
    );
    // A true grant of one job does not make the other half true.
    expect_refused(
        &stage,
        &Message::with_urls(&read, &forged(create.clone())),
        "output grant was not minted here",
    );
    // A grant of ours for another blob, with the path changed.
    let moved = read.replace("/secret?", "/another?");
    expect_refused(&stage, &Message::with_urls(&moved, &create), "input grant was not minted here");
    // Ours, but turned round: what was an output to create becomes an input to read.
    expect_refused(&stage, &Message::with_urls(&create, &create), "none that a job gets");
    assert_eq!(stage.storage.list(&stage.output), Vec::<String>::new());
}

#[test]
fn a_letter_that_speaks_of_another_job_is_refused() {
    let stage = Stage::new();
    stage.put("input", "bytes");
    let message =
        Message::copy(&stage, "input", "output").with("/id", json!(uuid::Uuid::now_v7().to_string()));
    expect_refused(&stage, &message, "another job");
}

#[test]
fn a_dropped_letter_is_gone_and_its_blobs_are_not() {
    let stage = Stage::new();
    let _worker = stage.worker();
    let (kept, dropped) = (job_without_input(&stage), job_without_input(&stage));
    stage.put("late", "bytes");
    let told = stage.json(0, &["dead", "drop", &dropped]);
    assert_eq!((&told[0]["id"], &told[0]["dropped"]), (&dropped.as_str().into(), &true.into()), "{told:?}");
    let left: Vec<Value> = stage.dead().into_iter().map(|letter| letter["id"].clone()).collect();
    assert_eq!(left, [kept.as_str()]);
    assert!(stage.storage.exists(&stage.input, "late"));
    let again = stage.valet().args(["dead", "drop", &dropped]).run(COMMAND_TIMEOUT).expect_code(65);
    assert!(again.stderr.contains("no dead letter"), "{}", again.stderr);
    assert_eq!(stage.json(0, &["dead", "drop", "--all", "--reason", "not-media"]).len(), 0, "another reason");
    assert_eq!(stage.json(0, &["dead", "drop", "--all", "--reason", "input-missing"]).len(), 1);
    assert!(stage.dead().is_empty());
}
