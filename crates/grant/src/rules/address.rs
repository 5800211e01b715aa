//! Rules about the way to the blob: protocol, caller's address, names, host.

use std::net::Ipv4Addr;

use percent_encoding::percent_decode_str;

use super::Entry;
use crate::audit::Subject;
use crate::finding::{Finding, Rule, Severity};
use crate::limits::{IP_RANGE_MAX, SHOWN_CHARS_MAX};
use crate::name::{ContainerNameError, check_blob_name, check_container_name, is_system_container};
use crate::token::Field;

pub(super) const SAS007: Entry = Entry {
    rule: Rule::Sas007,
    id: "SAS007",
    title: "plain http",
    severity: Severity::High,
    reason: "Over http everyone on the way reads the signature. Plain http to an emulator is a policy.",
    check: protocol,
};

fn protocol(subject: &Subject<'_>) -> Vec<Finding> {
    if subject.on_emulator() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if !subject.address.https {
        findings.push(Finding::new(Rule::Sas007, "the URL is http", "use the https endpoint").always());
    }
    let message = match subject.token.field(Field::Protocol) {
        Some("https") => None,
        Some("https,http") => Some("the token also works over http (`spr=https,http`)"),
        Some(_) => Some("`spr` is not `https`"),
        None => Some("the token also works over http (`spr` is missing)"),
    };
    findings.extend(message.map(|message| Finding::new(Rule::Sas007, message, "mint with `spr=https`")));
    findings
}

pub(super) const SAS016: Entry = Entry {
    rule: Rule::Sas016,
    id: "SAS016",
    title: "address range too wide",
    severity: Severity::Medium,
    reason: "`sip` narrows a grant to the workers' addresses; a wide range only looks like protection.",
    check: caller,
};

fn caller(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(text) = subject.token.field(Field::Ip) else { return Vec::new() };
    let (message, advice) = match ip_range(text) {
        _ if subject.on_emulator() => ("`sip` is set, the emulator does not check it", "drop `sip`"),
        None => (
            "`sip` is neither an IPv4 address nor a range of them",
            "write `sip` as a.b.c.d or a.b.c.d-e.f.g.h",
        ),
        Some(u32::MAX) => ("`sip` is every address there is", "name the workers' addresses, or drop `sip`"),
        Some(more) if more >= IP_RANGE_MAX => {
            ("`sip` is wider than 256 addresses", "name the workers' addresses")
        }
        Some(_) => return Vec::new(),
    };
    vec![Finding::new(Rule::Sas016, message, advice)]
}

/// How many addresses follow the first one.
fn ip_range(text: &str) -> Option<u32> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let address = |text: &str| text.parse::<Ipv4Addr>().ok().map(u32::from);
    address(last)?.checked_sub(address(first)?)
}

pub(super) const SAS018: Entry = Entry {
    rule: Rule::Sas018,
    id: "SAS018",
    title: "name not safe",
    severity: Severity::High,
    reason: "Clients and storage rewrite such names, so the request would be for another blob than the one signed.",
    check: names,
};

fn names(subject: &Subject<'_>) -> Vec<Finding> {
    let address = &subject.address;
    let mut findings = Vec::new();
    if address.undecodable {
        findings.push(unsafe_name(
            "a name in the path is not UTF-8",
            "percent-encode the UTF-8 form of the names",
        ));
    }
    if let Some(container) = &address.container {
        if is_system_container(container) {
            let message = "the blob container belongs to storage itself ($root, $logs, $web)";
            findings.push(Finding::new(Rule::Sas018, message, "use a blob container of your own"));
        }
        findings.extend(check_container_name(container).err().map(container_name));
    }
    let error = address.blob.as_deref().and_then(|blob| check_blob_name(blob).err());
    findings.extend(error.map(|error| unsafe_name(&error.to_string(), error.advice())));
    if has_rewritten_path(subject.raw) {
        let message = "the path holds a backslash or a `.` or `..` segment, which HTTP clients rewrite";
        findings.push(unsafe_name(message, "pass the path as it is in storage"));
    }
    findings
}

