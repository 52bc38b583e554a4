//! Socket addresses as text: the forms that a script may write, and the form that a message shows.
//!
//! | text | address |
//! |---|---|
//! | `127.0.0.1` | IPv4 |
//! | `::1`, `[::1]`, `fe80::1%2`, `fe80::1%eth0` | IPv6, the last two with a scope |
//! | `/run/x.sock`, `./x.sock`: anything with a slash | a Unix socket's path |
//! | `@name`, or a zero byte and the name | an abstract Unix socket (Linux) |

use crate::lua::errno::Lossy;
use crate::lua::guard::{ErrorText, Text};
use crate::sys::interfaces;
use crate::sys::option::AF_INET6;
use crate::sys::socket::{HAS_ABSTRACT, unix_address, unix_name};
use socket2::SockAddr;
use std::ffi::c_int;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

/// Parses an address. The address gets `port` if its family has ports.
///
/// # Errors
///
/// The text is no address. The message says why.
pub(super) fn parse(text: &[u8], port: u16) -> Result<SockAddr, ErrorText> {
    if text.contains(&b'/') || text.starts_with(b"@") || text.starts_with(b"\0") {
        return unix(text);
    }
    let wrong = |why: &str| Text::new(format_args!("'{}' is not an IP address{why}", Lossy(text)));
    let bare = std::str::from_utf8(text).map_err(|_| wrong(""))?;
    let is_bracketed = bare.starts_with('[') && bare.ends_with(']');
    let bare = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(bare);
    let (ip, zone) = bare.split_once('%').map_or((bare, None), |(ip, zone)| (ip, Some(zone)));
    match (ip.parse(), zone) {
        (Ok(IpAddr::V4(ip)), None) if !is_bracketed => Ok(SocketAddrV4::new(ip, port).into()),
        (Ok(IpAddr::V6(ip)), zone) => Ok(SocketAddrV6::new(ip, port, 0, zone.map_or(Ok(0), scope)?).into()),
        _ => Err(wrong(", nor the path of a Unix socket")),
    }
}

/// More than the longest name of a Unix socket on any system.
const NAME_MAX: usize = 128;

/// A path, or an abstract name behind `@` or a zero byte.
///
/// # Errors
///
/// The name is too long, or has a zero byte inside. Or the name is abstract, and the system has no abstract names.
pub(super) fn unix(text: &[u8]) -> Result<SockAddr, ErrorText> {
    let wrong = |why: std::fmt::Arguments<'_>| Text::new(format_args!("'{}'{why}", Lossy(text)));
    let mut room = [0; NAME_MAX];
    // A name that does not fit goes to the system unchanged. The system refuses it, because it is too long, and the
    // message has the whole name.
    let name = match room.get_mut(..text.len()) {
        Some(name) => {
            name.copy_from_slice(text);
            if let Some(first) = name.first_mut().filter(|first| **first == b'@') {
                *first = 0;
            }
            &*name
        }
        None => text,
    };
    if name.iter().skip(1).any(|&byte| byte == 0) && name[0] != 0 {
        return Err(wrong(format_args!(" has a zero byte")));
    }
    if name.first() == Some(&0) && !HAS_ABSTRACT {
        return Err(wrong(format_args!(": this system has no abstract Unix sockets")));
    }
    unix_address(name).map_err(|error| wrong(format_args!(": {error}")))
}

/// An IPv6 scope: an interface's number or name.
fn scope(zone: &str) -> Result<u32, ErrorText> {
    if let Ok(number) = zone.parse() {
        return Ok(number);
    }
    interfaces::index_of(zone).map_err(|_| Text::new(format_args!("there is no network interface '{zone}'")))
}

/// The address "any" of a family, for a socket that is bound to no particular address.
pub(super) fn any(family: c_int, port: u16) -> SockAddr {
    match family {
        AF_INET6 => SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0).into(),
        _ => SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into(),
    }
}

/// The address of this machine itself, in this family.
pub(super) fn localhost(family: c_int, port: u16) -> SockAddr {
    match family {
        AF_INET6 => SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0).into(),
        _ => SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into(),
    }
}

/// Returns the address with another port. The address of a Unix socket has no port and stays as it is.
pub(super) fn with_port(address: &SockAddr, port: u16) -> SockAddr {
    address.as_socket().map_or_else(
        || address.clone(),
        |mut address| {
            address.set_port(port);
            address.into()
        },
    )
}

