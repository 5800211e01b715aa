//! `valet dead`: look at jobs that were given up, send them again, or drop them.
//! A letter leaves its queue only after what replaces it is confirmed, or when a person says so.

use clap::{Args, Subcommand, ValueEnum};
use valet_broker::{DeadError, DeadLetter, DeadLetters, DeadQueue, Session};
use valet_protocol::JobId;

use super::ids;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

mod drop;
mod explain;
mod history;
mod ls;
pub(super) mod replay;
mod show;

/// List, show, replay or drop dead letters
///
/// Jobs that failed for good wait in the queue dead, jobs whose grants died in the queue expired, until
/// somebody decides.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Ls(ls::Options),
    Show(show::Options),
    Replay(replay::Options),
    Drop(drop::Options),
}

impl Options {
    pub(crate) async fn run(self, context: Context) -> Outcome {
        match self.what {
            What::Ls(options) => options.run(context).await,
            What::Show(options) => options.run(context).await,
            What::Replay(options) => Box::pin(options.run(context)).await,
            What::Drop(options) => options.run(context).await,
        }
    }
}

/// Which queues are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Queues {
    Dead,
    Expired,
    Both,
}

impl Queues {
    fn list(self) -> &'static [DeadQueue] {
        match self {
            Self::Dead => &[DeadQueue::Dead],
            Self::Expired => &[DeadQueue::Expired],
            Self::Both => &[DeadQueue::Dead, DeadQueue::Expired],
        }
    }
}

fn queue_name(queue: DeadQueue) -> &'static str {
    match queue {
        DeadQueue::Dead => "dead",
        DeadQueue::Expired => "expired",
    }
}

/// Which letters are meant. Never all of them by accident.
#[derive(Debug, Clone, Args)]
struct Selection {
    /// Job ids, or - to read them from standard input
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// Every letter of the queues (and of --reason)
    #[arg(long)]
    all: bool,
    /// With --all: only letters with this reason
    #[arg(long, value_name = "REASON", requires = "all")]
    reason: Option<String>,
    /// Which queue
    #[arg(long, value_enum, default_value_t = Queues::Both)]
    queue: Queues,
}

/// The letters of a selection, and which ids were met.
struct Chosen {
    ids: Option<Vec<JobId>>,
    reason: Option<String>,
    met: Vec<JobId>,
}

impl Selection {
    fn of_ids(ids: Vec<String>) -> Self {
        Self { ids, all: false, reason: None, queue: Queues::Both }
    }

    fn chosen(&self) -> Outcome<Chosen> {
        let ids = if self.all { None } else { Some(ids::read(&self.ids)?) };
        Ok(Chosen { ids, reason: self.reason.clone(), met: Vec::new() })
    }
}

impl Chosen {
    /// Whether this letter is meant.
    fn takes(&mut self, letter: &DeadLetter) -> bool {
        let Some(ids) = &self.ids else {
            return self.reason.as_ref().is_none_or(|reason| *reason == letter.reason);
        };
        let id = letter.message_id.as_deref().and_then(|text| text.parse::<JobId>().ok());
        let Some(id) = id.filter(|id| ids.contains(id)) else { return false };
        self.met.push(id);
        true
    }

    /// Ids that no letter had.
    fn missing(&self) -> Vec<JobId> {
        let ids = self.ids.iter().flatten();
        ids.filter(|id| !self.met.contains(id)).copied().collect()
    }

    /// Fails if an id was not met.
    fn all_met(&self) -> Outcome {
        let missing: Vec<_> = self.missing().iter().map(ToString::to_string).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::new(Exit::Data, format!("no dead letter of {}", missing.join(", ")))
            .advise("`valet dead ls` lists them; `valet status ID` tells where a job stands"))
    }
}

async fn open(session: &Session, queue: DeadQueue) -> Outcome<DeadLetters> {
    DeadLetters::open(session, queue).await.map_err(|error| dead_failure(&error))
}

pub(super) fn dead_failure(error: &DeadError) -> Failure {
    Failure::from_error(Exit::Unavailable, error).advise(error.advice())
}
