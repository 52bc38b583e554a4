//! The network interfaces of the machine.

use nix::ifaddrs::getifaddrs;
pub(crate) use nix::net::if_::InterfaceFlags as Flags;
use nix::net::if_::{if_indextoname, if_nametoindex};
use nix::sys::socket::{SockaddrLike, SockaddrStorage};
use std::ffi::c_int;
use std::io;
use std::net::SocketAddr;

/// One address of one interface. An interface without addresses has one record, without an address.
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) flags: Flags,
    pub(crate) family: c_int,
    /// The address, the netmask, and the broadcast or peer address.
    pub(crate) found: [Option<SocketAddr>; 3],
}

/// All addresses of all interfaces.
///
/// # Errors
///
/// Returns the system's error.
pub(crate) fn all() -> io::Result<impl Iterator<Item = Seen>> {
    Ok(getifaddrs()?.map(|entry| {
        let found = [
            of(entry.address.as_ref()),
            of(entry.netmask.as_ref()),
            of(entry.broadcast.as_ref().or(entry.destination.as_ref())),
        ];
        let family = entry.address.as_ref().and_then(SockaddrLike::family);
        let family = family.map_or(libc::AF_UNSPEC, |family| family as c_int);
        Seen { name: entry.interface_name, flags: entry.flags, family, found }
    }))
}

fn of(address: Option<&SockaddrStorage>) -> Option<SocketAddr> {
    let address = address?;
    match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(&v4), _) => Some(SocketAddr::V4(v4.into())),
        (_, Some(&v6)) => Some(SocketAddr::V6(v6.into())),
        _ => None,
    }
}

/// The number of an interface.
///
/// # Errors
///
/// There is no interface of that name.
pub(crate) fn index_of(name: &str) -> io::Result<u32> {
    Ok(if_nametoindex(name)?)
}

/// Calls `use_it` with the name of the interface `index`. Returns false if there is no such interface.
pub(crate) fn name_of(index: u32, use_it: impl FnOnce(&[u8])) -> bool {
    // nix returns an empty name for a number that no interface has.
    match if_indextoname(index) {
        Ok(name) if !name.is_empty() => {
            use_it(name.to_bytes());
            true
        }
        _ => false,
    }
}
