//! Jobs whose grants died while they waited get new ones under their own id, and only as they had them before.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use valet_testkit::{Broker, Fault, FaultProxy, Process, Sas, Storage, wait_for};

use crate::backstage::{kind, wait_for_depth};
use crate::message::{Message, properties};
use crate::replay::forge;
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// A copy that is of no use in so many seconds, and may be minted anew.
fn short(stage: &Stage<'_>, output: &str, seconds: i64, remints: u32) -> Message {
    let not_after = Timestamp::now() + SignedDuration::from_secs(seconds);
    let message = Message::copy(stage, "input", output).with("/remints", json!(remints));
    message.with("/not_after", json!(not_after.to_string()))
}

/// Submits a job as the producer would that the broker takes off the queue at once.
fn publish_expiring(stage: &Stage<'_>, message: &Message) {
    stage.tell_submitted(&message.body);
    publish_untold(stage, message);
}

/// Publishes such a job of which no producer says anything.
fn publish_untold(stage: &Stage<'_>, message: &Message) {
    let mut properties = properties(&message.id);
    properties["expiration"] = json!("1");
    stage.publish(message.body.to_string().as_bytes(), properties);
}

/// Waits until this many letters wait for the reminter.
#[track_caller]
fn wait_for_expired(stage: &Stage<'_>, count: usize) {
    wait_for(&format!("{count} letters in expired"), COMMAND_TIMEOUT, || {
        let letters = stage.json(0, &["dead", "ls", "--queue", "expired"]);
        if letters.len() == count { Ok(()) } else { Err(format!("{letters:?}")) }
    });
}

/// A stage with one expired job, and the worker that put it there.
fn stage_with_a_letter(remints: u32) -> (Stage<'static>, Process, Message) {
    let stage = Stage::new();
    stage.put("input", "some bytes");
    let message = short(&stage, "output", 1, remints);
    publish_expiring(&stage, &message);
    let worker = stage.worker();
    (stage, worker, message)
}

/// One pass of the reminter: what it told.
#[track_caller]
fn remint(stage: &Stage<'_>, arguments: &[&str]) -> Vec<Value> {
    stage.json(0, &[arguments, &["reminter", "--once"]].concat())
}

fn kinds(stage: &Stage<'_>, id: &str) -> Vec<String> {
    stage.reports(id).iter().map(|report| kind(report).to_owned()).collect()
}

#[test]
fn a_job_whose_grants_died_in_the_queue_is_minted_anew_and_done() {
    let (stage, _worker, message) = stage_with_a_letter(2);
    wait_for_expired(&stage, 1);
    let told = remint(&stage, &[]);
    assert_eq!(
        (told.len(), &told[0]["done"], &told[0]["remints_left"]),
        (1, &json!("minted"), &json!(1)),
        "{told:?}"
    );
    assert_eq!(told[0]["id"], message.id.as_str());
    let end = stage.wait(0, &message.id);
    assert_eq!(end["state"], "succeeded", "{end:#}");
    assert_eq!(stage.storage.get(&stage.output, "output"), b"some bytes");
    let kinds = kinds(&stage, &message.id);
    assert!(kinds.contains(&"expired".to_owned()) && kinds.contains(&"reminted".to_owned()), "{kinds:?}");
    assert!(stage.dead().is_empty(), "{:?}", stage.dead());
    assert!(remint(&stage, &[]).is_empty(), "nothing is left to do");
}

#[test]
fn what_the_first_attempt_met_is_what_is_granted_anew() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::declared(Broker::shared(), storage, &["--retry-1", "8s"]);
    let stage = stage.through(&proxy.url(&storage.endpoint()));
    stage.put("input", "the first content");
    let urls = [Sas::read(&stage.input, "input"), Sas::create(&stage.output, "output")];
    let [read, create] = urls.map(|sas| proxy.url(&stage.storage.sas_url(&sas)));
    let not_after = Timestamp::now() + SignedDuration::from_secs(7);
    let message = Message::with_urls(&read, &create).with("/remints", json!(1));
    let message = message.with("/not_after", json!(not_after.to_string()));
    let _worker = stage.worker();
    // The first attempt meets the input, cannot store, and is to be made again when its time is over.
    (0..20).for_each(|_| proxy.next_method("PUT", Fault::busy()));
    stage.tell_submitted(&message.body);
    message.publish(&stage);
    wait_for("the first attempt to fail", COMMAND_TIMEOUT, || {
        let kinds = kinds(&stage, &message.id);
        if kinds.contains(&"retrying".to_owned()) { Ok(()) } else { Err(format!("{kinds:?}")) }
    });
    proxy.heal();
    wait_for_expired(&stage, 1);
    stage.put("input", "another content");
    let told = remint(&stage, &[]);
    assert_eq!(told[0]["done"], "minted", "{told:?}");
    let end = stage.wait(1, &message.id);
    assert_eq!((&end["state"], &end["reason"]), (&json!("failed"), &json!("input-changed")), "{end:#}");
    assert!(end["attempt"].as_u64() > Some(2), "attempts are counted over all grants: {end:#}");
    assert!(!stage.storage.exists(&stage.output, "output"), "nothing may be stored of another content");
}

