//! A receipt is good only for a message that the broker has taken responsibility for.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use serde_json::json;
use std::time::Duration;
use support::{Site, job, submit};
use valet_broker::{Outgoing, PublishError, PublisherOptions};

#[tokio::test(flavor = "multi_thread")]
async fn properties_arrive_as_sent() {
    let site = Site::shared().await;
    let session = site.producer().await;
    let mut message = job("id-1");
    message.headers = vec![("traceparent".into(), "00-1".into())];
    message.expiration = Some(Duration::from_secs(60));
    message.timestamp = Some("2026-01-02T03:04:05Z".parse().unwrap());
    session.publisher().publish(message).await.await.unwrap();
    let (_worker, mut feed) = site.feed().await;
    let delivery = support::next(&mut feed).await;
    assert_eq!(delivery.body(), b"body of id-1");
    assert_eq!(delivery.message_id(), Some("id-1"));
    assert_eq!(delivery.user_id(), Some(site.names.producer.as_str()));
    assert_eq!(delivery.message_type(), Some("valet.job.v1"));
    assert_eq!(delivery.header("traceparent"), Some("00-1"));
    assert_eq!(delivery.timestamp(), Some("2026-01-02T03:04:05Z".parse().unwrap()));
    assert_eq!((delivery.attempt(), delivery.redelivered(), delivery.delivery_count()), (1, false, 0));
    delivery.settle(valet_broker::Disposition::Ack).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unroutable_message_fails_alone_among_many() {
    let site = Site::shared().await;
    let options =
        PublisherOptions { unroutable_patience: Duration::from_secs(1), ..PublisherOptions::bulk() };
    let publisher = site.producer().await.publisher_with(options);
    let mut receipts = Vec::new();
    for number in 0..400 {
        let mut message = job(&format!("id-{number}"));
        if number % 100 == 50 {
            message.routing_key = "nowhere".into();
        }
        receipts.push(publisher.publish(message).await);
    }
    for (number, receipt) in receipts.into_iter().enumerate() {
        match receipt.await {
            Ok(()) => assert_ne!(number % 100, 50, "{number} reached no queue"),
            Err(PublishError::Unroutable { message_id, routing_key, .. }) => {
                assert_eq!((number % 100, routing_key.as_str()), (50, "nowhere"), "{message_id}");
            }
            Err(other) => panic!("{number}: {other}"),
        }
    }
    site.depth("jobs.r0", 396).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_message_fails_alone_among_many() {
    let site = Site::shared().await;
    let publisher = site.producer().await.publisher();
    let mut receipts = Vec::new();
    for number in 0..60 {
        let message = match number {
            30 => Outgoing::new("jobs.dlx0", "r0", "forbidden", b"x"),
            40 => Outgoing::new("no such exchange", "x", "absent", b"x"),
            _ => job(&format!("id-{number}")),
        };
        receipts.push((number, publisher.publish(message).await));
    }
    for (number, receipt) in receipts {
        let outcome = receipt.await;
        match number {
            30 | 40 => assert!(matches!(outcome, Err(PublishError::Denied { .. })), "{number}: {outcome:?}"),
            _ => outcome.unwrap_or_else(|error| panic!("{number}: {error}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_costs_its_channel_and_not_the_connection() {
    let site = Site::shared().await;
    let session = site.producer().await;
    let states = session.publish_state();
    let forbidden = Outgoing::new("jobs.dlx0", "r0", "forbidden", b"x");
    let refused = session.publisher_with(PublisherOptions::default()).publish(forbidden).await.await;
    assert!(matches!(refused, Err(PublishError::Denied { .. })), "{refused:?}");
    for number in 0..10 {
        submit(&session, &format!("id-{number}")).await;
    }
    assert!(!states.has_changed().expect("the session is open"), "{:?}", states.borrow());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_pushes_back_and_then_refuses() {
    let site = Site::shared().await;
    let policy = json!({ "pattern": "^jobs\\.r0$", "definition": { "max-length": 3 }, "priority": 999, "apply-to": "queues" });
    site.broker.api("PUT", &format!("/api/policies/{}/small", site.vhost.name()), Some(policy));
    let options = PublisherOptions { patience: Duration::from_secs(3), ..PublisherOptions::default() };
    let publisher = site.producer().await.publisher_with(options);
    // The limit is soft and the policy takes a moment: publish until the first refusal.
    let refused = support::eventually("a refusal", async || match publisher.publish(job("x")).await.await {
        Ok(()) => Err("taken"),
        Err(error) => Ok(error),
    })
    .await;
    assert!(matches!(refused, PublishError::Refused { .. }), "{refused:?}");
    assert!(refused.advice().contains("full"));

    // And it is taken after all when the queue drains within the patience.
    let waiting = publisher.publish(job("patient")).await;
    let (_worker, mut feed) = site.feed().await;
    while support::settle_next(&mut feed, valet_broker::Disposition::Ack).await != "patient" {}
    waiting.await.expect("there is room now");
}

#[tokio::test(flavor = "multi_thread")]
async fn flush_waits_for_all_and_close_fails_the_rest() {
    let site = Site::shared().await;
    let session = site.producer().await;
    let publisher = session.publisher();
    for number in 0..200 {
        drop(publisher.publish(job(&format!("id-{number}"))).await);
    }
    publisher.flush().await;
    site.depth("jobs.r0", 200).await;
    submit(&session, "one more").await;
    session.close().await;
    let late = publisher.publish(job("late")).await.await;
    assert!(matches!(late, Err(PublishError::Closed { .. })), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_that_comes_late_is_waited_for() {
    let site = Site::shared().await;
    let bindings = format!("/api/bindings/{}/e/jobs/q/jobs.r0", site.vhost.name());
    site.broker.api("DELETE", &format!("{bindings}/r0"), None);
    let session = site.producer().await;
    let waiting = session.publisher().publish(job("early")).await;
    tokio::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(500), &mut waiting).await;
    assert!(early.is_err(), "nothing can have confirmed it: {early:?}");
    site.broker.api("POST", &bindings, Some(json!({ "routing_key": "r0" })));
    waiting.await.expect("there is a queue now");
    site.depth("jobs.r0", 1).await;
}
