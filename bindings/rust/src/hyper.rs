//! The parts of a runtime that hyper needs: streams, an executor, timers.
//!
//! ```text
//!   hyper ──► Async<TcpStream>   Read, Write
//!         ──► Handle             Executor, for HTTP/2
//!         ──► Timeouts           Timer; it must be `Send`, so posts to the loop arm and cancel its timers
//! ```

use crate::handle::Handle;
use crate::remote::Remote;
use crate::{Async, Timer};
use hyper::rt::{Executor, ReadBufCursor};
use rustix::fd::AsFd;
use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// The number of bytes that are read at a time. hyper's buffer is not initialised. So without unsafe code the bytes are
/// read into a buffer of ours and copied.
const CHUNK: usize = 8 << 10;

impl<F> hyper::rt::Read for Async<F>
where
    for<'a> &'a F: Read,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; CHUNK];
        let chunk = &mut chunk[..into.remaining().min(CHUNK)];
        self.poll_read_with(cx, |mut file| file.read(chunk)).map_ok(|length| into.put_slice(&chunk[..length]))
    }
}

impl<F: AsFd> hyper::rt::Write for Async<F>
where
    for<'a> &'a F: Write,
{
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |mut file| file.write(data))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_with(cx, |mut file| file.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_end_writing(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |mut file| file.write_vectored(data))
    }
}

/// Spawns each future and detaches it. If the loop refuses a future, the future is dropped, because hyper takes no
/// error here.
impl<S, F: Future<Output: 'static> + 'static> Executor<F> for Handle<S> {
    fn execute(&self, future: F) {
        let _ = self.spawn(future).map(crate::Task::detach);
    }
}

/// Timers for hyper, from [`Remote::timeouts`]. hyper uses them from any thread, so posts to the loop arm and cancel
/// its timers. On the loop's own thread [`Handle::sleep`] costs less.
///
/// If the loop was dropped or refuses a timer, the timer never completes.
pub struct Timeouts<S>(Remote<S>);

impl<S> fmt::Debug for Timeouts<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timeouts").field(&self.0).finish()
    }
}

impl<S> Clone for Timeouts<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Remote<S> {
    /// Returns timers of the loop, for hyper's builders. The timers do not keep the loop going.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use hyper::rt::Timer;
    /// use std::time::Duration;
    ///
    /// let mut events = Loop::<()>::simulated()?;
    /// let start = events.now();
    /// let sleep = events.remote().timeouts().sleep(Duration::from_secs(5));
    /// events.block_on(&mut (), sleep)?;
    /// assert_eq!(events.now() - start, Duration::from_secs(5));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    #[must_use]
    pub fn timeouts(self) -> Timeouts<S> {
        Timeouts(self.unref())
    }
}

/// The state that a sleep and its timer share.
#[derive(Default)]
struct Sleep {
    is_over: bool,
    is_dropped: bool,
    timer: Option<Timer>,
    waker: Option<Waker>,
}

type Shared = Arc<Mutex<Sleep>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Sleep> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Sleeping<S> {
    shared: Shared,
    remote: Remote<S>,
}

impl<S> Future for Sleeping<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut sleep = lock(&self.shared);
        if sleep.is_over {
            return Poll::Ready(());
        }
        let old = sleep.waker.replace(waker);
        // The waker is dropped after the lock is released.
        drop(sleep);
        drop(old);
        Poll::Pending
    }
}

impl<S> Drop for Sleeping<S> {
    fn drop(&mut self) {
        let mut sleep = lock(&self.shared);
        sleep.is_dropped = true;
        let (timer, waker) = (sleep.timer.take(), sleep.waker.take());
        drop(sleep);
        drop(waker);
        if let Some(timer) = timer {
            // If the post fails, the timer fires later and finds nothing to wake.
            let _ = self.remote.post(move |_, handle| _ = handle.cancel(timer));
        }
    }
}

impl<S> hyper::rt::Sleep for Sleeping<S> {}

/// Arms the timer of a sleep, on the loop's thread.
fn arm<S>(handle: &Handle<S>, shared: &Shared, delay: Duration) {
    if lock(shared).is_dropped {
        return;
    }
    let over = Arc::clone(shared);
    let timer = handle.after(delay, move |_, _| {
        let mut sleep = lock(&over);
        (sleep.is_over, sleep.timer) = (true, None);
        let waker = sleep.waker.take();
        drop(sleep);
        waker.into_iter().for_each(Waker::wake);
    });
    let mut sleep = lock(shared);
    match timer {
        // The sleep was dropped on another thread meanwhile.
        Ok(timer) if sleep.is_dropped => {
            drop(sleep);
            handle.cancel(timer);
        }
        timer => sleep.timer = timer.ok(),
    }
}

impl<S: 'static> hyper::rt::Timer for Timeouts<S> {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        let shared = Shared::default();
        let armed = Arc::clone(&shared);
        let _ = self.0.post(move |_, handle| arm(handle, &armed, duration));
        Box::pin(Sleeping { shared, remote: self.0.clone() })
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep(deadline.saturating_duration_since(self.now()))
    }
}
