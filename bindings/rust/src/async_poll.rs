//! Descriptors for futures that are written by hand: functions to poll instead of futures to await.

use crate::{Async, Interest};
#[cfg(any(feature = "futures", feature = "hyper"))]
use rustix::fd::AsFd;
use std::io;
use std::task::{Context, Poll, ready};

/// Functions for futures of your own, and for the traits of a runtime.
impl<F> Async<F> {
    /// [`readable`](Self::readable) for a future of your own. If the result is `Pending`, the loop keeps the waker of
    /// `cx` until there is something to read. Only one task at a time may call this method: of several tasks only the
    /// last caller is woken.
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::io::Write;
    ///
    /// let mut events = cogloop::Loop::<()>::new()?;
    /// let (reader, mut writer) = std::io::pipe().unwrap();
    /// let reader = events.watch(reader)?;
    /// writer.write_all(b"x").unwrap();
    /// events.block_on(&mut (), poll_fn(|cx| reader.poll_readable(cx)))?.unwrap();
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`readable`](Self::readable).
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration.poll_ready(Interest::READ, false, cx)
    }

    /// [`writable`](Self::writable) for a future of your own; see [`poll_readable`](Self::poll_readable).
    ///
    /// # Errors
    /// Those of [`readable`](Self::readable).
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registration.poll_ready(Interest::WRITE, false, cx)
    }

    /// [`read_with`](Self::read_with) for a future of your own, or for a trait of another runtime. After `WouldBlock`
    /// this method returns `Pending` and keeps the waker of `cx`. It is for one task at a time, like
    /// [`poll_readable`](Self::poll_readable).
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::io::Read;
    ///
    /// let mut events = cogloop::Loop::<()>::new()?;
    /// let (left, right) = std::os::unix::net::UnixStream::pair().unwrap();
    /// left.set_nonblocking(true).and(right.set_nonblocking(true)).unwrap();
    /// let (left, right) = (events.watch(left)?, events.watch(right)?);
    /// events.spawn(async move { left.write_all(b"across").await })?.detach();
    /// let mut buffer = [0; 16];
    /// let read = poll_fn(|cx| right.poll_read_with(cx, |mut stream| stream.read(&mut buffer)));
    /// assert_eq!(events.block_on(&mut (), read)?.unwrap(), 6);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `f` and of [`readable`](Self::readable).
    pub fn poll_read_with<T>(&self, cx: &mut Context<'_>, f: impl FnMut(&F) -> io::Result<T>) -> Poll<io::Result<T>> {
        self.poll_retry(Interest::READ, cx, f)
    }

    /// [`write_with`](Self::write_with) for a future of your own; see [`poll_read_with`](Self::poll_read_with).
    ///
    /// # Errors
    /// Those of `f` and of [`readable`](Self::readable).
    pub fn poll_write_with<T>(&self, cx: &mut Context<'_>, f: impl FnMut(&F) -> io::Result<T>) -> Poll<io::Result<T>> {
        self.poll_retry(Interest::WRITE, cx, f)
    }

    fn poll_retry<T>(
        &self,
        direction: Interest,
        cx: &Context<'_>,
        mut f: impl FnMut(&F) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            match f(&self.file) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.registration.poll_ready(direction, true, cx))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => {
                    self.registration.end_wait(direction);
                    return Poll::Ready(done);
                }
            }
        }
    }
}

#[cfg(any(feature = "futures", feature = "hyper"))]
impl<F: AsFd> Async<F>
where
    for<'a> &'a F: io::Write,
{
    /// Flushes the file. Also shuts down the writing direction of a socket, so that its peer reads the end.
    pub(crate) fn poll_end_writing(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_with(cx, |mut file| io::Write::flush(&mut file)))?;
        Poll::Ready(crate::socket::end_writing(self.as_fd()))
    }
}
