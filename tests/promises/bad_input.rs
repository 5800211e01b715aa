//! Whatever comes in, a job ends with a clear reason in its report and in its dead letter, and nothing is lost.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use valet_testkit::{Sas, media, wait_for};

use crate::message::{Message, properties};
use crate::stage::{COMMAND_TIMEOUT, Stage};
use crate::verdict::expect_dead;

/// Submits `bytes` as the input of `preset` and expects the reason.
#[track_caller]
fn refused_media(bytes: impl AsRef<[u8]>, preset: &str, reason: &str) -> Value {
    let stage = Stage::new();
    let _worker = stage.worker();
    let input = stage.put("input", bytes);
    let id = stage.submit(&input, &stage.target("output"), &["--preset", preset]);
    let end = expect_dead(&stage, &id, "failed", reason);
    assert!(!stage.storage.exists(&stage.output, "output"), "nothing may be stored");
    end
}

/// Publishes a spoilt message and expects the reason.
#[track_caller]
fn refused_message(spoil: impl FnOnce(&Stage<'_>) -> Message, state: &str, reason: &str) -> Value {
    let stage = Stage::new();
    let _worker = stage.worker();
    stage.put("input", "bytes");
    let message = spoil(&stage);
    message.publish(&stage);
    let end = expect_dead(&stage, &message.id, state, reason);
    assert!(!stage.storage.exists(&stage.output, "output"), "nothing may be stored");
    end
}

#[test]
fn text_is_not_media() {
    refused_media("this is no film, whatever its name says", "h264-720p", "not-media");
}

#[test]
fn a_playlist_is_not_media() {
    refused_media(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n",
        "h264-720p",
        "not-media",
    );
}

#[test]
fn a_truncated_mp4_says_so() {
    let whole = media::bytes("clip.mp4");
    // Its index stands at its end, so what is left cannot even be opened.
    let end = refused_media(&whole[..whole.len() / 2], "h264-720p", "input-truncated");
    assert!(end["advice"].as_str().is_some_and(|advice| advice.contains("again")), "{end:#}");
}

#[test]
fn an_empty_blob_is_refused() {
    refused_media("", "h264-720p", "input-empty");
}

#[test]
fn an_empty_blob_is_refused_for_copies_too() {
    refused_media("", "copy", "input-empty");
}

#[test]
fn sound_without_picture_cannot_be_a_thumbnail() {
    refused_media(media::bytes("clip.mp3"), "thumbnail", "not-media");
}

#[test]
fn an_unknown_preset_is_refused() {
    let spoil =
        |stage: &Stage<'_>| Message::copy(stage, "input", "output").with("/preset/name", json!("h264-721p"));
    let end = refused_message(spoil, "failed", "unknown-preset");
    assert!(
        end["advice"].as_str().is_some_and(|advice| advice.contains("h264-720p")),
        "names the nearest: {end:#}"
    );
}

#[test]
fn a_parameter_out_of_range_is_refused() {
    let spoil = |stage: &Stage<'_>| {
        let message = Message::copy(stage, "input", "output").with("/preset/name", json!("h264-720p"));
        message.with("/preset/params", json!({ "crf": 99 }))
    };
    let end = refused_message(spoil, "failed", "bad-parameter");
    assert!(end["detail"].as_str().is_some_and(|detail| detail.contains("crf")), "names it: {end:#}");
}

#[test]
fn an_unknown_field_is_refused_by_name() {
    let spoil = |stage: &Stage<'_>| Message::copy(stage, "input", "output").with("/colour", json!("red"));
    let end = refused_message(spoil, "failed", "unknown-field");
    assert!(end["detail"].as_str().is_some_and(|detail| detail.contains("colour")), "{end:#}");
}

#[test]
fn an_oversized_message_is_refused() {
    let spoil = |stage: &Stage<'_>| {
        Message::copy(stage, "input", "output").with("/tags", json!({ "title": "x".repeat(70_000) }))
    };
    refused_message(spoil, "failed", "message-too-large");
}

#[test]
fn what_is_not_json_is_kept_as_a_dead_letter() {
    let stage = Stage::new();
    let _worker = stage.worker();
    let id = uuid::Uuid::now_v7().to_string();
    stage.publish(b"{ \"version\": 1, ", properties(&id));
    expect_dead(&stage, &id, "failed", "bad-json");
}

#[test]
fn what_has_no_id_at_all_is_kept_as_a_dead_letter() {
    let stage = Stage::new();
    let worker = stage.worker();
    stage.publish(b"\xff\xfe", json!({}));
    let letters = wait_for("a dead letter", COMMAND_TIMEOUT, || {
        let letters = stage.dead();
        if letters.is_empty() { Err(worker.stderr()) } else { Ok(letters) }
    });
    assert_eq!(letters[0]["reason"], "bad-json", "{letters:?}");
}

