//! Reports as CloudEvents 1.0: binary mode for AMQP (attributes in headers, data as body), and the
//! JSON format for people and tools.
//! Must never read a body of unknown size, nor repeat a value in an error.

use serde::de::DeserializeOwned;

use super::{Report, ReportData, ReportKind};
use crate::amqp::{CLOUD_EVENTS_PREFIX, CONTENT_TYPE};
use crate::limits::REPORT_BYTES_MAX;
use crate::wire::TimeText;
use crate::{DecodeError, JobId, Lane, WorkerName, de, tree};

const SPEC_VERSION: &str = "1.0";

/// A report on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// AMQP headers by name, `cloudEvents:id` and so on; all are texts.
    pub headers: Vec<(String, String)>,
    /// AMQP `content_type`, which binary mode takes for the attribute `datacontenttype`.
    pub content_type: String,
    /// The data as JSON; at most [`REPORT_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
}

/// Why headers and body are not a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// An attribute's header is absent.
    #[error("the report lacks the header cloudEvents:{attribute}")]
    MissingAttribute {
        /// Its name without the prefix.
        attribute: &'static str,
    },
    /// An attribute's header has a wrong value.
    #[error("the report's header cloudEvents:{attribute} {problem}")]
    BadAttribute {
        /// Its name without the prefix.
        attribute: &'static str,
        /// The rule, to complete "`<header>` …".
        problem: &'static str,
    },
    /// Some other event; a later version may know it.
    #[error("the event's type is not one of the reports' types")]
    UnknownType,
    /// The body is not what its type promises.
    #[error("the body of a {kind} report cannot be read")]
    Body {
        /// The report's kind.
        kind: ReportKind,
        /// What is wrong with it.
        #[source]
        cause: DecodeError,
    },
}

impl ReportError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::UnknownType => "skip the event, or update this program",
            _ => "check who else publishes to the exchange events",
        }
    }
}

impl Report {
    /// The report for AMQP.
    pub fn to_event(&self) -> Event {
        let mut attributes = vec![
            ("specversion", SPEC_VERSION.to_owned()),
            ("id", self.id()),
            ("source", self.source()),
            ("type", self.kind().event_type().to_owned()),
            ("subject", self.job.to_string()),
            ("time", self.time.to_string()),
            ("lane", self.lane.to_string()),
            ("attempt", self.attempt.to_string()),
            ("worker", self.worker.to_string()),
        ];
        if self.redelivery > 0 {
            attributes.push(("redelivery", self.redelivery.to_string()));
        }
        let header = |(name, value)| (format!("{CLOUD_EVENTS_PREFIX}{name}"), value);
        Event {
            headers: attributes.into_iter().map(header).collect(),
            content_type: CONTENT_TYPE.to_owned(),
            body: self.data.to_body(),
        }
    }

    /// Reads a report. Headers and fields that are not known are skipped, so that older readers
    /// understand newer workers.
    ///
    /// # Errors
    /// [`ReportError`] names the header or field; [`ReportError::UnknownType`] may be skipped.
    pub fn from_event(headers: &[(String, String)], body: &[u8]) -> Result<Self, ReportError> {
        if attribute(headers, "specversion")? != SPEC_VERSION {
            return Err(ReportError::BadAttribute { attribute: "specversion", problem: "must be 1.0" });
        }
        let kind: ReportKind = attribute(headers, "type")?.parse()?;
        let report = Self {
            job: typed(headers, "subject", "must be a job id", |text| text.parse::<JobId>().ok())?,
            lane: typed(headers, "lane", "must be a lane", |text| text.parse::<Lane>().ok())?,
            attempt: typed(headers, "attempt", "must be a number from 1", counted)?,
            redelivery: redelivery(headers)?,
            worker: typed(headers, "worker", "must be a worker's name", worker)?,
            time: typed(headers, "time", "must be an RFC 3339 time", TimeText::parse)?,
            data: ReportData::from_body(kind, body).map_err(|cause| ReportError::Body { kind, cause })?,
        };
        // The id is what readers use to tell repetitions apart, so it has to be the one we derive.
        typed(headers, "id", "must be the one of its job, attempt and kind", |id| {
            (id == report.id()).then_some(())
        })?;
        Ok(report)
    }
}

fn attribute<'a>(headers: &'a [(String, String)], name: &'static str) -> Result<&'a str, ReportError> {
    headers
        .iter()
        .find(|(header, _)| header.strip_prefix(CLOUD_EVENTS_PREFIX) == Some(name))
        .map(|(_, value)| value.as_str())
        .ok_or(ReportError::MissingAttribute { attribute: name })
}

