//! The only HTTP client that touches storage: no redirect, no proxy, no referer, no address that is not public.

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use valet_grant::HostRules;

use crate::{Clock, RetryPolicy, SystemClock};

/// Installs ring as the process's TLS provider. The first call counts, later ones do nothing.
pub fn install_crypto() {
    // An Err means that a provider is there already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Where requests may go.
#[derive(Debug, Clone)]
pub struct Egress {
    /// Host names that storage may have.
    pub hosts: HostRules,
    /// Permits http and ports other than 443 on 127.0.0.0/8, ::1 and `localhost` (Azurite).
    pub loopback: bool,
    /// Names that may resolve to addresses which are not public.
    pub exceptions: Vec<PrivateEndpoint>,
    /// Time to reach the host, TLS included.
    pub connect_timeout: Duration,
    /// Time without a byte before a transfer counts as broken.
    pub read_timeout: Duration,
}

/// An exception for storage that is reached by a private endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateEndpoint {
    /// Host pattern, such as `acme.blob.core.windows.net` or `*.blob.core.windows.net`.
    pub host: String,
    /// The addresses that it may have.
    pub network: IpNet,
}

impl Egress {
    /// Public https storage at the hosts that `hosts` names; loopback if `hosts` says so.
    pub fn new(hosts: HostRules) -> Self {
        let loopback = hosts.loopback;
        Self {
            hosts,
            loopback,
            exceptions: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
        }
    }
}

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
    clock: Arc<dyn Clock>,
    retry: RetryPolicy,
}

impl Client {
    /// Builds the client; calls [`install_crypto`].
    ///
    /// # Errors
    /// When TLS cannot be set up, mostly because the machine has no CA certificates.
    pub fn new(egress: Egress) -> Result<Self, ClientError> {
        let _ = (egress, SystemClock);
        todo!()
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
}
