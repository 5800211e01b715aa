//! What `valet-worker prove` prints: a table for people, or a line of JSON an attempt.

use serde_json::json;
use valet_jail::Level;
use valet_jail::hostile::Verdict;

use super::Trial;

/// Prints trials and counts them.
pub(super) struct Show {
    level: Level,
    json: bool,
    group: &'static str,
    contained: usize,
    loose: usize,
}

impl Show {
    pub(super) fn begin(level: Level, json: bool) -> Self {
        if !json {
            println!("A hostile program in the jail of this worker, at level {level}.");
        }
        Self { level, json, group: "", contained: 0, loose: 0 }
    }

    pub(super) fn trial(&mut self, trial: &Trial) {
        if trial.is_contained() {
            self.contained += 1;
        } else {
            self.loose += 1;
        }
        if self.json { self.line(trial) } else { self.row(trial) }
    }

    /// Says what it came to; true when everything was contained.
    pub(super) fn end(self) -> bool {
        let Self { level, contained, loose, .. } = self;
        if self.json {
            println!("{}", json!({ "level": level.to_string(), "contained": contained, "loose": loose }));
        } else if loose == 0 {
            println!("\n{contained} attempts, none got out.");
        } else {
            println!(
                "\n{loose} of {} attempts got out or gave no verdict. Do not run this worker.",
                contained + loose
            );
        }
        loose == 0
    }

    fn line(&self, trial: &Trial) {
        let (verdict, detail) = words(&trial.verdict);
        println!(
            "{}",
            json!({
                "name": trial.attempt.name,
                "group": trial.attempt.group,
                "what": trial.attempt.what,
                "verdict": verdict,
                "by": detail,
                "milliseconds": u64::try_from(trial.took.as_millis()).unwrap_or(u64::MAX),
            })
        );
    }

    fn row(&mut self, trial: &Trial) {
        if self.group != trial.attempt.group {
            self.group = trial.attempt.group;
            println!("\n{}", self.group);
        }
        let (verdict, detail) = words(&trial.verdict);
        println!("  {verdict:<9}  {:<62}  {detail}", trial.attempt.what);
    }
}

fn words(verdict: &Verdict) -> (&'static str, &str) {
    match verdict {
        Verdict::Refused { by } => ("refused", by),
        Verdict::Residue { why } => ("harmless", why),
        Verdict::Succeeded { what } => ("SUCCEEDED", what),
        Verdict::Broken { why } => ("UNKNOWN", why),
    }
}
