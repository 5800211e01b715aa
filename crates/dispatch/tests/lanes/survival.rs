//! Two dispatchers, one that is killed, a broker that restarts: none lost, and where nothing broke none doubled.

use std::collections::BTreeSet;
use std::time::Duration;

use valet_testkit::wait::let_pass;
use valet_testkit::{Broker, wait_for};

use crate::site::{PATIENCE, Partner, Site, job};

async fn publish(partner: &Partner, count: usize) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut receipts = Vec::new();
    for _ in 0..count {
        let job = job(&partner.record.lane);
        ids.insert(job.id.to_string());
        receipts.push(partner.session.publisher().publish(crate::site::outgoing(&job)).await);
    }
    for receipt in receipts {
        receipt.await.unwrap();
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_two_side_by_side_double_none_and_lose_none() {
    let site = Site::on(Broker::shared()).await;
    let (acme, zeta) = (site.partner("acme", |_| ()).await, site.partner("zeta", |_| ()).await);
    let [one, two] = ["one", "two"].map(|name| site.dispatcher(name));
    let mut ids = publish(&acme, 250).await;
    ids.extend(publish(&zeta, 250).await);
    let seen = site.work_off(&ids).await;
    assert_eq!(seen.len(), 500);
    let doubled: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    let leads = [&one, &two].map(|dispatcher| dispatcher.stderr().contains("leading"));
    assert!(leads[0] != leads[1], "one leads: {leads:?}");
    for queue in ["in.acme", "in.zeta", "jobs.r0"] {
        site.wait_depth(queue, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_a_leader_killed_at_any_moment_loses_none() {
    let site = Site::on(Broker::shared()).await;
    let acme = site.partner("acme", |_| ()).await;
    let ids = publish(&acme, 400).await;
    let killing = async {
        let mut dispatchers: Vec<_> = ["a", "b"].map(|name| site.dispatcher(name)).into();
        for milliseconds in [310, 70, 730, 190] {
            tokio::task::block_in_place(|| {
                wait_for("one of them leads", PATIENCE, || {
                    let log = dispatchers[0].stderr() + &dispatchers[1].stderr();
                    if log.contains("leading") { Ok(()) } else { Err(log) }
                });
                let_pass(Duration::from_millis(milliseconds));
            });
            let leader = dispatchers.iter().position(|of| of.stderr().contains("leading")).unwrap();
            dispatchers.remove(leader).kill();
            dispatchers.push(site.dispatcher("next"));
        }
        dispatchers
    };
    let (seen, _dispatchers) = tokio::join!(site.work_off(&ids), killing);
    assert!(ids.iter().all(|id| seen.contains_key(id)));
    site.wait_depth("in.acme", 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_a_broker_that_restarts_loses_none() {
    let broker = Broker::start();
    let site = Site::on(&broker).await;
    let acme = site.partner("acme", |_| ()).await;
    let ids = publish(&acme, 200).await;
    let dispatcher = site.dispatcher("one");
    wait_for("the dispatcher leads", PATIENCE, || {
        let log = dispatcher.stderr();
        if log.contains("sent to the workers") { Ok(()) } else { Err(log) }
    });
    tokio::task::block_in_place(|| {
        broker.stop();
        broker.restart();
    });
    let seen = site.work_off(&ids).await;
    assert!(ids.iter().all(|id| seen.contains_key(id)));
    site.wait_depth("in.acme", 0);
    assert!(dispatcher.terminate(PATIENCE).success());
}
