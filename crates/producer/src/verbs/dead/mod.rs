//! `valet dead`: look at jobs that were given up, send them again, or drop them.
//! A letter leaves its queue only after what replaces it is confirmed, or when a person says so.

use std::collections::BTreeSet;

use clap::{Args, Subcommand, ValueEnum};
use valet_broker::{DeadError, DeadLetter, DeadLetters, DeadQueue, Session};
use valet_protocol::{JobKey, Lane};

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
    #[command(flatten)]
    in_lane: ids::InLane,
    /// Which queue
    #[arg(long, value_enum, default_value_t = Queues::Both)]
    queue: Queues,
}

/// The letters of a selection, and which jobs were met.
struct Chosen {
    jobs: Option<Vec<JobKey>>,
    reason: Option<String>,
    lane: Option<Lane>,
    met: Vec<JobKey>,
}

impl Selection {
    fn of_ids(ids: Vec<String>, in_lane: ids::InLane) -> Self {
        Self { ids, all: false, reason: None, in_lane, queue: Queues::Both }
    }

    /// The jobs that are named; none where all letters are meant.
    fn names(&self) -> Outcome<Option<Vec<ids::Name>>> {
        if self.all { Ok(None) } else { self.in_lane.read(&self.ids).map(Some) }
    }

    /// Which letters are meant. Where a name says no lane, the queues are looked through first: letters of two lanes
    /// may have one id, and a stranger's must not be taken along.
    async fn chosen(&self, names: Option<Vec<ids::Name>>, session: &Session) -> Outcome<Chosen> {
        let chosen = Chosen {
            jobs: None,
            reason: self.reason.clone(),
            lane: self.in_lane.lane.clone(),
            met: Vec::new(),
        };
        let Some(names) = names else { return Ok(chosen) };
        let is_told = names.iter().all(|name| name.lane.is_some());
        let known = if is_told { Vec::new() } else { self.survey(&names, session).await? };
        let jobs = names.iter().map(|name| name.only(&known)).collect::<Outcome<_>>()?;
        Ok(Chosen { jobs: Some(jobs), ..chosen })
    }

    /// The jobs that the names can mean and that have letters; each once.
    async fn survey(&self, names: &[ids::Name], session: &Session) -> Outcome<Vec<JobKey>> {
        let mut known = BTreeSet::new();
        for queue in self.queue.list() {
            let mut letters = open(session, *queue).await?;
            while let Some(letter) = letters.next().await.map_err(|error| dead_failure(&error))? {
                known.extend(letter.job().filter(|job| names.iter().any(|name| name.is_of(job))));
            }
            letters.close().await.map_err(|error| dead_failure(&error))?;
        }
        Ok(known.into_iter().collect())
    }
}

impl Chosen {
    /// Whether this letter is meant.
    fn takes(&mut self, letter: &DeadLetter) -> bool {
        let Some(jobs) = &self.jobs else {
            let is_of = |lane: &Lane| letter.job().is_some_and(|job| job.lane == *lane);
            return self.reason.as_ref().is_none_or(|reason| *reason == letter.reason)
                && self.lane.as_ref().is_none_or(is_of);
        };
        let Some(job) = letter.job().filter(|job| jobs.contains(job)) else { return false };
        self.met.push(job);
        true
    }

    /// Jobs that no letter was of.
    fn missing(&self) -> Vec<&JobKey> {
        let jobs = self.jobs.iter().flatten();
        jobs.filter(|job| !self.met.contains(job)).collect()
    }

    /// Fails if a job was not met.
    fn all_met(&self) -> Outcome {
        let missing: Vec<_> = self.missing().iter().map(ToString::to_string).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::new(Exit::Data, format!("no dead letter of {}", missing.join(", ")))
            .advise("`valet dead ls` lists them; `valet status ID` tells where a job stands"))
    }
}

/// A letter's job for people.
fn named(letter: &DeadLetter) -> String {
    let id = || crate::output::safe(letter.message_id.as_deref().unwrap_or("(no id)"));
    letter.job().map_or_else(id, |job| job.to_string())
}

async fn open(session: &Session, queue: DeadQueue) -> Outcome<DeadLetters> {
    DeadLetters::open(session, queue).await.map_err(|error| dead_failure(&error))
}

pub(super) fn dead_failure(error: &DeadError) -> Failure {
    Failure::from_error(Exit::Unavailable, error).advise(error.advice())
}
