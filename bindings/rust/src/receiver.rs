//! Channels for futures. Any thread or task sends messages of one type to one task.

use crate::queue::{Capacity, Close, Shared};
use crate::sender::Sender;
use crate::{Error, memory};
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Makes a channel for futures, with a capacity of at least one message. The channel belongs to no loop: both ends may
/// be on any thread and any executor. For a channel with a callback use [`Handle::channel`](crate::Handle::channel).
///
/// ```
/// let mut events = cogloop::Loop::<()>::new()?;
/// let (sender, mut receiver) = cogloop::channel(8)?;
/// std::thread::spawn(move || ["one", "two"].map(|word| sender.send_blocking(word).unwrap()));
/// let words = events.block_on(&mut (), async {
///     [receiver.recv().await, receiver.recv().await, receiver.recv().await]
/// })?;
/// assert_eq!(words, [Some("one"), Some("two"), None]);
/// # Ok::<(), cogloop::Error>(())
/// ```
///
/// # Errors
/// [`Error::Memory`].
pub fn channel<T>(capacity: usize) -> Result<(Sender<T>, Receiver<T>), Error> {
    let shared = memory::arc(Shared::new(None, Capacity::own(capacity), None))?;
    Ok((Sender::new(Arc::clone(&shared)), Receiver(shared)))
}

/// The receiving end of [`channel`]. Dropping it drops the waiting messages and closes the channel for its senders.
///
/// With the feature `futures`, which is on by default, the receiver implements `Stream`.
pub struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    /// Waits for the next message. Returns `None` when every sender was dropped and all messages were received.
    /// Dropping the future loses no message.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Self::recv) for a future of your own.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_next(cx.waker())
    }

    /// Returns the next message, if there is one.
    ///
    /// ```
    /// let (sender, mut receiver) = cogloop::channel(1)?;
    /// assert_eq!(receiver.try_recv(), None);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Some(1));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn try_recv(&mut self) -> Option<T> {
        self.0.next().0
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({} messages waiting)", self.0.len())
    }
}
