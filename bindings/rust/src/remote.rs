//! The remote: a reference to a loop for other threads.

use crate::handle::{Handle, Post};
use crate::mail::Mail;
use crate::outcome::Outcome;
use crate::{Error, memory, options};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Posts closures to a loop from any thread, and wakes the loop. Clones refer to the same loop.
///
/// While a remote exists, the loop waits for its posts, and `run` does not return. A remote of [`unref`](Self::unref)
/// does not keep the loop going.
///
/// ```
/// use cogloop::Loop;
///
/// let mut events = Loop::new()?;
/// let remote = events.remote();
/// let worker = std::thread::spawn(move || {
///     let sum: u64 = (1..=1000).sum();
///     remote.post(move |result: &mut u64, _| *result = sum)
/// });
/// let mut result = 0;
/// events.run(&mut result)?; // until the worker has dropped its remote
/// worker.join().unwrap()?;
/// assert_eq!(result, 500_500);
/// # Ok::<(), cogloop::Error>(())
/// ```
pub struct Remote<S> {
    mail: Arc<Mail<Post<S>>>,
    is_counted: bool,
}

impl<S> Remote<S> {
    /// Calls `f` on the loop's thread, in the loop's next turn. Posts run in the order of posting.
    ///
    /// ```
    /// let mut events = cogloop::Loop::new()?;
    /// let remote = events.remote();
    /// std::thread::spawn(move || {
    ///     for number in 1..=3 {
    ///         remote.post(move |sum: &mut u32, _| *sum += number).unwrap();
    ///     }
    /// });
    /// let mut sum = 0;
    /// events.run(&mut sum)?;
    /// assert_eq!(sum, 6);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`] if the loop was dropped, [`Error::Limit`] if too many posts wait, [`Error::Memory`]. After an
    /// error `f` is dropped.
    pub fn post<R: Outcome>(&self, f: impl FnOnce(&mut S, &Handle<S>) -> R + Send + 'static) -> Result<(), Error> {
        let post: Post<S> = memory::boxed(f)?;
        let mut posts = self.mail.posts();
        // After an error the lock is released first. The closure is dropped when this function returns.
        let refused = match posts.is_closed {
            true => Err(Error::Closed),
            false => options::check("posts", posts.queue.len(), self.mail.limit)
                .and_then(|()| Ok(posts.queue.try_reserve(1)?)),
        };
        if refused.is_ok() {
            posts.queue.push_back(post);
            drop(posts);
            self.mail.notifier.notify();
        } else {
            drop(posts);
        }
        refused
    }

    /// Ends the current wait of the loop, or its next one, so that [`turn`](crate::Loop::turn) returns. No wake is
    /// lost; several wakes before a wait count as one.
    ///
    /// ```
    /// let mut events = cogloop::Loop::<()>::new()?;
    /// let remote = events.remote();
    /// std::thread::spawn(move || remote.wake());
    /// events.turn(&mut (), None)?; // would wait for ever
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn wake(&self) {
        self.mail.notifier.end_wait();
    }

    /// Whether the loop was dropped.
    ///
    /// ```
    /// let events = cogloop::Loop::<()>::new()?;
    /// let remote = events.remote();
    /// assert!(!remote.is_closed());
    /// drop(events);
    /// assert!(remote.is_closed());
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn is_closed(&self) -> bool {
        self.mail.posts().is_closed
    }

    /// Lets [`run`](crate::Loop::run) return although this remote and its later clones exist.
    ///
    /// ```
    /// let mut events = cogloop::Loop::<()>::new()?;
    /// let remote = events.remote().unref();
    /// events.run(&mut ())?; // does not wait for posts of this remote
    /// assert!(!remote.is_closed());
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    #[must_use]
    pub fn unref(self) -> Self {
        Self { mail: Arc::clone(&self.mail), is_counted: false }
    }
}

impl<S> Clone for Remote<S> {
    fn clone(&self) -> Self {
        if self.is_counted {
            self.mail.notifier.remotes.fetch_add(1, Ordering::Relaxed);
        }
        Self { mail: Arc::clone(&self.mail), is_counted: self.is_counted }
    }
}

impl<S> Drop for Remote<S> {
    fn drop(&mut self) {
        if self.is_counted && self.mail.notifier.remotes.fetch_sub(1, Ordering::AcqRel) == 1 {
            // This remote may be the last thing that the loop waits for.
            self.mail.notifier.notify();
        }
    }
}

impl<S> fmt::Debug for Remote<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({} posts waiting)", self.mail.posts().queue.len())
    }
}

impl<S> Handle<S> {
    /// Returns a remote, which other threads can use.
    ///
    /// ```
    /// let mut events = cogloop::Loop::new()?;
    /// events.remote().post(|posted: &mut bool, _| *posted = true)?;
    /// let mut posted = false;
    /// events.run(&mut posted)?;
    /// assert!(posted);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn remote(&self) -> Remote<S> {
        self.core().notifier.remotes.fetch_add(1, Ordering::Relaxed);
        Remote { mail: Arc::clone(self.mail()), is_counted: true }
    }
}
