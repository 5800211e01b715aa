//! Every worker sees every order that is kept, once, and knows when it has seen them all.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use jiff::Timestamp;
use support::{Site, in_time};
use valet_broker::{OrderItem, Orders, Outgoing, PublishError};
use valet_protocol::{CancelOrder, JobId, Lane};

fn order(number: u32) -> CancelOrder {
    CancelOrder {
        lane: Lane::default(),
        job: JobId::from_uuid(uuid::Uuid::now_v7()).expect("a version 7 id"),
        time: Timestamp::UNIX_EPOCH,
        detail: format!("order {number}").as_str().into(),
    }
}

async fn next_order(orders: &mut Orders) -> CancelOrder {
    match in_time(orders.next()).await.unwrap() {
        OrderItem::Order(order) => order,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_kept_orders_come_before_caught_up_and_then_each_as_it_is_given() {
    let site = Site::shared().await;
    let producer = site.producer().await;
    let told: Vec<_> = (0..5).map(order).collect();
    for order in &told {
        producer.publish_order(order).await.unwrap();
    }
    for _ in 0..2 {
        let worker = site.worker().await;
        let mut orders = worker.orders();
        for order in &told {
            assert_eq!(next_order(&mut orders).await, *order);
        }
        assert!(matches!(in_time(orders.next()).await.unwrap(), OrderItem::CaughtUp));
    }
    let worker = site.worker().await;
    let mut orders = worker.orders();
    while !matches!(in_time(orders.next()).await.unwrap(), OrderItem::CaughtUp) {}
    support::cut_connections(&site, 4).await;
    let late = order(9);
    producer.publish_order(&late).await.unwrap();
    assert_eq!(next_order(&mut orders).await, late, "nothing is skipped or repeated by a lost connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_orders_a_worker_has_caught_up_at_once() {
    let site = Site::shared().await;
    let worker = site.worker().await;
    assert!(matches!(in_time(worker.orders().next()).await.unwrap(), OrderItem::CaughtUp));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_order_is_named_and_skipped() {
    let site = Site::shared().await;
    let producer = site.producer().await;
    let (one, two) = (order(1), order(2));
    // An order filed under another job's key.
    let forged = Outgoing::new("control", one.routing_key(), "m", two.encode());
    producer.publisher().publish(forged).await.await.unwrap();
    let garbage = Outgoing::new("control", one.routing_key(), "m", b"?");
    producer.publisher().publish(garbage).await.await.unwrap();
    producer.publish_order(&two).await.unwrap();
    let worker = site.worker().await;
    let mut orders = worker.orders();
    for _ in 0..2 {
        let item = in_time(orders.next()).await.unwrap();
        assert!(matches!(item, OrderItem::Malformed { .. }), "{item:?}");
    }
    assert_eq!(next_order(&mut orders).await, two);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_gives_no_orders() {
    let site = Site::shared().await;
    let refused = site.worker().await.publish_order(&order(1)).await;
    assert!(matches!(refused, Err(PublishError::Denied { .. })), "{refused:?}");
}
