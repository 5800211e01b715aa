//! The client: every request of this crate is built and sent here, so that none passes the guard by.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, Response, redirect, retry};
use url::Url;

use super::{
    Egress, Refusal,
    guard::{Guard, Lookup},
    install_crypto,
    resolver::Resolver,
};
use crate::{
    API_VERSION, Clock, RetryPolicy, SystemClock,
    error::{Failure, Subject, answer::Answer},
};

/// Connections kept open per host: a few jobs' ranges. More would only idle.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up HTTPS")]
pub struct ClientError(#[source] reqwest::Error);

impl ClientError {
    /// What a person should do.
    pub fn advice(&self) -> &'static str {
        "install the system's CA certificates (package ca-certificates)"
    }
}

/// An egress-guarded HTTP client with its clock and retry policy. Cheap to clone; connections are shared.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) http: reqwest::Client,
    pub(super) guard: Guard,
    stall_timeout: Duration,
    clock: Arc<dyn Clock>,
    retry: RetryPolicy,
}

impl Client {
    /// Builds the client; calls [`install_crypto`].
    ///
    /// # Errors
    /// When TLS cannot be set up, mostly because the machine has no CA certificates.
    pub fn new(egress: Egress) -> Result<Self, ClientError> {
        let resolver = Resolver::new(egress.nameservers.clone());
        Self::resolving(egress, Arc::new(resolver))
    }

    /// With another resolver than our own.
    pub(super) fn resolving(egress: Egress, lookup: Arc<dyn Lookup>) -> Result<Self, ClientError> {
        install_crypto();
        let stall_timeout = egress.stall_timeout;
        let connect_timeout = egress.connect_timeout;
        let http_too = egress.loopback || egress.hosts.allow_any_http();
        let guard = Guard::new(egress, lookup);
        let http = guarded_http(guard.clone(), http_too, connect_timeout).map_err(ClientError)?;
        let clock = Arc::new(SystemClock);
        Ok(Self { http, guard, stall_timeout, clock, retry: RetryPolicy::default() })
    }

    /// The same client with another retry policy.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// The same client with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }

    pub(crate) fn retry(&self) -> &RetryPolicy {
        &self.retry
    }

    pub(crate) fn stall_timeout(&self) -> Duration {
        self.stall_timeout
    }

    /// A request to a granted URL, judged by the guard.
    pub(crate) fn request(
        &self,
        method: Method,
        granted_url: &str,
        subject: &Subject,
    ) -> Result<RequestBuilder, Failure> {
        let url =
            Url::parse(granted_url).map_err(|_| subject.refused(&Refusal("the URL is malformed".into())))?;
        self.guard.check_url(&url).map_err(|refusal| subject.refused(&refusal))?;
        Ok(self.http.request(method, url).header("x-ms-version", API_VERSION))
    }

    /// Sends a request without a body; an answer that is not a success is a failure.
    pub(crate) async fn send(&self, request: RequestBuilder, subject: &Subject) -> Result<Response, Failure> {
        let sent = tokio::time::timeout(self.stall_timeout, request.send()).await;
        self.judge(sent.map_err(|_| subject.stalled())?, subject).await
    }

    /// What an answer, or its lack, means.
    pub(crate) async fn judge(
        &self,
        sent: Result<Response, reqwest::Error>,
        subject: &Subject,
    ) -> Result<Response, Failure> {
        let response = sent.map_err(|error| subject.broken(error))?;
        self.check_peer(&response).map_err(|refusal| subject.refused(&refusal))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let answer = Answer::read(response, self.now()).await;
        Err(subject.answered(answer, self.now()))
    }

    /// The resolver has judged this address already; a second look costs nothing and does not trust the first.
    pub(super) fn check_peer(&self, response: &Response) -> Result<(), Refusal> {
        let host = response.url().host_str().unwrap_or_default();
        match response.remote_addr() {
            Some(peer) => self.guard.check_address(host, peer.ip()),
            None => Err(Refusal(format!("the address of {host} is unknown"))),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the guarded client that the lint points to")]
fn guarded_http(guard: Guard, http_too: bool, connect_timeout: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("valet/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(guard)
        .no_proxy()
        .redirect(redirect::Policy::none())
        // The referer would carry the signed URL.
        .referer(false)
        // The guard says which hosts; this is the wall behind it.
        .https_only(!http_too)
        // Our own retries know the grant's expiry.
        .retry(retry::never())
        .connect_timeout(connect_timeout)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        // No timeout of reqwest's own: its read timeout would also end a long upload.
        .build()
        .map_err(reqwest::Error::without_url)
}
