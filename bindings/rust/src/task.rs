//! Tasks: futures that the loop polls whenever they were woken.
//!
//! ```text
//!   spawn ──► Spawned { future, waker } ──► woken ──► polled, out of the table ──► pending: back into it
//!                                                          │
//!   Task  ◄── Join: waiting, done, cancelled ◄─────────────┘ ready
//! ```
//!
//! Spawning a task allocates its future, its waker and the place of its result. After that, waking and polling allocate
//! nothing.

use crate::core::Core;
use crate::handle::Handle;
use crate::join::{Finish, Join};
use crate::notifier::Wakeup;
use crate::slab::SlabKey;
use crate::tasks::Spawned;
use crate::timeline::Of;
use crate::woken::Woken;
use crate::{Error, memory, options};
use cogloop_io::trace::{Detail, Kind};
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

pin_project_lite::pin_project! {
    /// The boxed future of a task. An `async` block would have room for the inner future twice: captured and awaited.
    struct Job<F: Future> {
        // `None` when the future is done. The future is dropped before the result is reported.
        #[pin]
        future: Option<F>,
        finish: Finish<F::Output>,
    }
}

impl<F: Future> Future for Job<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut job = self.project();
        if let Some(future) = job.future.as_mut().as_pin_mut() {
            let output = std::task::ready!(future.poll(cx));
            job.future.set(None);
            job.finish.set(Join::Done(output));
        }
        Poll::Ready(())
    }
}

/// A spawned future. Awaiting a `Task` returns the future's output. Dropping a `Task` cancels the future and drops it
/// at once; [`detach`](Self::detach) lets the future run on.
///
/// ```
/// use cogloop::Loop;
/// use std::time::Duration;
///
/// let mut events = Loop::<()>::simulated()?;
/// let handle = events.handle();
/// let answer = events.spawn(async { 42 })?;
/// let endless = events.spawn(async move {
///     loop {
///         handle.sleep(Duration::from_secs(1)).unwrap().await.unwrap();
///     }
/// })?;
/// assert_eq!(events.block_on(&mut (), answer)??, 42);
/// drop(endless);
/// events.run(&mut ())?; // nothing is left
/// # Ok::<(), cogloop::Error>(())
/// ```
#[must_use = "a task that is dropped is cancelled: await it, keep it, or `detach` it"]
pub struct Task<T> {
    core: Rc<Core>,
    key: SlabKey,
    join: Rc<RefCell<Join<T>>>,
    is_detached: bool,
}

impl<T> Task<T> {
    /// Lets the task run on without this value. The task keeps the loop going until it is done.
    ///
    /// ```
    /// let mut events = cogloop::Loop::<()>::simulated()?;
    /// let handle = events.handle();
    /// events.spawn(async move { handle.stop() })?.detach();
    /// events.run(&mut ())?;
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn detach(mut self) {
        self.is_detached = true;
    }

    /// Whether the future has completed or was dropped.
    ///
    /// ```
    /// let mut events = cogloop::Loop::<()>::simulated()?;
    /// let task = events.spawn(async {})?;
    /// assert!(!task.is_finished());
    /// events.run(&mut ())?;
    /// assert!(task.is_finished());
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn is_finished(&self) -> bool {
        !matches!(*self.join.borrow(), Join::Waiting(_))
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Join::poll(&self.join, cx)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if !self.is_detached {
            self.core.tasks.remove(self.key);
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_finished() { "finished" } else { "running" };
        write!(f, "Task({:?}, {state})", self.key)
    }
}

impl Core {
    /// Polls a task that was woken.
    pub(crate) fn poll_task(&self, key: SlabKey) {
        let Some(mut spawned) = self.tasks.take(key) else { return };
        let ending = Ending(self, key);
        spawned.wakeup.acknowledge();
        let begun = self.begin_span(Some((Of::Task, key.index())));
        let polled = spawned.future.as_mut().poll(&mut Context::from_waker(&spawned.waker));
        self.end_span(begun, Kind::Task, Detail::None, "task");
        if polled.is_pending() {
            std::mem::forget(ending);
            self.tasks.put_back(key, spawned);
        }
    }
}

/// Ends the task that is being polled: it has completed or panicked.
struct Ending<'a>(&'a Core, SlabKey);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.tasks.remove(self.1);
    }
}

/// Tasks.
impl<S> Handle<S> {
    /// Runs a future on the loop, beginning when the loop next serves tasks, in this turn or the next one. The future
    /// need not be `Send`, and keeps the loop going until it is done. A panic in the future unwinds out of
    /// [`run`](crate::Loop::run), like a panic in a callback. The loop stays usable.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::time::Duration;
    ///
    /// let mut events = Loop::simulated()?;
    /// let handle = events.handle();
    /// events.spawn(async move {
    ///     let nap = handle.sleep(Duration::from_secs(1))?;
    ///     let answer = handle.spawn(async move { nap.await.map(|()| 42) })?;
    ///     let answer = answer.await??;
    ///     handle.with(move |state: &mut u32, _| *state = answer).await
    /// })?.detach();
    /// let mut state = 0;
    /// events.run(&mut state)?;
    /// assert_eq!(state, 42);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Limit`], [`Error::Memory`], [`Error::Closed`]. The future is then dropped.
    #[track_caller]
    pub fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Result<Task<T>, Error> {
        let core = self.core();
        core.check_open()?;
        options::check("tasks", core.tasks.len(), core.limits.tasks)?;
        let join = memory::rc(RefCell::new(Join::Waiting(None)))?;
        let finish = Finish(Rc::clone(&join));
        let future = memory::pinned(Job { future: Some(future), finish })?;
        let key = core.tasks.try_reserve()?;
        let wakeup = Wakeup::try_shared(Woken::Task(key), &core.notifier)?;
        wakeup.set_woken();
        let waker = Waker::from(Arc::clone(&wakeup));
        core.timeline.note(Of::Task, key.index(), Location::caller());
        core.tasks.insert(Spawned { future, wakeup, waker });
        Ok(Task { core: Rc::clone(core), key, join, is_detached: false })
    }
}
