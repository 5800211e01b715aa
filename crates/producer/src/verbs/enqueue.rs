//! The body of `submit` and `run`: plan everything, then send everything. Planning is done, with all its
//! mistakes, before the broker is even connected.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use valet_broker::Session;
use valet_protocol::limits::ATTEMPTS_BEFORE_MAX;
use valet_protocol::{JobId, JobKey};
use valet_status::State;

use super::options::What;
use super::text;
use crate::batch::{Batch, JobPlan, JobRequest, Place, Planner, Spool};
use crate::config::{Config, Needs};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::follow::Ledger;
use crate::hold::HoldLimit;
use crate::manifest::Manifest;
use crate::output::human_bytes;
use crate::pattern::Pattern;
use crate::progress::Progress;
use crate::storage::{Listing, ListingError, StorageClient};
use crate::submit::{JobMinter, Submitter};

/// Everything that is good and ready to be sent.
pub(super) struct Planned {
    pub(super) config: Config,
    pub(super) minter: JobMinter,
    pub(super) batch: Batch,
    /// Jobs in order; kept only when somebody will wait for them.
    pub(super) jobs: Vec<JobKey>,
    pub(super) walls: Walls,
}

/// How many jobs have which wall limit in seconds, and the input of the first of each.
type Walls = BTreeMap<u32, (u64, String)>;

/// Jobs that are looked up in the status store at once.
const LOOK_UP_MAX: usize = 500;

/// Wall limits that are told one by one when they do not fit.
const WALLS_TOLD_MAX: usize = 5;

/// One job as it is printed once it is enqueued.
#[derive(Debug, Serialize)]
struct Enqueued<'a> {
    id: JobId,
    input: &'a str,
    output: &'a str,
    preset: &'a str,
    version: u32,
    /// Where a job stands that was not enqueued again.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<State>,
}

/// Plans what the options ask for.
pub(super) async fn plan(context: &Context, what: &What, keep_jobs: bool) -> Outcome<Planned> {
    let (mut defaults, key) = (what.defaults()?, what.key()?);
    let needs = Needs { broker: !what.dry_run, storage: true, ..Needs::default() };
    let config = context.config(needs)?;
    defaults.remints = what.remints.unwrap_or(config.remints);
    let minter = config.minter()?;
    let mut intake = Intake {
        planner: Planner::new(defaults, key),
        spool: Spool::default(),
        jobs: Vec::new(),
        keep_jobs,
        json: context.globals.json,
        walls: Walls::new(),
        bad: 0,
        first: None,
    };
    match (&what.manifest, &what.input) {
        (Some(manifest), _) => intake.read_manifest(manifest)?,
        (None, Some(input)) if !what.exact && Pattern::is_glob(input) => intake.list(input, &minter).await?,
        (None, input) => {
            let request = JobRequest { input: input.clone().unwrap_or_default(), ..JobRequest::default() };
            intake.take(request, Place::Argument)?;
        }
    }
    intake.finish(what, config, minter)
}

/// Takes requests in, keeps the good ones and tells the bad ones.
struct Intake {
    planner: Planner,
    spool: Spool,
    jobs: Vec<JobKey>,
    keep_jobs: bool,
    walls: Walls,
    json: bool,
    bad: u64,
    /// The failure of a single argument, which needs no list.
    first: Option<Failure>,
}

impl Intake {
    fn take(&mut self, request: JobRequest, place: Place) -> Outcome {
        match self.planner.plan(request, place) {
            Ok(plan) => self.keep(&plan),
            Err(error) => {
                let failure = Failure::from_error(Exit::Data, &error).advise(error.advice());
                self.refuse(place, failure);
                Ok(())
            }
        }
    }

    fn keep(&mut self, plan: &JobPlan) -> Outcome {
        if self.keep_jobs {
            self.jobs.push(plan.key());
        }
        self.walls.entry(plan.wall_seconds).or_insert_with(|| (0, plan.input.to_string())).0 += 1;
        self.spool.push(plan).map_err(unspooled)
    }

    /// Tells a bad line at once: there may be thousands, and memory must not grow with them.
    fn refuse(&mut self, place: Place, failure: Failure) {
        self.bad += 1;
        if place == Place::Argument {
            self.first = Some(failure);
        } else {
            text::complain(place, &failure, self.json);
        }
    }

