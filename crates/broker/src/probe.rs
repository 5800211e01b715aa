//! What a partner's login can and cannot do, found out by trying. Leaves nothing behind: what is permitted is asked
//! in a way that changes nothing, and what must be refused is refused before it takes effect.
//!
//! Must never publish to the partner's own lane what a dispatcher would take for a job.

use crate::{BrokerConfig, ConnectError, connect::connect, link::RPC};
use lapin::{
    BasicProperties, Channel, Connection, ErrorKind, ExchangeKind,
    options::{
        BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions, ConfirmSelectOptions,
        ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
        QueueDeleteOptions, QueuePurgeOptions,
    },
    types::FieldTable,
};
use tokio::time::timeout;
use valet_protocol::{Lane, Priority};

use crate::topology::names::{events_queue, lane_exchange};

/// Another user than any that logs in.
const NOBODY: &str = "valet-nobody";
/// A lane that need not exist: rights are looked at first.
const FOREIGN: &str = "in.valet-nobody";
/// A key under which no report comes.
const KEY: &str = "valet-nobody";
/// Body of what is sent where it must be refused.
const BODY: &[u8] = b"valet partner check: this must be refused";

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The login may do it.
    Permitted,
    /// The broker refused it for want of a right.
    Refused,
    /// Neither is known: the thing is not there, or the broker did not answer.
    Unknown,
}

/// What was tried, and how it ended.
#[derive(Clone, Debug)]
pub struct Probed {
    /// What was tried, as a phrase: "publish to its lane in.acme".
    pub what: String,
    /// Whether the login should be able to.
    pub wanted: bool,
    /// Whether it is.
    pub answer: Answer,
    /// The broker's words, or what else is known.
    pub detail: String,
}

impl Probed {
    /// As it should be. What is not known is not.
    pub fn is_right(&self) -> bool {
        self.answer == if self.wanted { Answer::Permitted } else { Answer::Refused }
    }
}

/// Tries all that a partner's login is for, and all that it must not do.
#[derive(Debug)]
pub struct LaneProbe {
    connection: Connection,
    lane: Lane,
}

/// One thing to try.
#[derive(Clone, Debug)]
enum Attempt {
    /// Is there a right to publish? Asked with a message that is refused for the user that it names.
    MayPublish {
        exchange: String,
        key: String,
    },
    /// Publish in the name of another user.
    Spoof {
        exchange: String,
    },
    /// Take the oldest message and put it back.
    Peek {
        queue: String,
    },
    Consume {
        queue: String,
    },
    Purge {
        queue: String,
    },
    Delete {
        queue: String,
    },
    DeclareQueue {
        name: String,
    },
    DeclareExchange {
        name: String,
    },
    Bind {
        queue: String,
        exchange: String,
    },
}

impl LaneProbe {
    /// Logs in once, as the partner would.
    ///
    /// # Errors
    /// [`ConnectError`] if the broker does not take the login.
    pub async fn connect(config: &BrokerConfig, lane: Lane) -> Result<Self, ConnectError> {
        Ok(Self { connection: connect(config, "check").await?.connection, lane })
    }

    /// Tries everything, one after the other.
    pub async fn run(&self, priority_max: Priority) -> Vec<Probed> {
        let mut found = Vec::new();
        for (what, wanted, attempt) in attempts(&self.lane, priority_max) {
            let silent = || (Answer::Unknown, format!("no answer within {} s", RPC.as_secs()));
            let outcome = timeout(RPC, self.attempt(&attempt)).await;
            let (answer, detail) = outcome.unwrap_or_else(|_| silent());
            found.push(Probed { what, wanted, answer, detail });
        }
        found
    }

    /// Closes the connection.
    pub async fn close(self) {
        let _ = timeout(RPC, self.connection.close(200, "checked".into())).await;
    }

