//! `valet list`: the jobs of the status store, by what they are found by.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use valet_protocol::{Lane, Reason};
use valet_status::{Filter, Page, Text};

use super::{events, ids, options, text};
use crate::config::Needs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::follow::{JobState, Ledger, Phase, store_failure};
use crate::output::columns;

/// List jobs, newest first
///
/// Answers from the status store, which is first brought up to date from the log of reports (unless `valet collect`
/// keeps it so). All conditions must hold; a job is in the list from its submission on.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only jobs in this state: queued, running, retrying, reminting, succeeded, failed, expired, dead, cancelled
    #[arg(long, value_name = "STATE")]
    state: Vec<String>,
    /// Only jobs of this lane
    #[arg(long, value_name = "LANE", value_parser = ids::lane)]
    lane: Option<Lane>,
    /// Only jobs of this preset
    #[arg(long, value_name = "NAME[@VERSION]")]
    preset: Option<String>,
    /// Only jobs that did not succeed for this reason, such as not-media
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only jobs with this label; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    tag: Vec<String>,
    /// Only jobs whose input or output has this in its name
    #[arg(long, value_name = "PART")]
    name: Option<String>,
    /// Only jobs submitted since then: 1h, or a time such as 2024-05-01T12:00:00Z
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only jobs submitted before then
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only running jobs of which nothing was heard for more than 30 s
    #[arg(long)]
    silent: bool,
    /// Print how many there are of each state, instead of the jobs
    #[arg(long)]
    count: bool,
    /// The most jobs to print
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
    /// Go on behind this job, the last one of the page before
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let filter = self.filter()?;
        let in_lane = ids::InLane { lane: self.lane.clone() };
        let after = self.after.as_deref().map(|job| in_lane.parse(job)).transpose()?;
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        let ledger = Ledger::open(&config).await?;
        let stale = ledger.refresh(&config).await?;
        if self.count {
            let counts = ledger.store().count(&filter).await.map_err(|error| store_failure(&error))?;
            show_counts(&mut context, &counts)?;
        } else {
            let after = ids::resolve(&ledger, after.as_slice()).await?.pop();
            if let Some(job) = &after {
                let known = ledger.store().job(job).await.map_err(|error| store_failure(&error))?;
                known.ok_or_else(|| Failure::new(Exit::Usage, format!("--after {job}: there is no such job")))?;
            }
            let page = Page { limit: self.limit, after };
            let jobs = ledger.store().list(&filter, page, Timestamp::now()).await;
            show(&mut context, jobs.map_err(|error| store_failure(&error))?, self.limit)?;
        }
        context.out.flush()?;
        stale.map_or(Ok(()), Err)
    }

    fn filter(&self) -> Outcome<Filter> {
        let (preset, version) = preset(self.preset.as_deref())?;
        Ok(Filter {
            states: self.state.iter().map(|word| phase(word)).collect::<Outcome<_>>()?,
            lane: self.lane.as_ref().map(Lane::to_string),
            preset,
            version,
            reason: self.reason.as_deref().map(reason).transpose()?,
            tags: options::pairs("--tag", &self.tag)?,
            text: self.name.clone().map(Text),
            since: self.since.as_deref().map(|text| events::moment("--since", text)).transpose()?,
            until: self.until.as_deref().map(|text| events::moment("--until", text)).transpose()?,
            silent_at: self.silent.then(Timestamp::now),
        })
    }
}

fn show(context: &mut Context, jobs: Vec<JobState>, limit: usize) -> Outcome {
    let last = jobs.last().filter(|_| jobs.len() == limit).map(JobState::key);
    if context.out.is_json() {
        for mut job in jobs {
            // The history is for `valet status`.
            job.attempts.clear();
            job.ends.clear();
            context.out.value(&job, |_| String::new())?;
        }
        return Ok(());
    }
    let head = ["ID", "STATE", "SUBMITTED", "PRESET", "WHAT"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(jobs.iter().map(text::row)).collect();
    if rows.len() > 1 {
        context.out.line(columns(&rows))?;
    }
    if let Some(job) = last {
        let lane = &job.lane;
        tracing::info!("there may be more: --after {lane}/{}", job.id);
    }
    Ok(())
}

fn show_counts(context: &mut Context, counts: &BTreeMap<Phase, u64>) -> Outcome {
    let by_state: serde_json::Map<_, _> =
        counts.iter().map(|(state, number)| (state.word().to_owned(), json!(number))).collect();
    let all: u64 = counts.values().sum();
    context.out.value(&json!({ "jobs": all, "states": by_state }), |_| {
        let rows = counts.iter().map(|(state, number)| [state.word().to_owned(), number.to_string()]);
        columns(&rows.chain([["all".to_owned(), all.to_string()]]).collect::<Vec<_>>())
    })
}

fn phase(word: &str) -> Outcome<Phase> {
    word.parse().map_err(|_| {
        let words: Vec<_> = Phase::ALL.iter().map(|phase| phase.word()).collect();
        Failure::new(Exit::Usage, format!("--state {word:?} is no state"))
            .advise(format!("states are {}", words.join(", ")))
    })
}

fn reason(code: &str) -> Outcome<Reason> {
    code.parse().map_err(|_| {
        let codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        Failure::new(Exit::Usage, format!("--reason {code:?} is no reason"))
            .advise(format!("reasons are {}", codes.join(", ")))
    })
}

fn preset(text: Option<&str>) -> Outcome<(Option<String>, Option<u32>)> {
    let Some(text) = text else { return Ok((None, None)) };
    let Some((name, version)) = text.split_once('@') else { return Ok((Some(text.to_owned()), None)) };
    let version = version.parse().map_err(|_| {
        Failure::new(Exit::Usage, format!("--preset {text:?} is not NAME[@VERSION]")).advise("for example h264-720p@1")
    })?;
    Ok((Some(name.to_owned()), Some(version)))
}
