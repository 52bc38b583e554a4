//! The names of protocols, families, kinds of sockets and ways to shut a socket down. A script may use each name in
//! upper or lower case, and gets the first name of each value back.

use crate::sys::option;
use std::ffi::c_int;

/// A value and its names.
pub(super) struct Named {
    pub(super) value: c_int,
    pub(super) names: &'static [&'static str],
}

const fn named(value: c_int, names: &'static [&'static str]) -> Named {
    Named { value, names }
}

pub(super) const FAMILIES: &[Named] = &[
    named(option::AF_INET, &["AF_INET", "ip4", "ipv4", "inet"]),
    named(option::AF_INET6, &["AF_INET6", "ip6", "ipv6", "inet6"]),
    named(option::AF_UNIX, &["AF_UNIX", "unix", "AF_LOCAL", "local"]),
];

pub(super) const TYPES: &[Named] = &[
    named(option::SOCK_STREAM, &["SOCK_STREAM", "stream"]),
    named(option::SOCK_DGRAM, &["SOCK_DGRAM", "dgram", "datagram"]),
    named(option::SOCK_RAW, &["SOCK_RAW", "raw"]),
    named(option::SOCK_SEQPACKET, &["SOCK_SEQPACKET", "seqpacket"]),
];

pub(super) const PROTOCOLS: &[Named] = &[
    named(option::IPPROTO_IP, &["IPPROTO_IP", "ip"]),
    named(option::IPPROTO_ICMP, &["IPPROTO_ICMP", "icmp"]),
    named(option::IPPROTO_TCP, &["IPPROTO_TCP", "tcp"]),
    named(option::IPPROTO_UDP, &["IPPROTO_UDP", "udp"]),
    named(option::IPPROTO_ICMPV6, &["IPPROTO_ICMPV6", "icmpv6"]),
    named(option::IPPROTO_RAW, &["IPPROTO_RAW"]),
];

pub(super) const SHUTDOWNS: &[Named] = &[
    named(option::SHUT_RD, &["SHUT_RD", "r", "rd", "read"]),
    named(option::SHUT_WR, &["SHUT_WR", "w", "wr", "write"]),
    named(option::SHUT_RDWR, &["SHUT_RDWR", "rw", "rdwr", "readwrite"]),
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
