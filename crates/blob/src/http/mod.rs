//! The only HTTP client that touches storage: no redirect, no proxy, no referer, no address that is not public.

mod addresses;
mod client;
mod guard;
mod reach;
mod resolver;

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use valet_grant::HostRules;

pub use client::{Client, ClientError};
pub use reach::{Origin, Reach};

pub(crate) use guard::Refusal;

/// Installs ring as the process's TLS provider. The first call counts, later ones do nothing.
pub fn install_crypto() {
    // An Err means that a provider is there already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Where requests may go, and how long they may take to get there.
#[derive(Debug, Clone)]
pub struct Egress {
    /// Host names that storage may have. Those of `development` may be http, at any port, and private.
    pub hosts: HostRules,
    /// Permits http and ports other than 443 on 127.0.0.0/8, ::1, `localhost` and the names under it (Azurite).
    pub loopback: bool,
    /// Names that may resolve to addresses which are not public.
    pub exceptions: Vec<PrivateEndpoint>,
    /// The DNS servers to ask; none: those of `/etc/resolv.conf`.
    pub nameservers: Vec<SocketAddr>,
    /// Time to reach the host, TLS included.
    pub connect_timeout: Duration,
    /// Time without a byte, or without an answer, before a transfer counts as broken.
    pub stall_timeout: Duration,
}

/// An exception for storage that is reached by a private endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateEndpoint {
    /// Host pattern in lower case, such as `acme.blob.core.windows.net` or `*.blob.core.windows.net`.
    pub host: String,
    /// The addresses that it may have.
    pub network: IpNet,
}

impl Egress {
    /// Public https storage at the hosts that `hosts` names; loopback if `hosts` says so. 10 s to connect, 60 s
    /// without a byte.
    pub fn new(hosts: HostRules) -> Self {
        Self {
            loopback: hosts.loopback,
            hosts,
            exceptions: Vec::new(),
            nameservers: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(60),
        }
    }
}
