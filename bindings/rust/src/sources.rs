//! Sources: a file, socket or pipe, and a callback for its readiness.
//!
//! The loop holds a source's file as long as the file is observed, so its descriptor cannot be closed too early. The
//! table of callbacks is indexed by the token, like the table of timers by the key.

use crate::handle::{Handle, OnReady, Ready};
use crate::memory;
use crate::outcome::Outcome;
use crate::source_slot::SourceSlot;
use crate::timeline::Of;
use crate::{Error, Interest, Mode};
use cogloop_io::Token;
use cogloop_io::trace::{Detail, Kind};
use rustix::fd::AsFd;
use std::cell::RefCell;
use std::fmt;
use std::ops::ControlFlow;
use std::panic::Location;
use std::process::Child;
use std::rc::Rc;

/// Names a source of one loop, as a [`Timer`](crate::Timer) names a timer. The name is stale after the source has
/// ended.
///
/// ```
/// use cogloop::{Interest, Loop};
/// use std::time::Duration;
///
/// let mut events = Loop::new()?;
/// let (reader, writer) = std::io::pipe().unwrap();
/// let source = events.add(reader, Interest::READ, |_: &mut (), _, _| ())?;
/// assert!(events.cancel(source) && !events.cancel(source));
/// drop(writer);
/// events.run(&mut ())?;
/// # Ok::<(), cogloop::Error>(())
/// ```
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Source {
    pub(crate) token: Token,
    owner: u32,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}.{} of loop {})", self.token.index(), self.token.generation(), self.owner)
    }
}

impl<S> Ready<'_, S> {
    /// The source that is ready.
    pub fn source(&self) -> Source {
        self.handle.source_of(self.token)
    }

    /// The observed directions that are ready.
    pub fn ready(&self) -> Interest {
        self.ready
    }

    /// Whether there is something to read: data, a connection, the end of the stream or an error.
    pub fn is_readable(&self) -> bool {
        self.ready.contains(Interest::READ)
    }

    /// Whether writing would not block: there is room, or writing fails at once.
    pub fn is_writable(&self) -> bool {
        self.ready.contains(Interest::WRITE)
    }
}

/// Sources.
impl<S> Handle<S> {
    /// Calls `f` in every turn in which `file` is ready for `interest`, until the source is cancelled or `f` returns
    /// `Break`. Then `file` is dropped. To keep the file, pass an [`Rc`] and hold a clone.
    ///
    /// `file` can be anything with a descriptor: a socket, listener, pipe, file or [`OwnedFd`](std::os::fd::OwnedFd).
    /// The loop does not make it non-blocking. Make it non-blocking yourself, or read only once in each call. If
    /// another source has the same descriptor, that source ends.
    ///
    /// ```
    /// use cogloop::{Interest, Loop};
    /// use std::io::{Read, Write};
    /// use std::ops::ControlFlow;
    ///
    /// let mut events = Loop::new()?;
    /// let (reader, mut writer) = std::io::pipe().unwrap();
    /// events.add(reader, Interest::READ, |text: &mut String, _, mut reader| {
    ///     let mut buffer = [0; 64];
    ///     match reader.read(&mut buffer) {
    ///         Ok(0) => Ok(ControlFlow::Break(())), // the end of the stream
    ///         Ok(length) => {
    ///             text.push_str(&String::from_utf8_lossy(&buffer[..length]));
    ///             Ok(ControlFlow::Continue(()))
    ///         }
    ///         Err(error) => Err(error),
    ///     }
    /// })?;
    /// writer.write_all(b"hello").unwrap();
    /// drop(writer);
    /// let mut text = String::new();
    /// events.run(&mut text)?;
    /// assert_eq!(text, "hello");
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be observed, [`Error::Limit`], [`Error::Memory`], [`Error::Closed`]. After an
    /// error `file` is dropped.
    #[track_caller]
    pub fn add<F: AsFd + 'static, R: Outcome>(
        &self,
        file: F,
        interest: Interest,
        f: impl FnMut(&mut S, &Ready<'_, S>, &F) -> R + 'static,
    ) -> Result<Source, Error> {
        self.add_with(file, interest, Mode::Level, f)
    }

