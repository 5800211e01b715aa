//! The producer's own small HTTP client for its own account: GET and HEAD with a grant, bounded bodies,
//! transient failures tried again. Must never follow a redirect, use a proxy, or print a URL's query.

use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use valet_grant::GrantUrl;

use crate::exit::Exit;
use crate::failure::Failure;

/// The REST version of every request; the one that the worker's reads and writes use too.
const API_VERSION: &str = valet_blob::API_VERSION;

/// The most that an answer's body may have: a page of 5,000 blobs with names of 1,024 characters fits.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Tries of one request, the first one included.
const TRIES_MAX: u32 = 5;

/// The first pause between tries; each next one doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// A whole request, body included, takes no longer.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);

/// A connection is made within this time or not at all.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// An HTTP client for the configured account.
#[derive(Debug, Clone)]
pub struct StorageClient(reqwest::Client);

/// What storage answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Storage's own error code (`x-ms-error-code`).
    pub code: Option<String>,
    /// Storage's clock (`Date`).
    pub date: Option<Timestamp>,
    /// Storage's request id, for a support case.
    pub request_id: Option<String>,
    /// The body as text; empty for HEAD.
    pub body: String,
    headers: reqwest::header::HeaderMap,
}

/// Why storage did not do what was asked. `what` is the operation with its subject.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageFailure {
    /// No answer came.
    #[error("cannot {what}: no answer from storage: {problem}")]
    NoAnswer {
        /// The operation.
        what: String,
        /// The transport's words, without any URL.
        problem: String,
    },
    /// Storage refused.
    #[error("cannot {what}: storage answered {status} {code}{}", request(.request_id))]
    Refused {
        /// The operation.
        what: String,
        /// HTTP status.
        status: u16,
        /// Storage's error code, or nothing.
        code: String,
        /// Storage's request id.
        request_id: Option<String>,
    },
    /// The answer is not what it should be.
    #[error("cannot {what}: storage's answer cannot be read: {problem}")]
    BadAnswer {
        /// The operation.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
}

fn request(id: &Option<String>) -> String {
    id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default()
}

impl StorageFailure {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NoAnswer { .. } => {
                "check storage.endpoint and the network; `valet doctor` looks at each part"
            }
            Self::Refused { status: 404, .. } => "check the blob container's name and storage.account",
            Self::Refused { status: 401 | 403, .. } => {
                "check storage.account and its key (was it rotated?), this machine's clock, and the account's \
                 network rules; `valet doctor` tells them apart"
            }
            Self::Refused { status: 429 | 500.., .. } => "storage is busy or down: try again later",
            Self::Refused { .. } | Self::BadAnswer { .. } => {
                "check that storage.endpoint is an Azure blob service"
            }
        }
    }

    /// The exit code it ends a verb with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Refused { status: 401 | 403, .. } => Exit::Permission,
            Self::Refused { status: 404, .. } => Exit::Data,
            _ => Exit::Unavailable,
        }
    }
}

impl From<StorageFailure> for Failure {
    fn from(failure: StorageFailure) -> Self {
        Self::from_error(failure.exit(), &failure).advise(failure.advice())
    }
}

impl Answer {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// One header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The answer as a refusal of `what`.
    pub fn refused(&self, what: &str) -> StorageFailure {
        StorageFailure::Refused {
            what: what.to_owned(),
            status: self.status,
            code: self.code.clone().unwrap_or_default(),
            request_id: self.request_id.clone(),
        }
    }

    fn is_transient(&self) -> bool {
        matches!(self.status, 408 | 429 | 500 | 502 | 503 | 504)
    }
}

impl StorageClient {
    /// A client for the configured account.
    ///
    /// # Errors
    /// When the TLS setup of this machine cannot be used.
    pub fn new() -> Result<Self, StorageFailure> {
        valet_blob::http::install_crypto();
        // The address is our own setting, not a partner's URL: blob's egress guard, which refuses private
        // addresses, would keep us from private endpoints.
        #[allow(clippy::disallowed_methods, reason = "speaks to the configured account only")]
        let built = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(REQUEST_TIME_MAX)
            .user_agent(concat!("valet/", env!("CARGO_PKG_VERSION")))
            .build();
        built.map(Self).map_err(|error| no_answer("set up the storage client", error))
    }

    /// GET with a grant, `query` appended to its URL.
    ///
    /// # Errors
    /// When no answer came, or a transient refusal stood after all tries. Other statuses are answers.
    pub async fn get(&self, what: &str, grant: &GrantUrl, query: &str) -> Result<Answer, StorageFailure> {
        self.ask(what, reqwest::Method::GET, grant, query).await
    }

    /// HEAD with a grant.
    ///
    /// # Errors
    /// As [`StorageClient::get`].
    pub async fn head(&self, what: &str, grant: &GrantUrl) -> Result<Answer, StorageFailure> {
        self.ask(what, reqwest::Method::HEAD, grant, "").await
    }

    async fn ask(
        &self,
        what: &str,
        method: reqwest::Method,
        grant: &GrantUrl,
        query: &str,
    ) -> Result<Answer, StorageFailure> {
        let mut pause = PAUSE_FIRST;
        let mut tries = 1;
        loop {
            let answer = self.ask_once(what, method.clone(), grant, query).await;
            let again = match &answer {
                Ok(answer) => answer.is_transient(),
                Err(StorageFailure::NoAnswer { .. }) => true,
                Err(_) => false,
            };
            if !again || tries == TRIES_MAX {
                return answer;
            }
            tracing::debug!(what, tries, "storage did not answer well; trying again");
            tokio::time::sleep(pause).await;
            pause *= 2;
            tries += 1;
        }
    }

    async fn ask_once(
        &self,
        what: &str,
        method: reqwest::Method,
        grant: &GrantUrl,
        query: &str,
    ) -> Result<Answer, StorageFailure> {
        let url = format!("{}{query}", grant.expose_url());
        let sent = self.0.request(method, url).header("x-ms-version", API_VERSION).send().await;
        let response = sent.map_err(|error| no_answer(what, error))?;
        let headers = response.headers().clone();
        let status = response.status().as_u16();
        let body = read_body(what, response).await?;
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let date = text("date").and_then(|date| http_date(&date));
        Ok(Answer {
            status,
            code: text("x-ms-error-code"),
            date,
            request_id: text("x-ms-request-id"),
            body,
            headers,
        })
    }
}

async fn read_body(what: &str, response: reqwest::Response) -> Result<String, StorageFailure> {
    let bad =
        |problem: &str| StorageFailure::BadAnswer { what: what.to_owned(), problem: problem.to_owned() };
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(|error| no_answer(what, error))?);
        if body.len() > BODY_BYTES_MAX {
            return Err(bad("it is too large"));
        }
    }
    String::from_utf8(body).map_err(|_| bad("it is not UTF-8"))
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

// The transport's error prints the URL with its signature unless told not to.
fn no_answer(what: &str, error: reqwest::Error) -> StorageFailure {
    let error = error.without_url();
    let mut problem = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        problem = format!("{problem}: {cause}");
        source = cause.source();
    }
    StorageFailure::NoAnswer { what: what.to_owned(), problem }
}
