//! The handle: the tables of a loop, the type of the callbacks in each table, and the arguments of the callbacks.
//!
//! ```text
//!   Handle ──► tables ──► callbacks, which are called with ──► Firing, Ready ──► Handle
//! ```
//!
//! These types refer to each other in a circle. Only this file knows all of them. The tables are in other files,
//! generic over the callback. The methods of a handle are in files that use this one.

use crate::Interest;
use crate::callback::{Call, CallOnce, OnTimer};
use crate::core::{Core, Kind};
use crate::idles::Idles;
use crate::mail::Mail;
use crate::queue::Channel;
use crate::slab::Slab;
use crate::source_slot::SourceSlot;
use crate::{Error, memory};
use cogloop_io::ExpiredTimer;
use cogloop_io::Token;
use cogloop_io::memory::ByIndex;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

/// Everything that a loop can do except run. A [`Loop`](crate::Loop) dereferences to its handle, and so does the
/// argument of a callback. Clones refer to the same loop. A handle stays on the loop's thread; other threads use a
/// [`Remote`](crate::Remote).
///
/// Every method may be called from anywhere, also from a callback, a destructor or a future, and takes effect at once.
/// After the loop has been dropped, methods that would change it return [`Error::Closed`], `false` or `None`, or do
/// nothing.
///
/// ```
/// use cogloop::{Error, Handle, Loop};
/// use std::time::Duration;
///
/// /// A part of a program that keeps a handle to add timers later.
/// struct Blinker { events: Handle<u32> }
///
/// impl Blinker {
///     fn blink(&self, times: u32) -> Result<(), Error> {
///         (1..=times).try_for_each(|time| {
///             self.events.after(time * Duration::from_secs(1), |blinks, _| *blinks += 1).map(drop)
///         })
///     }
/// }
///
/// let mut events = Loop::simulated()?;
/// Blinker { events: events.handle() }.blink(3)?;
/// let mut blinks = 0;
/// events.run(&mut blinks)?;
/// assert_eq!(blinks, 3);
/// # Ok::<(), cogloop::Error>(())
/// ```
pub struct Handle<S>(Rc<Inner<S>>);

/// The callback of a timer.
pub(crate) type TimerCallback<S> = Box<dyn for<'a> OnTimer<S, Firing<'a, S>>>;
pub(crate) type OnReady<S> = Box<dyn for<'a> Call<S, Ready<'a, S>>>;
pub(crate) type OnIdle<S> = Box<dyn Call<S, Handle<S>>>;
/// The callback of a channel: it serves the waiting messages.
pub(crate) type Serve<S> = Box<dyn Call<S, Handle<S>>>;
/// The closure of `with`, which gets the state.
pub(crate) type Visit<S> = Box<dyn CallOnce<S, Handle<S>>>;
pub(crate) type Post<S> = Box<dyn CallOnce<S, Handle<S>> + Send>;

pub(crate) type TimerTable<S> = ByIndex<Option<TimerCallback<S>>>;
pub(crate) type SourceTable<S> = ByIndex<Option<SourceSlot<OnReady<S>>>>;

struct Inner<S> {
    core: Rc<Core>,
    timers: RefCell<TimerTable<S>>,
    sources: RefCell<SourceTable<S>>,
    channels: RefCell<Slab<Channel<Serve<S>>>>,
    idles: RefCell<Idles<OnIdle<S>>>,
    visits: RefCell<VecDeque<Visit<S>>>,
    mail: Arc<Mail<Post<S>>>,
}

impl<S> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Handle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.core().events.borrow();
        let counts = (events.timers(), events.descriptors(), self.core().tasks.len());
        write!(f, "Handle(loop {} on {}: ", self.core().id, events.backend().name)?;
        write!(f, "{} timers, {} sources, {} tasks)", counts.0, counts.1, counts.2)
    }
}

