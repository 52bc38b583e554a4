//! What the stories need of Windows, where only sockets can be observed. Twin of `unix`.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

pub const BACKENDS: [&str; 1] = ["portable"];

/// An end of a stream.
pub type Stream = TcpStream;

/// Two ends of one stream.
pub fn streams() -> (Stream, Stream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    for end in [&ours, &peer] {
        end.set_nodelay(true).unwrap();
    }
    (ours, peer)
}

/// One end to read from, one to write to.
pub fn pipe() -> (Stream, Stream) {
    streams()
}
