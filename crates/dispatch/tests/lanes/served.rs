//! What is served: how a job looks when it stands in front of the workers, and which lanes are.

use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldArray, FieldTable, LongString};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::Value;
use valet_protocol::{JobMessage, Lane, LaneState, Priority};
use valet_testkit::{Broker, wait_for};

use crate::site::{PATIENCE, Site, job, outgoing, publish};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The job of a message of `jobs.r0` as the management API shows it.
fn job_of(message: &Value) -> JobMessage {
    JobMessage::decode(message["payload"].as_str().unwrap().as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_our_own_and_of_partners_reach_the_workers_with_nothing_that_was_forged() {
    let site = Site::on(Broker::shared()).await;
    let acme = site.partner("acme", |record| record.limits.input_bytes = Some(1_000)).await;
    let _dispatcher = site.dispatcher("one");
    let own = job(&Lane::default());
    publish(&site.producer().await, &own).await;
    let low = JobMessage { priority: Priority::Low, ..job(&acme.record.lane) };
    publish_forged(&site, &low).await;
    let found = site.take_all("jobs.r0", 2);
    for message in &found {
        let properties = &message["properties"];
        assert_eq!(properties["user_id"], site.names.dispatcher.as_str(), "{message}");
        let left: u64 = properties["expiration"].as_str().unwrap().parse().unwrap();
        assert!((3_000_000..=3_600_000).contains(&left), "{message}");
        // The broker counts from 0 by itself where it is asked for a message like this.
        let headers = properties["headers"].as_object().cloned().unwrap_or_default();
        for (name, value) in headers {
            assert!(name == "traceparent" || (name == "x-delivery-count" && value == 0), "{message}");
        }
    }
    let of = |wanted: &JobMessage| found.iter().find(|found| job_of(found).id == wanted.id).unwrap();
    assert_eq!(job_of(of(&own)), own);
    assert_eq!(of(&low)["properties"]["headers"]["traceparent"], TRACE);
    assert_eq!(
        (of(&low)["properties"]["priority"].as_u64(), job_of(of(&low)).limits.input_bytes),
        (Some(1), Some(1_000))
    );
    let reports = site.take_all("events.acme", 1);
    assert_eq!(reports[0]["routing_key"], format!("acme.{}.submitted", low.id));
}

/// With every header that could make a broker, or a worker, believe something of its way.
async fn publish_forged(site: &Site<'_>, message: &JobMessage) {
    let login = format!("{}-acme", site.vhost.name());
    let url = site.vhost.amqp_url();
    let url = format!("amqp://{login}:partner@{}", url.trim_start_matches("amqp://"));
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let text = |text: &str| AMQPValue::LongString(LongString::from(text));
    let mut death = FieldTable::default();
    death.insert("queue".into(), text("jobs.r0"));
    death.insert("reason".into(), text("delivery_limit"));
    let mut headers = FieldTable::default();
    headers.insert(
        "x-death".into(),
        AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::FieldTable(death)])),
    );
    headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(99));
    headers.insert("x-first-death-reason".into(), text("expired"));
    headers
        .insert("CC".into(), AMQPValue::FieldArray(FieldArray::from(vec![text("r0"), text("in.default")])));
    headers.insert("valet-reason".into(), text("internal"));
    headers.insert("traceparent".into(), text(TRACE));
    let outgoing = outgoing(message);
    let properties = BasicProperties::default()
        .with_user_id(login.as_str().into())
        .with_message_id("another id".into())
        .with_priority(9)
        .with_headers(headers);
    let options = BasicPublishOptions::default();
    let (exchange, key) = (outgoing.exchange.as_str().into(), "r0".into());
    channel.basic_publish(exchange, key, options, &outgoing.body, properties).await.unwrap();
    connection.close(200, "done".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_is_served_as_it_is_declared_without_a_restart() {
    let site = Site::on(Broker::shared()).await;
    let dispatcher = site.dispatcher("one");
    wait_for("the dispatcher leads", PATIENCE, || {
        let log = dispatcher.stderr();
        if log.contains("leading") { Ok(()) } else { Err(log) }
    });
    let acme = site.partner("acme", |_| ()).await;
    acme.publish(&job(&acme.record.lane)).await;
    site.take_all("jobs.r0", 1);
    let mut record = acme.record.clone();
    record.state = LaneState::Paused;
    site.declare(&record).await;
    wait_for("the lane is paused", PATIENCE, || {
        let log = dispatcher.stderr();
        if log.contains("Paused") { Ok(()) } else { Err(log) }
    });
    acme.publish(&job(&acme.record.lane)).await;
    // Another lane's job is served meanwhile: the dispatcher has had its turn, and has not used it for this one.
    let zeta = site.partner("zeta", |_| ()).await;
    zeta.publish(&job(&zeta.record.lane)).await;
    let served = site.take_all("jobs.r0", 1);
    assert_eq!(job_of(&served[0]).lane, zeta.record.lane);
    site.wait_depth("in.acme", 1);
    site.declare(&acme.record).await;
    assert_eq!(job_of(&site.take_all("jobs.r0", 1)[0]).lane, acme.record.lane);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_at_its_ceiling_waits_and_the_feed_stays_short() {
    let site = Site::on(Broker::shared()).await;
    let narrow = site.partner("narrow", |record| record.running_max = Some(1)).await;
    let wide = site.partner("wide", |_| ()).await;
    for _ in 0..5 {
        narrow.publish(&job(&narrow.record.lane)).await;
        wide.publish(&job(&wide.record.lane)).await;
    }
    let _dispatcher = site.dispatcher("one");
    let mut found = site.take_all("jobs.r0", 6);
    let of_narrow = found.iter().filter(|message| job_of(message).lane == narrow.record.lane).count();
    assert_eq!(of_narrow, 1, "the others wait for its end");
    found.clear();
    site.wait_depth("in.wide", 0);
    site.wait_depth("in.narrow", 4);
}
