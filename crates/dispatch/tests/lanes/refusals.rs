//! What is refused: told to its sender, filed for a person, and never seen again.

use jiff::{SignedDuration, Timestamp};
use valet_protocol::JobMessage;
use valet_testkit::{Broker, Program};

use crate::site::{PATIENCE, SIGNATURE, Site, job};

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_a_report_and_a_dead_letter_and_nothing_loops() {
    let site = Site::on(Broker::shared()).await;
    let acme = site.partner("acme", |_| ()).await;
    let _dispatcher = site.dispatcher("one");
    let foreign = JobMessage { lane: "zeta".parse().unwrap(), ..job(&acme.record.lane) };
    acme.publish_raw(foreign.encode().unwrap().as_ref()).await;
    let submitted_at = Timestamp::now() - SignedDuration::from_hours(2);
    let not_after = Timestamp::now() - SignedDuration::from_secs(1);
    let expired = JobMessage { submitted_at, not_after, ..job(&acme.record.lane) };
    acme.publish(&expired).await;
    acme.publish_raw(b"not even JSON").await;
    let letters = site.take_all("dead", 3);
    let reasons: Vec<&str> = letters
        .iter()
        .map(|letter| letter["properties"]["headers"]["valet-reason"].as_str().unwrap())
        .collect();
    for reason in ["bad-message", "grant-expired", "bad-json"] {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
    let reports = site.take_all("events.acme", 2);
    let keys: Vec<&str> = reports.iter().map(|report| report["routing_key"].as_str().unwrap()).collect();
    assert!(keys.contains(&format!("acme.{}.failed", foreign.id).as_str()), "{keys:?}");
    assert!(keys.contains(&format!("acme.{}.expired", expired.id).as_str()), "{keys:?}");
    let told = reports.iter().map(ToString::to_string).collect::<String>();
    assert!(told.contains("lane") && !told.contains(SIGNATURE), "{told}");
    for queue in ["in.acme", "jobs.r0", "dead", "in.ended"] {
        site.wait_depth(queue, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_what_is_refused_does_not_fill_the_dead_letters_of_all() {
    let site = Site::on(Broker::shared()).await;
    let acme = site.partner("acme", |_| ()).await;
    for _ in 0..200 {
        acme.publish_raw(b"{}").await;
    }
    let zeta = site.partner("zeta", |_| ()).await;
    zeta.publish(&job(&zeta.record.lane)).await;
    let _dispatcher = site.dispatcher("one");
    site.take_all("jobs.r0", 1);
    site.wait_depth("in.acme", 0);
    let letters = site.take("dead").len();
    assert!((1..=130).contains(&letters), "{letters} letters of one partner");
}

/// What expires in a lane and names no sender is nobody's: its letter stands for no job, whatever it says of itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_expired_without_a_sender_is_filed_as_nobodys() {
    let site = Site::on(Broker::shared()).await;
    let acme = site.partner("acme", |_| ()).await;
    let claims = JobMessage { lane: "default".parse().unwrap(), ..job(&acme.record.lane) };
    let body = claims.encode().unwrap();
    let message = serde_json::json!({
        "properties": { "message_id": claims.id.to_string(), "expiration": "1", "delivery_mode": 2 },
        "routing_key": "",
        "payload": std::str::from_utf8(body.as_ref()).unwrap(),
        "payload_encoding": "string",
    });
    site.broker.api("POST", &format!("/api/exchanges/{}/in.acme/publish", site.vhost.name()), Some(message));
    let _dispatcher = site.dispatcher("one");
    let letters = site.take_all("dead", 1);
    assert_eq!(letters[0]["properties"]["headers"]["valet-lane"], "ended", "{}", letters[0]["properties"]);
}

#[test]
fn a_storage_key_in_sight_is_named_and_nothing_starts() {
    let program = Program::new(env!("CARGO_BIN_EXE_valet-dispatch")).arg("run");
    let ended = program
        .env("VALET_BROKER_URL", "amqp://127.0.0.1:1/valet")
        .env("AZURE_STORAGE_KEY", "v4lue")
        .run(PATIENCE)
        .expect_code(64);
    assert!(
        ended.stderr.contains("AZURE_STORAGE_KEY") && !ended.stderr.contains("v4lue"),
        "{}",
        ended.stderr
    );
}