#[test]
fn a_message_of_a_login_that_is_not_expected_is_refused() {
    let stage = Stage::new();
    // What `valet topology declare` wrote stands: jobs come from the producer's login alone.
    let _worker = stage.start(stage.worker_program().env("VALET_WORKER_PUBLISHERS", ""));
    stage.put("input", "bytes");
    let message = Message::copy(&stage, "input", "output");
    message.publish(&stage);
    expect_dead(&stage, &message.id, "failed", "publisher-refused");
    assert!(!stage.storage.exists(&stage.output, "output"), "nothing may be stored");
}

#[test]
fn an_expired_grant_is_told_as_such() {
    let spoil = |stage: &Stage<'_>| {
        let mut input = Sas::read(&stage.input, "input");
        input.expiry = Timestamp::now() - SignedDuration::from_secs(5);
        Message::new(stage, &input, &Sas::create(&stage.output, "output"))
    };
    refused_message(spoil, "expired", "grant-expired");
}

#[test]
fn a_grant_that_dies_before_the_job_could_end_is_not_begun() {
    let spoil = |stage: &Stage<'_>| {
        let mut input = Sas::read(&stage.input, "input");
        input.expiry = Timestamp::now() + SignedDuration::from_secs(20);
        Message::new(stage, &input, &Sas::create(&stage.output, "output"))
    };
    refused_message(spoil, "expired", "grant-too-short");
}

#[test]
fn a_wrong_right_is_refused() {
    // Wider than the role needs, and not the role's at all.
    for (read, create) in [("rw", "c"), ("r", "rc"), ("r", "cd"), ("c", "c"), ("r", "r")] {
        let spoil = |stage: &Stage<'_>| {
            let input = Sas::blob(&stage.input, "input", read);
            Message::new(stage, &input, &Sas::blob(&stage.output, "output", create))
        };
        refused_message(spoil, "failed", "grant-wrong-right");
    }
}

#[test]
fn a_blob_container_sas_is_refused() {
    let spoil = |stage: &Stage<'_>| {
        let input = Sas::container(&stage.input, "input", "r");
        Message::new(stage, &input, &Sas::create(&stage.output, "output"))
    };
    let end = refused_message(spoil, "failed", "grant-refused");
    assert!(end["detail"].as_str().is_some_and(|detail| detail.contains("SAS002")), "{end:#}");
}

#[test]
fn an_account_sas_is_refused() {
    let spoil = |stage: &Stage<'_>| {
        let expiry = Timestamp::now() + SignedDuration::from_hours(1);
        let input = stage.storage.account_sas_url(&stage.input, "input", "r", expiry);
        Message::with_urls(&input, &stage.storage.sas_url(&Sas::create(&stage.output, "output")))
    };
    let end = refused_message(spoil, "failed", "grant-refused");
    assert!(end["detail"].as_str().is_some_and(|detail| detail.contains("SAS001")), "{end:#}");
}

#[test]
fn an_http_url_of_a_stranger_is_refused() {
    let spoil = |stage: &Stage<'_>| {
        let local = stage.storage.sas_url(&Sas::read(&stage.input, "input"));
        let (_, rest) = local.split_once(&stage.input).expect("a URL below the endpoint");
        let remote = format!("http://acct.blob.core.windows.net/{}{rest}", stage.input);
        Message::with_urls(&remote, &stage.storage.sas_url(&Sas::create(&stage.output, "output")))
    };
    let end = refused_message(spoil, "failed", "grant-refused");
    assert!(end["detail"].as_str().is_some_and(|detail| detail.contains("SAS007")), "{end:#}");
}

#[test]
fn a_tampered_signature_is_refused_by_storage() {
    let spoil = |stage: &Stage<'_>| {
        let input = stage.storage.sas_url(&Sas::read(&stage.input, "input"));
        let input = input.replace("/input?", "/another?");
        Message::with_urls(&input, &stage.storage.sas_url(&Sas::create(&stage.output, "output")))
    };
    refused_message(spoil, "failed", "grant-invalid");
}

#[test]
fn an_absent_blob_is_told_as_such() {
    refused_message(|stage| Message::copy(stage, "nothing-here", "output"), "failed", "input-missing");
}

#[test]
fn a_changed_input_is_told_as_such() {
    let spoil = |stage: &Stage<'_>| {
        Message::copy(stage, "input", "output").with("/input/etag", json!("\"0x8D000000000000\""))
    };
    refused_message(spoil, "failed", "input-changed");
}

#[test]
fn an_output_that_exists_is_never_overwritten() {
    let stage = Stage::new();
    let _worker = stage.worker();
    let input = stage.put("input", "new bytes");
    stage.storage.put(&stage.output, "output", "old bytes");
    let id = stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
    expect_dead(&stage, &id, "failed", "output-exists");
    assert_eq!(stage.storage.get(&stage.output, "output"), b"old bytes");
}
