//! The result of a bench: a small table for people, the same as JSON for later. Never computes.

use std::fs;

use serde_json::{Map, Value, json};
use valet_testkit::workspace;

/// Rows of one bench, in the order measured.
pub(super) struct Table {
    bench: &'static str,
    rows: Vec<(String, f64, &'static str)>,
}

impl Table {
    pub(super) fn new(bench: &'static str) -> Self {
        Self { bench, rows: Vec::new() }
    }

    /// Adds a row and prints it at once: a bench takes minutes.
    pub(super) fn row(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        let name = name.into();
        let digits = if value < 10.0 { 2 } else { 0 };
        println!("{name:52} {value:>10.digits$} {unit}");
        self.rows.push((name, value, unit));
    }

    /// Writes `target/bench/NAME.json`.
    pub(super) fn save(self) -> Result<(), String> {
        let rows =
            self.rows.into_iter().map(|(name, value, unit)| json!({name: {"value": value, "unit": unit}}));
        let rows: Map<String, Value> = rows.filter_map(|row| row.as_object().cloned()).flatten().collect();
        let folder = workspace::root().join("target/bench");
        let path = folder.join(format!("{}.json", self.bench));
        let text = format!("{:#}\n", json!({"bench": self.bench, "rows": rows}));
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&path, text))
            .map_err(|cause| format!("cannot write {}: {cause}", path.display()))?;
        println!("-> target/bench/{}.json\n", self.bench);
        Ok(())
    }
}
