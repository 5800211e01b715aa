//! Judges every URL before a request and every address before a connection.
//!
//! The resolver's answer is what is connected to: no second look-up, so no rebinding. One bad address refuses the
//! name, since mixed answers are an attack or a mistake. IP literals never reach a resolver, so the URL check
//! judges them.

use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};
use valet_grant::{HostRules, is_loopback_host};

use super::{Egress, addresses};

/// The port of public storage; any other is another service's.
const HTTPS_PORT: u16 = 443;

/// Addresses of one name that are tried, at most; all are judged. Storage has one to a few.
const ADDRESSES_MAX: usize = 8;

/// Why the guard said no. Names hosts and addresses, never a path or a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refusal {}

/// Turns a name into addresses; tests bring their own.
pub(super) trait Lookup: fmt::Debug + Send + Sync {
    fn addresses(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The rules of one client.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    egress: Arc<Egress>,
    lookup: Arc<dyn Lookup>,
}

impl Guard {
    pub(super) fn new(mut egress: Egress, lookup: Arc<dyn Lookup>) -> Self {
        // One switch for loopback: the one that also opens http.
        egress.hosts.loopback = egress.loopback;
        Self { egress: Arc::new(egress), lookup }
    }

    /// Whether a request may be made to `url` at all.
    pub(crate) fn check_url(&self, url: &Url) -> Result<(), Refusal> {
        let host = url.host().ok_or_else(|| Refusal("the URL names no host".into()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal("the URL carries a user name".into()));
        }
        if self.egress.loopback && is_loopback(&host) {
            return check_emulator_scheme(url);
        }
        if self.is_development(&host) {
            return check_emulator_scheme(url);
        }
        let name = match host {
            Host::Domain(name) => normal(name),
            literal => return Err(Refusal(format!("{literal} is an address, not a host name"))),
        };
        self.check_public(url, &name)
    }

    fn check_public(&self, url: &Url, name: &str) -> Result<(), Refusal> {
        if url.scheme() != "https" {
            return Err(Refusal(format!("{}:// is not https", url.scheme())));
        }
        if let Some(port) = url.port_or_known_default().filter(|port| *port != HTTPS_PORT) {
            return Err(Refusal(format!("port {port} of {name} is not {HTTPS_PORT}")));
        }
        if !self.egress.hosts.allows(name) {
            return Err(Refusal(format!("{name} is not among the permitted storage hosts")));
        }
        Ok(())
    }

    /// Whether `host` may be reached at `address`.
    pub(crate) fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Refusal> {
        let Some(why) = addresses::refusal(address) else { return Ok(()) };
        let host = normal(host);
        let local = self.egress.loopback && address.is_loopback() && is_loopback_host(&host);
        let emulator = self.egress.hosts.is_development(&host) && addresses::is_private(address);
        if local || emulator || self.is_exception(&host, address) {
            return Ok(());
        }
        Err(Refusal(format!("{host} leads to {address} ({why})")))
    }

    fn is_development(&self, host: &Host<&str>) -> bool {
        matches!(host, Host::Domain(name) if self.egress.hosts.is_development(&normal(name)))
    }

    fn is_exception(&self, host: &str, address: IpAddr) -> bool {
        self.egress.exceptions.iter().filter(|exception| exception.network.contains(&address)).any(
            |exception| {
                let patterns = vec![exception.host.clone()];
                HostRules { patterns, ..HostRules::default() }.allows(host)
            },
        )
    }

    async fn judged_addresses(&self, host: String) -> Result<Vec<IpAddr>, Box<dyn Error + Send + Sync>> {
        let mut addresses = self.lookup.addresses(host.clone()).await?;
        for address in &addresses {
            self.check_address(&host, *address)?;
        }
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the host name has no address").into());
        }
        addresses.truncate(ADDRESSES_MAX);
        Ok(addresses)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        let host = normal(name.as_str());
        Box::pin(async move {
            let addresses = guard.judged_addresses(host).await?;
            // Port 0: reqwest fills in the URL's.
            Ok(Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

fn normal(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => is_loopback_host(&normal(name)),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn check_emulator_scheme(url: &Url) -> Result<(), Refusal> {
    match url.scheme() {
        "http" | "https" => Ok(()),
        other => Err(Refusal(format!("{other}:// is neither http nor https"))),
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
