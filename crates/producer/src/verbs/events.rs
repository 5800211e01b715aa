//! `valet events`: the reports of all jobs, live.

use clap::Args;
use jiff::Timestamp;
use valet_broker::{EventLog, LogItem, Start};
use valet_protocol::{Lane, Report, ReportData, ReportKind};

use super::{ending, ids, options};
use crate::config::Needs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::output::{human_bytes, safe};

/// Show reports of jobs as they come
///
/// With --since, past ones first. With --json each line is a CloudEvent.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only reports of this job; may be given several times
    #[arg(long, value_name = "ID")]
    job: Vec<String>,
    /// Only reports of this kind, such as failed; may be given several times
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only reports of this lane
    #[arg(long, value_name = "LANE", value_parser = ids::lane)]
    lane: Option<Lane>,
    /// Begin this far back: 1h, or a time such as 2024-05-01T12:00:00Z, or `first`
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Stop when the past has been shown, instead of waiting for more
    #[arg(long, requires = "since")]
    no_follow: bool,
}

/// Which reports are shown.
struct Filter {
    jobs: Vec<ids::Name>,
    kinds: Vec<ReportKind>,
    lane: Option<Lane>,
    since: Option<Timestamp>,
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let (start, since) = begin(self.since.as_deref())?;
        let filter = Filter::of(&self, since)?;
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        let session = config.session().await?;
        let mut log = EventLog::replay(&session, start);
        loop {
            let item = log.next().await.map_err(|error| ending::log_failure(&error))?;
            match item {
                LogItem::Report { report, .. } if filter.takes(&report) => {
                    context.out.value(&*report, line)?;
                    context.out.flush()?;
                }
                LogItem::Malformed { offset, problem } => tracing::warn!(offset, problem, "no report"),
                LogItem::CaughtUp if self.no_follow => break,
                _ => {}
            }
        }
        session.close().await;
        context.out.flush()
    }
}

/// Where to begin in the log, and from which time on reports are shown.
pub(super) fn begin(since: Option<&str>) -> Outcome<(Start, Option<Timestamp>)> {
    let Some(text) = since else { return Ok((Start::Next, None)) };
    if text == "first" {
        return Ok((Start::First, None));
    }
    let time = moment("--since", text)?;
    Ok((ids::since(time), Some(time)))
}

/// A time, or so long ago.
pub(super) fn moment(option: &str, text: &str) -> Outcome<Timestamp> {
    let time = match (text.parse::<Timestamp>(), options::duration(text)) {
        (Ok(time), _) => Some(time),
        (Err(_), Ok(back)) => Timestamp::now().checked_sub(back).ok(),
        (Err(_), Err(_)) => None,
    };
    time.ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{option} {text:?} is neither a duration nor a time"))
            .advise("for example 30m, 2024-05-01T12:00:00Z or, for --since of `valet events`, first")
    })
}

impl Filter {
    fn of(options: &Options, since: Option<Timestamp>) -> Outcome<Self> {
        let jobs = options.job.iter().map(|text| ids::parse(text)).collect::<Outcome<_>>()?;
        let kinds = options.kind.iter().map(|word| kind(word)).collect::<Outcome<_>>()?;
        let lane = options.lane.clone();
        Ok(Self { jobs, kinds, lane, since })
    }

    fn takes(&self, report: &Report) -> bool {
        (self.jobs.is_empty() || self.jobs.iter().any(|job| job.is_of(&report.key())))
            && (self.kinds.is_empty() || self.kinds.contains(&report.kind()))
            && self.lane.as_ref().is_none_or(|lane| *lane == report.lane)
            && self.since.is_none_or(|since| report.time >= since)
    }
}

fn kind(word: &str) -> Outcome<ReportKind> {
    let found = ReportKind::ALL.iter().copied().find(|kind| kind.word() == word);
    found.ok_or_else(|| {
        let words: Vec<_> = ReportKind::ALL.iter().map(|kind| kind.word()).collect();
        Failure::new(Exit::Usage, format!("--kind {word:?} is no kind of report"))
            .advise(format!("kinds are {}", words.join(", ")))
    })
}

/// One report as a line for people.
fn line(report: &Report) -> String {
    let what = match &report.data {
        ReportData::Submitted(job) => {
            let (name, version, wall) = (&job.preset, job.version, job.wall_seconds);
            format!("{name}@{version}, {} to {}, at most {wall} s", job.input, job.output)
        }
        ReportData::Reminted(again) => format!("of use until {}", again.not_after),
        ReportData::Accepted(_) => String::new(),
        ReportData::Started(started) => {
            let jail = started.jail.as_ref().map(|jail| format!(", jail {jail}")).unwrap_or_default();
            format!("{}@{}, input {}{jail}", started.preset, started.version, human_bytes(started.input_bytes))
        }
        ReportData::Progress(progress) => {
            let percent = progress.percent.map(|percent| format!(" {percent:.0}%")).unwrap_or_default();
            let speed = progress.speed.map(|speed| format!(" at {speed:.1}x")).unwrap_or_default();
            format!("{}{percent}{speed}", progress.phase)
        }
        ReportData::Succeeded(success) => {
            let seconds = success.timings.total_ms as f64 / 1000.0;
            let bytes = success.output_bytes.map_or_else(|| "found in place".to_owned(), human_bytes);
            format!("{}, {bytes} in {seconds:.1} s", success.output)
        }
        ReportData::Failed(failed) => format!("{}: {}", failed.reason, failed.detail),
        ReportData::Retrying(again) => {
            let next = format!("attempt {} in {} s", again.next_attempt, again.delay_seconds);
            format!("{}: {}; {next}", again.reason, again.detail)
        }
        ReportData::Expired(expired) => format!("{}: {}", expired.reason, expired.detail),
        ReportData::Dead(dead) => format!("{}: {}", dead.reason, dead.detail),
        ReportData::Cancelled(cancelled) => cancelled.detail.to_string(),
    };
    let (time, kind) = (report.time, report.kind().word());
    format!("{time:.3}  {}  {kind:<9}  {} #{}  {}", report.job, safe(report.worker.as_str()), report.attempt, safe(&what))
        .trim_end()
        .to_owned()
}
