//! A job held for longer than the broker allows is taken back, and the holder learns of it.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use serde_json::json;
use std::time::Duration;
use support::{Site, next, quick};
use tokio::time::timeout;
use valet_broker::{Disposition, SettleError};
use valet_testkit::{Broker, BrokerOptions};

/// What the broker allows, in milliseconds.
const TIMEOUT_MS: u64 = 2000;
/// The timeout, a look of the broker (1 s here, once a minute as a rule), and our own half second.
const NOTICED: Duration = Duration::from_secs(6);

/// A broker that takes jobs back after [`TIMEOUT_MS`], while everybody was told 30 minutes or more: so the
/// sign is the broker's and not our own clock.
async fn impatient(broker: &Broker) -> Site<'_> {
    let site = Site::on(broker, quick()).await;
    let version = site.management().version().await.unwrap();
    if version.capabilities().consumer_timeout_policy {
        let policy = site.topology.policies.iter().find(|policy| policy.queue == "jobs.r0").unwrap();
        let mut definition = policy.definition_for(version);
        definition.insert("consumer-timeout".into(), TIMEOUT_MS.into());
        let body = json!({
            "pattern": policy.pattern(), "definition": definition, "priority": 100, "apply-to": "queues",
        });
        let path = format!("/api/policies/{}/{}", site.vhost.name(), policy.name);
        broker.api("PUT", &path, Some(body));
    }
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heavy_the_brokers_timeout_is_a_lost_lease() {
    let broker = Broker::start_with(&BrokerOptions {
        consumer_timeout_ms: TIMEOUT_MS,
        channel_tick_ms: 1000,
        ..BrokerOptions::default()
    });
    let site = impatient(&broker).await;
    support::submit(&site.producer().await, "long").await;
    let (_one, mut feed) = site.feed().await;
    let delivery = next(&mut feed).await;
    let loss = timeout(NOTICED, delivery.lease().lost()).await.expect("the loss is noticed");
    let by_cancel = site.management().version().await.unwrap().capabilities().timeout_by_cancel;
    let sign = if by_cancel { "ended the consumer" } else { "closed the channel" };
    assert!(loss.cause.contains(sign), "{loss:?}");
    let settled = delivery.settle(Disposition::DeadLetter {
        reason: valet_protocol::Reason::Internal,
        detail: "must not be written".into(),
        attempt: 1,
    });
    let outcome = settled.await;
    assert!(matches!(outcome, Err(SettleError::LeaseLost { .. })), "{outcome:?}");
    let again = next(&mut feed).await;
    assert_eq!((again.message_id(), again.redelivered()), (Some("long"), true));
    again.settle(Disposition::Ack).await.unwrap();
    site.depth("dead", 0).await;
    site.depth("jobs.r0", 0).await;
}
