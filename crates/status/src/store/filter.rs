//! What jobs are asked for by, as the conditions of a query.
//! Must never put a value into SQL: values are bound.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};
use valet_protocol::{JobKey, Reason};

use super::Dialect;
use crate::record::SILENT_SECONDS;
use crate::state::State;

/// A part of a blob's name; letters match in either case.
#[derive(Debug, Clone)]
pub struct Text(pub String);

/// Which jobs are meant; all of the conditions must hold, and an empty filter means every job.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// One of these states; empty: any.
    pub states: Vec<State>,
    /// The lane.
    pub lane: Option<String>,
    /// The preset, of any version.
    pub preset: Option<String>,
    /// The preset's version.
    pub version: Option<u32>,
    /// Why it did not succeed.
    pub reason: Option<Reason>,
    /// Labels with their values; all of them.
    pub tags: Vec<(String, String)>,
    /// A part of the name of input or output.
    pub text: Option<Text>,
    /// Submitted at this time or later.
    pub since: Option<Timestamp>,
    /// Submitted before this time.
    pub until: Option<Timestamp>,
    /// Running, and silent for too long as of this time.
    pub silent_at: Option<Timestamp>,
}

/// From which end jobs with labels are found. Neither database knows how common a label is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The few jobs that have a label, then put in order.
    Ids,
    /// Jobs in order, and whether they have the labels.
    Jobs,
    /// Jobs of one label in order.
    Tags,
}

impl Way {
    /// By what the answer is ordered, so that an index gives the order.
    pub(super) fn order(self) -> &'static str {
        match self {
            Self::Tags => " ORDER BY l.begun_ms DESC, l.id DESC, l.lane DESC LIMIT ",
            _ => " ORDER BY j.begun_ms DESC, j.id DESC, j.lane DESC LIMIT ",
        }
    }
}

/// Which part of the answer, newest first.
#[derive(Debug, Clone)]
pub struct Page {
    /// The most jobs.
    pub limit: usize,
    /// Only jobs behind this one.
    pub after: Option<JobKey>,
}

/// A value for a place in the SQL.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Whole(i64),
}

/// SQL that grows together with its values.
#[derive(Debug, Clone, Default)]
pub(super) struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn bind(&mut self, value: Value) {
        self.values.push(value);
        self.text.push_str(&format!("${}", self.values.len()));
    }

    fn compare(&mut self, what: &str, value: Value) {
        self.push(" AND ");
        self.push(what);
        self.bind(value);
    }

    pub(super) fn query(self) -> Query<'static, Any, AnyArguments> {
        let query = sqlx::query(AssertSqlSafe(self.text));
        self.values.into_iter().fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Whole(number) => query.bind(number),
        })
    }
}

impl Filter {
    /// How to get at the jobs in `state` with all the labels; `common`: each of them is on many jobs.
    pub(super) fn way(&self, state: Option<State>, common: bool) -> Way {
        let is_narrow = state.is_some() || self.reason.is_some() || self.silent_at.is_some();
        match (self.tags.is_empty() || !common, is_narrow) {
            (true, _) => Way::Ids,
            (false, true) => Way::Jobs,
            (false, false) => Way::Tags,
        }
    }

    /// `FROM … WHERE …` for jobs in `state`, or in any.
    pub(super) fn conditions(&self, sql: &mut Sql, state: Option<State>, way: Way, dialect: Dialect) {
        let text = |text: &str| Value::Text(text.to_owned());
        let mut tags = self.tags.iter();
        match tags.next().filter(|_| way == Way::Tags) {
            Some((name, value)) => {
                // CROSS: the order in which SQLite is to go through them.
                sql.push(" FROM valet_tags l CROSS JOIN valet_jobs j WHERE j.id = l.id AND j.lane = l.lane");
                sql.compare("l.name = ", text(name));
                sql.compare("l.value = ", text(value));
            }
            None => {
                sql.push(" FROM valet_jobs j WHERE 1 = 1");
                tags = self.tags.iter();
            }
        }
        for (name, value) in tags {
            let which = match way {
                Way::Ids => "(j.id, j.lane) IN (SELECT t.id, t.lane FROM valet_tags t WHERE t.name = ",
                _ => "EXISTS (SELECT 1 FROM valet_tags t WHERE t.id = j.id AND t.lane = j.lane AND t.name = ",
            };
            sql.compare(which, text(name));
            sql.compare("t.value = ", text(value));
            sql.push(")");
        }
        if let Some(state) = state {
            sql.compare("j.state = ", text(state.word()));
        }
        if let Some(now) = self.silent_at {
            let before = now.as_millisecond() - SILENT_SECONDS * 1000;
            sql.compare("j.state = ", text(State::Running.word()));
            sql.compare("j.heard_ms < ", Value::Whole(before));
        }
        let equal = [
            ("j.lane = ", self.lane.as_deref()),
            ("j.preset = ", self.preset.as_deref()),
            ("j.reason = ", self.reason.map(Reason::code)),
        ];
        for (what, value) in equal.iter().filter_map(|(what, value)| Some((what, (*value)?))) {
            sql.compare(what, text(value));
        }
        if let Some(version) = self.version {
            sql.compare("j.version = ", Value::Whole(version.into()));
        }
        if let Some(since) = self.since {
            sql.compare("j.begun_ms >= ", Value::Whole(since.as_millisecond()));
        }
        if let Some(until) = self.until {
            sql.compare("j.begun_ms < ", Value::Whole(until.as_millisecond()));
        }
        if let Some(part) = &self.text {
            let find = if dialect == Dialect::Sqlite { "instr" } else { "strpos" };
            sql.compare(&format!("{find}(j.names, "), text(&part.0.to_lowercase()));
            sql.push(") > 0");
        }
    }

    /// Each state by itself is quick to find in order; several at once would have to be sorted whole.
    pub(super) fn each_state(&self) -> Vec<Option<State>> {
        let states: BTreeSet<State> = self.states.iter().copied().collect();
        if states.is_empty() { vec![None] } else { states.into_iter().map(Some).collect() }
    }
}

impl Page {
    /// The first so many.
    pub fn first(limit: usize) -> Self {
        Self { limit, after: None }
    }
}
