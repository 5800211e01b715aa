//! Progress on standard error, on a terminal only: a bar for each job in hand and one line for the batch.
//! Must never write to standard output.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use valet_protocol::{JobId, JobKey};

use crate::follow::JobState;

/// Bars of single jobs shown at once; more of them only push the rest off the screen.
const BARS_MAX: usize = 16;

/// How often a spinner moves.
const TICK: Duration = Duration::from_millis(120);

/// Progress of one run.
pub(crate) struct Progress {
    shown: Option<Shown>,
}

struct Shown {
    all: MultiProgress,
    batch: ProgressBar,
    jobs: HashMap<JobKey, ProgressBar>,
}

impl Progress {
    /// Shows progress if standard error is a terminal and nobody objects.
    pub(crate) fn new(wanted: bool) -> Self {
        if !wanted || !std::io::stderr().is_terminal() {
            return Self { shown: None };
        }
        let all = MultiProgress::new();
        let batch = all.add(ProgressBar::new_spinner());
        batch.enable_steady_tick(TICK);
        Self { shown: Some(Shown { all, batch, jobs: HashMap::new() }) }
    }

    /// What the batch is doing, and of how many jobs.
    pub(crate) fn phase(&self, doing: &'static str, jobs: u64) {
        let Some(shown) = &self.shown else { return };
        shown.batch.set_length(jobs);
        shown.batch.set_position(0);
        // A handful of jobs has no rate worth the name.
        let rate = if jobs > BARS_MAX as u64 { " {per_sec} eta {eta}" } else { "" };
        shown.batch.set_style(style(&format!("{{spinner}} {{msg}} {{pos}}/{{len}} [{{wide_bar}}]{rate}")));
        shown.batch.set_message(doing);
    }

    /// The batch has come so far.
    pub(crate) fn at(&self, jobs: u64) {
        if let Some(shown) = &self.shown {
            shown.batch.set_position(jobs);
        }
    }

    /// A job went on.
    pub(crate) fn moved(&mut self, state: &JobState) {
        let Some(shown) = &mut self.shown else { return };
        if !shown.jobs.contains_key(&state.key()) {
            if shown.jobs.len() == BARS_MAX {
                return;
            }
            let bar = shown.all.insert_before(&shown.batch, ProgressBar::new(100));
            bar.set_style(style("  {msg:42!} [{wide_bar}] {percent:>3}%"));
            shown.jobs.insert(state.key(), bar);
        }
        let Some(bar) = shown.jobs.get(&state.key()) else { return };
        let speed = state.speed.map(|speed| format!(" {speed:.1}x")).unwrap_or_default();
        let doing = state.doing.as_deref().unwrap_or(state.state.word());
        let preset = state.preset.as_deref().map(|preset| format!("{preset} ")).unwrap_or_default();
        bar.set_message(format!("{} {preset}{doing}{speed}", short(&state.id)));
        bar.set_position(state.percent.unwrap_or(0.0).clamp(0.0, 100.0) as u64);
    }

    /// A job came to its end.
    pub(crate) fn ended(&mut self, state: &JobState) {
        let Some(shown) = &mut self.shown else { return };
        if let Some(bar) = shown.jobs.remove(&state.key()) {
            bar.finish_and_clear();
        }
    }

    /// Writes elsewhere while the bars are out of the way.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.shown {
            Some(shown) => shown.all.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(shown) = &self.shown {
            shown.batch.finish_and_clear();
            // Clearing can only fail when the terminal is gone, and then there is nothing to clear.
            let _ = shown.all.clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates in this file are valid")
        .progress_chars("=> ")
}

/// The end of an id: ids of one batch begin alike.
fn short(id: &JobId) -> String {
    let text = id.to_string();
    text.get(24..).unwrap_or_default().to_owned()
}