/// A name of a bad length only cannot exist. One with other characters can be read as another path: `a%2Fb`.
fn container_name(error: ContainerNameError) -> Finding {
    let finding = Finding::new(Rule::Sas018, error.to_string(), error.advice());
    match error {
        ContainerNameError::Character => finding.always(),
        _ => finding.at(Severity::Medium),
    }
}

fn unsafe_name(message: &str, advice: &str) -> Finding {
    Finding::new(Rule::Sas018, message, advice).always()
}

/// Whether the URL as it came has a path that the URL parser has already changed.
fn has_rewritten_path(raw: &str) -> bool {
    let path = raw.split(['?', '#']).next().unwrap_or_default();
    let dots = |segment: &str| matches!(&*percent_decode_str(segment).decode_utf8_lossy(), "." | "..");
    path.contains('\\') || path.split('/').skip(3).any(dots)
}

pub(super) const SAS019: Entry = Entry {
    rule: Rule::Sas019,
    id: "SAS019",
    title: "not a plain storage URL",
    severity: Severity::Low,
    reason: "A URL can point a worker anywhere, and two parsers can read an odd one in two ways.",
    check: url,
};

fn url(subject: &Subject<'_>) -> Vec<Finding> {
    const PLAIN: &str = "pass the URL as https://host/container/blob?token, each parameter once";
    let token = &subject.token;
    // Each with whether the URL is refused for it: for what makes it point elsewhere or mean two things.
    let oddities = [
        (has_userinfo(subject.raw), true, "the URL holds a user name or password"),
        (subject.raw.contains('#'), true, "the URL has a fragment"),
        (!is_spelled_plainly(subject.raw), true, "the URL is spelled in a way that parsers read differently"),
        (token.repeated_known, true, "a parameter of the token comes twice"),
        (token.repeated_other, false, "a parameter comes twice"),
        (token.others > 0, false, "the URL has parameters that are no part of a SAS"),
        (subject.address.port.is_some() && !subject.on_emulator(), false, "the URL names a port"),
    ];
    let oddities = oddities.into_iter().filter(|(seen, ..)| *seen).map(|(_, refused, message)| {
        let finding = Finding::new(Rule::Sas019, message, PLAIN);
        if refused { finding.at(Severity::High).always() } else { finding }
    });
    host(subject).into_iter().chain(oddities).collect()
}

/// High, where lint tables elsewhere say low: the worker goes where this URL points.
fn host(subject: &Subject<'_>) -> Option<Finding> {
    let host = &subject.address.host;
    let message = || format!("the host {} is not on the list", subject.redaction.show(host, SHOWN_CHARS_MAX));
    let advice = "use a blob endpoint of Azure, or add the host to `storage.hosts`";
    let allowed = subject.policy.hosts.allows(host);
    (!allowed).then(|| Finding::new(Rule::Sas019, message(), advice).at(Severity::High))
}

fn authority(raw: &str) -> &str {
    let rest = raw.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#', '\\']).next().unwrap_or_default()
}

fn has_userinfo(raw: &str) -> bool {
    authority(raw).contains('@')
}

