//! The broker dies in the middle of everything: nothing confirmed is lost, and nothing hangs.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use std::{collections::HashSet, time::Duration};
use support::{Site, job, next, quick};
use tokio::time::timeout;
use valet_broker::{Disposition, EventLog, LinkState, LogItem, Outgoing, PublisherOptions, Start};
use valet_testkit::Broker;

const MESSAGES: usize = 3000;
const LIMIT: Duration = Duration::from_secs(180);

/// A site whose topology is on disk. RabbitMQ 3.10.8 does not find queues again that were declared
/// within the last few seconds before a SIGKILL: it writes its directory of Raft members late.
async fn on_disk(broker: &Broker) -> Site<'_> {
    let site = Site::on(broker, quick()).await;
    tokio::task::block_in_place(|| {
        broker.stop();
        broker.restart();
    });
    site
}

/// Takes jobs until all of `wanted` were seen; settling errors are the broker's right.
async fn drain(site: &Site<'_>, wanted: HashSet<String>) {
    let (_session, mut feed) = site.feed().await;
    let mut missing = wanted;
    let drained = timeout(LIMIT, async {
        while !missing.is_empty() {
            let delivery = next(&mut feed).await;
            if let Some(id) = delivery.message_id() {
                missing.remove(id);
            }
            let _ = delivery.settle(Disposition::Ack).await;
        }
    });
    assert!(drained.await.is_ok(), "{} confirmed jobs never came: {missing:?}", missing.len());
}

/// Publishes while the broker is brought down and up; returns the confirmed ids.
async fn publish_through(site: &Site<'_>, fall: impl Fn(&Broker) + Send) -> HashSet<String> {
    let options = PublisherOptions { patience: LIMIT, ..PublisherOptions::bulk() };
    let session = site.producer().await;
    let publisher = session.publisher_with(options);
    let about_to_fall = tokio::sync::Notify::new();
    let publishing = async {
        let mut receipts = Vec::new();
        for number in 0..MESSAGES {
            let id = format!("id-{number}");
            receipts.push((id.clone(), publisher.publish(job(&id)).await));
            if number == MESSAGES / 2 {
                // The fall hits the middle: what comes now is under way when the broker goes.
                about_to_fall.notified().await;
            }
        }
        let mut confirmed = HashSet::new();
        for (id, receipt) in receipts {
            receipt.await.unwrap_or_else(|error| panic!("{id}: {error}"));
            confirmed.insert(id);
        }
        confirmed
    };
    let falling = async {
        support::eventually("publishing is under way", async || match site.vhost.queue_depth("jobs.r0") {
            Some(1..) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        about_to_fall.notify_one();
        // Lets the other side fill its window before this thread is taken.
        tokio::task::yield_now().await;
        tokio::task::block_in_place(|| {
            fall(site.broker);
            site.broker.restart();
        });
    };
    let (confirmed, ()) =
        timeout(LIMIT, async { tokio::join!(publishing, falling) }).await.expect("nothing hangs");
    confirmed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heavy_a_killed_broker_loses_no_confirmed_job() {
    let broker = Broker::start();
    let site = on_disk(&broker).await;
    let confirmed = publish_through(&site, Broker::kill).await;
    assert_eq!(confirmed.len(), MESSAGES);
    drain(&site, confirmed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heavy_a_restarted_broker_loses_no_confirmed_job() {
    let broker = Broker::start();
    let site = on_disk(&broker).await;
    let confirmed = publish_through(&site, Broker::stop).await;
    assert_eq!(confirmed.len(), MESSAGES);
    drain(&site, confirmed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heavy_everything_comes_back_after_a_kill() {
    let broker = Broker::start();
    let site = on_disk(&broker).await;
    let (worker, mut feed) = site.feed().await;
    let producer = site.producer().await;
    let mut log = EventLog::replay(&producer, Start::Next);
    assert!(matches!(log.next().await.unwrap(), LogItem::CaughtUp));
    // One feed waits on a consumer, one job is in hand elsewhere.
    let held = worker.feed(support::feed_options());
    let mut held = held;
    support::submit(&producer, "in hand").await;
    let delivery = tokio::select! {
        delivery = next(&mut feed) => delivery,
        delivery = next(&mut held) => delivery,
    };

    tokio::task::block_in_place(|| broker.kill());
    let mut state = worker.consume_state();
    timeout(support::PATIENCE, state.wait_for(|state| matches!(state, LinkState::Connecting { .. })))
        .await
        .expect("the loss shows in the state")
        .unwrap();
    timeout(support::PATIENCE, delivery.lease().lost()).await.expect("the lease is lost");
    assert!(delivery.settle(Disposition::Ack).await.is_err());
    tokio::task::block_in_place(|| broker.restart());
    timeout(LIMIT, state.wait_for(|state| *state == LinkState::Up)).await.expect("it is up again").unwrap();

    let again = tokio::select! {
        delivery = next(&mut feed) => delivery,
        delivery = next(&mut held) => delivery,
    };
    assert_eq!((again.message_id(), again.redelivered()), (Some("in hand"), true));
    again.settle(Disposition::Ack).await.unwrap();

    let key = format!("default.{}.started", uuid::Uuid::new_v4());
    worker.publisher().publish(Outgoing::new("events", key, "m", b"not a report")).await.await.unwrap();
    let item = timeout(LIMIT, log.next()).await.expect("the log goes on").unwrap();
    assert!(matches!(item, LogItem::Malformed { .. }), "{item:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heavy_a_broker_without_room_is_read_to_the_end() {
    let broker = Broker::start();
    let site = Site::on(&broker, quick()).await;
    let session = site.producer().await;
    support::submit(&session, "before").await;
    let key = format!("default.{}.submitted", uuid::Uuid::new_v4());
    session.publisher().publish(Outgoing::new("events", key, "m", b"not a report")).await.await.unwrap();
    tokio::task::block_in_place(|| broker.control(&["set_disk_free_limit", "1000000GB"]));
    let mut states = session.publish_state();
    // The broker tells those who publish.
    let _under_way = session.publisher().publish(job("no room")).await;
    timeout(LIMIT, states.wait_for(|state| matches!(state, LinkState::Blocked { .. })))
        .await
        .expect("the broker says so")
        .unwrap();
    let mut log = EventLog::replay(&session, Start::First);
    let mut before = 0;
    loop {
        match timeout(LIMIT, log.next()).await.expect("the log goes on").unwrap() {
            LogItem::Malformed { .. } => before += 1,
            LogItem::CaughtUp => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(before, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn heavy_a_frozen_broker_hangs_nobody() {
    let broker = Broker::start();
    let site = Site::on(&broker, quick()).await;
    let session = site.producer().await;
    let patience = Duration::from_secs(4);
    let publisher = session.publisher_with(PublisherOptions {
        patience,
        confirm_timeout: Duration::from_secs(1),
        ..PublisherOptions::default()
    });
    tokio::task::block_in_place(|| broker.pause());
    let outcome =
        timeout(LIMIT, async { publisher.publish(job("frozen")).await.await }).await.expect("no hang");
    assert!(outcome.is_err_and(|error| error.is_ambiguous()));
    tokio::task::block_in_place(|| broker.resume());
    support::eventually("publishing works again", async || publisher.publish(job("thawed")).await.await)
        .await;
}
