//! Requests to the management API, and what their failure means.

use crate::{Password, TlsConfig, tls::install_crypto};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Certificate, Client, Method, StatusCode, redirect};
use serde_json::Value;
use std::time::Duration;
use url::Url;
use valet_protocol::{Lane, LaneRecordError};

/// Limit for one request; listing thousands of queues takes a second or two.
const REQUEST: Duration = Duration::from_secs(20);
/// Pauses before a reading request is sent again after a 5xx: some seconds, then it is no stumble.
const GET_PAUSES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(3)];
/// Longest part of the broker's answer in an error, in bytes.
const ANSWER_BYTES_MAX: usize = 400;

/// Why the management API did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManagementError {
    /// Not a usable URL.
    #[error("the management URL is not usable: {problem}")]
    Url {
        /// What is wrong.
        problem: &'static str,
    },
    /// A PEM file does not parse, or no TLS client could be built.
    #[error("cannot set up the HTTP client for {address}")]
    Client {
        /// The management API's address.
        address: String,
        /// What is wrong.
        #[source]
        cause: reqwest::Error,
    },
    /// No answer.
    #[error("cannot reach the management API at {address}")]
    Unreachable {
        /// The management API's address.
        address: String,
        /// How the attempt ended.
        #[source]
        cause: reqwest::Error,
    },
    /// The login is wrong, or may not do this.
    #[error("the management API refused {method} {path} to {user}")]
    Refused {
        /// HTTP method.
        method: String,
        /// Path.
        path: String,
        /// The user name.
        user: String,
    },
    /// The broker's answer to one request was an error.
    #[error("the management API answered {method} {path} with {status}: {answer}")]
    Answer {
        /// HTTP method.
        method: String,
        /// Path.
        path: String,
        /// HTTP status.
        status: u16,
        /// The answer's beginning.
        answer: String,
    },
    /// A message of ours reached no queue.
    #[error("the queue {queue} does not take what was to be told")]
    Unrouted {
        /// The queue.
        queue: &'static str,
    },
    /// Its queues would be called like something of Valet's.
    #[error("no lane can be called {lane}")]
    Reserved {
        /// The lane.
        lane: Lane,
    },
    /// The record of a lane breaks a rule.
    #[error("what lane {lane} is allowed cannot be told")]
    Record {
        /// The lane.
        lane: Lane,
        /// The rule.
        #[source]
        cause: LaneRecordError,
    },
    /// Queues or exchanges exist with other fixed properties; nothing was changed.
    #[error("the topology cannot be declared over what is there: {}", differences.join("; "))]
    Conflict {
        /// Subject and problem of each.
        differences: Vec<String>,
    },
}

impl ManagementError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Url { .. } => "write broker.management_url as https://host:15671 (or http://host:15672)",
            Self::Client { .. } => "check broker.ca_file",
            Self::Unreachable { .. } => {
                "check broker.management_url, and that the plugin rabbitmq_management is enabled"
            }
            Self::Refused { .. } => {
                "use an administrator's login in broker.admin_username and broker.admin_password"
            }
            Self::Answer { .. } => "read the broker's log",
            Self::Unrouted { .. } => {
                "its leader is not up: declare again, and read the broker's log if that does not help"
            }
            Self::Reserved { .. } => "choose another name",
            Self::Record { .. } => "mend what is named",
            Self::Conflict { .. } => {
                "nothing was changed; do what is said of each, then declare again: RabbitMQ cannot change it in place"
            }
        }
    }
}

/// Everything but unreserved characters: names of vhosts and queues are one segment each.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name as one path segment.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}

#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    address: String,
    username: String,
    password: Password,
}

impl Http {
    pub(super) fn new(
        url: &str,
        username: &str,
        password: Password,
        tls: &TlsConfig,
    ) -> Result<Self, ManagementError> {
        let bad = |problem| ManagementError::Url { problem };
        let parsed = Url::parse(url).map_err(|_| bad("it does not parse"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(bad("it is neither http nor https"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(bad("give the login separately"));
        }
        let address = parsed.as_str().trim_end_matches('/').to_owned();
        let client =
            client(tls).map_err(|cause| ManagementError::Client { address: address.clone(), cause })?;
        Ok(Self { client, address, username: username.to_owned(), password })
    }

    pub(super) fn username(&self) -> &str {
        &self.username
    }

    /// The answer's JSON; None when there is no such thing. Asks again when the broker stumbles: a busy node
    /// answers 500 while queues that it lists are being made.
    pub(super) async fn get(&self, path: &str) -> Result<Option<Value>, ManagementError> {
        let mut pauses = GET_PAUSES.iter();
        loop {
            let outcome = self.send(Method::GET, path, None).await;
            let stumbled = matches!(&outcome, Err(ManagementError::Answer { status: 500.., .. }));
            match pauses.next().filter(|_| stumbled) {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return outcome,
            }
        }
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<(), ManagementError> {
        self.send(Method::PUT, path, Some(body)).await.map(|_| ())
    }

    /// The answer's JSON; null when there is none.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, ManagementError> {
        self.send(Method::POST, path, Some(body)).await.map(Option::unwrap_or_default)
    }

    /// Fine as well when there is no such thing.
    pub(super) async fn delete(&self, path: &str) -> Result<(), ManagementError> {
        self.send(Method::DELETE, path, None).await.map(|_| ())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Option<Value>, ManagementError> {
        let unreachable = |cause| ManagementError::Unreachable { address: self.address.clone(), cause };
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.address))
            .basic_auth(&self.username, Some(self.password.expose()));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let answer = response.bytes().await.map_err(unreachable)?;
        let (method, path) = (method.to_string(), path.to_owned());
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(ManagementError::Refused { method, path, user: self.username.clone() })
            }
            status if status.is_success() => Ok(Some(serde_json::from_slice(&answer).unwrap_or(Value::Null))),
            status => {
                let text = String::from_utf8_lossy(&answer);
                let answer = text[..text.floor_char_boundary(ANSWER_BYTES_MAX)].to_owned();
                Err(ManagementError::Answer { method, path, status: status.as_u16(), answer })
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the management API is no blob storage: it is often a private address"
)]
fn client(tls: &TlsConfig) -> reqwest::Result<Client> {
    install_crypto();
    let mut builder = Client::builder()
        .timeout(REQUEST)
        .connect_timeout(REQUEST / 2)
        // A redirect or proxy would be handed the administrator's password.
        .redirect(redirect::Policy::none())
        .no_proxy();
    if let Some(pem) = &tls.ca_pem {
        builder = builder.tls_certs_only(Certificate::from_pem_bundle(pem.as_bytes())?);
    }
    builder.build()
}
