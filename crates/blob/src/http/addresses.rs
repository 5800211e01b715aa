//! Which addresses are public: the IANA special-purpose registries and the clouds' own magic addresses, as data.
//!
//! Never add an address here to make a private endpoint work: that is what `PrivateEndpoint` is for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// IPv4 blocks that are not public, each with its reason.
const V4_REFUSED: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "carrier-grade NAT; 100.100.100.200 is a cloud's metadata"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local; 169.254.169.254 is the clouds' metadata"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignments; 192.0.0.192 is a cloud's metadata"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 31, 196, 0, 24), "AS112"),
    (v4(192, 52, 193, 0, 24), "AMT"),
    (v4(192, 88, 99, 0, 24), "6to4 relays"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(192, 175, 48, 0, 24), "AS112"),
    (v4(198, 18, 0, 0, 15), "benchmarks"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved, broadcast"),
    (v4(168, 63, 129, 16, 32), "Azure WireServer: looks public, answers from every VM"),
];

/// The only IPv6 block that is public at all. Outside it: loopback, mapped and compatible IPv4, NAT64, discard,
/// SRv6, unique local, link-local, site-local, multicast.
const V6_GLOBAL: Ipv6Net = v6(0x2000, 0, 0, 3);

/// IPv6 blocks within [`V6_GLOBAL`] that are not public, each with its reason.
const V6_REFUSED: &[(Ipv6Net, &str)] = &[
    (v6(0x2001, 0, 0, 23), "protocol assignments: Teredo, ORCHID, benchmarks"),
    (v6(0x2001, 0xdb8, 0, 32), "documentation"),
    (v6(0x2002, 0, 0, 16), "6to4, embeds an IPv4 address"),
    (v6(0x2620, 0x4f, 0x8000, 48), "AS112"),
    (v6(0x3fff, 0, 0, 20), "documentation"),
];

/// Why an address is not public; `None` for a public one.
pub(super) fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(a) => V4_REFUSED.iter().find(|(net, _)| net.contains(&a)).map(|(_, why)| *why),
        IpAddr::V6(a) if !V6_GLOBAL.contains(&a) => Some("not global unicast"),
        IpAddr::V6(a) if is_isatap(a) => Some("ISATAP, embeds an IPv4 address"),
        IpAddr::V6(a) => V6_REFUSED.iter().find(|(net, _)| net.contains(&a)).map(|(_, why)| *why),
    }
}

/// RFC 5214: an interface id that is a tunnel to an IPv4 address, under whatever prefix.
fn is_isatap(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [_, _, _, _, 0 | 0x0200, 0x5efe, _, _])
}

/// Where an emulator may be: this machine and private networks. Link-local and the clouds' magic addresses are
/// nobody's emulator.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_private() || a.is_loopback(),
        IpAddr::V6(a) => a.is_unique_local() || a.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_refused() {
        let refused = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "192.88.99.1",
            "100.100.100.200",
            "203.0.113.5",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:808:808::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
            "3fff::1",
            "2001:20::1",
        ];
        assert_eq!(refused.len(), 37);
        for address in refused {
            assert!(refusal(address.parse().unwrap()).is_some(), "{address} is let through");
        }
    }

    #[test]
    fn public_addresses_are_let_through() {
        let public = [
            "8.8.8.8",
            "20.60.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "168.63.129.15",
            "2606:4700::1111",
            "2603:1030::1",
            "2a00:1450::1",
            "2001:4860:4860::8888",
        ];
        for address in public {
            assert_eq!(refusal(address.parse().unwrap()), None, "{address}");
        }
    }
}

#[cfg(test)]
#[path = "addresses_tests.rs"]
mod property;
