//! Operations on a source, which a `Source` names.

use crate::handle::Handle;
use crate::names::sealed::Name;
use crate::{Error, Interest, Source};

impl Name for Source {
    fn cancel<S>(self, handle: &Handle<S>) -> bool {
        if !handle.knows_source(self) || !handle.core().is_observed(self.token) {
            return false;
        }
        // The kernel's error is ignored, because the loop has removed the source even then.
        let _ = handle.core().events.borrow_mut().remove_descriptor(self.token);
        let _slot = handle.take_source(self.token);
        true
    }
}

/// Operations on sources. A name is stale if its source has ended or belongs to another loop.
impl<S> Handle<S> {
    /// Changes the observed directions, at once. A source in `Mode::OneShot` or `Mode::Edge` reports again.
    ///
    /// ```
    /// use cogloop::{Interest, Loop};
    ///
    /// let events = Loop::<()>::new()?;
    /// let (left, _right) = std::os::unix::net::UnixStream::pair().unwrap();
    /// let source = events.add(left, Interest::READ, |_, _, _| ())?;
    /// events.set_interest(source, Interest::READ | Interest::WRITE)?; // there is something to send
    /// assert_eq!(events.interest(source), Some(Interest::BOTH));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Removed`], or [`Error::Io`] if the kernel refuses. After an error nothing has changed. A call that only
    /// drops directions succeeds even if the kernel refuses it: the dropped directions are not reported any more.
    pub fn set_interest(&self, source: Source, interest: Interest) -> Result<(), Error> {
        self.check_source(source)?;
        let set = self.core().events.borrow_mut().set_interest(source.token, interest);
        set.map_err(Error::io("changing what is observed of a descriptor"))
    }

    /// The observed directions. `None` if the source has ended.
    ///
    /// ```
    /// use cogloop::{Interest, Loop};
    ///
    /// let events = Loop::<()>::new()?;
    /// let source = events.add(std::io::stdin(), Interest::READ, |_, _, _| ())?;
    /// assert_eq!(events.interest(source), Some(Interest::READ));
    /// events.cancel(source);
    /// assert_eq!(events.interest(source), None);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn interest(&self, source: Source) -> Option<Interest> {
        self.core().events.borrow().interest(source.token).filter(|_| self.knows_source(source))
    }

    /// Re-arms these directions of a source in `Mode::Edge`: their next readiness is reported. Call it after a read or
    /// write has returned `WouldBlock`.
    ///
    /// ```
    /// use cogloop::{Interest, Loop, Mode};
    /// use std::time::Duration;
    ///
    /// let mut events = Loop::new()?;
    /// let (reader, writer) = std::io::pipe().unwrap();
    /// drop(writer); // readable, for the end
    /// let source = events.add_with(reader, Interest::READ, Mode::Edge, |times: &mut u32, _, _| *times += 1)?;
    /// let mut times = 0;
    /// for _ in 0..3 {
    ///     events.turn(&mut times, Some(Duration::ZERO))?;
    /// }
    /// assert_eq!(times, 1);
    /// events.drained(source, Interest::READ)?;
    /// events.turn(&mut times, Some(Duration::ZERO))?;
    /// assert_eq!(times, 2);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Removed`], or [`Error::Io`] if the kernel refuses. After an error the directions stay silent.
    pub fn drained(&self, source: Source, directions: Interest) -> Result<(), Error> {
        self.check_source(source)?;
        let result = self.core().events.borrow_mut().drained(source.token, directions);
        result.map_err(Error::io("observing a descriptor again"))
    }

    /// Reports a source as ready in the next turn, once. Use it for readiness that the kernel cannot see, such as data
    /// in a buffer. Returns `false` if the source has ended.
    ///
    /// ```
    /// use cogloop::{Interest, Loop};
    ///
    /// let mut events = Loop::new()?;
    /// let (reader, _writer) = std::io::pipe().unwrap();
    /// let source = events.add(reader, Interest::READ, |times: &mut u32, ready, _| {
    ///     *times += 1;
    ///     ready.stop();
    /// })?;
    /// assert!(events.mark_ready(source, Interest::READ));
    /// let mut times = 0;
    /// events.run(&mut times)?;
    /// assert_eq!(times, 1);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn mark_ready(&self, source: Source, directions: Interest) -> bool {
        let is_here = self.check_source(source).is_ok();
        if is_here {
            self.core().events.borrow_mut().mark_ready(source.token, directions);
        }
        is_here
    }

    /// Lets [`run`](crate::Loop::run) return although this source is observed. The source is served as long as
    /// something else keeps the loop going. Returns `false` if the source has ended.
    ///
    /// ```
    /// use cogloop::{Interest, Loop};
    ///
    /// let mut events = Loop::new()?;
    /// let (reader, _writer) = std::io::pipe().unwrap();
    /// let source = events.add(reader, Interest::READ, |_, _, _| ())?;
    /// assert!(events.unref_source(source));
    /// events.run(&mut ())?; // there is nothing else
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn unref_source(&self, source: Source) -> bool {
        self.knows_source(source) && self.core().events.borrow_mut().unref_descriptor(source.token)
    }

    /// Undoes [`unref_source`](Self::unref_source).
    ///
    /// ```
    /// use cogloop::{Interest, Loop};
    ///
    /// let events = Loop::<()>::new()?;
    /// let (reader, _writer) = std::io::pipe().unwrap();
    /// let source = events.add(reader, Interest::READ, |_, _, _| ())?;
    /// assert!(events.unref_source(source) && events.ref_source(source));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn ref_source(&self, source: Source) -> bool {
        self.knows_source(source) && self.core().events.borrow_mut().ref_descriptor(source.token)
    }
}
