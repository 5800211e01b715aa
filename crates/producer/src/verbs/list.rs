//! `valet list`: the jobs of late, from the log of reports. The store of all jobs is another part's.

use std::collections::BTreeMap;

use clap::Args;
use valet_broker::{EventLog, LogItem};
use valet_protocol::JobId;

use super::{ending, events, text};
use crate::config::Needs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::follow::{JobState, Phase};

/// The most jobs that are kept while the log is read; ids sort by time, and the oldest go first.
const JOBS_MAX: usize = 100_000;

/// List jobs that workers reported on lately
///
/// Reads the log of reports, so it sees jobs from their first report on; for jobs that still wait in the
/// queue use the id with `valet status`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How far back to look: 1h, a time, or `first`
    #[arg(long, value_name = "WHEN", default_value = "1h")]
    since: String,
    /// Only jobs in this state: running, retrying, succeeded, failed, expired, dead, cancelled
    #[arg(long, value_name = "STATE")]
    state: Vec<String>,
    /// The most jobs to print, newest last
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    limit: usize,
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let wanted = self.state.iter().map(|word| phase(word)).collect::<Outcome<Vec<_>>>()?;
        let (start, since) = events::begin(Some(&self.since))?;
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        let session = config.session().await?;
        let mut log = EventLog::replay(&session, start);
        let mut jobs: BTreeMap<JobId, JobState> = BTreeMap::new();
        loop {
            match log.next().await.map_err(|error| ending::log_failure(&error))? {
                LogItem::Report { report, .. } if since.is_none_or(|since| report.time >= since) => {
                    jobs.entry(report.job).or_insert_with(|| JobState::unseen(report.job)).apply(&report);
                    if jobs.len() > JOBS_MAX {
                        jobs.pop_first();
                    }
                }
                LogItem::CaughtUp => break,
                _ => {}
            }
        }
        session.close().await;
        let matching: Vec<_> =
            jobs.values().filter(|job| wanted.is_empty() || wanted.contains(&job.state)).collect();
        for state in &matching[matching.len().saturating_sub(self.limit)..] {
            context.out.value(state, |state| text::state(state))?;
        }
        context.out.flush()
    }
}

fn phase(word: &str) -> Outcome<Phase> {
    Phase::ALL.into_iter().find(|phase| phase.word() == word).ok_or_else(|| {
        let words: Vec<_> = Phase::ALL.iter().map(|phase| phase.word()).collect();
        Failure::new(Exit::Usage, format!("--state {word:?} is no state"))
            .advise(format!("states are {}", words.join(", ")))
    })
}
