//! Logs: to stderr, as text or JSON lines, of this project's crates alone.
//!
//! Other crates are silent on purpose: an HTTP or AMQP library logs URLs and bodies, and those hold grants. What
//! goes wrong there comes back as an error, and is logged once, by us, redacted.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

/// Target of the spans of jobs, which logs show as traces do: which job a line is about.
pub const JOB_TARGET: &str = "valet_trace::job";

/// A layer that collects spans.
pub type Traces = Box<dyn Layer<Registry> + Send + Sync>;

/// Crates whose events are written: the daemons, and the ones of this project below them.
const OWN_CRATES: [&str; 10] = [
    "valet_worker",
    "valet_dispatch",
    "valet_admission",
    "valet_daemon",
    "valet_broker",
    "valet_blob",
    "valet_preset",
    "valet_protocol",
    "valet_grant",
    "valet_telemetry",
];

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy)]
pub struct LogConfig {
    /// Least severe level that is written.
    pub level: LevelFilter,
    /// How lines look.
    pub format: LogFormat,
}

/// Starts logging for the whole process, and collecting traces if they are wanted; once.
///
/// # Errors
/// When a subscriber is there already.
pub fn start(config: LogConfig, traces: Option<Traces>) -> Result<(), TryInitError> {
    let own = Targets::new().with_targets(OWN_CRATES.map(|target| (target, config.level)));
    let own = own.with_target(JOB_TARGET, config.level);
    let lines = match config.format {
        LogFormat::Text => {
            fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).boxed()
        }
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
    };
    tracing_subscriber::registry().with(traces).with(lines.with_filter(own)).try_init()
}

/// An error and its causes on one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_told_from_the_outside_in() {
        let cause = std::io::Error::other("no such device");
        let address = "127.0.0.1:9464".parse().unwrap();
        let error = crate::health::ListenError { address, cause };
        assert_eq!(chain(&error), "cannot listen at 127.0.0.1:9464: no such device");
    }

    #[test]
    fn libraries_that_print_grants_stay_silent() {
        let own = Targets::new().with_targets(OWN_CRATES.map(|target| (target, LevelFilter::TRACE)));
        for target in ["lapin", "reqwest", "hyper_util::client", "rustls", "h2"] {
            assert!(!own.would_enable(target, &tracing::Level::ERROR), "{target}");
        }
        assert!(own.would_enable("valet_worker::job", &tracing::Level::INFO));
    }
}
