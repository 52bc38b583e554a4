//! Helpers for Unix. The file for Windows is `windows`.

use std::io::{self, PipeReader, PipeWriter};
use std::os::unix::net::UnixStream;

pub const BACKENDS: [&str; 4] = ["uring", "epoll", "select", "portable"];

/// An end of a stream.
pub type Stream = UnixStream;

/// Two ends of one stream.
pub fn streams() -> (Stream, Stream) {
    UnixStream::pair().unwrap()
}

/// One end to read from, one to write to.
pub fn pipe() -> (PipeReader, PipeWriter) {
    io::pipe().unwrap()
}
