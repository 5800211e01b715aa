//! `valet partner validate`: what Valet would say about a message, rule by rule, before it is sent. Reaches neither
//! broker nor storage, and never prints a grant.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use valet_admission::{Finding, Policy, Rule, Verdict, judge};
use valet_protocol::{JobMessage, Lane, LaneRecord, Priority};
use zeroize::Zeroizing;

use crate::config::Needs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::output::{columns, safe};

/// The most that is read of a message: enough to say how much too large it is.
const READ_BYTES_MAX: u64 = 1 << 20;

/// Say what Valet would say about a job message, rule by rule
///
/// Nothing is sent, and storage is not asked: whether a signature is right and the input is there shows only in
/// work. Without --lane-record the message is judged by the ceilings that every partner's lane has. Exit code 65
/// if it would be refused.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The message as it would be published, or - to read it from standard input
    #[arg(value_name = "MESSAGE.json")]
    message: PathBuf,
    /// The lane's record as JSON, with its own ceilings
    #[arg(long, value_name = "FILE")]
    lane_record: Option<PathBuf>,
    /// The login that would publish it; without it, that of the lane
    #[arg(long, value_name = "NAME")]
    login: Option<String>,
    /// The priority of the exchange that it would be published to; without it, the message's own
    #[arg(long, value_enum)]
    priority: Option<Exchange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Exchange {
    Low,
    Normal,
    High,
}

/// What was judged, for `--json`.
#[derive(Serialize)]
struct Told<'a> {
    accepted: bool,
    lane: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The code that the report would carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The longest that an attempt could take.
    #[serde(skip_serializing_if = "Option::is_none")]
    wall_seconds: Option<u32>,
    rules: Vec<Judged<'a>>,
}

/// One rule, and what breaks it.
#[derive(Serialize)]
struct Judged<'a> {
    rule: Rule,
    /// What a rule of messages asks for, and what one of the audit is against.
    about: &'static str,
    answer: Answer,
    findings: Vec<&'a Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Kept,
    Noted,
    Refused,
    /// Nobody can say yet: the message is none, or its grants are sealed.
    NotJudged,
}

impl Options {
    pub(super) fn run(self, mut context: Context) -> Outcome {
        let policy = Policy { grants: context.config(Needs::default())?.grant_policy(), ..Policy::default() };
        let body = read(&self.message)?;
        let message = JobMessage::decode(&body).ok();
        let lane = self.lane(message.as_ref())?;
        let login = self.login.as_deref().or(lane.publishers.first().map(String::as_str));
        let priority = self.priority.map(Priority::from).or(message.as_ref().map(|message| message.priority));
        let priority = priority.unwrap_or(Priority::Normal);
        let verdict = judge(&body, login, &lane, priority, &policy, Timestamp::now());
        context.out.value(&Told::of(&verdict, &lane), text)?;
        context.out.flush()?;
        if verdict.is_refused() { Err(Failure::silent(Exit::Data)) } else { Ok(()) }
    }

    /// The record given, or that of a partner whose lane the message names.
    fn lane(&self, message: Option<&JobMessage>) -> Outcome<LaneRecord> {
        let Some(path) = &self.lane_record else {
            let lane = message.map_or_else(Lane::default, |message| message.lane.clone());
            let login = lane.to_string();
            return Ok(LaneRecord::partner(lane, login));
        };
        let advice = "give the record as the operator sent it";
        LaneRecord::decode(&read(path)?)
            .map_err(|error| Failure::from_error(Exit::Data, &error).advise(advice))
    }
}

impl From<Exchange> for Priority {
    fn from(exchange: Exchange) -> Self {
        match exchange {
            Exchange::Low => Self::Low,
            Exchange::Normal => Self::Normal,
            Exchange::High => Self::High,
        }
    }
}

/// The bytes of a file, or of standard input for `-`. They hold grants.
fn read(path: &Path) -> Outcome<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut take = |source: &mut dyn Read| source.take(READ_BYTES_MAX).read_to_end(&mut bytes);
    let taken = match path.to_str() {
        Some("-") => take(&mut io::stdin()),
        _ => File::open(path).and_then(|mut file| take(&mut file)),
    };
    let what = |error: io::Error| {
        let failure = Failure::new(Exit::Data, format!("cannot read {}", safe(&path.display().to_string())));
        failure.because(error).advise("name a file, or - and pipe the message in")
    };
    taken.map(|_| bytes).map_err(what)
}

impl<'a> Told<'a> {
    fn of(verdict: &'a Verdict, lane: &'a LaneRecord) -> Self {
        let of_grants = valet_grant::Rule::all().map(Rule::Grant);
        let rules = Rule::OF_MESSAGES.iter().copied().chain(of_grants);
        Self {
            accepted: !verdict.is_refused(),
            lane: lane.lane.as_str(),
            id: verdict.id.map(|id| id.to_string()),
            reason: verdict.refusal.map(valet_protocol::Reason::code),
            wall_seconds: verdict.message.as_ref().map(|_| verdict.wall_seconds),
            rules: rules.map(|rule| Judged::of(rule, verdict)).collect(),
        }
    }
}

impl<'a> Judged<'a> {
    fn of(rule: Rule, verdict: &'a Verdict) -> Self {
        let findings: Vec<_> = verdict.findings.iter().filter(|finding| finding.rule == rule).collect();
        let answer = match findings.as_slice() {
            [] if !is_judged(rule, verdict) => Answer::NotJudged,
            [] => Answer::Kept,
            found if found.iter().any(|finding| finding.refuses) => Answer::Refused,
            _ => Answer::Noted,
        };
        Self { rule, about: rule.meaning(), answer, findings }
    }
}

/// Of bytes that are no message only these are known, and of sealed grants none of the audit's.
fn is_judged(rule: Rule, verdict: &Verdict) -> bool {
    match (&verdict.message, rule) {
        (_, Rule::Size | Rule::Schema | Rule::Publisher) => true,
        (None, _) => false,
        (Some(message), Rule::Grant(_)) => message.grants.sealed().is_none(),
        (Some(_), _) => true,
    }
}

fn text(told: &Told<'_>) -> String {
    let mut rows = Vec::new();
    for judged in &told.rules {
        let word = judged.rule.word().to_owned();
        let answer = match judged.answer {
            Answer::Kept => "kept",
            Answer::Noted => "noted",
            Answer::Refused => "refused",
            Answer::NotJudged => "not judged",
        };
        if judged.findings.is_empty() {
            let about = match judged.rule {
                Rule::Grant(_) => format!("against: {}", judged.about),
                _ => judged.about.to_owned(),
            };
            rows.push([word, answer.to_owned(), about]);
        }
        for finding in &judged.findings {
            let answer = if finding.refuses { "refused" } else { "noted" };
            rows.push([judged.rule.word().to_owned(), answer.to_owned(), safe(finding.what.as_str())]);
            rows.push([String::new(), String::new(), format!("next: {}", safe(finding.change.as_str()))]);
        }
    }
    let end = match told.reason {
        None => "Valet takes it".to_owned(),
        Some(reason) => format!("Valet refuses it: {reason}"),
    };
    format!("{}\n{end}", columns(&rows))
}
