//! Follows the reports as they come, through everything, and keeps all that a verdict needs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Process;
use crate::stage::Stage;

/// Reports that a failure shows of a job.
const SHOWN: usize = 8;

/// A `valet events` that follows all the time.
pub(super) struct Reader {
    process: Process,
    /// Bytes of its output that have been read.
    read: usize,
    reports: Reports,
}

/// Reports by job, in the order of the log.
#[derive(Debug, Default)]
pub(super) struct Reports(BTreeMap<String, Vec<Value>>);

impl Reader {
    pub(super) fn start(stage: &Stage<'_>) -> Self {
        let process = stage.valet().args(["--json", "events", "--since", "first"]).start();
        Self { process, read: 0, reports: Reports::default() }
    }

    /// All reports so far.
    pub(super) fn look(&mut self) -> Result<&Reports, String> {
        let said = self.process.stdout();
        let new = said.get(self.read..).unwrap_or_default();
        // A line that is not whole yet is for the next look.
        let whole = new.rfind('\n').map_or(0, |end| end + 1);
        new[..whole].lines().try_for_each(|line| self.reports.take(line))?;
        self.read += whole;
        if self.process.is_running() {
            return Ok(&self.reports);
        }
        Err(format!("the reader of reports ended\n{}", self.process.last_lines()))
    }
}

impl Reports {
    /// From lines of JSON.
    pub(super) fn parse(lines: &str) -> Result<Self, String> {
        let mut reports = Self::default();
        lines.lines().try_for_each(|line| reports.take(line))?;
        Ok(reports)
    }

    /// All of one job.
    pub(super) fn of(&self, job: &str) -> &[Value] {
        self.0.get(job).map_or(&[], Vec::as_slice)
    }

    /// All of all jobs.
    pub(super) fn all(&self) -> impl Iterator<Item = &Value> {
        self.0.values().flatten()
    }

    /// Ids of all reports: one that is told twice counts once.
    pub(super) fn ids(&self) -> BTreeSet<&str> {
        self.all().filter_map(|report| report["id"].as_str()).collect()
    }

    /// The kinds of final reports about a job.
    pub(super) fn ends(&self, job: &str) -> BTreeSet<&str> {
        self.of(job).iter().filter(|report| is_final(report)).map(kind).collect()
    }

    /// The last reports of a job in words.
    pub(super) fn told(&self, job: &str) -> String {
        let reports = self.of(job);
        let last = &reports[reports.len().saturating_sub(SHOWN)..];
        let lines = last.iter().map(|report| format!("  {report}\n"));
        format!("job {job}, the last of its {} reports:\n{}", reports.len(), lines.collect::<String>())
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let report: Value = serde_json::from_str(line).map_err(|cause| format!("{cause}: {line}"))?;
        let job = report["subject"].as_str().ok_or_else(|| format!("no job in {line}"))?.to_owned();
        self.0.entry(job).or_default().push(report);
        Ok(())
    }
}

/// `succeeded` of `valet.job.succeeded`.
pub(super) fn kind(report: &Value) -> &str {
    report["type"].as_str().and_then(|kind| kind.rsplit('.').next()).unwrap_or_default()
}

/// Whether nothing follows; a job that expired goes on while it may be minted anew.
fn is_final(report: &Value) -> bool {
    match kind(report) {
        "succeeded" | "failed" | "dead" | "cancelled" => true,
        "expired" => report["data"]["remints_left"].as_u64().unwrap_or(0) == 0,
        _ => false,
    }
}
