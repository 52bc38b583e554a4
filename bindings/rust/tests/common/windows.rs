//! Helpers for Windows, where only sockets can be observed. The file for Unix is `unix`.

#[path = "../../../../io/tests/common/tcp_streams.rs"]
mod tcp_streams;

use std::net::TcpStream;

pub use tcp_streams::streams;

pub const BACKENDS: [&str; 1] = ["portable"];

/// An end of a stream.
pub type Stream = TcpStream;

/// One end to read from, one to write to.
pub fn pipe() -> (Stream, Stream) {
    streams()
}