fn typed<T>(
    headers: &[(String, String)],
    name: &'static str,
    problem: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ReportError> {
    read(attribute(headers, name)?).ok_or(ReportError::BadAttribute { attribute: name, problem })
}

fn counted(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| *number > 0)
}

/// Absent the first time.
fn redelivery(headers: &[(String, String)]) -> Result<u32, ReportError> {
    match typed(headers, "redelivery", "must be a number from 1", counted) {
        Err(ReportError::MissingAttribute { .. }) => Ok(0),
        found => found,
    }
}

fn worker(text: &str) -> Option<WorkerName> {
    Some(WorkerName::from(text)).filter(|name| name.as_str() == text)
}

impl ReportData {
    fn to_body(&self) -> Vec<u8> {
        let body = match self {
            Self::Submitted(data) => serde_json::to_vec(data),
            Self::Accepted(data) => serde_json::to_vec(data),
            Self::Started(data) => serde_json::to_vec(data),
            Self::Progress(data) => serde_json::to_vec(data),
            Self::Succeeded(data) => serde_json::to_vec(data),
            Self::Failed(data) => serde_json::to_vec(data),
            Self::Retrying(data) => serde_json::to_vec(data),
            Self::Expired(data) => serde_json::to_vec(data),
            Self::Reminted(data) => serde_json::to_vec(data),
            Self::Dead(data) => serde_json::to_vec(data),
            Self::Cancelled(data) => serde_json::to_vec(data),
        };
        body.expect("texts and numbers are always JSON")
    }

    fn from_body(kind: ReportKind, body: &[u8]) -> Result<Self, DecodeError> {
        Ok(match kind {
            ReportKind::Submitted => Self::Submitted(Box::new(read(body)?)),
            ReportKind::Accepted => Self::Accepted(read(body)?),
            ReportKind::Started => Self::Started(read(body)?),
            ReportKind::Progress => Self::Progress(read(body)?),
            ReportKind::Succeeded => Self::Succeeded(Box::new(read(body)?)),
            ReportKind::Failed => Self::Failed(read(body)?),
            ReportKind::Retrying => Self::Retrying(read(body)?),
            ReportKind::Expired => Self::Expired(read(body)?),
            ReportKind::Reminted => Self::Reminted(read(body)?),
            ReportKind::Dead => Self::Dead(read(body)?),
            ReportKind::Cancelled => Self::Cancelled(read(body)?),
        })
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    de::from_tree(tree::parse(body, REPORT_BYTES_MAX)?)
}

/// A report in the JSON format of CloudEvents: one object with attributes and data.
#[derive(serde::Serialize, schemars::JsonSchema)]
pub(crate) struct CloudEvent<'a> {
    /// Version of CloudEvents.
    #[schemars(extend("const" = SPEC_VERSION))]
    specversion: &'static str,
    /// `<job>/<attempt>/<kind>`, or `<job>/succeeded`; on the way `<job>/<attempt>.<redelivery>/<kind>`, and
    /// `/<sequence>` after it for progress. Equal ids tell the same thing.
    id: String,
    /// `/valet/workers/<worker>`, or `/valet/producers/<name>`.
    source: String,
    /// The job's id.
    subject: String,
    /// When, as the reporter's clock has it.
    #[schemars(with = "TimeText")]
    time: String,
    /// Content type of the data.
    #[schemars(extend("const" = CONTENT_TYPE))]
    datacontenttype: &'static str,
    /// The job's lane.
    lane: &'a str,
    /// The attempt, counted from 1.
    #[schemars(range(min = 1))]
    attempt: u32,
    /// How often the broker has given this attempt out before; absent the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    redelivery: Option<u32>,
    /// Who says so.
    worker: &'a str,
    #[serde(flatten)]
    data: &'a ReportData,
}

impl serde::Serialize for Report {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = CloudEvent {
            specversion: SPEC_VERSION,
            id: self.id(),
            source: self.source(),
            subject: self.job.to_string(),
            time: self.time.to_string(),
            datacontenttype: CONTENT_TYPE,
            lane: self.lane.as_str(),
            attempt: self.attempt,
            redelivery: Some(self.redelivery).filter(|again| *again > 0),
            worker: self.worker.as_str(),
            data: &self.data,
        };
        event.serialize(serializer)
    }
}
