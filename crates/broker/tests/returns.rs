//! How often a job came back: what each version of RabbitMQ lets a worker know, and that nobody can write it himself.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::BasicPublishOptions,
    types::{AMQPValue, FieldTable},
};
use support::{Site, next, quick, settle_next, submit};
use valet_broker::{Counting, Delivery, Disposition, Feed, topology::TopologyOptions};

/// What a delivery says of itself: its attempt, how often it came back, and whether it did.
fn said(delivery: &Delivery) -> (u32, u64, bool) {
    (delivery.attempt(), delivery.delivery_count(), delivery.redelivered())
}

async fn counting(site: &Site<'_>) -> Counting {
    site.management().version().await.unwrap().capabilities().counting
}

/// Takes the next job and loses it with its channel.
async fn lose(feed: &mut Feed) -> (u32, u64, bool) {
    let delivery = next(feed).await;
    said(&delivery)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_is_no_return() {
    let site = Site::shared().await;
    submit(&site.producer().await, "retried").await;
    let (_session, mut feed) = site.feed().await;
    for attempt in 1..=3 {
        let delivery = next(&mut feed).await;
        assert_eq!(said(&delivery), (attempt, 0, false));
        delivery.settle(Disposition::Retry).await.unwrap();
    }
    site.depth("jobs.ended", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_workers_are_counted_as_far_as_the_broker_tells_and_never_backwards() {
    // From RabbitMQ 4.3 on it is for all stages together.
    let site =
        Site::on(valet_testkit::Broker::shared(), TopologyOptions { delivery_limit: 4, ..quick() }).await;
    submit(&site.producer().await, "unlucky").await;
    let (_session, mut feed) = site.feed().await;
    let mut found = Vec::new();
    for _ in 0..2 {
        found.push(lose(&mut feed).await);
        found.push(lose(&mut feed).await);
        let last = next(&mut feed).await;
        found.push(said(&last));
        last.settle(Disposition::Retry).await.unwrap();
    }
    let second = match counting(&site).await {
        Counting::Anew => [0, 1, 2],
        Counting::Blurred => [0, 0, 0],
        // The losses of the first stage are among them.
        Counting::Carried => [2, 3, 4],
    };
    let first = [0, 1, 2].map(|count| (1, count, count > 0));
    let second = second.map(|count| (2, count, count > 0));
    assert_eq!(found, [first, second].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_do_not_use_up_the_losses_that_a_stage_survives() {
    let site =
        Site::on(valet_testkit::Broker::shared(), TopologyOptions { delivery_limit: 2, ..quick() }).await;
    submit(&site.producer().await, "retried").await;
    let (_session, mut feed) = site.feed().await;
    settle_next(&mut feed, Disposition::Retry).await;
    settle_next(&mut feed, Disposition::Retry).await;
    for _ in 0..2 {
        assert_eq!(lose(&mut feed).await.0, 3, "given out once more than the limit says");
    }
    assert_eq!(lose(&mut feed).await.0, 3);
    site.depth("jobs.ended", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_the_publisher_wrote_is_never_believed() {
    let site = Site::shared().await;
    publish_with_counts(&site).await;
    let (_session, mut feed) = site.feed().await;
    let counting = counting(&site).await;
    let first = next(&mut feed).await;
    assert_eq!(said(&first), (1, 0, false));
    // From RabbitMQ 4.3 on the broker writes one of the two counts only when a worker was lost.
    first.settle(Disposition::HandBack).await.unwrap();
    let again = next(&mut feed).await;
    assert_eq!(said(&again), (1, 1, true));
    again.settle(Disposition::Retry).await.unwrap();
    for (stage, lost) in [(2, 1), (3, 2)] {
        let first = lose(&mut feed).await;
        let known = if counting == Counting::Carried { lost - 1 } else { 0 };
        assert_eq!(first, (stage, known, known > 0));
        let again = next(&mut feed).await;
        let known = match counting {
            Counting::Anew => 1,
            Counting::Blurred => 0,
            Counting::Carried => lost,
        };
        assert_eq!(said(&again), (stage, known, known > 0));
        again.settle(Disposition::Retry).await.unwrap();
    }
}

/// A job with headers of the broker's own names, as nobody with Valet's client could send it.
async fn publish_with_counts(site: &Site<'_>) {
    let url = format!("{}/{}", site.broker.amqp_url_with_login(), site.vhost.name());
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut headers = FieldTable::default();
    for name in ["x-delivery-count", "x-acquired-count", "delivery_count", "acquired_count"] {
        headers.insert(name.into(), AMQPValue::LongLongInt(77));
    }
    let properties = BasicProperties::default().with_headers(headers).with_message_id("forged".into());
    channel
        .basic_publish("jobs".into(), "r0".into(), BasicPublishOptions::default(), b"{}", properties)
        .await
        .unwrap()
        .await
        .unwrap();
}
