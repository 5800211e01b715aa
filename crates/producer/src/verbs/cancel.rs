//! `valet cancel`: stop jobs that wait or run. An order to all workers; which of them has the job nobody knows
//! for sure, and none may have it yet.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::time::Instant;
use valet_broker::Session;
use valet_protocol::{CancelOrder, JobId, JobKey, Lane};
use valet_status::{Filter, JobRecord, Page, State};

use super::ids;
use super::options::{Patience, pairs};
use crate::config::Needs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::follow::{Ledger, store_failure};
use crate::output::safe;
use crate::submit::SubmitError;

/// Jobs that are looked up at once.
const PAGE: usize = 500;

/// Pause between two looks at the store while jobs come to their ends.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Cancel jobs that wait or run
///
/// Tells all workers: a running job's codec is killed and nothing of it is stored, a waiting one ends when its
/// turn comes, one that waits for new grants gets none. Prints what was known of each job. A job that had
/// succeeded or failed before stays as it is, and makes the exit code 1; so does, with --wait, a job that
/// ended otherwise before the order reached it. A job that is submitted again later runs.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub(crate) struct Options {
    /// Job ids, or - to read them from standard input
    #[arg(value_name = "ID", group = "which", conflicts_with_all = ["state", "tag"])]
    ids: Vec<String>,
    /// Every job in this state: queued, running, retrying, reminting
    #[arg(long, value_name = "STATE", group = "which")]
    state: Vec<String>,
    /// Every job that has not ended and has this label
    #[arg(long, value_name = "NAME=VALUE", group = "which")]
    tag: Vec<String>,
    #[command(flatten)]
    in_lane: ids::InLane,
    /// Why, for the reports
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    /// Wait until the jobs have ended
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    patience: Patience,
}

/// What is told of one job.
#[derive(Debug, Serialize)]
struct Told {
    id: JobId,
    lane: Lane,
    /// Whether workers were told; not for a job that had ended.
    ordered: bool,
    /// Where it stood.
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let given = if self.ids.is_empty() { Vec::new() } else { self.in_lane.read(&self.ids)? };
        let filter = self.filter()?;
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        let session = config.session().await?;
        let ledger = Ledger::open(&config).await?;
        ledger.sync(&session).await?;
        let mut cancel = Cancel { session, why: self.why, open: BTreeSet::new(), missed: 0 };
        for chunk in ids::resolve(&ledger, &given).await?.chunks(PAGE) {
            for record in ledger.states(chunk).await? {
                cancel.order(&mut context, &record).await?;
            }
        }
        if given.is_empty() {
            cancel.order_matching(&mut context, &ledger, &filter).await?;
        }
        context.out.flush()?;
        let ended = match self.wait {
            true => cancel.wait(&mut context, &ledger, self.patience.timeout).await,
            false => Ok(()),
        };
        cancel.session.close().await;
        ended?;
        match cancel.missed {
            0 => Ok(()),
            missed => Err(Failure::new(Exit::JobFailed, format!("{missed} jobs had ended before they were cancelled"))),
        }
    }

    fn filter(&self) -> Outcome<Filter> {
        let states = self.state.iter().map(|word| open_state(word)).collect::<Outcome<Vec<_>>>()?;
        let states = if states.is_empty() { open_states().collect() } else { states };
        let lane = self.in_lane.lane.as_ref().map(Lane::to_string);
        Ok(Filter { states, lane, tags: pairs("--tag", &self.tag)?, ..Filter::default() })
    }
}

/// The states that can be cancelled, apart from that of a job nobody has heard of.
fn open_states() -> impl Iterator<Item = State> {
    State::ALL.into_iter().filter(|state| !state.is_final() && *state != State::Unseen)
}

fn open_state(word: &str) -> Outcome<State> {
    open_states().find(|state| state.word() == word).ok_or_else(|| {
        let words: Vec<_> = open_states().map(State::word).collect();
        Failure::new(Exit::Usage, format!("--state {word:?} is no state that can be cancelled"))
            .advise(format!("states are {}", words.join(", ")))
    })
}

/// Orders given so far.
struct Cancel {
    session: Session,
    why: String,
    /// Jobs whose end is still to come.
    open: BTreeSet<JobKey>,
    /// Jobs that had ended, and not by being cancelled.
    missed: u64,
}

impl Cancel {
    async fn order_matching(&mut self, context: &mut Context, ledger: &Ledger, filter: &Filter) -> Outcome {
        let mut page = Page::first(PAGE);
        loop {
            let records = ledger.store().list(filter, page.clone(), Timestamp::now()).await;
            let records = records.map_err(|error| store_failure(&error))?;
            for record in &records {
                self.order(context, record).await?;
            }
            match records.last() {
                Some(last) => page.after = Some(last.key()),
                None => return Ok(()),
            }
        }
    }

    async fn order(&mut self, context: &mut Context, record: &JobRecord) -> Outcome {
        let ordered = !record.state.is_final();
        if ordered {
            let (job, time) = (record.id, after(record.submitted_at));
            let order = CancelOrder { lane: record.lane.clone(), job, time, detail: self.why.as_str().into() };
            let sent = self.session.publish_order(&order).await;
            sent.map_err(|cause| SubmitError::Order { job, cause: Box::new(cause) })?;
            self.open.insert(record.key());
        }
        self.missed += u64::from(record.state.is_final() && record.state != State::Cancelled);
        let worker = record.worker.clone().filter(|_| record.state == State::Running);
        let told = Told { id: record.id, lane: record.lane.clone(), ordered, state: record.state, worker };
        context.out.value(&told, Told::text)
    }

    /// Waits until all that were ordered to end have ended, and prints how.
    async fn wait(&mut self, context: &mut Context, ledger: &Ledger, timeout: Option<Duration>) -> Outcome {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            ledger.sync(&self.session).await?;
            let open: Vec<_> = self.open.iter().cloned().collect();
            for chunk in open.chunks(PAGE) {
                for record in ledger.states(chunk).await?.into_iter().filter(|record| record.state.is_final()) {
                    self.open.remove(&record.key());
                    self.missed += u64::from(record.state != State::Cancelled);
                    let value = serde_json::json!({ "id": record.id, "lane": record.lane, "state": record.state });
                    context.out.value(&value, |_| format!("{}  {}", record.key(), record.state))?;
                }
            }
            context.out.flush()?;
            if self.open.is_empty() {
                return Ok(());
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let what = format!("{} jobs have not ended yet", self.open.len());
                return Err(Failure::new(Exit::Timeout, what)
                    .advise("the orders stand: a job that waits ends when a worker takes it (`valet wait ID`)"));
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

/// Now; later than the job's own time, if another producer with a clock ahead of ours submitted it.
fn after(submitted_at: Option<Timestamp>) -> Timestamp {
    let now = Timestamp::now();
    let later = submitted_at.and_then(|time| time.checked_add(SignedDuration::from_millis(1)).ok());
    later.map_or(now, |later| later.max(now))
}

impl Told {
    fn text(&self) -> String {
        let on = self.worker.as_deref().map(|worker| format!(" on {}", safe(worker))).unwrap_or_default();
        let job = JobKey::new(self.lane.clone(), self.id);
        match (self.ordered, self.state) {
            (true, State::Unseen) => format!("{job}  cancel ordered  nothing was heard of it yet"),
            (true, state) => format!("{job}  cancel ordered  {state}{on}"),
            (false, state) => format!("{job}  not cancelled   it had {state} before"),
        }
    }
}