    /// Like [`add`](Self::add); `mode` decides how often readiness is reported.
    ///
    /// ```
    /// use cogloop::{Interest, Loop, Mode};
    /// use std::{io::{ErrorKind, Read, Write}, os::unix::net::UnixStream};
    ///
    /// let mut events = Loop::new()?;
    /// let (stream, mut peer) = UnixStream::pair().unwrap();
    /// stream.set_nonblocking(true).unwrap();
    /// events.add_with(stream, Interest::READ, Mode::Edge, |text: &mut Vec<u8>, ready, mut stream| {
    ///     let mut buffer = [0; 4];
    ///     loop {
    ///         match stream.read(&mut buffer) {
    ///             Ok(0) => {
    ///                 ready.cancel(ready.source());
    ///                 return Ok(());
    ///             }
    ///             Ok(length) => text.extend(&buffer[..length]),
    ///             Err(error) if error.kind() == ErrorKind::WouldBlock => {
    ///                 return ready.drained(ready.source(), Interest::READ).map_err(Into::into);
    ///             }
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    /// })?;
    /// peer.write_all(b"all of it").unwrap();
    /// drop(peer);
    /// let mut text = Vec::new();
    /// events.run(&mut text)?;
    /// assert_eq!(text, b"all of it");
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`add`](Self::add).
    #[track_caller]
    pub fn add_with<F: AsFd + 'static, R: Outcome>(
        &self,
        file: F,
        interest: Interest,
        mode: Mode,
        mut f: impl FnMut(&mut S, &Ready<'_, S>, &F) -> R + 'static,
    ) -> Result<Source, Error> {
        self.core().check_open()?;
        let file = memory::rc(file)?;
        let held = Rc::clone(&file);
        let callback: OnReady<S> = memory::boxed(move |state: &mut S, ready: &Ready<'_, S>| f(state, ready, &held))?;
        self.sources().borrow_mut().try_grow(self.core().token_index_max.get())?;
        let token = self.core().observe(file.clone(), interest, mode)?;
        let slot = SourceSlot { token, callback: Some(callback), _file: file, child: None };
        // The previous entry of this index is dropped after the borrow.
        let _replaced = self.sources().borrow_mut().replace(token.index(), Some(slot));
        self.core().watched.evict(token);
        self.core().timeline.note(Of::Source, token.index(), Location::caller());
        Ok(self.source_of(token))
    }
}

/// Internal functions that connect names, callbacks and descriptors.
impl<S> Handle<S> {
    fn source_of(&self, token: Token) -> Source {
        Source { token, owner: self.core().id }
    }

    pub(crate) fn knows_source(&self, source: Source) -> bool {
        source.owner == self.core().id
    }

    pub(crate) fn check_source(&self, source: Source) -> Result<(), Error> {
        if self.knows_source(source) && self.core().is_observed(source.token) { Ok(()) } else { Err(Error::Removed) }
    }

    pub(crate) fn take_source(&self, token: Token) -> Option<SourceSlot<OnReady<S>>> {
        let mut sources = self.sources().borrow_mut();
        sources.get_mut(token.index())?.take_if(|slot| slot.token == token)
    }

    /// Removes the callback of a descriptor for which futures wait from now on.
    pub(crate) fn evict_source(&self, token: Token) {
        // The callback is dropped after the borrow.
        let _slot = self.sources().borrow_mut().take(token.index());
    }

    /// Stores the child process of a source.
    #[cfg_attr(windows, allow(dead_code, reason = "child processes are supported only on Unix"))]
    pub(crate) fn set_child(&self, source: Source, child: Rc<RefCell<Child>>) {
        let mut sources = self.sources().borrow_mut();
        if let Some(Some(slot)) = sources.get_mut(source.token.index()) {
            slot.child = Some(child);
        }
    }

    #[cfg_attr(windows, allow(dead_code, reason = "child processes are supported only on Unix"))]
    pub(crate) fn child_of(&self, source: Source) -> Option<Rc<RefCell<Child>>> {
        self.check_source(source).ok()?;
        self.sources().borrow().get(source.token.index())?.as_ref()?.child.clone()
    }

    fn callback_of<T>(&self, token: Token, use_it: impl FnOnce(&mut Option<OnReady<S>>) -> T) -> Option<T> {
        let mut sources = self.sources().borrow_mut();
        let slot = sources.get_mut(token.index())?.as_mut().filter(|slot| slot.token == token)?;
        Some(use_it(&mut slot.callback))
    }

    /// Calls the source's callback.
    pub(crate) fn serve_ready(&self, state: &mut S, token: Token, ready: Interest) -> Result<(), Error> {
        if self.core().wake_watcher(token, ready) {
            return Ok(());
        }
        let Some(mut callback) = self.callback_of(token, Option::take).flatten() else { return Ok(()) };
        let ready = Ready { handle: self, token, ready };
        let ending = Ending(&ready);
        let begun = self.core().begin_span(Some((Of::Source, token.index())));
        let verdict = callback.call(state, &ready);
        let kind = if verdict.is_err() { Kind::Error } else { Kind::Descriptor };
        self.core().end_span(begun, kind, Detail::None, "source");
        let verdict = verdict?;
        if verdict == ControlFlow::Continue(()) {
            std::mem::forget(ending);
            // If the source has removed itself, its callback is dropped here, after the borrow.
            let mut callback = Some(callback);
            self.callback_of(token, |place| *place = callback.take());
        }
        Ok(())
    }
}

/// Removes the source whose callback has returned `Break` or an error, or has panicked.
struct Ending<'a, S>(&'a Ready<'a, S>);

impl<S> Drop for Ending<'_, S> {
    fn drop(&mut self) {
        self.0.cancel(self.0.source());
    }
}