/// Whether both are the same address. The unused bytes of the structures do not count.
pub(super) fn same(a: &SockAddr, b: &SockAddr) -> bool {
    match (a.as_socket(), b.as_socket()) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.family() == b.family() && host(a).as_bytes() == host(b).as_bytes(),
        _ => false,
    }
}

/// Room for any address: 108 bytes of a path, or an IPv6 address with its zone and port. The name of a Unix socket may
/// be any bytes.
pub(super) type AddressText = Text<128>;

/// An address without its port, as [`parse`] reads it.
pub(super) fn host(address: &SockAddr) -> AddressText {
    if let Some(inet6) = address.as_socket_ipv6() {
        let mut text = Text::new(inet6.ip());
        match inet6.scope_id() {
            0 => {}
            scope => zone(&mut text, scope),
        }
        return text;
    }
    if let Some(inet) = address.as_socket_ipv4() {
        return Text::new(inet.ip());
    }
    let mut text = Text::new("");
    unix_name(address, |first, rest| {
        text.extend(first);
        text.extend(rest);
    });
    text
}

/// Appends the zone of an IPv6 address: the interface's name, or its number if the interface is gone.
fn zone(text: &mut AddressText, scope: u32) {
    text.extend(b"%");
    if !interfaces::name_of(scope, |name| text.extend(name)) {
        text.extend(scope.to_string().as_bytes());
    }
}

/// An address as a message shows it: `127.0.0.1:80`, `[fe80::1%eth0]:80`, `/run/x.sock`.
pub(super) fn shown(address: &SockAddr) -> AddressText {
    let name = host(address);
    let Some(port) = address.as_socket().map(|address| address.port()) else { return name };
    let (before, after): (&[u8], &[u8]) = if address.is_ipv6() { (b"[", b"]") } else { (b"", b"") };
    let mut text = Text::new("");
    for part in [before, name.as_bytes(), after, format!(":{port}").as_bytes()] {
        text.extend(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_address_is_shown_in_its_usual_form() {
        for (text, wanted) in [
            ("127.0.0.1", "127.0.0.1:80"),
            ("::1", "[::1]:80"),
            ("[2001:DB8::0:1]", "[2001:db8::1]:80"),
            ("fe80::1%4000000000", "[fe80::1%4000000000]:80"),
        ] {
            let address = parse(text.as_bytes(), 80).unwrap();
            assert_eq!(shown(&address).to_string(), wanted);
            assert!(same(&address, &address.clone()));
        }
        let scoped = parse(b"fe80::1%3", 80).unwrap().as_socket_ipv6().unwrap();
        assert_eq!(scoped.scope_id(), 3);
        assert!(!same(&parse(b"fe80::1%3", 80).unwrap(), &parse(b"fe80::1", 80).unwrap()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_abstract_name_is_shown_with_an_at() {
        for text in [&b"@name"[..], b"\0name"] {
            let address = parse(text, 0).unwrap();
            assert_eq!(address.as_abstract_namespace(), Some(&b"name"[..]));
            assert_eq!(shown(&address).to_string(), "@name");
        }
    }

    #[test]
    fn a_text_that_is_no_address_is_refused() {
        let long = format!("/{}", "x".repeat(200));
        for text in
            ["", "localhost", "1.2.3", "256.1.1.1", "1.2.3.4:5", "[1.2.3.4]", "::1]", "1.2.3.4%1", "::%nowhere0"]
        {
            assert!(parse(text.as_bytes(), 0).is_err(), "{text}");
        }
        assert!(parse(long.as_bytes(), 0).is_err());
        assert!(parse(b"/a\0b", 0).is_err());
        assert!(parse(b"\xff", 0).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_name_of_a_unix_socket_is_bytes() {
        for text in ["/tmp/a b", "./x"] {
            assert_eq!(shown(&parse(text.as_bytes(), 80).unwrap()).to_string(), text);
        }
        let [one, other] = [b"/tmp/\xff", b"/tmp/\xfe"].map(|name| parse(name, 0).unwrap());
        assert!(!same(&one, &other));
        assert_eq!(host(&one).as_bytes(), b"/tmp/\xff");
        let longest = format!("/{}", "x".repeat(106));
        assert_eq!(shown(&parse(longest.as_bytes(), 0).unwrap()).as_bytes(), longest.as_bytes());
    }
}
