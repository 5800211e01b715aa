//! Jobs: how long a worker may hold one, the log of orders, and letters that wait for somebody.

use std::time::Duration;

use valet_broker::{BrokerVersion, DeadLetters, DeadQueue, OrderItem, Session};

use super::{Report, chain};
use crate::failure::Outcome;
use crate::hold::{HoldLimit, usual_walls};

/// The log of orders must begin to answer within this time.
const LOG_PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn check(report: &mut Report<'_>, session: &Session) -> Outcome {
    version(report, session.broker_version())?;
    walls(report, &HoldLimit::of(session))?;
    orders(report, session).await?;
    letters(report, session, DeadQueue::Expired, "run `valet reminter`, or `valet reminter --once` from time to time")
        .await?;
    letters(report, session, DeadQueue::Dead, "`valet dead ls`; then `valet retry ID` or `valet dead drop ID`").await
}

fn version(report: &mut Report<'_>, version: Option<BrokerVersion>) -> Outcome {
    let Some(version) = version else {
        let message = "is not known: the topology was not declared by this version of Valet";
        return report.warn("broker version", message, "`valet topology declare`");
    };
    let offers = version.capabilities();
    let timeout = match offers.consumer_timeout_policy {
        true => "the time that a worker may hold a job is set by us, a queue",
        false => "the time that a worker may hold a job is the node's own (consumer_timeout in rabbitmq.conf)",
    };
    report.ok("broker version", format!("RabbitMQ {version}: {timeout}"))
}

/// Every preset's usual wall limit against the time that a worker may hold a job.
fn walls(report: &mut Report<'_>, limit: &HoldLimit) -> Outcome {
    let walls = usual_walls();
    let may = format!("a worker may hold a job for {} s, so wall limits up to {} s", limit.seconds, limit.wall_seconds_max());
    let long: Vec<_> = walls.iter().filter(|(_, wall)| !limit.fits(**wall)).collect();
    let longest = walls.values().max().copied().unwrap_or_default();
    if long.is_empty() {
        return report.ok("long jobs", format!("{may} fit; the presets' usual ones go up to {longest} s"));
    }
    let names: Vec<_> = long.iter().map(|(name, wall)| format!("{name} {wall} s")).collect();
    let message = format!("{may} fit; not the usual ones of {}", names.join(", "));
    report.warn("long jobs", message, limit.advice(longest))
}

async fn orders(report: &mut Report<'_>, session: &Session) -> Outcome {
    let mut orders = session.orders();
    let caught_up = async {
        let mut count = 0_u64;
        loop {
            match orders.next().await {
                Ok(OrderItem::CaughtUp) => return Ok(count),
                Ok(_) => count += 1,
                Err(error) => return Err(error),
            }
        }
    };
    match tokio::time::timeout(LOG_PATIENCE, caught_up).await {
        Ok(Ok(count)) => report.ok("orders", format!("the log of orders can be read; it holds {count}")),
        Ok(Err(error)) => report.fail("orders", chain(&error), error.advice()),
        Err(_) => {
            let message = format!("the log of orders did not answer within {} s", LOG_PATIENCE.as_secs());
            report.fail("orders", message, "check that the queue control.log has a leader (RabbitMQ's management page)")
        }
    }
}

async fn letters(report: &mut Report<'_>, session: &Session, queue: DeadQueue, next: &str) -> Outcome {
    let counted = async {
        let letters = DeadLetters::open(session, queue).await?;
        let count = letters.count().await?;
        letters.close().await.map(|()| count)
    };
    let check = match queue {
        DeadQueue::Dead => "dead letters",
        DeadQueue::Expired => "expired jobs",
    };
    match counted.await {
        Ok(0) => report.ok(check, "none"),
        Ok(count) => report.warn(check, format!("{count} wait in the queue {}", queue.name()), next),
        Err(error) => report.fail(check, chain(&error), error.advice()),
    }
}
