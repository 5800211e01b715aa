//! What an operator says of a lane on the command line, and what of it is new.
//! Must never change what was not said.

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde::Serialize;
use valet_broker::topology::LaneNumbers;
use valet_protocol::{LaneRecord, Priority};

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// Takes a list away again.
const ANY: &str = "any";

/// What a lane is allowed. What is not said stays as it is; 0 takes a ceiling away.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::verbs) struct Terms {
    /// Its share among the lanes that have work, 1 to 100 (new lanes: 1)
    #[arg(long, value_name = "NUMBER")]
    weight: Option<u32>,
    /// Most jobs that run at the same time; 0: no ceiling
    #[arg(long, value_name = "COUNT")]
    running_max: Option<u32>,
    /// Most jobs that are begun in a minute; 0: no ceiling
    #[arg(long, value_name = "COUNT")]
    starts_per_minute: Option<u32>,
    /// Most messages that wait in each of its queues before more are refused (new lanes: 100000)
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    backlog: Option<u64>,
    /// The same in bytes (new lanes: 512 MiB)
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    backlog_bytes: Option<u64>,
    /// Highest priority of its jobs (new partners: normal)
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(["normal", "high"]))]
    priority_max: Option<String>,
    /// A preset that it may use, again for each; any: all
    #[arg(long, value_name = "NAME")]
    preset: Vec<String>,
    /// Longest that a job may take, in seconds; 0: no ceiling
    #[arg(long, value_name = "SECONDS")]
    wall_seconds_max: Option<u32>,
    /// Largest input, in bytes; 0: no ceiling
    #[arg(long, value_name = "BYTES")]
    input_bytes_max: Option<u64>,
    /// Largest output, in bytes; 0: no ceiling
    #[arg(long, value_name = "BYTES")]
    output_bytes_max: Option<u64>,
    /// Longest life of a grant, in seconds; 0: the program's own ceiling
    #[arg(long, value_name = "SECONDS")]
    lifetime_seconds_max: Option<u32>,
    /// A storage host of its grants, such as acme.blob.core.windows.net or *.acme.example, again for each;
    /// any: those of the programs
    #[arg(long, value_name = "PATTERN")]
    host: Vec<String>,
    /// Take sealed grants alone; =false takes open ones again
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    sealed_only: Option<bool>,
}

/// What a login may open.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::verbs) struct Doors {
    /// Most connections of its login (new logins: 4)
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    connections: Option<u32>,
    /// Most channels of its login, over all connections (new logins: 16)
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    channels: Option<u32>,
}

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::verbs) struct Change {
    field: &'static str,
    from: String,
    to: String,
}

impl Change {
    /// `weight: 1, now 4`
    pub(in crate::verbs) fn text(&self) -> String {
        format!("{}: {}, now {}", self.field, self.from, self.to)
    }
}

impl Terms {
    /// The record with what was said.
    pub(in crate::verbs) fn apply(&self, record: &LaneRecord) -> Outcome<LaneRecord> {
        let mut new = record.clone();
        set(&mut new.weight, self.weight);
        ceiling(&mut new.running_max, self.running_max);
        ceiling(&mut new.starts_per_minute_max, self.starts_per_minute);
        ceiling(&mut new.lifetime_seconds_max, self.lifetime_seconds_max);
        ceiling(&mut new.limits.wall_seconds, self.wall_seconds_max);
        ceiling(&mut new.limits.input_bytes, self.input_bytes_max);
        ceiling(&mut new.limits.output_bytes, self.output_bytes_max);
        set(&mut new.sealed_only, self.sealed_only);
        match self.priority_max.as_deref() {
            Some("high") => new.priority_max = Priority::High,
            Some(_) => new.priority_max = Priority::Normal,
            None => {}
        }
        list(&mut new.presets, &self.preset);
        list(&mut new.hosts, &self.host);
        known_presets(&self.preset)?;
        sound_hosts(&self.host)?;
        super::desk::sound(&new)?;
        Ok(new)
    }

    /// The numbers with what was said.
    pub(in crate::verbs) fn numbers(&self, doors: &Doors, old: &LaneNumbers) -> LaneNumbers {
        LaneNumbers {
            length_max: self.backlog.unwrap_or(old.length_max),
            bytes_max: self.backlog_bytes.unwrap_or(old.bytes_max),
            connections_max: doors.connections.unwrap_or(old.connections_max),
            channels_max: doors.channels.unwrap_or(old.channels_max),
            ..old.clone()
        }
    }
}

/// What differs, in the order of the options.
pub(in crate::verbs) fn changes(
    (old, old_numbers): (&LaneRecord, &LaneNumbers),
    (new, new_numbers): (&LaneRecord, &LaneNumbers),
) -> Vec<Change> {
    let told = rows(old, old_numbers).into_iter().zip(rows(new, new_numbers));
    let differs = told.filter(|((_, from), (_, to))| from != to);
    differs.map(|((field, from), (_, to))| Change { field, from, to }).collect()
}

