//! `valet doctor`: one line for each thing that has to work, with what to do if it does not.
//! Must change nothing: it logs in, looks, and asks storage for a blob that is not there.

use clap::Args;
use serde::Serialize;

use crate::config::{Config, Needs};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::output::safe;

mod broker;
mod jobs;
mod status;
mod storage;
mod tools;

/// Check broker, waiting letters, storage, clock, permissions and ffmpeg
///
/// One line each: ok, warn or fail, and what to do. Exit code 1 if anything fails. Changes nothing.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Also read this blob's properties with a minted grant: container/blob
    #[arg(long, value_name = "BLOB")]
    blob: Option<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// One line.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The lines so far, printed as they come: a check may take seconds.
struct Report<'a> {
    context: &'a mut Context,
    failed: u64,
}

impl Report<'_> {
    fn ok(&mut self, check: &'static str, message: impl Into<String>) -> Outcome {
        self.tell(Finding { check, level: Level::Ok, message: message.into(), next: None })
    }

    fn warn(&mut self, check: &'static str, message: impl Into<String>, next: impl Into<String>) -> Outcome {
        self.tell(Finding { check, level: Level::Warn, message: message.into(), next: Some(next.into()) })
    }

    fn fail(&mut self, check: &'static str, message: impl Into<String>, next: impl Into<String>) -> Outcome {
        self.failed += 1;
        self.tell(Finding { check, level: Level::Fail, message: message.into(), next: Some(next.into()) })
    }

    fn tell(&mut self, finding: Finding) -> Outcome {
        self.context.out.value(&finding, Finding::text)?;
        self.context.out.flush()
    }
}

impl Finding {
    fn text(&self) -> String {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        let next = self.next.as_deref().map(|next| format!("\n      next: {}", safe(next))).unwrap_or_default();
        format!("{level:<4}  {}: {}{next}", self.check, safe(&self.message))
    }
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let config = context.config(Needs::default())?;
        let mut report = Report { context: &mut context, failed: 0 };
        check(&mut report, &config, self.blob.as_deref()).await?;
        match report.failed {
            0 => Ok(()),
            _ => Err(Failure::silent(Exit::JobFailed)),
        }
    }
}

async fn check(report: &mut Report<'_>, config: &Config, blob: Option<&str>) -> Outcome {
    match config.broker_url.is_some() && config.login.is_some() {
        true => broker::check(report, config).await?,
        false => report.fail(
            "broker",
            "is not configured",
            "set broker.url, broker.username and broker.password; `valet topology declare` writes them",
        )?,
    }
    match &config.storage {
        Some(_) => storage::check(report, config, blob).await?,
        None => report.fail("storage", "is not configured", "set storage.account and storage.account_key_file")?,
    }
    tools::check(report)
}

/// An error with all its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
