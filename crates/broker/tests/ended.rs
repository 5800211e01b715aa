//! What the broker itself takes off a stage is told to a worker, with the way that it went.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use std::time::Duration;
use support::{Site, in_time, next, quick, settle_next, submit};
use valet_broker::{
    DeadLetters, DeadQueue, Disposition, EndedJob, Ending, Settled, Stage, topology::TopologyOptions,
};
use valet_protocol::Reason;
use valet_testkit::Broker;

/// One crash is enough.
async fn fragile() -> Site<'static> {
    Site::on(Broker::shared(), TopologyOptions { delivery_limit: 1, ..quick() }).await
}

/// Takes the job so often that the broker gives up on it, and dies each time.
async fn kill_workers(site: &Site<'_>, stage: Stage) {
    for _ in 0..2 {
        let (session, mut feed) = site.feed().await;
        let delivery = next(&mut feed).await;
        assert_eq!(delivery.stage(), stage);
        session.close().await;
        drop(delivery);
    }
}

async fn bury(ended: EndedJob, reason: Reason) -> Settled {
    let letter = Disposition::DeadLetter { reason, detail: "it is over".into(), attempt: 7 };
    ended.settle(letter).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_job_is_told_and_filed() {
    let site = Site::shared().await;
    let producer = site.producer().await;
    let mut message = support::job("late");
    message.expiration = Some(Duration::from_millis(100));
    message.headers = vec![("traceparent".into(), "00-1".into())];
    producer.publisher().publish(message).await.await.unwrap();
    let worker = site.worker().await;
    let mut feed = worker.ended_feed("undertaker");
    let ended = in_time(feed.next()).await.unwrap();
    assert_eq!((ended.ending(), ended.stage()), (Ending::Expired, Stage::First));
    assert_eq!((ended.message_id(), ended.body()), (Some("late"), b"body of late".as_slice()));
    assert_eq!(ended.user_id(), Some(site.names.producer.as_str()), "survives dead-lettering");
    assert_eq!(ended.header("traceparent"), Some("00-1"));
    let letter =
        Disposition::Expired { reason: Reason::GrantExpired, detail: "in the queue".into(), attempt: 7 };
    assert_eq!(ended.settle(letter).await.unwrap(), Settled::Expired);

    let mut pass = DeadLetters::open(&producer, DeadQueue::Expired).await.unwrap();
    let letter = pass.next().await.unwrap().expect("it is filed");
    assert_eq!((letter.attempt, letter.worker.as_deref()), (Some(7), Some("undertaker")));
    assert_eq!(letter.user_id.as_deref(), Some(site.names.producer.as_str()));
    site.depth("jobs.ended", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_workers_is_told_with_the_number_of_deaths() {
    let site = fragile().await;
    submit(&site.producer().await, "poison").await;
    kill_workers(&site, Stage::First).await;
    let worker = site.worker().await;
    let mut feed = worker.ended_feed("undertaker");
    let ended = in_time(feed.next()).await.unwrap();
    assert_eq!((ended.ending(), ended.stage()), (Ending::Lost { deliveries: 2 }, Stage::First));
    assert_eq!(bury(ended, Reason::WorkerLost).await, Settled::Dead);
    site.depth("dead", 1).await;
    site.depth("jobs.ended", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_stage_leads_here_too_and_is_named() {
    let site = fragile().await;
    let producer = site.producer().await;
    for (id, ending) in [("killer", Ending::Lost { deliveries: 2 }), ("hopeless", Ending::Other)] {
        submit(&producer, id).await;
        let (session, mut feed) = site.feed().await;
        for _ in 0..2 {
            assert_eq!(settle_next(&mut feed, Disposition::Retry).await, id);
        }
        if ending == Ending::Other {
            assert_eq!(settle_next(&mut feed, Disposition::Retry).await, id);
        }
        drop(feed);
        session.close().await;
        if ending != Ending::Other {
            kill_workers(&site, Stage::Last).await;
        }
        let worker = site.worker().await;
        let mut feed = worker.ended_feed("undertaker");
        let ended = in_time(feed.next()).await.unwrap();
        assert_eq!((ended.message_id(), ended.ending(), ended.stage()), (Some(id), ending, Stage::Last));
        bury(ended, Reason::WorkerLost).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undertaker_that_is_cut_off_loses_nothing() {
    let site = Site::shared().await;
    let producer = site.producer().await;
    for number in 0..10 {
        let mut message = support::job(&format!("late-{number}"));
        message.expiration = Some(Duration::from_millis(1));
        producer.publisher().publish(message).await.await.unwrap();
    }
    site.depth("jobs.ended", 10).await;
    let worker = site.worker().await;
    let mut feed = worker.ended_feed("undertaker");
    let held = in_time(feed.next()).await.unwrap();
    let lease = held.lease();
    support::cut_connections(&site, 4).await;
    in_time(lease.lost()).await;
    assert!(held.settle(Disposition::Ack).await.is_err(), "it is not ours any more");
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 10 {
        let ended = in_time(feed.next()).await.unwrap();
        seen.insert(ended.message_id().unwrap().to_owned());
        // What was given out just before the cut cannot be settled, and comes again.
        let _ = ended.settle(Disposition::Ack).await;
    }
    site.depth("jobs.ended", 0).await;
}