    fn read_manifest(&mut self, path: &Path) -> Outcome {
        let failed = |error: crate::manifest::ManifestError| {
            let advice = error.advice();
            Failure::from_error(Exit::Data, &error).advise(advice)
        };
        let mut manifest = Manifest::open(path).map_err(failed)?;
        while let Some(row) = manifest.next_row().map_err(failed)? {
            let place = Place::Line(row.line);
            match row.request {
                Ok(request) => self.take(request, place)?,
                Err(error) => self.refuse(place, Failure::new(Exit::Data, &error).advise(error.advice)),
            }
        }
        Ok(())
    }

    async fn list(&mut self, input: &str, minter: &JobMinter) -> Outcome {
        let pattern = Pattern::parse(input).map_err(|error| {
            let advice = error.advice();
            Failure::from_error(Exit::Data, &error).advise(advice)
        })?;
        let client = StorageClient::new()?;
        let mut listing = Listing::new(&client, minter.signer(), &pattern);
        let (mut number, mut bytes) = (0, 0);
        while let Some(page) = listing.next_page().await.map_err(list_failure)? {
            for blob in page {
                number += 1;
                bytes += blob.bytes;
                let input = blob.address.to_string();
                // The job is made for the content that was listed: a later one fails as input-changed.
                let request = JobRequest { input, etag: blob.etag, ..JobRequest::default() };
                self.take(request, Place::Blob(number))?;
            }
        }
        tracing::info!(
            blobs = number,
            size = human_bytes(bytes),
            unusable = listing.unusable(),
            "listed {input}"
        );
        if number == 0 {
            return Err(Failure::new(Exit::Data, format!("no blob matches {input}"))
                .advise("* stays within a folder, ** goes across; names are case sensitive"));
        }
        Ok(())
    }

    fn finish(self, what: &What, config: Config, minter: JobMinter) -> Outcome<Planned> {
        if let Some(failure) = self.first {
            return Err(failure);
        }
        let (good, bad) = (self.spool.jobs(), self.bad);
        if bad > 0 && !what.skip_invalid {
            return Err(Failure::new(
                Exit::Data,
                format!("{bad} of {} jobs are bad; nothing was enqueued", good + bad),
            )
            .advise("correct what is told above, or enqueue the good ones alone with --skip-invalid"));
        }
        if good == 0 {
            return Err(Failure::new(Exit::Data, "there is no good job to enqueue")
                .advise("check that the manifest has lines below its header"));
        }
        if bad > 0 {
            tracing::warn!(skipped = bad, enqueued = good, "bad jobs were skipped");
        }
        let batch = self.spool.finish().map_err(unspooled)?;
        Ok(Planned { config, minter, batch, jobs: self.jobs, walls: self.walls })
    }
}

fn list_failure(error: ListingError) -> Failure {
    match error {
        ListingError::Storage(failure) => failure.into(),
        ListingError::Mint { ref cause, .. } => {
            let advice = cause.advice();
            Failure::from_error(Exit::Data, &error).advise(advice)
        }
    }
}

/// Prints what would be enqueued; mints for it, and shows the grants redacted.
pub(super) fn show(context: &mut Context, planned: Planned) -> Outcome {
    let now = Timestamp::now();
    for plan in planned.batch.into_plans() {
        let plan = plan.map_err(|error| Failure::from_error(Exit::Internal, &error))?;
        let prepared = planned.minter.prepare(&plan, now);
        let message = prepared.map_err(|cause| crate::submit::SubmitError::Prepare(Box::new(cause)))?.message;
        context.out.value(&text::Preview::of(&plan, &message), text::Preview::text)?;
    }
    context.out.flush()
}

/// Refuses the whole batch if the broker would take a job away from its worker before its wall limit.
pub(super) fn check_walls(planned: &Planned, limit: &HoldLimit) -> Outcome {
    let long: Vec<_> = planned.walls.iter().rev().filter(|(wall, _)| !limit.fits(**wall)).collect();
    let Some((longest, _)) = long.first() else { return Ok(()) };
    let jobs: u64 = long.iter().map(|(_, (count, _))| count).sum();
    let what = format!(
        "{jobs} of {} jobs may run longer than this broker lets a worker hold a job ({} s, of which {} s are kept \
         free); nothing was enqueued",
        planned.batch.jobs(),
        limit.seconds,
        crate::hold::MARGIN_SECONDS,
    );
    let failure = Failure::new(Exit::Data, what).advise(limit.advice(**longest));
    Err(long.iter().take(WALLS_TOLD_MAX).fold(failure, |failure, (wall, (count, input))| {
        let input = crate::output::safe(input);
        failure.because(match count {
            1 => format!("{input} has a wall limit of {wall} s"),
            _ => format!("{input} and {} more have a wall limit of {wall} s", count - 1),
        })
    }))
}

