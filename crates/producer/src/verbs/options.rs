//! Options that several verbs share: what to submit, and how long to wait.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use valet_protocol::limits::REMINTS_MAX;

use crate::batch::Defaults;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::ids::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::manifest::parameter;

/// What to submit.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct What {
    /// The input: container/blob, or a glob such as 'raw/**/*.mov' (quote it for the shell)
    #[arg(value_name = "INPUT", required_unless_present = "manifest", conflicts_with = "manifest")]
    pub(super) input: Option<String>,
    /// The output: container/blob; may hold {path} {stem} {name} {ext} {preset} {id}
    #[arg(value_name = "OUTPUT", conflicts_with = "template")]
    pub(super) output: Option<String>,
    /// Read jobs from a .csv or .jsonl file, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub(super) manifest: Option<PathBuf>,
    /// Output for lines of the manifest that name none; may hold the same placeholders
    #[arg(long = "output", id = "template", value_name = "TEMPLATE")]
    pub(super) template: Option<String>,
    /// Take INPUT as one blob's name even if it looks like a glob
    #[arg(long)]
    pub(super) exact: bool,
    /// What to do: a preset, newest version unless one is named
    #[arg(short, long, value_name = "NAME[@VERSION]")]
    pub(super) preset: Option<String>,
    /// A parameter of the preset, such as crf=23
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) param: Vec<String>,
    /// The job's turn in the queue: low, normal or high
    #[arg(long, value_name = "LEVEL")]
    pub(super) priority: Option<String>,
    /// A label that travels with the job
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) tag: Vec<String>,
    /// How long the grants live: waiting and work must fit in (default 4h, or the wall limit and 1h)
    #[arg(long, value_name = "DURATION")]
    pub(super) ttl: Option<String>,
    /// How long the work may take (default: the preset's)
    #[arg(long, value_name = "DURATION")]
    pub(super) wall: Option<String>,
    /// A limit of the job, such as memory_bytes=2GiB
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) limit: Vec<String>,
    /// How often a reminter may mint anew when the job's grants died in the queue (default 0)
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=i64::from(REMINTS_MAX)))]
    pub(super) remints: Option<u32>,
    /// Submit the same work under the same key again without doing it twice: it has the same id
    #[arg(long, value_name = "KEY")]
    pub(super) idempotency_key: Option<String>,
    /// With --idempotency-key: enqueue jobs again that are queued, running or done
    #[arg(long, requires = "idempotency_key")]
    pub(super) again: bool,
    /// Enqueue the good lines of a manifest although others are bad
    #[arg(long)]
    pub(super) skip_invalid: bool,
    /// Check everything and print what would be enqueued, grants redacted; enqueue nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl What {
    /// What holds for every job that does not say otherwise.
    pub(super) fn defaults(&self) -> Outcome<Defaults> {
        let values = |(name, text): (String, String)| (name, parameter(&text));
        let params = pairs("--param", &self.param)?.into_iter().map(values);
        let limits = pairs("--limit", &self.limit)?.into_iter().map(values);
        Ok(Defaults {
            output: self.output.clone().or_else(|| self.template.clone()),
            preset: self.preset.clone(),
            params: params.collect(),
            priority: self.priority.clone(),
            tags: pairs("--tag", &self.tag)?.into_iter().collect(),
            ttl: self.ttl.clone(),
            wall: self.wall.clone(),
            limits: limits.collect(),
            // Without the option the setting counts, which is read later.
            remints: self.remints.unwrap_or_default(),
        })
    }

    /// The idempotency key, of a sensible length.
    pub(super) fn key(&self) -> Outcome<Option<String>> {
        match &self.idempotency_key {
            Some(key) if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX => {
                let what = format!("--idempotency-key has {} bytes", key.len());
                let advice = format!(
                    "give 1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes, such as the name of the nightly run"
                );
                Err(Failure::new(Exit::Usage, what).advise(advice))
            }
            key => Ok(key.clone()),
        }
    }
}

/// How long to wait.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Patience {
    /// Stop waiting after this time (exit 75); the jobs go on
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) timeout: Option<Duration>,
}

/// Parses `90s`, `30m`, `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "not a duration: write 90s, 30m or 1h30m".to_owned())
}

pub(super) fn pairs(option: &str, texts: &[String]) -> Outcome<Vec<(String, String)>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Failure::new(Exit::Usage, format!("{option} {text:?} is not NAME=VALUE"))
            .advise(format!("for example {option} name=value"))),
    };
    texts.iter().map(pair).collect()
}
