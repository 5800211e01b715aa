//! The broker: reachable, login, topology, the log of reports.

use std::time::Duration;

use valet_broker::{ConnectError, EventLog, LogItem, Purpose, Session, Start};

use super::{Report, chain, jobs, status};
use crate::config::Config;
use crate::failure::Outcome;
use crate::verbs::topology;

/// The log must begin to answer within this time.
const LOG_PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn check(report: &mut Report<'_>, config: &Config) -> Outcome {
    let broker = config.broker()?;
    let address = broker.address();
    let user = broker.username().unwrap_or_default().to_owned();
    let session = match Session::connect(broker.clone(), Purpose::Probe).await {
        Ok(session) => session,
        Err(error) => return report.fail("broker", chain(&error), error.advice()),
    };
    report.ok("broker", format!("{address} is reachable and takes the login {user}"))?;
    if address.starts_with("amqp://") {
        let next = "amqps:// with broker.ca_file, unless broker and valet share one machine or a private network";
        report.warn("broker tls", "grants cross the network in the clear", next)?;
    }
    session.close().await;
    match Session::connect(broker, Purpose::Producer).await {
        Ok(session) => {
            report.ok("topology", "exchanges and queues are there")?;
            log_of_reports(report, &session).await?;
            jobs::check(report, &session).await?;
            status::check(report, config, &session).await?;
            session.close().await;
        }
        Err(error @ ConnectError::Topology { .. }) => report.fail("topology", chain(&error), error.advice())?,
        Err(error) => report.fail("topology", chain(&error), error.advice())?,
    }
    if config.admin.is_some() { differences(report, config).await } else { Ok(()) }
}

async fn log_of_reports(report: &mut Report<'_>, session: &Session) -> Outcome {
    let mut log = EventLog::replay(session, Start::Next);
    let caught_up = async {
        loop {
            match log.next().await {
                Ok(LogItem::CaughtUp) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    };
    match tokio::time::timeout(LOG_PATIENCE, caught_up).await {
        Ok(Ok(())) => report.ok("reports", "the log of reports can be read"),
        Ok(Err(error)) => report.fail("reports", chain(&error), error.advice()),
        Err(_) => {
            let message = format!("the log of reports did not answer within {} s", LOG_PATIENCE.as_secs());
            report.fail("reports", message, "check that the queue events.log has a leader (RabbitMQ's management page)")
        }
    }
}

/// With the administrator's login at hand, every property is compared, not only that names exist.
async fn differences(report: &mut Report<'_>, config: &Config) -> Outcome {
    let management = topology::management(config)?;
    let standard = topology::standard();
    let found = management.check(&standard, None).await;
    match found {
        Err(error) => report.fail("management", chain(&error), error.advice()),
        Ok(differences) if differences.is_empty() => report.ok("management", "every property of the topology is as declared"),
        Ok(differences) => differences.iter().try_for_each(|difference| {
            report.warn("management", difference.to_string(), difference.advice)
        }),
    }
}
