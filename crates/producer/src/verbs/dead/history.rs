//! Who had a dead job before, from the status store: a letter knows only its last attempt, and one of a job that
//! killed its workers not even that. Must never keep a letter from being shown: without a store there is no history.

use serde::Serialize;
use valet_broker::{DeadLetter, Session};
use valet_protocol::{JobMessage, Reason};
use valet_status::AttemptRecord;

use crate::config::Config;
use crate::context::Context;
use crate::failure::Outcome;
use crate::follow::{Ledger, store_failure};
use crate::remint::Submission;
use crate::output::safe;

/// The store, up to date, if there is one.
pub(super) struct History(Option<Ledger>);

/// One hand-over of a job to a worker.
#[derive(Debug, Serialize)]
pub(super) struct Attempt(AttemptRecord);

impl History {
    /// Brings the store up to date. That it cannot be used is said, and no failure.
    pub(super) async fn open(config: &Config, session: &Session, context: &Context) -> Self {
        let opened: Outcome<Ledger> = async {
            let ledger = Ledger::open(config).await?;
            ledger.sync(session).await.map(|()| ledger)
        }
        .await;
        match opened {
            Ok(ledger) => Self(Some(ledger)),
            Err(failure) => {
                let failure = failure.because("letters are shown without the history of their attempts");
                if context.globals.json { eprintln!("{}", failure.to_json()) } else { eprintln!("{failure}") }
                Self(None)
            }
        }
    }

    /// The attempts at the letter's job, oldest first.
    pub(super) async fn of(&self, letter: &DeadLetter) -> Outcome<Vec<Attempt>> {
        let (Some(ledger), Some(job)) = (&self.0, letter.job()) else { return Ok(Vec::new()) };
        let states = ledger.states(&[job]).await?;
        Ok(states.into_iter().flat_map(|state| state.attempts).map(Attempt).collect())
    }
}

/// What producers reported of jobs whose letters are sealed. The store is opened at the first such letter.
pub(super) struct Submissions<'a> {
    config: &'a Config,
    session: &'a Session,
    ledger: Option<Ledger>,
}

impl<'a> Submissions<'a> {
    /// Nothing asked yet.
    pub(super) fn new(config: &'a Config, session: &'a Session) -> Self {
        Self { config, session, ledger: None }
    }

    /// What was submitted as the letter's job; none where its grants tell it, or nobody does.
    pub(super) async fn submission(&mut self, letter: &DeadLetter) -> Outcome<Option<Submission>> {
        let Ok(message) = JobMessage::decode(letter.body()) else { return Ok(None) };
        if message.grants.sealed().is_none() {
            return Ok(None);
        }
        let ledger = match self.ledger.take() {
            Some(ledger) => ledger,
            None => {
                let ledger = Ledger::open(self.config).await?;
                ledger.sync(self.session).await?;
                ledger
            }
        };
        let record = ledger.store().job(&message.key()).await.map_err(|error| store_failure(&error));
        self.ledger = Some(ledger);
        Ok(record?.as_ref().and_then(Submission::of))
    }
}

/// Whether the list shows the attempts at such a letter: nothing else says who was lost.
pub(super) fn is_told_in_list(letter: &DeadLetter) -> bool {
    letter.reason == Reason::WorkerLost.code()
}

/// `attempt 1 on worker-1: worker-lost; attempt 1.1 on worker-2: …`, for the list.
pub(super) fn line(attempts: &[Attempt]) -> String {
    let one = |Attempt(attempt): &Attempt| {
        let again = match attempt.redelivery {
            0 => String::new(),
            again => format!(".{again}"),
        };
        let how = attempt.outcome.map_or("running", |outcome| outcome.word());
        let time = attempt.heard_at.strftime("%Y-%m-%dT%H:%M:%SZ");
        format!("attempt {}{again} on {}, {time}: {how}", attempt.attempt, safe(&attempt.worker))
    };
    attempts.iter().map(one).collect::<Vec<_>>().join("\n    ")
}
