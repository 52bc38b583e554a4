//! The names of protocols, families, kinds of socket and ways to shut one down. A script gets the first name of each
//! back. Upper and lower case are alike.

use std::ffi::c_int;

/// One value, and what it may be called.
pub(super) struct Named {
    pub(super) value: c_int,
    pub(super) names: &'static [&'static str],
}

const fn named(value: c_int, names: &'static [&'static str]) -> Named {
    Named { value, names }
}

pub(super) const FAMILIES: &[Named] = &[
    named(libc::AF_INET, &["AF_INET", "ip4", "ipv4", "inet"]),
    named(libc::AF_INET6, &["AF_INET6", "ip6", "ipv6", "inet6"]),
    named(libc::AF_UNIX, &["AF_UNIX", "unix", "AF_LOCAL", "local"]),
];

pub(super) const TYPES: &[Named] = &[
    named(libc::SOCK_STREAM, &["SOCK_STREAM", "stream"]),
    named(libc::SOCK_DGRAM, &["SOCK_DGRAM", "dgram", "datagram"]),
    named(libc::SOCK_RAW, &["SOCK_RAW", "raw"]),
    named(libc::SOCK_SEQPACKET, &["SOCK_SEQPACKET", "seqpacket"]),
];

pub(super) const PROTOCOLS: &[Named] = &[
    named(libc::IPPROTO_IP, &["IPPROTO_IP", "ip"]),
    named(libc::IPPROTO_ICMP, &["IPPROTO_ICMP", "icmp"]),
    named(libc::IPPROTO_TCP, &["IPPROTO_TCP", "tcp"]),
    named(libc::IPPROTO_UDP, &["IPPROTO_UDP", "udp"]),
    named(libc::IPPROTO_ICMPV6, &["IPPROTO_ICMPV6", "icmpv6"]),
    named(libc::IPPROTO_RAW, &["IPPROTO_RAW"]),
];

pub(super) const SHUTDOWNS: &[Named] = &[
    named(libc::SHUT_RD, &["SHUT_RD", "r", "rd", "read"]),
    named(libc::SHUT_WR, &["SHUT_WR", "w", "wr", "write"]),
    named(libc::SHUT_RDWR, &["SHUT_RDWR", "rw", "rdwr", "readwrite"]),
];

/// The value that `name` stands for in `list`.
pub(super) fn value_of(list: &[Named], name: &[u8]) -> Option<c_int> {
    let known = |named: &&Named| named.names.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name));
    list.iter().find(known).map(|named| named.value)
}

/// The first name of `value` in `list`.
pub(super) fn name_of(list: &[Named], value: c_int) -> Option<&'static str> {
    list.iter().find(|named| named.value == value).and_then(|named| named.names.first().copied())
}