/// Everything that may be said of a lane, as people read it.
pub(in crate::verbs) fn rows(record: &LaneRecord, numbers: &LaneNumbers) -> Vec<(&'static str, String)> {
    let limits = &record.limits;
    vec![
        ("weight", record.weight.to_string()),
        ("running at most", or(record.running_max, "no ceiling")),
        ("begun a minute at most", or(record.starts_per_minute_max, "no ceiling")),
        ("backlog", numbers.length_max.to_string()),
        ("backlog in bytes", numbers.bytes_max.to_string()),
        ("highest priority", priority_word(record.priority_max).to_owned()),
        ("presets", all(&record.presets, "all")),
        ("wall limit in seconds", or(limits.wall_seconds, "no ceiling")),
        ("input in bytes", or(limits.input_bytes, "no ceiling")),
        ("output in bytes", or(limits.output_bytes, "no ceiling")),
        ("life of a grant in seconds", or(record.lifetime_seconds_max, "the programs' own")),
        ("storage hosts", all(&record.hosts, "the programs' own")),
        ("sealed grants only", if record.sealed_only { "yes" } else { "no" }.to_owned()),
        ("connections", numbers.connections_max.to_string()),
        ("channels", numbers.channels_max.to_string()),
    ]
}

/// `high`, `normal` or `low`.
pub(in crate::verbs) fn priority_word(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "high",
        Priority::Normal => "normal",
        Priority::Low => "low",
    }
}

fn set<T: Copy>(field: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *field = said;
    }
}

/// Zero is no ceiling.
fn ceiling<T: Copy + Default + PartialEq>(field: &mut Option<T>, said: Option<T>) {
    if let Some(said) = said {
        *field = Some(said).filter(|said| *said != T::default());
    }
}

fn list(field: &mut Vec<String>, said: &[String]) {
    if !said.is_empty() {
        *field = said.iter().filter(|entry| *entry != ANY).cloned().collect();
    }
}

fn known_presets(said: &[String]) -> Outcome {
    let unknown = said.iter().find(|name| *name != ANY && valet_preset::find(name).is_err());
    unknown.map_or(Ok(()), |name| {
        Err(Failure::new(Exit::Data, format!("there is no preset {name:?}")).advise("`valet preset ls` lists all"))
    })
}

/// A host's name in lower case, or everything below one.
fn sound_hosts(said: &[String]) -> Outcome {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let is_host = |pattern: &str| {
        let name = pattern.strip_prefix("*.").unwrap_or(pattern);
        name.split('.').all(is_label)
    };
    let wrong = said.iter().find(|pattern| *pattern != ANY && !is_host(pattern));
    wrong.map_or(Ok(()), |pattern| {
        Err(Failure::new(Exit::Data, format!("{pattern:?} is no pattern of hosts"))
            .advise("a host's name in lower case, such as acme.blob.core.windows.net, or *.acme.example"))
    })
}

fn or(number: Option<impl ToString>, none: &str) -> String {
    number.map_or_else(|| none.to_owned(), |number| number.to_string())
}

fn all(entries: &[String], none: &str) -> String {
    if entries.is_empty() { none.to_owned() } else { entries.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> LaneRecord {
        LaneRecord::partner("acme".parse().unwrap(), "acme".to_owned())
    }

    #[test]
    fn what_was_not_said_stays_as_it_is() {
        let record = LaneRecord { weight: 7, running_max: Some(3), hosts: vec!["a.example".into()], ..acme() };
        assert_eq!(Terms::default().apply(&record).unwrap(), record);
        let numbers = LaneNumbers { length_max: 5, ..LaneNumbers::default() };
        assert_eq!(Terms::default().numbers(&Doors::default(), &numbers), numbers);
    }

    #[test]
    fn zero_and_any_take_a_ceiling_away() {
        let record = LaneRecord { running_max: Some(3), presets: vec!["copy".into()], ..acme() };
        let terms = Terms { running_max: Some(0), preset: vec![ANY.into()], ..Terms::default() };
        assert_eq!(terms.apply(&record).unwrap(), acme());
    }

    #[test]
    fn changes_name_the_old_and_the_new() {
        let terms = Terms { weight: Some(4), backlog: Some(9), ..Terms::default() };
        let (old, numbers) = (acme(), LaneNumbers::default());
        let new = terms.apply(&old).unwrap();
        let told = changes((&old, &numbers), (&new, &terms.numbers(&Doors::default(), &numbers)));
        let texts: Vec<_> = told.iter().map(Change::text).collect();
        assert_eq!(texts, ["weight: 1, now 4", "backlog: 100000, now 9"]);
    }

    #[test]
    fn what_no_lane_may_be_allowed_is_refused_before_anything_changes() {
        let with = |change: fn(&mut Terms)| {
            let mut terms = Terms::default();
            change(&mut terms);
            terms.apply(&acme()).unwrap_err().line()
        };
        assert!(with(|terms| terms.weight = Some(101)).contains("weight"));
        assert!(with(|terms| terms.preset = vec!["nonsense".into()]).contains("nonsense"));
        for host in ["https://a.example", "A.example", "*", "*.", "a b", "a.example/x", "a.example:443"] {
            let terms = Terms { host: vec![host.into()], ..Terms::default() };
            assert!(terms.apply(&acme()).unwrap_err().line().contains("no pattern"), "{host}");
        }
    }
}