#[test]
fn a_reminter_mints_no_more_often_than_it_may() {
    let (stage, _worker, message) = stage_with_a_letter(5);
    wait_for_expired(&stage, 1);
    let told = remint(&stage, &["--set", "reminter.remints_max=0"]);
    assert_eq!(
        (&told[0]["done"], &told[0]["reason"]),
        (&json!("put-away"), &json!("grant-expired")),
        "{told:?}"
    );
    let end = stage.wait(1, &message.id);
    assert_eq!((&end["state"], &end["reason"]), (&json!("expired"), &json!("grant-expired")), "{end:#}");
    let letters = stage.dead();
    assert_eq!((letters.len(), &letters[0]["queue"]), (1, &json!("dead")), "{letters:?}");
    assert!(letters[0]["detail"].as_str().is_some_and(|detail| detail.contains("no more")), "{letters:?}");
}

#[test]
fn a_job_that_was_cancelled_while_it_waited_gets_no_new_grants() {
    let (stage, _worker, message) = stage_with_a_letter(5);
    wait_for_expired(&stage, 1);
    let told = stage.json(0, &["cancel", &message.id, "--why", "no longer wanted"]);
    assert_eq!((&told[0]["ordered"], &told[0]["state"]), (&json!(true), &json!("reminting")), "{told:?}");
    let told = remint(&stage, &[]);
    assert_eq!(told[0]["done"], "cancelled", "{told:?}");
    let end = stage.wait(1, &message.id);
    assert_eq!(end["state"], "cancelled", "{end:#}");
    assert!(stage.dead().is_empty(), "{:?}", stage.dead());
    assert!(!stage.storage.exists(&stage.output, "output"));
}

#[test]
fn a_letter_whose_grants_were_not_minted_here_is_put_away() {
    let stage = Stage::new();
    stage.put("input", "some bytes");
    let message = short(&stage, "output", 1, 5);
    let forged = |side: &str| {
        let url = message.body[side]["url"].as_str().expect("a URL");
        format!(
            "{}&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D",
            url.split_once("&sig=").expect("signed").0
        )
    };
    let (input, output) = (forged("input"), forged("output"));
    let message = message.with("/input/url", json!(input)).with("/output/url", json!(output));
    publish_expiring(&stage, &message);
    let _worker = stage.worker();
    wait_for_expired(&stage, 1);
    let told = remint(&stage, &[]);
    assert_eq!(
        (&told[0]["done"], &told[0]["reason"]),
        (&json!("put-away"), &json!("grant-refused")),
        "{told:?}"
    );
    let letters = stage.dead();
    assert_eq!((letters.len(), &letters[0]["queue"]), (1, &json!("dead")), "{letters:?}");
    assert!(letters[0]["detail"].as_str().is_some_and(|it| it.contains("not minted here")), "{letters:?}");
    assert_eq!(stage.json(0, &["status", &message.id])[0]["state"], "expired");
}

/// The one letter of `expired` is put away for this reason, with these words, and nothing is minted.
#[track_caller]
fn expect_put_away(stage: &Stage<'_>, words: &str) {
    let told = remint(stage, &[]);
    assert_eq!(
        (&told[0]["done"], &told[0]["reason"]),
        (&json!("put-away"), &json!("grant-refused")),
        "{told:?}"
    );
    let letters = stage.dead();
    assert_eq!((letters.len(), &letters[0]["queue"]), (1, &json!("dead")), "{letters:?}");
    assert!(letters[0]["detail"].as_str().is_some_and(|it| it.contains(words)), "{letters:?}");
    wait_for_depth(stage, "jobs.r0", 0);
    assert_eq!(stage.storage.list(&stage.output), Vec::<String>::new());
}

/// A letter for the reminter, written with the worker's login.
#[track_caller]
fn forge_expired(stage: &Stage<'_>, message: &Message) {
    forge(stage, "expired", message);
    wait_for_expired(stage, 1);
}

/// Who has a worker's login has seen true grants, and may write letters.
#[test]
fn dead_grants_are_not_revived_for_a_job_that_nobody_submitted() {
    let stage = Stage::new();
    stage.put("input", "some bytes");
    let mut read = Sas::read(&stage.input, "input");
    read.expiry = Timestamp::now() - SignedDuration::from_secs(5);
    let message = Message::new(&stage, &read, &Sas::create(&stage.output, "output"));
    forge_expired(&stage, &message.with("/remints", json!(100)));
    expect_put_away(&stage, "no producer has reported");
}

