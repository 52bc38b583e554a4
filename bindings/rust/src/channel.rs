//! Channels with a callback. Any thread or task can send messages of one type to the callback.

use crate::handle::{Handle, Serve};
use crate::notifier::Wakeup;
use crate::outcome::{Outcome, Verdict};
use crate::queue::{Capacity, Channel, Close, Shared};
use crate::sender::Sender;
use crate::slab::SlabKey;
use crate::woken::Woken;
use crate::{Error, memory};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

impl<S> Handle<S> {
    /// Makes a channel: `f` is called with each message. When every sender is dropped and all messages are served, `f`
    /// is called with `None`, and the channel ends. `f` can also end it by returning `Break`. Until then the channel
    /// keeps the loop going. The channel holds as many messages as [`Options::max_posts`](crate::Options::max_posts)
    /// allows.
    ///
    /// ```
    /// use cogloop::Loop;
    ///
    /// let mut events = Loop::new()?;
    /// let sender = events.channel(|lines: &mut Vec<String>, _, line: Option<&'static str>| {
    ///     lines.push(line.map_or("the end".to_owned(), str::to_owned));
    /// })?;
    /// std::thread::spawn(move || ["one", "two"].map(|line| sender.try_send(line).unwrap()));
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
        f: impl FnMut(&mut S, &Handle<S>, Option<T>) -> R + 'static,
    ) -> Result<Sender<T>, Error> {
        self.make_channel(Capacity { what: "posts", limit: self.core().limits.posts }, f)
    }

    /// Like [`channel`](Self::channel), with a capacity of its own: at least one message, and no more than
    /// [`Options::max_posts`](crate::Options::max_posts) allows. When the channel is full, the methods of the
    /// [sender](Sender) wait or fail.
    ///
    /// ```
    /// use cogloop::{Error, Loop};
    ///
    /// let mut events = Loop::new()?;
    /// let sender = events.channel_with(2, |sum: &mut u32, _, number: Option<u32>| *sum += number.unwrap_or(0))?;
    /// sender.try_send(1).and_then(|()| sender.try_send(2)).unwrap();
    /// let refused = sender.try_send(3).unwrap_err();
    /// assert!(matches!(refused.error, Error::Limit { what: "messages", limit: 2 }));
    /// events.spawn(async move { sender.send(refused.message).await })?.detach(); // waits
    /// let mut sum = 0;
    /// events.run(&mut sum)?;
    /// assert_eq!(sum, 6);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Memory`].
    pub fn channel_with<T: Send + 'static, R: Outcome>(
        &self,
        capacity: usize,
        f: impl FnMut(&mut S, &Handle<S>, Option<T>) -> R + 'static,
    ) -> Result<Sender<T>, Error> {
        let most = Capacity { what: "posts", limit: self.core().limits.posts };
        self.make_channel(Capacity::own(capacity).min(most), f)
    }

    fn make_channel<T: Send + 'static, R: Outcome>(
        &self,
        capacity: Capacity,
        mut f: impl FnMut(&mut S, &Handle<S>, Option<T>) -> R + 'static,
    ) -> Result<Sender<T>, Error> {
        self.core().check_open()?;
        let key = self.channels().borrow_mut().try_reserve()?;
        let wakeup = Wakeup::try_new(Woken::Channel(key), &self.core().notifier)?;
        let shared = memory::arc(Shared::new(Some(wakeup), capacity, Some(thread::current().id())))?;
        let receiver = Arc::clone(&shared);
        let serve: Serve<S> =
            memory::boxed(move |state: &mut S, handle: &Handle<S>| serve(&receiver, state, handle, &mut f))?;
        let channel = Channel { serve: Some(serve), queue: Arc::clone(&shared) as Arc<dyn Close> };
        self.channels().borrow_mut().insert(channel);
        Ok(Sender::new(shared))
    }

    /// Serves a channel that has messages, or has lost its last sender.
    pub(crate) fn serve_channel(&self, state: &mut S, key: SlabKey) -> Result<(), Error> {
        let place = self.channels().borrow_mut().get_mut(key).and_then(|channel| channel.serve.take());
        let Some(mut serve) = place else { return Ok(()) };
        let ending = Ending(self, key);
        if serve.call(state, self)? == ControlFlow::Continue(()) {
            std::mem::forget(ending);
            let mut serve = Some(serve);
            // If the loop was cleared, the callback stays in `serve` and is dropped after the borrow.
            if let Some(channel) = self.channels().borrow_mut().get_mut(key) {
                channel.serve = serve.take();
            }
        }
        Ok(())
    }
}

/// Ends the channel, because all senders were dropped, or because the callback has returned `Break` or an error, or has
/// panicked.
struct Ending<'a, S>(&'a Handle<S>, SlabKey);

impl<S> Drop for Ending<'_, S> {
    fn drop(&mut self) {
        // The channel is dropped after the borrow.
        let _serve = self.0.channels().borrow_mut().remove(self.1);
    }
}

/// Serves the waiting messages until the limit is reached or the loop is stopped. The next turn serves the rest and
/// later messages.
fn serve<S, T, R: Outcome>(
    receiver: &Shared<T>,
    state: &mut S,
    handle: &Handle<S>,
    f: &mut impl FnMut(&mut S, &Handle<S>, Option<T>) -> R,
) -> Verdict {
    receiver.acknowledge();
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
                receiver.set_woken();
            }
            return verdict;
        }
    }
}