    /// On a channel of its own: what is refused closes it.
    async fn attempt(&self, attempt: &Attempt) -> (Answer, String) {
        let channel = match self.connection.create_channel().await {
            Ok(channel) => channel,
            Err(error) => return (Answer::Unknown, words(&error)),
        };
        let outcome = perform(&channel, attempt).await;
        let _ = channel.close(200, "checked".into()).await;
        match (outcome, attempt) {
            (Ok(_), Attempt::MayPublish { .. }) => {
                (Answer::Unknown, "a message in another user's name was taken".to_owned())
            }
            (Ok(detail), _) => (Answer::Permitted, detail),
            // The right is looked at first, and the user after it.
            (Err(error), Attempt::MayPublish { .. }) if code(&error) == Some(406) => {
                (Answer::Permitted, "nothing was sent".to_owned())
            }
            (Err(error), Attempt::Spoof { .. }) if code(&error) == Some(406) => {
                (Answer::Refused, words(&error))
            }
            (Err(error), _) if code(&error) == Some(403) => (Answer::Refused, words(&error)),
            (Err(error), _) => (Answer::Unknown, words(&error)),
        }
    }
}

async fn perform(channel: &Channel, attempt: &Attempt) -> lapin::Result<String> {
    let plain = FieldTable::default;
    match attempt {
        Attempt::MayPublish { exchange, key } => publish(channel, exchange, key).await?,
        Attempt::Spoof { exchange } => publish(channel, exchange, "").await?,
        Attempt::Peek { queue } => return peek(channel, queue).await,
        Attempt::Consume { queue } => {
            let options = BasicConsumeOptions::default();
            channel.basic_consume(queue.as_str().into(), "".into(), options, plain()).await?;
        }
        Attempt::Purge { queue } => {
            channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default()).await?;
        }
        Attempt::Delete { queue } => {
            // Quorum queues do not know how: with the right to delete it is refused for that, and nothing is lost.
            let options = QueueDeleteOptions { if_empty: true, ..QueueDeleteOptions::default() };
            channel.queue_delete(queue.as_str().into(), options).await?;
        }
        Attempt::DeclareQueue { name } => {
            let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(name.as_str().into(), options, plain()).await?;
        }
        Attempt::DeclareExchange { name } => {
            let options = ExchangeDeclareOptions::default();
            channel.exchange_declare(name.as_str().into(), ExchangeKind::Fanout, options, plain()).await?;
            channel.exchange_delete(name.as_str().into(), ExchangeDeleteOptions::default()).await?;
        }
        Attempt::Bind { queue, exchange } => {
            let names = || (queue.as_str().into(), exchange.as_str().into(), KEY.into());
            let (queue, exchange, key) = names();
            channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), plain()).await?;
            let (queue, exchange, key) = names();
            channel.queue_unbind(queue, exchange, key, plain()).await?;
        }
    }
    Ok(String::new())
}

/// Published with a confirm: without one a refusal comes too late to be seen.
async fn publish(channel: &Channel, exchange: &str, key: &str) -> lapin::Result<()> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties =
        BasicProperties::default().with_user_id(NOBODY.into()).with_type("valet.probe.v1".into());
    channel.basic_publish(exchange.into(), key.into(), options, BODY, properties).await?.await.map(|_| ())
}

/// One look at the oldest message, which is put back.
async fn peek(channel: &Channel, queue: &str) -> lapin::Result<String> {
    let Some(message) = channel.basic_get(queue.into(), BasicGetOptions::default()).await? else {
        return Ok("nothing waits".to_owned());
    };
    let requeue = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
    message.delivery.acker.nack(requeue).await?;
    Ok(format!("{} wait", message.message_count.saturating_add(1)))
}

fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// Code and text of a refusal.
fn words(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => format!("{} {}", error.get_id(), error.get_message()),
        _ => error.to_string(),
    }
}