/// Nor under the name of a job that was submitted, with what another job had.
#[test]
fn dead_grants_of_one_job_are_not_revived_under_the_name_of_another() {
    let stage = Stage::new();
    stage.put("input", "some bytes");
    stage.put("other", "what another job may read");
    let job = short(&stage, "output", 1, 5);
    stage.tell_submitted(&job.body);
    let other = stage.storage.sas_url(&Sas::read(&stage.input, "other"));
    forge_expired(&stage, &job.with("/input/url", json!(other)));
    expect_put_away(&stage, "for other blobs");
}

/// Nor by the letter of a job of another lane, which has the same id and all else.
#[test]
fn dead_grants_are_not_revived_by_the_job_of_another_lane_that_has_the_same_id() {
    let stage = Stage::new();
    stage.put("input", "some bytes");
    let job = short(&stage, "output", 1, 5);
    stage.tell_submitted(&job.body);
    let id = job.id.clone();
    forge_expired(&stage, &job.with("/lane", json!("acme")));
    expect_put_away(&stage, "no producer has reported");
    let stands = |lane: &str| stage.json(0, &["status", &id, "--lane", lane])[0]["state"].clone();
    assert_eq!((stands("default"), stands("acme")), (json!("queued"), json!("expired")));
    let asked = stage.valet().args(["status", &id]).run(COMMAND_TIMEOUT).expect_code(2);
    assert!(asked.stderr.contains("--lane"), "{}", asked.stderr);
}

/// A letter's word on how often counts no further than what was submitted.
#[test]
fn a_forged_letter_is_minted_anew_no_more_often_than_its_job_may_be() {
    let stage = Stage::new();
    stage.put("input", "some bytes");
    let job = short(&stage, "output", 1, 1);
    stage.tell_submitted(&job.body);
    forge_expired(&stage, &job.with("/remints", json!(100)));
    let told = remint(&stage, &[]);
    assert_eq!((&told[0]["done"], &told[0]["remints_left"]), (&json!("minted"), &json!(0)), "{told:?}");
}

/// Expired jobs of one stage, with the outputs `0` up to `count`.
fn many(stage: &Stage<'_>, count: usize) -> Vec<Message> {
    let messages: Vec<_> = (0..count).map(|number| short(stage, &number.to_string(), 1, 5)).collect();
    messages.iter().for_each(|message| publish_expiring(stage, message));
    messages
}

/// All of them end well: one output and one success each.
#[track_caller]
fn expect_each_done_once(stage: &Stage<'_>, messages: &[Message]) {
    for message in messages {
        let end = stage.wait(0, &message.id);
        assert_eq!(end["state"], "succeeded", "{end:#}");
        let ids: BTreeSet<String> = stage
            .reports(&message.id)
            .iter()
            .filter(|report| kind(report) == "succeeded")
            .map(|report| report["id"].to_string())
            .collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
    }
    assert_eq!(stage.storage.list(&stage.output).len(), messages.len());
    wait_for_depth(stage, "expired", 0);
}

#[test]
fn a_reminter_that_is_killed_in_the_middle_loses_no_job() {
    let stage = Stage::new();
    stage.put("input", "some bytes");
    let messages = many(&stage, 12);
    let _worker = stage.worker();
    wait_for_expired(&stage, messages.len());
    let reminter = stage.valet().args(["reminter", "--per-second", "5"]).start();
    wait_for("some to be minted anew", COMMAND_TIMEOUT, || {
        let said = reminter.stdout();
        if said.lines().count() >= 3 { Ok(()) } else { Err(format!("{said}{}", reminter.stderr())) }
    });
    reminter.kill();
    remint(&stage, &[]);
    expect_each_done_once(&stage, &messages);
}

#[test]
fn two_reminters_side_by_side_do_no_harm_and_end_when_they_are_told_to() {
    let stage = Stage::new();
    stage.put("input", "some bytes");
    let messages = many(&stage, 12);
    let _worker = stage.worker();
    wait_for_expired(&stage, messages.len());
    let reminters: Vec<Process> = (0..2).map(|_| stage.valet().arg("reminter").start()).collect();
    expect_each_done_once(&stage, &messages);
    let lines =
        |reminter: &Process| reminter.stdout().lines().filter(|line| line.contains("minted anew")).count();
    wait_for("each to be minted once", Duration::from_secs(30), || {
        let told: Vec<usize> = reminters.iter().map(lines).collect();
        if told.iter().sum::<usize>() == messages.len() { Ok(()) } else { Err(format!("{told:?}")) }
    });
    for reminter in reminters {
        let ended = reminter.terminate(Duration::from_secs(20));
        assert!(ended.success(), "{ended}: {}", reminter.stderr());
    }
}