/// Starts like a URL, has a host where one looks for it, and holds nothing that parsers drop.
fn is_spelled_plainly(raw: &str) -> bool {
    let starts = raw.starts_with("https://") || raw.starts_with("http://");
    let dropped = raw.contains(|c: char| c.is_control()) || raw.trim() != raw;
    starts && !dropped && !authority(raw).is_empty()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::policy::GrantPolicy;

    #[test]
    fn sas007_only_https() {
        fires(&input().scheme("http"), Rule::Sas007, Severity::High);
        fires(&input().without("spr"), Rule::Sas007, Severity::High);
        fires(&input().set("spr", "https,http"), Rule::Sas007, Severity::High);
        fires(&input().set("spr", "http"), Rule::Sas007, Severity::High);
        fires(&on_emulator(input()).policy(strict()), Rule::Sas007, Severity::High);
        silent(&input(), Rule::Sas007);
        silent(&on_emulator(input()), Rule::Sas007);
    }

    #[test]
    fn sas016_an_address_range_is_narrow() {
        for sip in ["0.0.0.0-255.255.255.255", "10.0.0.0-10.0.1.0", "10.0.0.9-10.0.0.1", "everyone", "::1"] {
            fires(&input().set("sip", sip), Rule::Sas016, Severity::Medium);
        }
        fires(&on_emulator(input()).set("sip", "127.0.0.1"), Rule::Sas016, Severity::Medium);
        silent(&input().set("sip", "10.0.0.0-10.0.0.255"), Rule::Sas016);
        silent(&input().set("sip", "10.0.0.1"), Rule::Sas016);
        silent(&input(), Rule::Sas016);
    }

    #[test]
    fn sas018_names_that_change_under_way_are_refused() {
        for path in [
            "/media-in/a/../b",
            "/media-in/a/%2e%2E/b",
            "/media-in/./b",
            "/media-in\\a",
            "/media-in/a%5Cb",
            "/media-in/a%00",
            "/media-in/a//b",
            "/media-in/a/",
            "/media-in/a.",
            "/media-in/%ff",
            "/Media/a",
            "/me%2Fdia/a",
            "/$root/a",
            "/$logs/a",
            "/$web/a",
        ] {
            fires(&input().path(path), Rule::Sas018, Severity::High);
        }
        fires(&input().path("/in/a"), Rule::Sas018, Severity::Medium);
        silent(&input().path("/media-in/a%20b/%C3%BC..mov"), Rule::Sas018);
        silent(&input(), Rule::Sas018);
    }

    #[test]
    fn sas019_only_listed_hosts_and_plain_urls() {
        for host in [
            "evil.example",
            "10.0.0.1",
            "localhost",
            "127.0.0.1",
            "169.254.169.254",
            "u:p@acct.blob.core.windows.net",
        ] {
            fires(&input().host(host), Rule::Sas019, Severity::High);
        }
        fires(&input().host("acct.blob.core.windows.net:8443"), Rule::Sas019, Severity::Low);
        fires(&input().suffix("#frag"), Rule::Sas019, Severity::High);
        fires(&input().suffix("&SP=r"), Rule::Sas019, Severity::High);
        fires(&input().suffix("&sig=x"), Rule::Sas019, Severity::High);
        fires(&input().suffix(" "), Rule::Sas019, Severity::High);
        fires(&input().scheme("HTTPS"), Rule::Sas019, Severity::High);
        fires(&input().suffix("&timeout=5"), Rule::Sas019, Severity::Low);
        silent(&input(), Rule::Sas019);
        silent(&on_emulator(input()), Rule::Sas019);
    }

    #[test]
    fn an_emulator_that_is_listed_may_be_plain_at_any_port_and_no_other_host() {
        let mut policy = GrantPolicy::default();
        policy.hosts.development = vec!["azurite".parse().unwrap()];
        let listed = |host: &str| on_emulator(input()).host(host).policy(policy.clone());
        for rule in [Rule::Sas007, Rule::Sas019] {
            silent(&listed("azurite:10000"), rule);
            silent(&listed("azurite").scheme("https"), rule);
            fires(&listed("azurite2:10000"), rule, Severity::High);
            fires(&listed("127.0.0.1:10000"), rule, Severity::High);
            fires(&listed("azurite:10000").policy(strict()), rule, Severity::High);
        }
        fires(&input().scheme("http").policy(policy), Rule::Sas007, Severity::High);
    }

    #[test]
    fn sas019_a_private_endpoint_is_one_more_pattern() {
        let mut policy = strict();
        policy.hosts.patterns.push("media.internal.example".into());
        silent(&input().host("media.internal.example").policy(policy), Rule::Sas019);
    }
}
