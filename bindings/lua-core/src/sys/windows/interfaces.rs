//! Network interfaces. On Windows this library does not list them.

use std::ffi::c_int;
use std::io;
use std::net::SocketAddr;

/// The flags of an interface, with Linux's numbers.
#[derive(Clone, Copy)]
pub(crate) struct Flags(u16);

impl Flags {
    pub(crate) const IFF_UP: Self = Self(1);
    pub(crate) const IFF_BROADCAST: Self = Self(1 << 1);
    pub(crate) const IFF_LOOPBACK: Self = Self(1 << 3);
    pub(crate) const IFF_POINTOPOINT: Self = Self(1 << 4);
    pub(crate) const IFF_RUNNING: Self = Self(1 << 6);
    pub(crate) const IFF_NOARP: Self = Self(1 << 7);
    pub(crate) const IFF_PROMISC: Self = Self(1 << 8);
    pub(crate) const IFF_ALLMULTI: Self = Self(1 << 9);
    pub(crate) const IFF_MULTICAST: Self = Self(1 << 12);

    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One address of one interface. An interface without addresses has one record, without an address.
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) flags: Flags,
    pub(crate) family: c_int,
    /// The address, the netmask, and the broadcast or peer address.
    pub(crate) found: [Option<SocketAddr>; 3],
}

fn refused() -> io::Error {
    super::errno::error(super::errno::ENOSYS)
}

/// All addresses of all interfaces.
///
/// # Errors
///
/// Always.
pub(crate) fn all() -> io::Result<impl Iterator<Item = Seen>> {
    Err::<std::iter::Empty<Seen>, _>(refused())
}

/// The number of an interface.
///
/// # Errors
///
/// Always.
pub(crate) fn index_of(_: &str) -> io::Result<u32> {
    Err(refused())
}

/// Does nothing, because no interface is known.
pub(crate) fn name_of(_: u32, _: impl FnOnce(&[u8])) -> bool {
    false
}
