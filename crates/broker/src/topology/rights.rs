//! Who may do what: the logins with the least rights.

use super::names::*;

/// Whom a login is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Declares topology in the vhost. Cannot make logins, vhosts or rights.
    Provisioner,
    /// Publishes jobs, orders, and reports of jobs that no worker has; reads reports, orders and dead
    /// letters, marks how far it has read, and may put a letter back.
    Producer,
    /// Consumes jobs and orders; publishes reports and dead letters. Declares nothing, and can put
    /// nothing into any queue that a worker reads.
    Worker,
    /// Takes messages from the lanes, hands what passes to the workers, and reports and files what does not.
    Dispatcher,
}

/// Patterns on names of exchanges and queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// What may be declared and deleted.
    pub configure: String,
    /// What may be published to.
    pub write: String,
    /// What may be consumed or purged.
    pub read: String,
}

/// Patterns on routing keys of one topic exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRight {
    /// The exchange.
    pub exchange: &'static str,
    /// Keys that may be published.
    pub write: String,
    /// Keys that may be bound.
    pub read: String,
}

/// Matches nothing.
const NOTHING: &str = "^$";

impl Role {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Provisioner, Self::Producer, Self::Worker, Self::Dispatcher];

    /// `provisioner`, `producer`, `worker` or `dispatcher`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provisioner => "provisioner",
            Self::Producer => "producer",
            Self::Worker => "worker",
            Self::Dispatcher => "dispatcher",
        }
    }

    /// The user tag: `policymaker` lets the provisioner use the management API within its vhost.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Provisioner => "policymaker",
            Self::Producer | Self::Worker | Self::Dispatcher => "",
        }
    }

    /// Rights in the vhost.
    pub fn right(self) -> Right {
        let right =
            |configure: &str, write: String, read: String| Right { configure: configure.into(), write, read };
        match self {
            Self::Provisioner => right(".*", ".*".into(), ".*".into()),
            Self::Producer => right(
                NOTHING,
                // The lane of Valet's own producers, in all its priorities.
                any(&[JOBS, CONTROL, EVENTS, DEAD, "in.default", "in.default.high", "in.default.low"]),
                any(&[EVENTS_LOG, DEAD, EXPIRED, CONTROL_LOG, TOPOLOGY_LOG]),
            ),
            // `dead` is a way out of the system and not into it: nothing executes from there, and a
            // replay verifies that both grants of a letter were the producer's own.
            Self::Worker => right(
                NOTHING,
                any(&[EVENTS, DEAD]),
                r"^(jobs\.r[0-2]|jobs\.ended|control\.log|topology\.log)$".into(),
            ),
            // `in.*` holds for lanes that are yet to come. Only the lock may be declared.
            Self::Dispatcher => right(
                &any(&[DISPATCH_LEAD]),
                any(&[JOBS, EVENTS, DEAD]),
                r"^(in\..*|lanes\.log|events\.log|topology\.log|dispatch\.lead)$".into(),
            ),
        }
    }

    /// Rights on topics, where the role's rights on an exchange are narrowed.
    pub fn topic_rights(self) -> Vec<TopicRight> {
        let writes = |exchange, write| TopicRight { exchange, write, read: NOTHING.into() };
        match self {
            Self::Provisioner => Vec::new(),
            Self::Worker => vec![writes(EVENTS, reports(&WORKER_WORDS))],
            Self::Dispatcher => {
                vec![writes(EVENTS, format!("{}|{}", reports(&DISPATCHER_WORDS), marks()))]
            }
            Self::Producer => vec![
                writes(EVENTS, format!("{}|{}", reports(&PRODUCER_WORDS), marks())),
                writes(CONTROL, r"^cancel\.[0-9a-f-]{36}$".into()),
            ],
        }
    }
}

/// `<lane>.<job id>.<word>`, so that no report can be filed under an invented kind.
fn reports(words: &[&str]) -> String {
    format!(r"^[a-z0-9-]{{1,40}}\.[0-9a-f-]{{36}}\.({})$", words.join("|"))
}

/// `mark.<uuid>`: two words, so that none is ever taken for a report.
fn marks() -> String {
    format!(r"^{MARK}\.[0-9a-f-]{{36}}$")
}

/// `^(a|b\.c)$`
fn any(names: &[&str]) -> String {
    format!("^({})$", names.join("|").replace('.', "\\."))
}
