//! A lost lease shows within seconds, by whichever sign comes first, and nothing is said after it.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use std::time::Duration;
use support::{Site, in_time, next, quick, settle_next, submit};
use valet_broker::{Disposition, SettleError, topology::TopologyOptions};
use valet_testkit::Broker;

/// What the operator declared is far below what the node really does.
async fn hasty() -> Site<'static> {
    let timeout = Duration::from_secs(2);
    let options = TopologyOptions { consumer_timeout: timeout, node_consumer_timeout: timeout, ..quick() };
    Site::on(Broker::shared(), options).await
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_clock_runs_out_before_the_brokers() {
    let site = hasty().await;
    submit(&site.producer().await, "long").await;
    let (_session, mut feed) = site.feed().await;
    let delivery = next(&mut feed).await;
    let lease = delivery.lease();
    assert!(!lease.is_lost());
    let begun = std::time::Instant::now();
    let loss = in_time(lease.lost()).await;
    assert!(loss.cause.contains("consumer timeout"), "{loss:?}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let outcome = delivery.settle(Disposition::Ack).await;
    assert!(matches!(outcome, Err(SettleError::LeaseLost { .. })), "{outcome:?}");
    // It was not acked: it comes again, at once.
    let again = next(&mut feed).await;
    assert_eq!((again.message_id(), again.redelivered()), (Some("long"), true));
    again.settle(Disposition::Ack).await.unwrap();
    site.depth("jobs.r0", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_the_broker_ends_is_a_lost_lease() {
    let site = Site::shared().await;
    submit(&site.producer().await, "gone").await;
    let (_session, mut feed) = site.feed().await;
    let delivery = next(&mut feed).await;
    let lease = delivery.lease();
    let queue = format!("/api/queues/{}/jobs.r0", site.vhost.name());
    site.broker.api("DELETE", &queue, None);
    let loss = in_time(lease.lost()).await;
    assert!(loss.cause.contains("ended the consumer"), "{loss:?}");
    let outcome = delivery.settle(Disposition::Ack).await;
    assert!(matches!(outcome, Err(SettleError::LeaseLost { .. })), "{outcome:?}");
    // The feed itself goes on once there is a queue again.
    site.management().declare(&site.topology).await.unwrap();
    submit(&site.producer().await, "next").await;
    assert_eq!(settle_next(&mut feed, Disposition::Ack).await, "next");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_hand_has_its_consumer_and_a_settled_one_has_none() {
    let site = Site::shared().await;
    let producer = site.producer().await;
    let (_session, mut feed) = site.feed().await;
    submit(&producer, "one").await;
    let one = next(&mut feed).await;
    site.consumers(1).await;
    submit(&producer, "two").await;
    one.settle(Disposition::Ack).await.unwrap();
    // Nobody waits now, so nothing may be pushed.
    site.consumers(0).await;
    let ready = format!("/api/queues/{}/jobs.r0", site.vhost.name());
    support::eventually("the second job waits in the queue", async || {
        let found = site.broker.api("GET", &ready, None);
        if found["messages_ready"] == 1 { Ok(()) } else { Err(found) }
    })
    .await;
    assert_eq!(settle_next(&mut feed, Disposition::Ack).await, "two");
}