/// Everything to try: what, whether it should be possible, and how.
fn attempts(lane: &Lane, priority_max: Priority) -> Vec<Tried> {
    let own = lane_exchange(lane, Priority::Normal);
    let low = lane_exchange(lane, Priority::Low);
    let high = lane_exchange(lane, Priority::High);
    let reports = events_queue(lane);
    let may = |exchange: &str| Attempt::MayPublish { exchange: exchange.to_owned(), key: String::new() };
    let mut all = vec![
        (format!("publish to its lane {own}"), true, may(&own)),
        (format!("publish to its lane {low}"), true, may(&low)),
        (format!("publish to its lane {high}"), priority_max == Priority::High, may(&high)),
        (format!("read its reports in {reports}"), true, Attempt::Peek { queue: reports.clone() }),
        ("publish in another's name".to_owned(), false, Attempt::Spoof { exchange: own.clone() }),
    ];
    all.extend(forbidden_exchanges(&own));
    all.extend(forbidden_queues(&own));
    all.extend(forbidden_changes(&own, &reports));
    all
}

/// What, whether it should be possible, and how.
type Tried = (String, bool, Attempt);

fn forbidden_exchanges(own: &str) -> Vec<Tried> {
    let ways = [
        (FOREIGN, "", "another lane"),
        ("", own, "the default exchange"),
        ("jobs", "r0", "the workers' exchange jobs"),
        ("events", "default.x.succeeded", "the reports' exchange events"),
        ("dead", "dead", "the dead letters' exchange dead"),
        ("control", "cancel.x", "the orders' exchange control"),
        ("amq.topic", "x", "the broker's own exchange amq.topic"),
    ];
    let tried = |(exchange, key, name): (&str, &str, &str)| {
        let attempt = Attempt::MayPublish { exchange: exchange.to_owned(), key: key.to_owned() };
        (format!("publish to {name}"), false, attempt)
    };
    ways.into_iter().map(tried).collect()
}

fn forbidden_queues(own: &str) -> Vec<Tried> {
    let mut all = Vec::new();
    for queue in
        [own, "jobs.r0", "dead", "expired", "events.log", "lanes.log", FOREIGN, "events.valet-nobody"]
    {
        let name = || queue.to_owned();
        all.push((format!("look into {queue}"), false, Attempt::Peek { queue: name() }));
        all.push((format!("consume {queue}"), false, Attempt::Consume { queue: name() }));
    }
    all
}

fn forbidden_changes(own: &str, reports: &str) -> Vec<Tried> {
    let text = str::to_owned;
    vec![
        // The same right as for its own queue, which is not put at risk.
        ("purge another lane".to_owned(), false, Attempt::Purge { queue: text(FOREIGN) }),
        (format!("delete {own}"), false, Attempt::Delete { queue: text(own) }),
        (format!("delete {reports}"), false, Attempt::Delete { queue: text(reports) }),
        ("declare a queue".to_owned(), false, Attempt::DeclareQueue { name: text("valet-nobody") }),
        ("declare an exchange".to_owned(), false, Attempt::DeclareExchange { name: text("valet-nobody") }),
        (
            "bind its reports to those of all".to_owned(),
            false,
            Attempt::Bind { queue: text(reports), exchange: text("events") },
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_permitted_is_tried_with_what_a_dispatcher_would_take() {
        for ceiling in [Priority::High, Priority::Normal] {
            for (what, wanted, attempt) in attempts(&"acme".parse().unwrap(), ceiling) {
                let changes_nothing = matches!(attempt, Attempt::MayPublish { .. } | Attempt::Peek { .. });
                assert!(!wanted || changes_nothing, "{what}");
            }
        }
    }

    #[test]
    fn high_priority_is_wanted_only_up_to_the_ceiling() {
        let wanted = |ceiling| {
            let all = attempts(&"acme".parse().unwrap(), ceiling);
            all.into_iter().find(|(what, ..)| what.ends_with("in.acme.high")).unwrap().1
        };
        assert!(wanted(Priority::High) && !wanted(Priority::Normal));
    }
}
