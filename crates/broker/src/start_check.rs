//! Start-up check over AMQP: is every exchange and queue there that this process will use?
//!
//! Passive declares need no management API, and up to RabbitMQ 4.2.5 no right. They say nothing about
//! arguments, bindings or rights: `valet topology check` does. Must never declare anything.

use crate::{
    ConnectError, Purpose,
    backoff::Backoff,
    link::{Link, RPC},
    topology::names,
};
use lapin::{
    Channel, ErrorKind, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::FieldTable,
};
use std::time::Instant;
use tokio::time::{sleep, timeout};

#[derive(Clone, Copy)]
enum Wanted {
    Exchange(&'static str),
    Queue(&'static str),
}

const WORKER: &[Wanted] = &[
    Wanted::Queue(names::JOBS_R0),
    Wanted::Queue(names::JOBS_R1),
    Wanted::Queue(names::JOBS_R2),
    Wanted::Queue(names::JOBS_ENDED),
    Wanted::Queue(names::CONTROL_LOG),
    Wanted::Exchange(names::EVENTS),
    Wanted::Exchange(names::DEAD),
];

const PRODUCER: &[Wanted] = &[
    Wanted::Exchange(names::JOBS),
    Wanted::Exchange(names::CONTROL),
    Wanted::Queue(names::EVENTS_LOG),
    Wanted::Queue(names::DEAD),
    Wanted::Queue(names::EXPIRED),
    Wanted::Queue(names::CONTROL_LOG),
    Wanted::Exchange(names::EVENTS),
    Wanted::Exchange(names::DEAD),
];

const DISPATCHER: &[Wanted] = &[
    Wanted::Exchange(names::JOBS),
    Wanted::Queue(names::JOBS_R0),
    Wanted::Queue(names::IN_ENDED),
    Wanted::Queue(names::LANES_LOG),
    Wanted::Queue(names::EVENTS_LOG),
    Wanted::Exchange(names::EVENTS),
    Wanted::Exchange(names::DEAD),
];

/// Looks for everything that `purpose` needs and names all that is missing at once.
///
/// A queue that exists but has no leader yet (a broker that was started just now) is waited for,
/// within the start patience.
pub(crate) async fn check(link: &Link, purpose: Purpose) -> Result<(), ConnectError> {
    let begun = Instant::now();
    let mut backoff = Backoff::default();
    loop {
        let outcome = look(link, purpose).await;
        let wait = backoff.next_wait();
        match outcome {
            Err(ConnectError::Refused { .. }) if begun.elapsed() + wait < link.config().start_patience => {
                tracing::info!("a queue is not up yet, looking again");
                sleep(wait).await;
            }
            outcome => return outcome,
        }
    }
}

async fn look(link: &Link, purpose: Purpose) -> Result<(), ConnectError> {
    let wanted = match purpose {
        Purpose::Worker => WORKER,
        Purpose::Producer => PRODUCER,
        Purpose::Dispatcher => DISPATCHER,
        Purpose::Reader | Purpose::Probe => &[],
    };
    let mut missing = Vec::new();
    for item in wanted {
        if !exists(link, *item).await? {
            missing.push(item.to_string());
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(ConnectError::Topology { address: link.config().address(), missing })
}

/// One look, on its own channel: a miss (404) closes the channel.
async fn exists(link: &Link, wanted: Wanted) -> Result<bool, ConnectError> {
    let address = || link.config().address();
    let silent = || ConnectError::Silent {
        address: address(),
        seconds: RPC.as_secs(),
        doing: "checking the topology",
    };
    let opened = timeout(RPC, link.channel()).await.map_err(|_| silent())?.map_err(|_| silent())?;
    match timeout(RPC, declare_passively(&opened.channel, wanted)).await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(error)) if is_not_found(&error) => Ok(false),
        Ok(Err(cause)) if is_refused(&cause) => {
            let user = link.config().username().unwrap_or_default().to_owned();
            Err(ConnectError::Rights { address: address(), user, what: wanted.to_string(), cause })
        }
        Ok(Err(cause)) => Err(ConnectError::Refused { address: address(), cause }),
        Err(_) => Err(silent()),
    }
}

async fn declare_passively(channel: &Channel, wanted: Wanted) -> lapin::Result<()> {
    match wanted {
        Wanted::Exchange(name) => {
            let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
            // The kind is not looked at in a passive declare.
            channel.exchange_declare(name.into(), ExchangeKind::Direct, options, FieldTable::default()).await
        }
        Wanted::Queue(name) => {
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(name.into(), options, FieldTable::default()).await.map(|_| ())
        }
    }
}

/// No such queue or exchange. The broker says 404 as well of a durable queue whose node or leader is
/// "down or inaccessible", which passes by itself.
pub(crate) fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(amqp)
        if amqp.get_id() == 404 && !amqp.get_message().as_str().contains("inaccessible"))
}

/// The login may not do this.
pub(crate) fn is_refused(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(amqp) if amqp.get_id() == 403)
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exchange(name) => write!(f, "exchange {name}"),
            Self::Queue(name) => write!(f, "queue {name}"),
        }
    }
}
