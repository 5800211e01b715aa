//! Our own resolver: `/etc/hosts`, then the name servers, asked by us and not by the C library, so that "there is no
//! such name" is told from "nobody answers", and that tests can bring a DNS server of their own.
//!
//! It judges nothing (the guard does) and remembers no answer: a connection is kept open far longer than a question
//! takes, and what is not kept cannot be poisoned.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use futures::future::BoxFuture;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver, system_conf};
use valet_grant::is_loopback_host;

use super::guard::Lookup;

/// The system's files. The worker's walls let it read both.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// The longest that a name server may take for one answer; asked anew `ATTEMPTS` times.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);

/// Questions after the first one to servers that do not answer.
const ATTEMPTS: usize = 1;

/// The longest that a name may take, whatever is said or not said: within the client's time to connect.
const NAME_PATIENCE: Duration = Duration::from_secs(6);

/// What identifies a file's content: device, inode, change time in seconds and nanoseconds, length.
type Stamp = Option<(u64, u64, i64, i64, u64)>;

/// Asks the given name servers, or those of the system's files, which are read again when they have changed.
pub(super) struct Resolver {
    nameservers: Vec<SocketAddr>,
    source: Mutex<Option<Arc<Source>>>,
}

/// What the files say, as of one moment.
struct Source {
    stamps: [Stamp; 2],
    hosts: Hosts,
    dns: Result<TokioResolver, String>,
}

impl Resolver {
    pub(super) fn new(nameservers: Vec<SocketAddr>) -> Self {
        Self { nameservers, source: Mutex::default() }
    }

    fn source(&self) -> Arc<Source> {
        let stamps = FILES.map(stamp);
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = source.as_ref().filter(|source| source.stamps == stamps) {
            return Arc::clone(current);
        }
        let fresh = Arc::new(Source {
            stamps,
            // Without the file there are no names in it.
            hosts: Hosts::from_system().unwrap_or_default(),
            dns: dns(&self.nameservers).map_err(|error| error.to_string()),
        });
        Arc::clone(source.insert(fresh))
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("nameservers", &self.nameservers).finish_non_exhaustive()
    }
}

impl Lookup for Resolver {
    fn addresses(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        if is_loopback_host(&host) {
            // RFC 6761: `localhost` and all names under it are this machine, and no server is asked about them.
            let this_machine = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Box::pin(std::future::ready(Ok(this_machine)));
        }
        let source = self.source();
        Box::pin(async move { source.addresses(&host).await })
    }
}

impl Source {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let name = name(host)?;
        let listed: Vec<IpAddr> = [RecordType::A, RecordType::AAAA]
            .into_iter()
            .filter_map(|kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind)))
            .flat_map(|found| addresses_of(&found))
            .collect();
        if !listed.is_empty() {
            return Ok(listed);
        }
        let dns = self.dns.as_ref().map_err(|why| io::Error::other(why.clone()))?;
        let (v4, v6) = tokio::join!(ask(dns, &name, RecordType::A), ask(dns, &name, RecordType::AAAA));
        joined(v4, v6)
    }
}

/// A name with a dot is whole as it stands: the machine's search list must not lead a storage account elsewhere. One
/// without (an emulator in a network of containers) is looked for along that list.
fn name(host: &str) -> io::Result<Name> {
    let mut name = Name::from_str_relaxed(host)
        .map_err(|_| io::Error::new(io::ErrorKind::NotFound, "DNS knows no such names"))?;
    name.set_fqdn(host.contains('.'));
    Ok(name)
}

/// The addresses of one kind; none where the server says that there are none.
async fn ask(dns: &TokioResolver, name: &Name, kind: RecordType) -> io::Result<Vec<IpAddr>> {
    let asked = tokio::time::timeout(NAME_PATIENCE, dns.lookup(name.clone(), kind)).await;
    match asked.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))? {
        Ok(found) => Ok(addresses_of(&found)),
        Err(error) if is_absence(&error) => Ok(Vec::new()),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Addresses count even if the other kind failed: what is not known is not connected to. `NotFound` is said only if
/// both answers were that there is nothing.
fn joined(v4: io::Result<Vec<IpAddr>>, v6: io::Result<Vec<IpAddr>>) -> io::Result<Vec<IpAddr>> {
    let absent = || io::Error::new(io::ErrorKind::NotFound, "there is no host of this name");
    match (v4, v6) {
        (Ok(v4), Ok(v6)) if v4.is_empty() && v6.is_empty() => Err(absent()),
        (Ok(v4), Ok(v6)) => Ok([v4, v6].concat()),
        (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.is_empty() => Ok(found),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

fn addresses_of(found: &hickory_resolver::lookup::Lookup) -> Vec<IpAddr> {
    found.answers().iter().filter_map(|record| record.data.ip_addr()).collect()
}

/// NXDOMAIN, or a name without records of the kind asked for.
fn is_absence(error: &NetError) -> bool {
    let NetError::Dns(DnsError::NoRecordsFound(said)) = error else { return false };
    matches!(said.response_code, ResponseCode::NXDomain | ResponseCode::NoError)
}

fn dns(nameservers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let (config, mut options) = match nameservers {
        [] => system_conf::read_system_conf()?,
        given => (asking(given), ResolverOpts::default()),
    };
    options.timeout = options.timeout.min(ANSWER_PATIENCE);
    options.attempts = options.attempts.min(ATTEMPTS);
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    builder.build()
}

fn asking(nameservers: &[SocketAddr]) -> ResolverConfig {
    let servers = nameservers.iter().map(|server| {
        let mut ways = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
        ways.iter_mut().for_each(|way| way.port = server.port());
        NameServerConfig::new(server.ip(), true, ways.into())
    });
    ResolverConfig::from_parts(None, Vec::new(), servers.collect())
}

fn stamp(path: &str) -> Stamp {
    let of = |file: fs::Metadata| (file.dev(), file.ino(), file.ctime(), file.ctime_nsec(), file.len());
    fs::metadata(path).ok().map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(address: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![address.parse().unwrap()])
    }

    fn failed() -> io::Result<Vec<IpAddr>> {
        Err(io::ErrorKind::TimedOut.into())
    }

    #[test]
    fn a_name_is_absent_only_if_both_kinds_of_addresses_are() {
        let absent = || Ok(Vec::new());
        let kind = |v4, v6| joined(v4, v6).map_err(|error| error.kind());
        assert_eq!(kind(absent(), absent()), Err(io::ErrorKind::NotFound));
        assert_eq!(kind(absent(), failed()), Err(io::ErrorKind::TimedOut));
        assert_eq!(kind(failed(), absent()), Err(io::ErrorKind::TimedOut));
        for found in [kind(known("20.60.1.1"), failed()), kind(absent(), known("20.60.1.1"))] {
            assert_eq!(found, Ok(vec!["20.60.1.1".parse().unwrap()]));
        }
    }

    #[test]
    fn only_a_name_without_a_dot_follows_the_search_list() {
        assert!(name("acct.blob.core.windows.net").unwrap().is_fqdn());
        assert!(!name("azurite").unwrap().is_fqdn());
    }

    #[tokio::test]
    async fn names_of_this_machine_are_asked_of_nobody() {
        let nobody = Resolver::new(vec!["127.0.0.1:1".parse().unwrap()]);
        for host in ["localhost", "partner.blob.localhost"] {
            let found = nobody.addresses(host.to_owned()).await.unwrap();
            assert!(found.iter().all(IpAddr::is_loopback) && found.len() == 2, "{found:?}");
        }
    }
}
