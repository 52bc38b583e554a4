//! The sending end of a channel. Without room, sending can fail, wait in a future, or block the thread.

use crate::queue::{Refused, Shared};
use crate::waiters::WaiterKey;
use crate::{Error, memory};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// The sending end of a channel, for any thread. [`Handle::channel`](crate::Handle::channel) and
/// [`channel()`](crate::channel()) make it.
///
/// | method | without room it |
/// |---|---|
/// | [`try_send`](Self::try_send) | fails and returns the message |
/// | [`send`](Self::send) | waits: it is a future |
/// | [`send_blocking`](Self::send_blocking) | blocks the thread |
///
/// ```
/// let mut events = cogloop::Loop::new()?;
/// let sender = events.channel(|sum: &mut u32, _, number: Option<u32>| *sum += number.unwrap_or(0))?;
/// let workers = [1, 2, 3].map(|number| {
///     let sender = sender.clone();
///     std::thread::spawn(move || sender.try_send(number))
/// });
/// drop(sender);
/// let mut sum = 0;
/// events.run(&mut sum)?;
/// assert_eq!(sum, 6);
/// # workers.map(|worker| worker.join().unwrap().unwrap());
/// # Ok::<(), cogloop::Error>(())
/// ```
pub struct Sender<T>(Arc<Shared<T>>);

/// A message that could not be sent, and the reason.
///
/// ```
/// use cogloop::Error;
///
/// let events = cogloop::Loop::<()>::new()?;
/// let sender = events.channel(|_, _, _: Option<&str>| ())?;
/// drop(events);
/// let refused = sender.try_send("too late").unwrap_err();
/// assert_eq!(refused.message, "too late");
/// assert!(matches!(refused.error, Error::Closed));
/// # Ok::<(), cogloop::Error>(())
/// ```
pub struct SendError<T> {
    /// The message.
    pub message: T,
    /// [`Error::Closed`], [`Error::Limit`] or [`Error::Memory`].
    pub error: Error,
}

impl<T> From<Refused<T>> for SendError<T> {
    fn from((message, error): Refused<T>) -> Self {
        Self { message, error }
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message was not sent: {}", self.error)
    }
}

/// Leaves out the message, which need not be printable.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T> std::error::Error for SendError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl<T> Sender<T> {
    pub(crate) fn new(shared: Arc<Shared<T>>) -> Self {
        Self(shared)
    }

    /// Sends a message without waiting. If the channel has a callback, the loop calls it in this turn or the next one.
    /// Messages of one sender stay in order.
    ///
    /// ```
    /// let mut events = cogloop::Loop::new()?;
    /// let sender = events.channel(|texts: &mut Vec<_>, _, text: Option<&str>| texts.extend(text))?;
    /// sender.try_send("one").and_then(|()| sender.try_send("two")).unwrap();
    /// drop(sender);
    /// let mut texts = Vec::new();
    /// events.run(&mut texts)?;
    /// assert_eq!(texts, ["one", "two"]);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`] if the channel has ended or its loop was dropped, [`Error::Limit`] if the channel is full,
    /// [`Error::Memory`]. The [`SendError`] contains the message.
    pub fn try_send(&self, message: T) -> Result<(), SendError<T>> {
        Ok(self.0.try_send(message)?)
    }

    /// Sends a message when the channel has room. Senders that wait get room in the order in which they began to wait.
    /// The future works on any executor. If the future is dropped before it completes, the message is not sent.
    ///
    /// ```
    /// let mut events = cogloop::Loop::<()>::new()?;
    /// let (sender, mut receiver) = cogloop::channel(1)?;
    /// events.spawn(async move {
    ///     for number in 1..=3 {
    ///         sender.send(number).await?; // the second and third wait for room
    ///     }
    ///     Ok::<_, cogloop::SendError<u32>>(())
    /// })?.detach();
    /// let sum = events.block_on(&mut (), async {
    ///     let mut sum = 0;
    ///     while let Some(number) = receiver.recv().await {
    ///         sum += number;
    ///     }
    ///     sum
    /// })?;
    /// assert_eq!(sum, 6);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`] if the channel has ended or its loop was dropped, before the call or during the wait;
    /// [`Error::Memory`]. The [`SendError`] contains the message.
    pub fn send(&self, message: T) -> impl Future<Output = Result<(), SendError<T>>> + use<'_, T> {
        Sending { shared: &self.0, message: Some(message), key: None }
    }

    /// Sends a message, and blocks the thread until the channel has room. On the thread of the channel's own loop this
    /// method does not wait, because that wait would never end.
    ///
    /// ```
    /// let mut events = cogloop::Loop::new()?;
    /// let sender = events.channel_with(1, |sum: &mut u32, _, number: Option<u32>| *sum += number.unwrap_or(0))?;
    /// let worker = std::thread::spawn(move || (1..=100).try_for_each(|number| sender.send_blocking(number)));
    /// let mut sum = 0;
    /// events.run(&mut sum)?;
    /// worker.join().unwrap().unwrap();
    /// assert_eq!(sum, 5050);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`send`](Self::send), and on the loop's own thread [`Error::Limit`].
    pub fn send_blocking(&self, message: T) -> Result<(), SendError<T>> {
        let message = match self.0.try_send(message) {
            Err((message, Error::Limit { .. })) if !self.0.is_served_here() => message,
            done => return Ok(done?),
        };
        let waker = match memory::arc(Unpark(thread::current())) {
            Ok(unpark) => Waker::from(unpark),
            Err(refused) => return Err(SendError { message, error: refused.into() }),
        };
        let mut sending = Sending { shared: &self.0, message: Some(message), key: None };
        loop {
            match Pin::new(&mut sending).poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(sent) => return sent,
                Poll::Pending => thread::park(),
            }
        }
    }

    /// Whether the channel has ended or its loop was dropped. Then nothing can be sent.
    ///
    /// ```
    /// let (sender, receiver) = cogloop::channel::<u32>(1)?;
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// Wakes a blocked thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A message that waits for room. Dropping this future gives its room to the next sender.
struct Sending<'a, T> {
    shared: &'a Shared<T>,
    message: Option<T>,
    key: Option<WaiterKey>,
}

/// The message is not pinned: it is moved out.
impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, message, key } = &mut *self;
        shared.poll_send(message, key, cx.waker()).map_err(Into::into)
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.shared.give_up(key);
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.add_sender();
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({} messages waiting)", self.0.len())
    }
}
