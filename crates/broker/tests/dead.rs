//! Dead letters can be looked at, taken and dropped; none is lost however the look ends.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use support::{Site, next, submit};
use valet_broker::{DeadLetters, DeadQueue, Disposition};
use valet_protocol::Reason;

/// Puts `count` jobs into `dead` by a worker's word.
async fn bury(site: &Site<'_>, count: usize) {
    let producer = site.producer().await;
    let (_session, mut feed) = site.feed().await;
    for number in 0..count {
        submit(&producer, &format!("id-{number}")).await;
        let disposition = Disposition::DeadLetter {
            reason: Reason::NotMedia,
            detail: format!("detail {number}"),
            attempt: 1,
        };
        next(&mut feed).await.settle(disposition).await.unwrap();
    }
    site.depth("dead", count as u64).await;
}

async fn ids(site: &Site<'_>) -> Vec<String> {
    let producer = site.producer().await;
    let mut pass = DeadLetters::open(&producer, DeadQueue::Dead).await.unwrap();
    let mut ids = Vec::new();
    while let Some(letter) = pass.next().await.unwrap() {
        ids.push(letter.message_id.clone().unwrap());
    }
    pass.close().await.unwrap();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_tells_what_happened() {
    let site = Site::shared().await;
    bury(&site, 1).await;
    let producer = site.producer().await;
    let mut pass = DeadLetters::open(&producer, DeadQueue::Dead).await.unwrap();
    assert_eq!(pass.count().await.unwrap(), 1);
    let letter = pass.next().await.unwrap().expect("one letter");
    assert_eq!(letter.message_id.as_deref(), Some("id-0"));
    assert_eq!(letter.message_type.as_deref(), Some("valet.job.v1"));
    assert_eq!(letter.user_id.as_deref(), Some(site.names.producer.as_str()));
    assert_eq!(letter.reason, Reason::NotMedia.code());
    assert_eq!(letter.detail.as_deref(), Some("detail 0"));
    assert_eq!((letter.attempt, letter.worker.as_deref()), (Some(1), Some("test-worker")));
    assert_eq!(letter.body(), b"body of id-0");
    assert!(pass.next().await.unwrap().is_none(), "each is seen once");
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_removes_nothing_and_keeps_the_order() {
    let site = Site::shared().await;
    bury(&site, 5).await;
    let all: Vec<_> = (0..5).map(|number| format!("id-{number}")).collect();
    for _ in 0..25 {
        // More looks than RabbitMQ 4's default delivery limit.
        assert_eq!(ids(&site).await, all);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_taken_and_the_others_stay() {
    let site = Site::shared().await;
    bury(&site, 4).await;
    let producer = site.producer().await;
    let mut pass = DeadLetters::open(&producer, DeadQueue::Dead).await.unwrap();
    let letter = pass.find("id-2").await.unwrap().expect("it is there");
    letter.remove().await.unwrap();
    pass.close().await.unwrap();
    assert_eq!(ids(&site).await, ["id-0", "id-1", "id-3"]);
    let mut pass = DeadLetters::open(&producer, DeadQueue::Dead).await.unwrap();
    assert!(pass.find("id-2").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_pass_loses_nothing() {
    let site = Site::shared().await;
    bury(&site, 3).await;
    let producer = site.producer().await;
    let mut pass = DeadLetters::open(&producer, DeadQueue::Dead).await.unwrap();
    let taken = pass.next().await.unwrap().expect("a letter");
    support::eventually("the connections are listed", async || {
        match site.broker.close_connections(&site.vhost) {
            0 => Err("none yet"),
            _ => Ok(()),
        }
    })
    .await;
    support::eventually("the removal fails or the link is known to be gone", async || {
        if producer.consume_state().borrow().clone() == valet_broker::LinkState::Up {
            Err("still up")
        } else {
            Ok(())
        }
    })
    .await;
    assert!(taken.remove().await.is_err(), "what went back cannot be removed");
    support::eventually("all three are back", async || {
        let ids = ids(&site).await;
        if ids.len() == 3 { Ok(()) } else { Err(format!("{ids:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_no_worker_wrote_have_a_reason_too() {
    let site = Site::shared().await;
    let producer = site.producer().await;
    let mut message = support::job("late");
    message.expiration = Some(std::time::Duration::from_millis(50));
    producer.publisher().publish(message).await.await.unwrap();
    let worker = site.worker().await;
    let mut ended = worker.ended_feed("undertaker");
    support::bury_ended(&mut ended).await;
    submit(&producer, "climber").await;
    let mut feed = worker.feed(support::feed_options());
    for _ in 0..3 {
        support::settle_next(&mut feed, Disposition::Retry).await;
    }
    support::bury_ended(&mut ended).await;
    site.depth("dead", 2).await;
    let mut pass = DeadLetters::open(&producer, DeadQueue::Dead).await.unwrap();
    let late = pass.next().await.unwrap().expect("two letters");
    assert_eq!(late.reason, Reason::GrantExpired.code());
    assert_eq!(late.user_id.as_deref(), Some(site.names.producer.as_str()));
    assert!(late.dead_at.is_some() && late.worker.is_none());
    let climber = pass.next().await.unwrap().expect("two letters");
    assert_eq!(climber.reason, Reason::AttemptsExhausted.code());
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_come_one_at_a_time_to_whoever_waits() {
    let site = Site::shared().await;
    bury(&site, 3).await;
    let producer = site.producer().await;
    let mut feed = producer.letters(DeadQueue::Dead);
    let mut other = producer.letters(DeadQueue::Dead);
    let one = support::in_time(feed.next()).await.expect("a letter");
    let two = support::in_time(other.next()).await.expect("a letter");
    let ids = [&one, &two].map(|letter| letter.message_id.clone().unwrap());
    assert!(ids.contains(&"id-0".to_owned()) && ids.contains(&"id-1".to_owned()), "{ids:?}");
    two.remove().await.unwrap();
    let three = support::in_time(other.next()).await.expect("a letter");
    assert_eq!(three.message_id.as_deref(), Some("id-2"));
    // Handed back, it goes to any of them, at once.
    let id = one.message_id.clone();
    one.hand_back().await.unwrap();
    let again = support::in_time(feed.next()).await.expect("the letter again");
    assert_eq!(again.message_id, id);
    drop((feed, other));
    site.depth("dead", 2).await;
    assert_eq!(self::ids(&site).await.len(), 2, "what was not removed is back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_not_read_them() {
    let site = Site::shared().await;
    let worker = site.worker().await;
    let mut pass = DeadLetters::open(&worker, DeadQueue::Dead).await.unwrap();
    let refused = pass.next().await.unwrap_err();
    assert!(refused.advice().contains("producer's login"), "{refused}");
}
