//! Numbers that are declared while somebody is connected: they are read again, and hold for what is in hand.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use std::time::Duration;
use support::{Site, cut_connections, in_time, next, quick, submit};
use valet_broker::{
    Disposition, Numbers,
    topology::{Topology, TopologyOptions},
};

const LONGER_SECONDS: u64 = 7_200;

/// Declares a longer consumer timeout than the site has.
async fn declare_longer(site: &Site<'_>) {
    let consumer_timeout = Duration::from_secs(LONGER_SECONDS);
    let longer = TopologyOptions { consumer_timeout, node_consumer_timeout: consumer_timeout, ..quick() };
    site.management().declare(&Topology::standard(&longer)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_hand_may_be_held_for_as_long_as_is_declared_by_then() {
    let site = Site::shared().await;
    submit(&site.producer().await, "long").await;
    let (session, mut feed) = site.feed().await;
    let delivery = next(&mut feed).await;
    let before = delivery.lease().until();
    let declared_before = session.numbers().unwrap().consumer_timeout_seconds;
    declare_longer(&site).await;
    assert_eq!(session.numbers_watch().read_again().await.consumer_timeout_seconds, LONGER_SECONDS);
    let more = delivery.lease().until().duration_since(before);
    assert_eq!(more, Duration::from_secs(LONGER_SECONDS - declared_before));
    delivery.settle(Disposition::Ack).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declared_meanwhile_is_known_with_the_next_connection() {
    let site = Site::shared().await;
    let (session, mut feed) = site.feed().await;
    let mut numbers = session.numbers_watch().subscribe();
    declare_longer(&site).await;
    let longer = |now: &Option<Numbers>| {
        now.as_ref().is_some_and(|now| now.consumer_timeout_seconds == LONGER_SECONDS)
    };
    assert!(!longer(&numbers.borrow()), "nobody has asked");
    cut_connections(&site, 2).await;
    tokio::select! {
        read = in_time(numbers.wait_for(longer)) => drop(read.unwrap()),
        job = feed.next() => panic!("there is no job: {job:?}"),
    }
}
