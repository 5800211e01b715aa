//! Jobs go through the stages by dead-lettering alone, one at a time for each slot.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use std::time::Duration;
use support::{Site, feed_options, next, quick, settle_next, submit};
use tokio::time::timeout;
use valet_broker::{Disposition, SettleError, Settled, Stage, topology::TopologyOptions};
use valet_protocol::Reason;

#[tokio::test(flavor = "multi_thread")]
async fn rejected_jobs_climb_the_ladder_to_the_ended() {
    let site = Site::shared().await;
    submit(&site.producer().await, "climber").await;
    let (_session, mut feed) = site.feed().await;
    for (attempt, stage) in [(1, Stage::First), (2, Stage::Second), (3, Stage::Last)] {
        let delivery = next(&mut feed).await;
        assert_eq!((delivery.stage().number(), delivery.stage()), (attempt, stage));
        assert_eq!(delivery.message_id(), Some("climber"));
        assert_eq!(delivery.user_id(), Some(site.names.producer.as_str()), "survives dead-lettering");
        assert_eq!(delivery.settle(Disposition::Retry).await.unwrap(), Settled::Retrying);
    }
    site.depth("jobs.ended", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_workers_is_taken_off() {
    let site =
        Site::on(valet_testkit::Broker::shared(), TopologyOptions { delivery_limit: 1, ..quick() }).await;
    submit(&site.producer().await, "poison").await;
    for crash in 0..2_u64 {
        let (session, mut feed) = site.feed().await;
        let delivery = next(&mut feed).await;
        assert_eq!((delivery.delivery_count(), delivery.redelivered()), (crash, crash > 0));
        // A crash: the connection goes away with the job unsettled.
        session.close().await;
        drop(delivery);
    }
    site.depth("jobs.ended", 1).await;
    site.depth("jobs.r0", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_whose_grants_die_in_the_queue_are_taken_off() {
    let site = Site::shared().await;
    let mut message = support::job("late");
    message.expiration = Some(Duration::from_millis(100));
    site.producer().await.publisher().publish(message).await.await.unwrap();
    site.depth("jobs.ended", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_disposition_has_its_outcome() {
    let site = Site::shared().await;
    let producer = site.producer().await;
    let (_session, mut feed) = site.feed().await;
    let detail = "why".to_owned();
    for (disposition, settled, queue) in [
        (Disposition::Ack, Settled::Acked, None),
        (
            Disposition::DeadLetter { reason: Reason::NotMedia, detail: detail.clone(), attempt: 1 },
            Settled::Dead,
            Some("dead"),
        ),
        (
            Disposition::Expired { reason: Reason::GrantExpired, detail, attempt: 1 },
            Settled::Expired,
            Some("expired"),
        ),
    ] {
        submit(&producer, "job").await;
        let outcome = next(&mut feed).await.settle(disposition).await.unwrap();
        assert_eq!(outcome, settled);
        if let Some(queue) = queue {
            site.depth(queue, 1).await;
        }
    }
    submit(&producer, "handed back").await;
    assert_eq!(settle_next(&mut feed, Disposition::HandBack).await, "handed back");
    assert_eq!(settle_next(&mut feed, Disposition::Ack).await, "handed back");
    site.depth("jobs.r0", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_holds_the_job_it_works_on_and_no_other() {
    let site = Site::shared().await;
    let producer = site.producer().await;
    let (_one, mut busy) = site.feed().await;
    // Idle first, so that the job is pushed by a consumer and not pulled.
    let (first, ()) = tokio::join!(next(&mut busy), async {
        site.consumers(1).await;
        submit(&producer, "first").await;
    });
    for number in 0..5 {
        submit(&producer, &format!("other-{number}")).await;
    }
    let (_two, mut free) = site.feed().await;
    for number in 0..5 {
        assert_eq!(settle_next(&mut free, Disposition::Ack).await, format!("other-{number}"));
    }
    first.settle(Disposition::Ack).await.unwrap();
    site.depth("jobs.r0", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_are_not_starved_by_a_full_first_stage() {
    let site = Site::shared().await;
    let producer = site.producer().await;
    let (_session, mut feed) = site.feed().await;
    submit(&producer, "retried").await;
    assert_eq!(settle_next(&mut feed, Disposition::Retry).await, "retried");
    let mut published = 0;
    loop {
        // Never empty, so the feed is never idle.
        while published % 4 != 3 {
            submit(&producer, &format!("new-{published}")).await;
            published += 1;
        }
        published += 1;
        let delivery = next(&mut feed).await;
        let stage = delivery.stage();
        delivery.settle(Disposition::Ack).await.unwrap();
        if stage == Stage::Second {
            break;
        }
        assert!(published < 4000, "the retry never came");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_wait_loses_no_job() {
    let site = Site::shared().await;
    let producer = site.producer().await;
    let (_session, mut feed) = site.feed().await;
    for number in 0..30 {
        submit(&producer, &format!("id-{number}")).await;
        let mut got = None;
        while got.is_none() {
            got = timeout(Duration::from_micros(300 * (number % 7)), feed.next()).await.ok().flatten();
        }
        let delivery = got.unwrap();
        assert_eq!(delivery.message_id(), Some(format!("id-{number}").as_str()));
        assert!(!delivery.redelivered());
        delivery.settle(Disposition::Ack).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_feed_gives_back_what_it_did_not_hand_out() {
    let site = Site::shared().await;
    let (_session, mut feed) = site.feed().await;
    // A want is out, and nobody waits for its answer.
    let _ = timeout(Duration::from_millis(300), feed.next()).await;
    submit(&site.producer().await, "unwanted").await;
    feed.close().await;
    let (_other, mut feed) = site.feed().await;
    assert_eq!(settle_next(&mut feed, Disposition::Ack).await, "unwanted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lease_is_noticed_and_typed() {
    let site = Site::shared().await;
    submit(&site.producer().await, "taken back").await;
    let (session, mut feed) = site.feed().await;
    let delivery = next(&mut feed).await;
    let lease = delivery.lease();
    assert!(!lease.is_lost());
    support::eventually("the connections are listed", async || {
        match site.broker.close_connections(&site.vhost) {
            0 => Err("none yet"),
            _ => Ok(()),
        }
    })
    .await;
    timeout(support::PATIENCE, lease.lost()).await.expect("the loss is noticed");
    let outcome = delivery.settle(Disposition::Ack).await;
    assert!(matches!(outcome, Err(SettleError::LeaseLost { .. })), "{outcome:?}");
    // The same feed goes on, on a new connection, with the same job.
    let again = next(&mut feed).await;
    assert_eq!((again.message_id(), again.redelivered()), (Some("taken back"), true));
    again.settle(Disposition::Ack).await.unwrap();
    drop(session);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_dropped_unsettled_comes_again() {
    let site = Site::shared().await;
    submit(&site.producer().await, "dropped").await;
    let (_session, mut feed) = site.feed().await;
    drop(next(&mut feed).await);
    assert_eq!(settle_next(&mut feed, Disposition::Ack).await, "dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_gets_nothing_before_its_job_is_settled() {
    let site = Site::shared().await;
    let producer = site.producer().await;
    let session = site.worker().await;
    let mut feed = session.feed(feed_options());
    submit(&producer, "one").await;
    submit(&producer, "two").await;
    let one = next(&mut feed).await;
    assert!(timeout(Duration::from_millis(500), feed.next()).await.is_err(), "a second job in one slot");
    one.settle(Disposition::Ack).await.unwrap();
    assert_eq!(settle_next(&mut feed, Disposition::Ack).await, "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_detail_of_a_dead_letter_holds_no_signature() {
    let site = Site::shared().await;
    let producer = site.producer().await;
    submit(&producer, "careless").await;
    let (_session, mut feed) = site.feed().await;
    let detail = "GET https://acct.blob.core.windows.net/in/a?sp=r&sig=c2VjcmV0 failed".to_owned();
    next(&mut feed)
        .await
        .settle(Disposition::DeadLetter { reason: Reason::Internal, detail, attempt: 1 })
        .await
        .unwrap();
    let mut pass = valet_broker::DeadLetters::open(&producer, valet_broker::DeadQueue::Dead).await.unwrap();
    let letter = pass.next().await.unwrap().expect("it is dead");
    let detail = letter.detail.as_deref().unwrap();
    assert!(detail.contains("failed") && !detail.contains("c2VjcmV0"), "{detail}");
}
