//! Names of timers, sources and idle callbacks: numbers with a generation. `cancel` takes each of them.

use crate::handle::Handle;

/// The name of something that a loop calls: a [`Timer`](crate::Timer), a [`Source`](crate::Source) or an
/// [`Idle`](crate::Idle). [`cancel`](Handle::cancel) takes it.
pub trait Name: sealed::Name {}

impl<N: sealed::Name> Name for N {}

pub(crate) mod sealed {
    use crate::handle::Handle;

    pub trait Name: Copy {
        fn cancel<S>(self, handle: &Handle<S>) -> bool;
    }
}

impl<S> Handle<S> {
    /// Ends a timer, source or idle callback, even if it is due in this turn. Drops the callback, and the file of a
    /// source, at once. If the callback itself makes this call, both are dropped when the callback returns. Returns
    /// `false` if the timer, source or idle callback has already ended or belongs to another loop.
    ///
    /// ```
    /// use cogloop::{Interest, Loop};
    /// use std::{io::Write, rc::Rc, time::Duration};
    ///
    /// let events = Loop::<()>::new()?;
    /// let timer = events.after(Duration::from_secs(1), |_, _| ())?;
    /// assert!(events.cancel(timer) && !events.cancel(timer));
    ///
    /// let (reader, mut writer) = std::io::pipe().unwrap();
    /// let reader = Rc::new(reader);
    /// let source = events.add(Rc::clone(&reader), Interest::READ, |_, _, _| ())?;
    /// assert!(events.cancel(source));
    /// writer.write_all(b"x").unwrap(); // the reader is still open: `reader` holds it
    /// assert_eq!(Rc::strong_count(&reader), 1);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    #[inline]
    pub fn cancel(&self, name: impl Name) -> bool {
        name.cancel(self)
    }
}
