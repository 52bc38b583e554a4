//! Channels: messages of one type from other threads, one callback for all of them.

use crate::bell::Knock;
use crate::handle::{Handle, Serve};
use crate::outcome::{Outcome, Verdict};
use crate::places::PlaceKey;
use crate::queue::{Channel, Close, Queue, Receiver, Shared};
use crate::woken::Woken;
use crate::{Error, memory, options};
use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

/// The sending end of [`channel`](Handle::channel), for any thread.
///
/// ```
/// let mut events = cogloop::Loop::new()?;
/// let sender = events.channel(|sum: &mut u32, _, number: Option<u32>| *sum += number.unwrap_or(0))?;
/// let workers = [1, 2, 3].map(|number| {
///     let sender = sender.clone();
///     std::thread::spawn(move || sender.send(number))
/// });
/// drop(sender);
/// let mut sum = 0;
/// events.run(&mut sum)?;
/// assert_eq!(sum, 6);
/// # workers.map(|worker| worker.join().unwrap().unwrap());
/// # Ok::<(), cogloop::Error>(())
/// ```
pub struct Sender<T>(Arc<Shared<T>>);

/// A message that could not be sent, and why.
///
/// ```
/// use cogloop::Error;
///
/// let events = cogloop::Loop::<()>::new()?;
/// let sender = events.channel(|_, _, _: Option<&str>| ())?;
/// drop(events);
/// let refused = sender.send("too late").unwrap_err();
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

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message was not sent: {}", self.error)
    }
}

/// Without the message, which need not have words for itself.
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
    /// Sends a message: it is served in the loop's next turn. Messages of one sender stay in order.
    ///
    /// ```
    /// let mut events = cogloop::Loop::new()?;
    /// let sender = events.channel(|texts: &mut Vec<_>, _, text: Option<&str>| texts.extend(text))?;
    /// sender.send("one").and_then(|()| sender.send("two")).unwrap();
    /// drop(sender);
    /// let mut texts = Vec::new();
    /// events.run(&mut texts)?;
    /// assert_eq!(texts, ["one", "two"]);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// The message back, with [`Error::Closed`] when the channel or its loop is no more, [`Error::Limit`] when too many
    /// messages wait already, or [`Error::Memory`].
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        let mut queue = self.0.queue();
        if let Err(error) = self.make_room(&mut queue) {
            drop(queue);
            return Err(SendError { message, error });
        }
        queue.messages.push_back(message);
        let is_first = queue.messages.len() == 1;
        drop(queue);
        if is_first {
            self.0.knock.knock();
        }
        Ok(())
    }

    /// For one more message.
    fn make_room(&self, queue: &mut Queue<T>) -> Result<(), Error> {
        if queue.is_closed {
            return Err(Error::Closed);
        }
        options::check("posts", queue.messages.len(), self.0.limit)?;
        Ok(queue.messages.try_reserve(1)?)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.queue().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.senders -= 1;
        // While messages wait, the channel is awake, and finds out when it has served them.
        let is_end = queue.senders == 0 && queue.messages.is_empty();
        drop(queue);
        if is_end {
            self.0.knock.knock();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({} messages waiting)", self.0.queue().messages.len())
    }
}

impl<S> Handle<S> {
    /// A channel: `f` is called with each message, and with `None` once every sender is dropped and all is served; that
    /// ends it. Until then, or until `f` breaks off, it keeps the loop going.
    ///
    /// ```
    /// use cogloop::Loop;
    ///
    /// let mut events = Loop::new()?;
    /// let sender = events.channel(|lines: &mut Vec<String>, _, line: Option<&'static str>| {
    ///     lines.push(line.map_or("the end".to_owned(), str::to_owned));
    /// })?;
    /// std::thread::spawn(move || ["one", "two"].map(|line| sender.send(line).unwrap()));
    /// let mut lines = Vec::new();
    /// events.run(&mut lines)?;
    /// assert_eq!(lines, ["one", "two", "the end"]);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Memory`].
    pub fn channel<T: Send + 'static, R: Outcome>(
        &self,
        mut f: impl FnMut(&mut S, &Handle<S>, Option<T>) -> R + 'static,
    ) -> Result<Sender<T>, Error> {
        self.core().check_open()?;
        let key = self.channels().borrow_mut().try_reserve()?;
        let knock = Knock::try_new(Woken::Channel(key), &self.core().bell)?;
        let queue = Queue { messages: VecDeque::new(), senders: 1, is_closed: false };
        let shared = memory::arc(Shared { knock, limit: self.core().limits.posts, queue: Mutex::new(queue) })?;
        let receiver = Receiver(Arc::clone(&shared));
        let serve: Serve<S> =
            memory::boxed(move |state: &mut S, handle: &Handle<S>| serve(&receiver, state, handle, &mut f))?;
        let channel = Channel { serve: Some(serve), queue: Arc::clone(&shared) as Arc<dyn Close> };
        self.channels().borrow_mut().insert(channel);
        Ok(Sender(shared))
    }

    /// Serves a channel that has messages, or has lost its last sender.
    pub(crate) fn serve_channel(&self, state: &mut S, key: PlaceKey) -> Result<(), Error> {
        let place = self.channels().borrow_mut().get_mut(key).and_then(|channel| channel.serve.take());
        let Some(mut serve) = place else { return Ok(()) };
        let ending = Ending(self, key);
        if serve.call(state, self)? == ControlFlow::Continue(()) {
            std::mem::forget(ending);
            let mut serve = Some(serve);
            // Without effect when the loop was cleared; then it is dropped after the borrow.
            if let Some(channel) = self.channels().borrow_mut().get_mut(key) {
                channel.serve = serve.take();
            }
        }
        Ok(())
    }
}

/// Ends the channel whose callback runs: it is at its end, has broken off, failed or panicked.
struct Ending<'a, S>(&'a Handle<S>, PlaceKey);

impl<S> Drop for Ending<'_, S> {
    fn drop(&mut self) {
        // Dropped after the borrow.
        let _serve = self.0.channels().borrow_mut().remove(self.1);
    }
}

/// Serves what waits now, as far as the limit and `stop` allow. What is left, or comes meanwhile, has the next turn.
fn serve<S, T, R: Outcome>(
    receiver: &Receiver<T>,
    state: &mut S,
    handle: &Handle<S>,
    f: &mut impl FnMut(&mut S, &Handle<S>, Option<T>) -> R,
) -> Verdict {
    receiver.0.knock.answer();
    let mut left = receiver.len().clamp(1, handle.core().limits.io.served_in_turn.get());
    loop {
        let (message, is_end) = receiver.next();
        let mut verdict = match message {
            Some(message) => f(state, handle, Some(message)).verdict(),
            None => Ok(ControlFlow::Continue(())),
        };
        // The callback may have cleared the loop.
        if is_end && !receiver.is_closed() && matches!(verdict, Ok(ControlFlow::Continue(()))) {
            verdict = f(state, handle, None).verdict().map(|_| ControlFlow::Break(()));
        }
        left -= 1;
        let goes_on = matches!(verdict, Ok(ControlFlow::Continue(())));
        if !goes_on || left == 0 || receiver.is_closed() || handle.core().is_stopped.get() {
            if goes_on && receiver.len() > 0 {
                receiver.0.knock.knock();
            }
            return verdict;
        }
    }
}
