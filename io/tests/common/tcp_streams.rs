//! TCP streams, for systems on which only sockets can be observed.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// Two ends of one stream.
pub fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    for end in [&ours, &peer] {
        end.set_nodelay(true).unwrap();
    }
    (ours, peer)
}
