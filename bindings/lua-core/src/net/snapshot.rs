//! A snapshot of the machine's networks, as plain bytes: one record for each address of each interface.

use crate::sys::interfaces::{Flags, Seen};
use crate::sys::option::AF_INET;
use std::ffi::{c_char, c_int};
use std::net::SocketAddr;

/// An interface's name as bytes, followed by a zero. Systems limit it to 15 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Name([u8; 17]);

impl Name {
    pub(super) fn new(name: &[u8]) -> Self {
        let mut bytes = [0; 17];
        let length = name.len().min(16);
        bytes[..length].copy_from_slice(&name[..length]);
        Self(bytes)
    }

    pub(super) fn as_str(&self) -> &str {
        let length = self.0.iter().position(|&byte| byte == 0).unwrap_or(0);
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }

    pub(super) fn as_c_str(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }
}

/// One address of one interface, as plain bytes. An interface without addresses has one record without an address.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) name: Name,
    pub(super) flags: Flags,
    family: c_int,
    /// The address, the netmask, and the broadcast or peer address.
    pub(super) found: [Option<SocketAddr>; 3],
}

impl Record {
    pub(super) fn of(seen: &Seen) -> Self {
        Self { name: Name::new(seen.name.as_bytes()), flags: seen.flags, family: seen.family, found: seen.found }
    }
}

/// The interfaces that a call asks for.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    All,
    Named(Name),
    /// The interface of the default route.
    Default,
}

impl Wanted {
    /// Replaces `Default` by the interface of the default route. Without a default route it is the first interface
    /// other than the loopback that is up and has an IPv4 address. Without such an interface it is the loopback, if
    /// that is up and has an IPv4 address.
    pub(super) fn resolve(self, records: &[Record]) -> Self {
        let Self::Default = self else { return self };
        let usable = |record: &&Record| record.flags.contains(Flags::IFF_UP) && record.family == AF_INET;
        let outward = |record: &&Record| !record.flags.contains(Flags::IFF_LOOPBACK);
        let route = default_route();
        let found = records
            .iter()
            .filter(usable)
            .find(|record| Some(record.name) == route)
            .or_else(|| records.iter().filter(usable).find(outward))
            .or_else(|| records.iter().find(usable));
        found.map_or(self, |record| Self::Named(record.name))
    }

    pub(super) fn takes(self, record: &Record) -> bool {
        match self {
            Self::All => true,
            Self::Named(name) => name == record.name,
            Self::Default => false,
        }
    }
}

/// Linux: the interface of the route to 0.0.0.0/0.
fn default_route() -> Option<Name> {
    let routes = std::fs::read_to_string("/proc/net/route").ok()?;
    let mut columns = routes.lines().skip(1).map(str::split_whitespace);
    columns.find_map(|mut row| {
        let (name, destination) = (row.next()?, row.next()?);
        let mask = row.nth(5)?;
        (destination == "00000000" && mask == "00000000").then(|| Name::new(name.as_bytes()))
    })
}
