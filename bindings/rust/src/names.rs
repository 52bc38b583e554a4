//! What names something of a loop: numbers with a generation, and one verb that ends whatever they name.

use crate::handle::Handle;

/// What names something that a loop calls: a [`Timer`](crate::Timer), a [`Source`](crate::Source), an
/// [`Idle`](crate::Idle). [`cancel`](Handle::cancel) ends it.
pub trait Name: sealed::Name {}

impl<N: sealed::Name> Name for N {}

pub(crate) mod sealed {
    use crate::handle::Handle;

    pub trait Name: Copy {
        fn cancel<S>(self, handle: &Handle<S>) -> bool;
    }
}

impl<S> Handle<S> {
    /// Ends what has this name, even if it is due in this very turn, and drops its callback and its file: at once, or when
    /// the callback returns if it is the caller. `false` if it has ended already, or belongs to another loop.
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
    /// writer.write_all(b"x").unwrap(); // the reader is still open: it is held here
    /// assert_eq!(Rc::strong_count(&reader), 1);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    #[inline]
    pub fn cancel(&self, name: impl Name) -> bool {
        name.cancel(self)
    }
}
