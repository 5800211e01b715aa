//! A job held for longer than the broker allows is taken back, and the holder learns of it.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use std::time::Duration;
use support::{Site, next, quick};
use tokio::time::timeout;
use valet_broker::{Disposition, SettleError};
use valet_testkit::{Broker, BrokerOptions};

/// RabbitMQ looks at the age of deliveries once a minute (`channel_tick_interval`).
const TICK: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heavy_an_ack_timeout_is_a_lost_lease() {
    let broker = Broker::start_with(&BrokerOptions { consumer_timeout_ms: 1000, ..BrokerOptions::default() });
    let site = Site::on(&broker, quick()).await;
    support::submit(&site.producer().await, "long").await;
    let (_one, mut feed) = site.feed().await;
    let delivery = next(&mut feed).await;
    timeout(TICK, delivery.lease().lost()).await.expect("the loss is noticed");
    let settled = delivery.settle(Disposition::DeadLetter {
        reason: valet_protocol::Reason::Internal,
        detail: "must not be written".into(),
        attempt: 1,
    });
    let outcome = settled.await;
    assert!(matches!(outcome, Err(SettleError::LeaseLost { .. })), "{outcome:?}");
    let again = next(&mut feed).await;
    assert_eq!((again.message_id(), again.delivery_count()), (Some("long"), 1));
    again.settle(Disposition::Ack).await.unwrap();
    site.depth("dead", 0).await;
}
