//! What this place demands of a grant. Data only; the rules read it.

use std::net::IpAddr;

use jiff::SignedDuration;

use crate::development::DevelopmentHost;
use crate::finding::Severity;
use crate::limits;

/// Blob endpoints of Azure's clouds: public, public with DNS zones, US government, China. Germany's closed in 2021.
const AZURE_HOSTS: [&str; 4] = [
    "*.blob.core.windows.net",
    "*.blob.storage.azure.net",
    "*.blob.core.usgovcloudapi.net",
    "*.blob.core.chinacloudapi.cn",
];

/// What a grant must keep to be accepted. `Default` is production: https to Azure alone, a day at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantPolicy {
    /// Longest time that a grant may still live, counted from `max(st, now)`. Always enforced.
    pub lifetime_max: SignedDuration,
    /// Time that the job still needs; a grant that dies earlier is refused. Always enforced.
    pub time_budget: SignedDuration,
    /// The hosts that may be reached.
    pub hosts: HostRules,
    /// Findings of this severity and above refuse the grant. What is wrong by construction is refused always.
    pub refuse_from: Severity,
    /// Whether only user delegation SAS are taken (rule SAS010).
    pub user_delegation_required: bool,
    /// Whether `st` must be there, since the account has a SAS expiration policy (rule SAS012).
    pub start_required: bool,
}

impl Default for GrantPolicy {
    fn default() -> Self {
        Self {
            lifetime_max: limits::LIFETIME_MAX,
            time_budget: SignedDuration::ZERO,
            hosts: HostRules::default(),
            refuse_from: Severity::High,
            user_delegation_required: false,
            start_required: false,
        }
    }
}

impl GrantPolicy {
    /// Production, and beside it plain http to this machine: for the emulator in demo and tests.
    pub fn loopback() -> Self {
        Self { hosts: HostRules { loopback: true, ..HostRules::default() }, ..Self::default() }
    }
}

/// The hosts that a grant may point to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRules {
    /// Host names in lower case: exact, or `*.` and a suffix, where the star stands for one label or more.
    /// A private endpoint or a test double is one more entry.
    pub patterns: Vec<String>,
    /// Whether this machine (127.0.0.0/8, ::1, localhost and names under it) may be reached, also with plain http.
    pub loopback: bool,
    /// Emulators: these very hosts may be reached, also with plain http.
    pub development: Vec<DevelopmentHost>,
}

impl Default for HostRules {
    fn default() -> Self {
        Self { patterns: AZURE_HOSTS.map(String::from).to_vec(), loopback: false, development: Vec::new() }
    }
}

impl HostRules {
    /// Whether `host` (as in a URL, without port) may be reached.
    pub fn allows(&self, host: &str) -> bool {
        self.allows_http(host) || self.patterns.iter().any(|pattern| matches(pattern, host))
    }

    /// Whether `host` may be reached with plain http: this machine and emulators, where the rules say so.
    pub fn allows_http(&self, host: &str) -> bool {
        (self.loopback && is_loopback_host(host)) || self.is_development(host)
    }

    /// Whether `host` is one of the emulators.
    pub fn is_development(&self, host: &str) -> bool {
        self.development.iter().any(|listed| listed.as_str() == host)
    }

    /// Whether there is any host that may be reached with plain http.
    pub fn allow_any_http(&self) -> bool {
        self.loopback || !self.development.is_empty()
    }
}

/// Whether `host`, in lower case, is a blob endpoint of one of Azure's clouds.
pub(crate) fn is_azure_host(host: &str) -> bool {
    AZURE_HOSTS.iter().any(|pattern| matches(pattern, host))
}

fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        // The suffix keeps its dot, so `*.a.b` matches neither `a.b` nor `xa.b`.
        Some(suffix) if suffix.starts_with('.') => {
            host.strip_suffix(suffix).is_some_and(|label| !label.is_empty())
        }
        _ => pattern == host,
    }
}

/// Whether `host` (as in a URL, in lower case, IPv6 in brackets or not) is this machine: 127.0.0.0/8, ::1, `localhost`,
/// or a name under it (RFC 6761), such as `acct.blob.localhost`.
pub fn is_loopback_host(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let under =
        bare.strip_suffix(".localhost").is_some_and(|rest| rest.split('.').all(|label| !label.is_empty()));
    bare == "localhost" || under || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_azure_is_allowed_by_default() {
        let rules = HostRules::default();
        assert!(rules.allows("acct.blob.core.windows.net"));
        assert!(rules.allows("acct.privatelink.blob.core.windows.net"));
        for host in
            ["blob.core.windows.net", "xblob.core.windows.net", "acct.blob.core.windows.net.", "127.0.0.1"]
        {
            assert!(!rules.allows(host), "{host}");
        }
    }

    #[test]
    fn loopback_is_this_machine_alone() {
        let rules = GrantPolicy::loopback().hosts;
        for host in ["127.0.0.1", "127.8.8.8", "[::1]", "::1", "localhost", "acct.blob.localhost"] {
            assert!(rules.allows_http(host), "{host}");
        }
        for host in [
            "10.0.0.1",
            "169.254.169.254",
            "localhost.evil.example",
            "evillocalhost",
            ".localhost",
            "a..localhost",
            "[::ffff:127.0.0.1]",
            "0.0.0.0",
        ] {
            assert!(!rules.allows_http(host), "{host}");
        }
        assert!(!HostRules::default().allows("acct.blob.localhost"), "closed unless told");
    }

    #[test]
    fn custom_hosts_are_one_more_pattern() {
        let rules = HostRules { patterns: vec!["media.internal.example".into()], ..HostRules::default() };
        assert!(rules.allows("media.internal.example"));
        assert!(!rules.allows("x.media.internal.example"));
        assert!(!rules.allows_http("media.internal.example"));
    }

    #[test]
    fn an_emulator_is_its_very_name_alone() {
        let rules = HostRules { development: vec!["azurite".parse().unwrap()], ..HostRules::default() };
        assert!(rules.allow_any_http() && rules.allows("azurite") && rules.allows_http("azurite"));
        for host in ["azurite.evil.example", "x.azurite", "azurit", "localhost", "127.0.0.1", "10.0.0.1"] {
            assert!(!rules.allows(host) && !rules.allows_http(host), "{host}");
        }
        assert!(!rules.allows_http("acct.blob.core.windows.net"), "Azure stays https");
        assert!(!HostRules::default().allow_any_http(), "closed unless told");
    }
}
