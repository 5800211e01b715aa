//! No address that is let through is anything but public, by a list of its own: IANA's registries of special-purpose,
//! multicast and IPv6 address space, as texts, with arithmetic that shares nothing with the guard's.

use proptest::prelude::*;

use super::*;

/// Blocks whose column "globally reachable" is false or not applicable, multicast, and the clouds' own; their last
/// bits and lengths.
const V4_SPECIAL: &[&str] = &[
    "0.0.0.0/8",
    "0.0.0.0/32",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "168.63.129.16/32",
];

/// Reachable by the registry, and no place for storage: the guard is stricter there.
const V4_STRICTER: &[&str] = &["192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24"];

const V6_SPECIAL: &[&str] = &[
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "fd00:ec2::254/128",
];

/// NAT64's own prefix leads to any IPv4 address; AS112 is nobody's storage.
const V6_STRICTER: &[&str] = &["64:ff9b::/96", "2620:4f:8000::/48"];

/// A block as its first address and the number of its last bits that are free.
fn block(text: &str) -> (u128, u32) {
    let (address, length) = text.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    match address.parse().unwrap() {
        IpAddr::V4(address) => (u32::from(address).into(), 32 - length),
        IpAddr::V6(address) => (address.into(), 128 - length),
    }
}

fn is_in(blocks: &[&str], address: u128) -> bool {
    blocks.iter().map(|text| block(text)).any(|(first, free)| {
        let cut = |bits: u128| bits.checked_shr(free).unwrap_or(0);
        cut(first) == cut(address)
    })
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => !is_in(V4_SPECIAL, u32::from(a).into()) && !is_special_to_std(a),
        // What is not assigned as global unicast is nobody's: the first three bits are 001.
        IpAddr::V6(a) => a.octets()[0] >> 5 == 1 && !is_in(V6_SPECIAL, a.into()),
    }
}

/// What the standard library knows of IPv4, as a third opinion.
fn is_special_to_std(a: Ipv4Addr) -> bool {
    let here = a.is_unspecified() || a.is_loopback() || a.is_private() || a.is_link_local();
    here || a.is_broadcast() || a.is_multicast() || a.is_documentation()
}

fn is_stricter(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => is_in(V4_STRICTER, u32::from(a).into()),
        // ISATAP, under whatever prefix.
        IpAddr::V6(a) => is_in(V6_STRICTER, a.into()) || matches!(a.octets()[8..12], [0 | 2, 0, 0x5e, 0xfe]),
    }
}

/// Within a block, or one before or behind it.
fn around(blocks: Vec<&'static str>) -> impl Strategy<Value = u128> {
    (proptest::sample::select(blocks), any::<u128>(), 0..5_u8).prop_map(|(text, random, place)| {
        let (first, free) = block(text);
        let last = first | 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
        match place {
            0 => first,
            1 => last,
            2 => first.wrapping_sub(1),
            3 => last.wrapping_add(1),
            _ => first | (random & (last ^ first)),
        }
    })
}

fn v4() -> impl Strategy<Value = IpAddr> {
    let near = around([V4_SPECIAL, V4_STRICTER].concat()).prop_map(|bits| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "one before 0 and one behind the last wrap around"
        )]
        let bits = bits as u32;
        bits
    });
    prop_oneof![any::<u32>(), near].prop_map(|bits| Ipv4Addr::from(bits).into())
}

fn v6() -> impl Strategy<Value = IpAddr> {
    // Random addresses are global ones once in eight times; a few more of those.
    let global = any::<u128>().prop_map(|bits| (bits >> 3) | (1 << 125));
    let near = around([V6_SPECIAL, V6_STRICTER].concat());
    prop_oneof![any::<u128>(), global, near].prop_map(|bits| Ipv6Addr::from(bits).into())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_let_through_is_public_and_what_is_public_is_let_through(address in prop_oneof![v4(), v6()]) {
        match refusal(address) {
            None => prop_assert!(is_public(address), "{address} is let through"),
            Some(why) => prop_assert!(
                !is_public(address) || is_stricter(address),
                "{address} is refused ({why})"
            ),
        }
    }
}

/// An IPv4 address that must not be reached must not be reached in any IPv6 clothes either.
#[test]
fn no_form_that_embeds_an_ipv4_address_is_let_through() {
    for v4 in ["127.0.0.1", "169.254.169.254", "168.63.129.16", "10.0.0.1", "20.60.1.1"] {
        let v4: Ipv4Addr = v4.parse().unwrap();
        let bits = u128::from(u32::from(v4));
        for form in [
            u128::from(v4.to_ipv6_mapped()),
            bits,
            0xffff_0000_0000 << 16 | bits,
            0x64_ff9b << 96 | bits,
            0x64_ff9b_0001 << 80 | bits,
            0x2002 << 112 | bits << 80,
            0x2001_0000 << 96 | bits << 64,
            0x2001_0000 << 96 | (!bits & 0xffff_ffff),
            0xfe80 << 112 | 0x5efe << 32 | bits,
            0x2603_1030 << 96 | 0x5efe << 32 | bits,
            0x2603_1030 << 96 | 0x0200_5efe << 32 | bits,
            0xfe80 << 112 | 0x0200_5efe << 32 | bits,
        ] {
            let address = IpAddr::V6(Ipv6Addr::from(form));
            assert!(refusal(address).is_some(), "{v4} as {address}");
        }
    }
}
