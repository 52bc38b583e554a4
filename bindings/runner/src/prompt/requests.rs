//! The requests of the editor's thread to Lua's thread, and their answers.
//!
//! The editor writes a byte into a pipe with each request. So Lua's thread can wait for requests and for its loop at
//! once.

use nix::sys::pthread::Pthread;
use std::io::{PipeReader, PipeWriter, Write, pipe};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

/// The kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    /// Runs a chunk. The answer is an empty text; it comes when the chunk has ended.
    Line,
    /// Completes the end of a line. The first line of the answer is the offset of the word's beginning. Each other line
    /// is a candidate.
    Complete,
    /// Checks a chunk. The answer is `incomplete` if the chunk needs another line, else empty.
    Check,
    /// The user has ended the prompt. There is no answer.
    End,
}

/// A request, with the channel for its answer.
pub(super) struct Request {
    pub(super) what: What,
    pub(super) text: String,
    pub(super) answer: SyncSender<String>,
}

/// The editor's side.
pub(super) struct Asking {
    requests: Sender<Request>,
    wake: PipeWriter,
}

/// Lua's side.
pub(super) struct Answering {
    pub(super) requests: Receiver<Request>,
    /// Readable when there is a request, or when the editor has ended.
    pub(super) woken: PipeReader,
}

/// A thread to which another thread sends signals.
pub(super) struct Thread(pub(super) Pthread);

// SAFETY: POSIX lets every thread of a process use the identifier of another thread. In musl the identifier is a
// pointer, but only the C library reads its target.
unsafe impl Send for Thread {}

/// Makes both sides.
///
/// # Errors
///
/// The system has no more descriptors.
pub(super) fn connect() -> std::io::Result<(Asking, Answering)> {
    let (woken, wake) = pipe()?;
    let (sender, requests) = channel();
    Ok((Asking { requests: sender, wake }, Answering { requests, woken }))
}

impl Asking {
    /// Sends a request and waits for its answer, for `limit` at most. Returns `None` if there was no answer.
    pub(super) fn ask(&self, what: What, text: &str, limit: Option<Duration>) -> Option<String> {
        let (answer, answered) = sync_channel(1);
        self.requests.send(Request { what, text: text.to_owned(), answer }).ok()?;
        (&self.wake).write_all(b"!").ok()?;
        match limit {
            Some(limit) => answered.recv_timeout(limit).ok(),
            None => answered.recv().ok(),
        }
    }
}