/// Leaves out what was submitted before and is queued, running or done, unless `is_again`. What has failed for good
/// is submitted anew, and its attempts are counted on.
pub(super) async fn leave_out_known(
    context: &mut Context,
    planned: Planned,
    ledger: &Ledger,
    is_again: bool,
    tell: Tell,
) -> Outcome<Planned> {
    let total = planned.batch.jobs();
    let mut spool = Spool::default();
    let mut plans = planned.batch.into_plans();
    loop {
        let chunk: Vec<JobPlan> =
            plans.by_ref().take(LOOK_UP_MAX).collect::<Result<_, _>>().map_err(unreadable)?;
        if chunk.is_empty() {
            break;
        }
        let jobs: Vec<JobKey> = chunk.iter().map(JobPlan::key).collect();
        for (mut plan, record) in chunk.into_iter().zip(ledger.states(&jobs).await?) {
            match Some(record.state).filter(|state| !is_again && is_under_way(*state)) {
                Some(_) if tell == Tell::Nothing => {}
                Some(state) => {
                    let told = Enqueued { left_out: Some(state), ..Enqueued::of(&plan) };
                    context.out.value(&told, Enqueued::text)?;
                }
                None => {
                    plan.attempts_before = record.attempt.unwrap_or_default().min(ATTEMPTS_BEFORE_MAX);
                    spool.push(&plan).map_err(unspooled)?;
                }
            }
        }
    }
    let enqueued = spool.jobs();
    if enqueued < total {
        tracing::warn!(
            left_out = total - enqueued,
            enqueued,
            "jobs that were submitted before are queued, running or done, and were left out (--again enqueues them)"
        );
    }
    Ok(Planned { batch: spool.finish().map_err(unspooled)?, ..planned })
}

/// Whether enqueuing the job once more would do work twice.
fn is_under_way(state: State) -> bool {
    match state {
        State::Queued | State::Running | State::Retrying | State::Reminting | State::Succeeded => true,
        State::Unseen | State::Failed | State::Expired | State::Dead | State::Cancelled => false,
    }
}

fn unreadable(error: std::io::Error) -> Failure {
    crate::submit::SubmitError::Spool(error).into()
}

fn unspooled(error: std::io::Error) -> Failure {
    Failure::new(Exit::Unavailable, "cannot keep the checked jobs in a temporary file")
        .because(error)
        .advise("check the free space of the temporary folder (TMPDIR)")
}

/// Sends everything over the session. Prints each job when the broker has it, if `tell` says so.
pub(super) async fn send(context: &mut Context, planned: Planned, session: Session, tell: Tell) -> Outcome {
    let progress = Progress::new(!context.globals.no_progress && planned.batch.jobs() > 1);
    progress.phase("enqueued", planned.batch.jobs());
    let submitter = Submitter::new(session, planned.minter);
    let total = planned.batch.jobs();
    let mut confirmed = 0;
    let out = &mut context.out;
    let done = submitter
        .submit_all(planned.batch.into_plans(), |plan| {
            confirmed += 1;
            progress.at(confirmed);
            match tell {
                Tell::EachJob => out.write_value(&Enqueued::of(plan), Enqueued::text),
                Tell::Nothing => Ok(()),
            }
        })
        .await;
    drop(progress);
    context.out.flush()?;
    match done.error {
        None => Ok(()),
        Some(error) if total == 1 => Err(error.into()),
        Some(error) => Err(Failure::from(error).because(format!(
            "{} of {total} jobs are enqueued, {} more may be; the rest were not sent",
            done.confirmed, done.unknown
        ))),
    }
}

/// What to print while jobs are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tell {
    /// One line a job, when the broker has it.
    EachJob,
    /// Nothing: the ends of the jobs will be printed.
    Nothing,
}

impl<'a> Enqueued<'a> {
    fn of(plan: &'a JobPlan) -> Self {
        Self {
            id: plan.id,
            input: plan.input.as_str(),
            output: plan.output.as_str(),
            preset: &plan.preset,
            version: plan.version,
            left_out: None,
        }
    }

    fn text(&self) -> String {
        let (input, output) = (crate::output::safe(self.input), crate::output::safe(self.output));
        match self.left_out {
            None => format!("{}  {input} -> {output}", self.id),
            Some(state) => format!("{}  {input} -> {output}  left out: {state}", self.id),
        }
    }
}