impl<S> Handle<S> {
    pub(crate) fn try_new(core: Core) -> Result<Self, Error> {
        let mail = memory::arc(Mail::new(Arc::clone(&core.notifier), core.limits.posts))?;
        let inner = Inner {
            core: memory::rc(core)?,
            timers: RefCell::default(),
            sources: RefCell::default(),
            channels: RefCell::default(),
            idles: RefCell::default(),
            visits: RefCell::default(),
            mail,
        };
        Ok(Self(memory::rc(inner)?))
    }

    /// Returns another handle of the same loop.
    #[must_use]
    pub fn handle(&self) -> Self {
        self.clone()
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        &self.0.core
    }

    pub(crate) fn timers(&self) -> &RefCell<TimerTable<S>> {
        &self.0.timers
    }

    pub(crate) fn sources(&self) -> &RefCell<SourceTable<S>> {
        &self.0.sources
    }

    pub(crate) fn channels(&self) -> &RefCell<Slab<Channel<Serve<S>>>> {
        &self.0.channels
    }

    pub(crate) fn idles(&self) -> &RefCell<Idles<OnIdle<S>>> {
        &self.0.idles
    }

    pub(crate) fn visits(&self) -> &RefCell<VecDeque<Visit<S>>> {
        &self.0.visits
    }

    pub(crate) fn mail(&self) -> &Arc<Mail<Post<S>>> {
        &self.0.mail
    }
}

/// The argument of a timer's callback: the timer, its deadline and its lateness. Dereferences to the [`Handle`].
///
/// ```
/// use std::time::Duration;
///
/// let mut events = cogloop::Loop::simulated()?;
/// let second = Duration::from_secs(1);
/// events.every(second, move |late: &mut Vec<Duration>, firing| {
///     assert_eq!(firing.deadline() + firing.late(), firing.now());
///     late.push(firing.late());
///     if firing.missed() == 0 {
///         firing.advance(3 * second); // as if this callback took three seconds
///     } else {
///         assert_eq!(firing.missed(), 2); // the deadlines at 3 and 4 seconds
///         firing.cancel(firing.timer());
///     }
/// })?;
/// let mut late = Vec::new();
/// events.run(&mut late)?;
/// assert_eq!(late, [Duration::ZERO, 2 * second]);
/// # Ok::<(), cogloop::Error>(())
/// ```
pub struct Firing<'a, S> {
    pub(crate) handle: &'a Handle<S>,
    pub(crate) expired: ExpiredTimer<Kind>,
}

impl<S> Deref for Firing<'_, S> {
    type Target = Handle<S>;

    fn deref(&self) -> &Handle<S> {
        self.handle
    }
}

impl<S> fmt::Debug for Firing<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExpiredTimer { key, deadline_ns, late_ns, missed, .. } = self.expired;
        write!(f, "Firing({key:?}, due at {deadline_ns} ns, {late_ns} ns late, {missed} missed)")
    }
}

/// The argument of a source's callback: the source, and the directions that are ready. Dereferences to the [`Handle`].
///
/// ```
/// use cogloop::{Interest, Loop};
///
/// let mut events = Loop::new()?;
/// let (left, right) = std::os::unix::net::UnixStream::pair().unwrap();
/// events.add(left, Interest::READ | Interest::WRITE, |_, ready, _| {
///     if ready.is_readable() {
///         ready.cancel(ready.source()); // the stream has ended
///     } else if ready.is_writable() {
///         assert_eq!(ready.ready(), Interest::WRITE);
///         ready.set_interest(ready.source(), Interest::READ)?;
///     }
///     Ok::<_, cogloop::Error>(())
/// })?;
/// drop(right);
/// events.run(&mut ())?;
/// # Ok::<(), cogloop::Error>(())
/// ```
pub struct Ready<'a, S> {
    pub(crate) handle: &'a Handle<S>,
    pub(crate) token: Token,
    pub(crate) ready: Interest,
}

impl<S> fmt::Debug for Ready<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ready({:?}, {:?})", self.token, self.ready)
    }
}

impl<S> Deref for Ready<'_, S> {
    type Target = Handle<S>;

    fn deref(&self) -> &Handle<S> {
        self.handle
    }
}
