//! What is asked for, before anything is checked. Must never hold a URL or a key.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

/// One job as asked for: an argument pair, a line of a manifest, or a blob of a listing.
/// What is absent is taken from [`Defaults`].
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// `container/blob`.
    pub input: String,
    /// The input's ETag, if it must be this very content.
    #[serde(default)]
    pub etag: Option<String>,
    /// `container/blob`, may hold placeholders.
    #[serde(default)]
    pub output: Option<String>,
    /// `name` or `name@version`.
    #[serde(default)]
    pub preset: Option<String>,
    /// The preset's parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// `low`, `normal` or `high`.
    #[serde(default)]
    pub priority: Option<String>,
    /// Labels that travel with the job.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// How long the grants live, such as `4h`.
    #[serde(default)]
    pub ttl: Option<String>,
    /// How long the work may take, such as `30m`.
    #[serde(default)]
    pub wall: Option<String>,
    /// Its other limits by the names of the message, such as `memory_bytes`.
    #[serde(default)]
    pub limits: BTreeMap<String, Value>,
}

/// What the command line says for every job that does not say it itself.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// Output template.
    pub output: Option<String>,
    /// `name` or `name@version`.
    pub preset: Option<String>,
    /// Parameters of that preset. A request that names a preset of its own starts without them.
    pub params: Map<String, Value>,
    /// `low`, `normal` or `high`.
    pub priority: Option<String>,
    /// Labels; a request's own are added, and win.
    pub tags: BTreeMap<String, String>,
    /// How long the grants live.
    pub ttl: Option<String>,
    /// How long the work may take.
    pub wall: Option<String>,
    /// Other limits; a request's own are added, and win.
    pub limits: BTreeMap<String, Value>,
    /// How often a reminter may mint anew for a job whose grants have died; at most
    /// [`valet_protocol::limits::REMINTS_MAX`].
    pub remints: u32,
}

/// Where a request came from, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The command line's INPUT.
    Argument,
    /// A line of a manifest, from 1.
    Line(u64),
    /// A blob of a listing, counted from 1.
    Blob(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument => out.write_str("the command line"),
            Self::Line(number) => write!(out, "line {number}"),
            Self::Blob(number) => write!(out, "listed blob {number}"),
        }
    }
}
