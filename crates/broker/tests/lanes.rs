//! What the dispatcher has from the broker: the lead, the lanes' records, their messages, and how much waits.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use std::time::Duration;
use support::{Site, eventually, in_time, partner::Partner};
use valet_broker::{
    DepthError, Ending, LaneFeed, LaneItem, LaneLog, LaneQueue, Lead, Outgoing, Session,
    management::ManagementError,
    topology::{LaneNumbers, names},
};
use valet_protocol::{Lane, LaneKind, LaneRecord, LaneState, Priority};

async fn next_record(lanes: &mut LaneLog) -> LaneRecord {
    match in_time(lanes.next()).await.unwrap() {
        LaneItem::Record(record) => *record,
        other => panic!("{other:?}"),
    }
}

fn normal(lane: &Lane) -> LaneQueue {
    LaneQueue { lane: lane.clone(), priority: Priority::Normal }
}

async fn next_id(feed: &mut LaneFeed) -> String {
    let delivery = in_time(feed.next()).await.expect("the queue is there");
    let id = delivery.message_id().unwrap().to_owned();
    delivery.ack().await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_lane_is_declared_with_its_record_once() {
    let site = Site::shared().await;
    site.management().declare(&site.topology).await.unwrap();
    let session = site.dispatcher().await;
    let mut lanes = session.lanes();
    let record = next_record(&mut lanes).await;
    assert_eq!((record.lane, record.kind, record.state), (Lane::default(), LaneKind::Own, LaneState::Open));
    assert_eq!(record.publishers, std::slice::from_ref(&site.names.producer));
    let next = in_time(lanes.next()).await.unwrap();
    assert!(matches!(next, LaneItem::CaughtUp), "what an operator changed is not undone: {next:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_as_they_are_told_over_lost_connections() {
    let site = Site::shared().await;
    let session = site.dispatcher().await;
    let mut lanes = session.lanes();
    while !matches!(in_time(lanes.next()).await.unwrap(), LaneItem::CaughtUp) {}
    let acme = LaneRecord::partner("acme".parse().unwrap(), "acme".to_owned());
    site.management().declare_lane(&acme, &LaneNumbers::default()).await.unwrap();
    let told = next_record(&mut lanes).await;
    assert_eq!(LaneRecord { changed_at: acme.changed_at, ..told }, acme);
    support::cut_connections(&site, 2).await;
    let paused = LaneRecord { state: LaneState::Paused, ..acme };
    site.management().publish_lane_record(&paused).await.unwrap();
    assert_eq!(next_record(&mut lanes).await.state, LaneState::Paused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_is_declared_once_and_is_no_stranger_to_the_topology() {
    let site = Site::shared().await;
    let acme = LaneRecord::partner("acme".parse().unwrap(), "acme".to_owned());
    let numbers = LaneNumbers::default();
    let declared = site.management().declare_lane(&acme, &numbers).await.unwrap();
    assert!(declared.changes.contains(&"created exchange in.acme".to_owned()), "{declared:?}");
    let again = site.management().declare_lane(&acme, &numbers).await.unwrap();
    assert_eq!(again.changes, Vec::<String>::new());
    assert_eq!(site.management().check(&site.topology, Some(&site.names)).await.unwrap(), vec![]);
    // A way out of the lane that is not its own.
    let path = format!("/api/bindings/{}/e/in.acme/q/jobs.r0", site.vhost.name());
    site.broker.api("POST", &path, Some(serde_json::json!({})));
    let found = site.management().check(&site.topology, None).await.unwrap();
    assert!(
        found.iter().any(|found| found.to_string().contains("in.acme → jobs.r0 is not Valet's")),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_would_be_called_like_the_topology_is_refused() {
    let site = Site::shared().await;
    for name in ["ended", "log", "mark"] {
        let record = LaneRecord::partner(name.parse().unwrap(), name.to_owned());
        let refused = site.management().declare_lane(&record, &LaneNumbers::default()).await;
        assert!(matches!(refused, Err(ManagementError::Reserved { .. })), "{name}: {refused:?}");
    }
    assert_eq!(site.management().check(&site.topology, None).await.unwrap(), vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_lane_come_with_what_the_broker_proves_of_them() {
    let site = Site::shared().await;
    let acme = Partner::new(&site, "acme").await;
    let session = site.dispatcher().await;
    let mut feed = session.lane_feed(&normal(&acme.record.lane), 2);
    let publisher = acme.session(&site).await;
    let mut message = Outgoing::new("in.acme", "in.zeta", "one", b"body");
    message.type_ = Some("valet.job.v1".into());
    message.headers = vec![("traceparent".into(), "00-1".into())];
    publisher.publisher().publish(message).await.await.unwrap();
    let delivery = in_time(feed.next()).await.unwrap();
    assert_eq!((delivery.message_id(), delivery.body()), (Some("one"), b"body".as_slice()));
    assert_eq!(delivery.user_id(), Some(acme.login.as_str()));
    assert_eq!(
        (delivery.message_type(), delivery.header("traceparent")),
        (Some("valet.job.v1"), Some("00-1"))
    );
    assert_eq!((delivery.queue(), delivery.lane()), ("in.acme", Some(normal(&acme.record.lane))));
    assert!(!delivery.redelivered());
    delivery.hand_back().await.unwrap();
    let again = in_time(feed.next()).await.unwrap();
    assert!(again.redelivered(), "{again:?}");
    // A dropped one is handed back as well.
    drop(again);
    assert_eq!(next_id(&mut feed).await, "one");
    site.depth("in.acme", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_feed_holds_no_more_than_its_window_and_loses_nothing_with_its_connection() {
    let site = Site::shared().await;
    let session = site.dispatcher().await;
    let lane = Lane::default();
    let producer = site.producer().await;
    for number in 0..6 {
        let message = Outgoing::new("in.default", "", format!("job-{number}"), b"x");
        producer.publisher().publish(message).await.await.unwrap();
    }
    let mut feed = session.lane_feed(&normal(&lane), 2);
    let held = in_time(feed.next()).await.unwrap();
    eventually("4 that wait behind a window of 2", async || match session.depth("in.default").await {
        Ok(depth) if (depth.ready, depth.consumers) == (4, 1) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    support::cut_connections(&site, 2).await;
    in_time(held.lost()).await;
    let lost = held.ack().await.expect_err("it is not ours any more");
    assert_eq!(lost.queue, "in.default");
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 6 {
        seen.insert(next_id(&mut feed).await);
    }
    site.depth("in.default", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_feed_ends_with_its_queue() {
    let site = Site::shared().await;
    let acme = Partner::new(&site, "acme").await;
    let session = site.dispatcher().await;
    let mut feed = session.lane_feed(&normal(&acme.record.lane), 2);
    site.consumers(1).await;
    site.broker.api("DELETE", &format!("/api/queues/{}/in.acme", site.vhost.name()), None);
    assert!(in_time(feed.next()).await.is_none());
    let mut never = session.lane_feed(&normal(&"nobody".parse().unwrap()), 2);
    assert!(in_time(never.next()).await.is_none());
    let depth = session.depth("in.acme").await;
    assert!(matches!(depth, Err(DepthError::Broker { .. })), "{depth:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_in_a_lane_is_told_with_the_lane_that_it_was_in() {
    let site = Site::shared().await;
    let acme = Partner::new(&site, "acme").await;
    let publisher = acme.session(&site).await;
    let mut message = Outgoing::new("in.acme.low", "in.zeta", "late", b"body");
    message.expiration = Some(Duration::from_millis(50));
    publisher.publisher().publish(message).await.await.unwrap();
    let session = site.dispatcher().await;
    let mut feed = session.lane_ended(4);
    let ended = in_time(feed.next()).await.unwrap();
    let low = LaneQueue { lane: acme.record.lane.clone(), priority: Priority::Low };
    assert_eq!((ended.lane(), ended.queue()), (None, names::IN_ENDED));
    assert_eq!(ended.endings(), [(low, Ending::Expired)]);
    assert_eq!((ended.message_id(), ended.user_id()), (Some("late"), Some(acme.login.as_str())));
    ended.ack().await.unwrap();
    site.depth("in.ended", 0).await;
}

async fn lead(session: &Session) -> Lead {
    in_time(session.lead()).await.expect("the session is open")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leads_and_the_next_one_follows_when_it_is_gone() {
    let site = Site::shared().await;
    let (first, second) = (site.dispatcher().await, site.dispatcher().await);
    let leads = lead(&first).await;
    assert!(!leads.is_lost());
    let mut waits = tokio::spawn({
        let second = second.clone();
        async move { second.lead().await }
    });
    let early = tokio::time::timeout(Duration::from_millis(1500), &mut waits).await;
    assert!(early.is_err(), "two lead: {early:?}");
    first.close().await;
    in_time(leads.lost()).await;
    assert!(leads.is_lost());
    let follows = in_time(waits).await.unwrap().expect("the second session is open");
    assert!(!follows.is_lost());
    let third = site.dispatcher().await;
    follows.release().await;
    lead(&third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_is_lost_with_its_connection_and_given_back_when_dropped() {
    let site = Site::shared().await;
    let session = site.dispatcher().await;
    let leads = lead(&session).await;
    let path = format!("/api/queues/{}/{}", site.vhost.name(), names::DISPATCH_LEAD);
    let taken = site.broker.try_api("DELETE", &path, None).unwrap();
    assert!(taken.0 >= 400, "not even an administrator takes the lead away: {taken:?}");
    assert!(!leads.is_lost());
    support::cut_connections(&site, 2).await;
    in_time(leads.lost()).await;
    let leads = lead(&session).await;
    drop(leads);
    lead(&session).await;
}
