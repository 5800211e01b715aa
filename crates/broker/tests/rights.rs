//! A stolen worker login can enqueue nothing, declare nothing and read nothing but jobs.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use lapin::{
    Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use support::Site;
use valet_broker::{Outgoing, PublishError, topology::Role};

/// A bare client with a role's login: what a thief would use.
async fn thief(site: &Site<'_>, role: Role) -> Connection {
    let address = site.vhost.amqp_url();
    let address = address.trim_start_matches("amqp://");
    let url = format!("amqp://{}:{}@{address}", site.names.of(role), site.password(role).expose());
    Connection::connect(&url, ConnectionProperties::default()).await.expect("the login itself is good")
}

fn is_refused<T: std::fmt::Debug>(outcome: &lapin::Result<T>) -> bool {
    outcome.as_ref().err().is_some_and(|error| error.to_string().contains("ACCESS_REFUSED"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_cannot_publish_jobs() {
    let site = Site::shared().await;
    let session = site.worker().await;
    let good = format!("default.{}.started", uuid::Uuid::new_v4());
    session.publisher().publish(Outgoing::new("events", good, "m", b"{}")).await.await.expect("reports pass");
    for (exchange, key) in [
        ("jobs", "r0"),
        ("", "jobs.r0"),
        ("", "retry.1"),
        ("control", "cancel.x"),
        ("events", "default.x.started"),
        ("events", "default.0192aaaa-0000-7000-8000-000000000000.invented"),
        // Only a producer submits and mints.
        ("events", "default.0192aaaa-0000-7000-8000-000000000000.submitted"),
        ("events", "default.0192aaaa-0000-7000-8000-000000000000.reminted"),
        // Only who reads the log marks how far.
        ("events", "mark.0192aaaa-0000-7000-8000-000000000000"),
        ("control", "cancel.0192aaaa-0000-7000-8000-000000000000"),
        ("", "jobs.ended"),
        ("", "control.log"),
        ("", "topology.log"),
        ("jobs.dlx0", "r0"),
    ] {
        let refused = session.publisher().publish(Outgoing::new(exchange, key, "m", b"{}")).await.await;
        assert!(matches!(&refused, Err(PublishError::Denied { .. })), "{exchange}/{key}: {refused:?}");
    }
    site.depth("jobs.r0", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_cannot_declare_bind_or_read_elsewhere() {
    let site = Site::shared().await;
    let connection = thief(&site, Role::Worker).await;
    let channel = async || -> Channel { connection.create_channel().await.expect("channels are free") };
    let (table, plain) = (FieldTable::default, QueueDeclareOptions::default);

    assert!(is_refused(&channel().await.queue_declare("mine".into(), plain(), table()).await));
    let exchange = ExchangeDeclareOptions::default();
    let declared =
        channel().await.exchange_declare("mine".into(), ExchangeKind::Fanout, exchange, table()).await;
    assert!(is_refused(&declared));
    for queue in ["dead", "expired", "events.log", "retry.1", "retry.2"] {
        let got = channel().await.basic_get(queue.into(), BasicGetOptions::default()).await;
        assert!(is_refused(&got), "{queue}: {got:?}");
    }
    for queue in ["jobs.r0", "jobs.r1", "jobs.r2", "jobs.ended"] {
        let got = channel().await.basic_get(queue.into(), BasicGetOptions::default()).await;
        assert!(got.is_ok(), "{queue}: {got:?}");
    }
    let bound = channel()
        .await
        .queue_bind("jobs.r0".into(), "events".into(), "#".into(), QueueBindOptions::default(), table())
        .await;
    assert!(is_refused(&bound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_cannot_take_jobs_or_forge_reports() {
    let site = Site::shared().await;
    let connection = thief(&site, Role::Producer).await;
    for queue in ["jobs.r0", "jobs.r1", "jobs.r2", "jobs.ended"] {
        let channel = connection.create_channel().await.unwrap();
        assert!(is_refused(&channel.basic_get(queue.into(), BasicGetOptions::default()).await), "{queue}");
    }
    let session = site.producer().await;
    let job = uuid::Uuid::now_v7();
    for word in ["submitted", "reminted", "expired", "dead", "cancelled"] {
        let own = Outgoing::new("events", format!("default.{job}.{word}"), "m", b"{}");
        session.publisher().publish(own).await.await.unwrap_or_else(|error| panic!("{word}: {error}"));
    }
    let mark = Outgoing::new("events", format!("mark.{job}"), "m", b"");
    session.publisher().publish(mark).await.await.expect("marks pass");
    for (exchange, key) in [
        ("events", format!("mark.{job}.succeeded")),
        ("events", format!("default.{job}.succeeded")),
        ("events", format!("default.{job}.started")),
        ("control", "anything".to_owned()),
        ("", "jobs.r1".to_owned()),
        ("", "jobs.ended".to_owned()),
    ] {
        let refused =
            session.publisher().publish(Outgoing::new(exchange, key.clone(), "m", b"{}")).await.await;
        assert!(matches!(&refused, Err(PublishError::Denied { .. })), "{exchange}/{key}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatcher_takes_from_lanes_alone_and_writes_no_lanes_record() {
    let site = Site::shared().await;
    let session = site.dispatcher().await;
    let job = uuid::Uuid::now_v7();
    for (exchange, key) in [
        ("jobs", "r0".to_owned()),
        ("dead", "dead".to_owned()),
        ("events", format!("acme.{job}.failed")),
        ("events", format!("acme.{job}.submitted")),
    ] {
        let passes =
            session.publisher().publish(Outgoing::new(exchange, key.clone(), "m", b"{}")).await.await;
        passes.unwrap_or_else(|error| panic!("{exchange}/{key}: {error}"));
    }
    for (exchange, key) in [
        ("in.default", String::new()),
        ("", "lanes.log".to_owned()),
        ("", "jobs.r1".to_owned()),
        ("control", format!("cancel.{job}")),
        ("events", format!("acme.{job}.succeeded")),
        ("events", format!("acme.{job}.started")),
    ] {
        let refused =
            session.publisher().publish(Outgoing::new(exchange, key.clone(), "m", b"{}")).await.await;
        assert!(matches!(&refused, Err(PublishError::Denied { .. })), "{exchange}/{key}: {refused:?}");
    }
    let connection = thief(&site, Role::Dispatcher).await;
    for queue in ["jobs.r0", "jobs.ended", "dead", "expired", "control.log"] {
        let channel = connection.create_channel().await.unwrap();
        assert!(is_refused(&channel.basic_get(queue.into(), BasicGetOptions::default()).await), "{queue}");
    }
    let channel = connection.create_channel().await.unwrap();
    let (plain, table) = (QueueDeclareOptions::default(), FieldTable::default());
    assert!(is_refused(&channel.queue_declare("in.mine".into(), plain, table).await));
}
