//! Whether `run` could: the broker, what it has declared, and the lanes. Takes nothing and changes nothing.

use std::time::Duration;

use valet_broker::topology::names;
use valet_broker::{LaneItem, Purpose, Session};
use valet_daemon::logs::chain;

use crate::config::Config;

/// How long the lanes' log may take to be read.
const PATIENCE: Duration = Duration::from_secs(20);

/// Prints what it finds; whether all is well.
pub async fn doctor(config: &Config) -> bool {
    let session = match Session::connect(config.broker.clone(), Purpose::Dispatcher).await {
        Ok(session) => session,
        Err(error) => {
            println!("broker   FAILS  {}; {}", chain(&error), error.advice());
            return false;
        }
    };
    println!("broker   ok     connected, and what a dispatcher needs is declared");
    let lanes = tokio::time::timeout(PATIENCE, lanes(&session)).await.unwrap_or_else(|_| {
        println!("lanes    FAILS  {} was not read within {} s", names::LANES_LOG, PATIENCE.as_secs());
        false
    });
    let depth = session.depth(names::JOBS_R0).await;
    match &depth {
        Ok(depth) => println!("workers  ok     {} jobs wait, {} slots ask", depth.ready, depth.consumers),
        Err(error) => println!("workers  FAILS  {}", chain(error)),
    }
    session.close().await;
    lanes && depth.is_ok()
}

async fn lanes(session: &Session) -> bool {
    let mut log = session.lanes();
    let mut records = std::collections::BTreeMap::new();
    loop {
        match log.next().await {
            Ok(LaneItem::Record(record)) => drop(records.insert(record.lane.clone(), record)),
            Ok(LaneItem::CaughtUp) => break,
            Ok(_) => {}
            Err(error) => {
                println!("lanes    FAILS  {}; {}", chain(&error), error.advice());
                return false;
            }
        }
    }
    for record in records.values() {
        println!("lane     ok     {}: {:?}, weight {}", record.lane, record.state, record.weight);
    }
    if records.is_empty() {
        println!("lanes    FAILS  none is declared; run `valet topology declare`");
    }
    !records.is_empty()
}
