//! Which addresses the public can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a canonical address is of no use in public DNS; Route53's checkers refuse such addresses too. By IANA's
/// registries of special-purpose addresses, of IPv6 only what is outside `2000::/3`; those reserved for documentation
/// pass: examples are made of them.
pub(super) fn unreachable_from_outside(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    }
}

fn special_v4(ip: Ipv4Addr) -> Option<&'static str> {
    Some(match ip.octets() {
        [0, ..] => "it is an unspecified address",
        [10, ..] | [172, 16..32, ..] | [192, 168, ..] => "it is a private address",
        [100, 64..128, ..] => "it is an address that a provider's customers share",
        [127, ..] => "it is a loopback address",
        [169, 254, ..] => "it is a link-local address",
        [224..240, ..] => "it is a multicast address",
        [192, 0, 0, _] | [198, 18..20, ..] | [240..=255, ..] => "it is a reserved address",
        _ => return None,
    })
}

fn special_v6(ip: Ipv6Addr) -> Option<&'static str> {
    Some(match ip.segments() {
        [0x2000..0x4000, ..] => return None,
        [0, 0, 0, 0, 0, 0, 0, 0] => "it is the unspecified address",
        [0, 0, 0, 0, 0, 0, 0, 1] => "it is the loopback address",
        [0xfc00..0xfe00, ..] => "it is a private address",
        [0xfe80..0xfec0, ..] => "it is a link-local address",
        [0xff00..=0xffff, ..] => "it is a multicast address",
        _ => "it is not one of the global unicast addresses, 2000::/3",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_told_from_public_ones() {
        let why = |ip: &str| unreachable_from_outside(ip.parse::<IpAddr>().unwrap().to_canonical());
        for bad in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "0.1.2.3",
            "198.18.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::203.0.113.1",
            "64:ff9b::203.0.113.1",
            "ff02::1",
        ] {
            assert!(why(bad).is_some(), "{bad}");
        }
        for good in ["1.1.1.1", "100.63.0.1", "172.32.0.1", "198.20.0.1", "223.0.0.1", "3fff::1"] {
            assert_eq!(why(good), None, "{good}");
        }
    }
}
