//! Descriptors for futures: a wait for readiness, and reads and writes that wait.

use crate::core::Core;
use crate::handle::Handle;
use crate::memory;
use crate::readiness::Readiness;
use crate::registration::Registration;
use crate::{Error, Interest, Mode};
use rustix::fd::{AsFd, BorrowedFd};
use std::fmt;
use std::future::Future;
use std::io::{self, Read, Write};
use std::rc::Rc;

/// A file or socket with methods for futures, made by [`Handle::watch`]. Dropping an `Async` ends the observation.
///
/// Some methods first try an operation, and wait if it would block. They need a non-blocking file: make it non-blocking
/// yourself.
///
/// With the feature `futures`, which is on by default, `Async` and `&Async` implement the traits `AsyncRead` and
/// `AsyncWrite` of the crate `futures-io`.
///
/// ```
/// let mut events = cogloop::Loop::<()>::new()?;
/// let (left, right) = std::os::unix::net::UnixStream::pair().unwrap();
/// left.set_nonblocking(true).and(right.set_nonblocking(true)).unwrap();
/// let (left, right) = (events.watch(left)?, events.watch(right)?);
/// let echoed = events.block_on(&mut (), async {
///     left.write_all(b"x").await?;
///     right.read(&mut [0; 8]).await
/// })?;
/// assert_eq!(echoed.unwrap(), 1);
/// # Ok::<(), cogloop::Error>(())
/// ```
pub struct Async<F> {
    pub(crate) registration: Registration,
    pub(crate) file: Rc<F>,
}

impl<F: AsFd + 'static> Async<F> {
    /// This function does not end a source that observes the same descriptor: the caller must do that. A descriptor
    /// that was just opened has no source to end.
    pub(crate) fn new(core: &Rc<Core>, file: F) -> Result<Self, Error> {
        core.check_open()?;
        let file = memory::rc(file)?;
        core.watched.try_grow(core.token_index_max.get())?;
        let token = core.observe(file.clone(), Interest::NONE, Mode::Edge)?;
        core.events.borrow_mut().unref_descriptor(token);
        core.watched.put(token);
        Ok(Self { registration: Registration::new(core, token), file })
    }
}

impl<F> Async<F> {
    /// The wrapped file.
    ///
    /// ```
    /// let events = cogloop::Loop::<()>::new()?;
    /// let listener = events.watch(std::net::TcpListener::bind("127.0.0.1:0").unwrap())?;
    /// println!("listening on {}", listener.get_ref().local_addr().unwrap());
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn get_ref(&self) -> &F {
        &self.file
    }

    /// Stops observing the file and returns it, still non-blocking if you made it so. Works even if the loop was
    /// dropped.
    ///
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// let events = cogloop::Loop::<()>::new()?;
    /// let (left, mut right) = std::os::unix::net::UnixStream::pair().unwrap();
    /// let watched = events.watch(left)?;
    /// right.write_all(b"x").unwrap();
    /// let mut left = watched.into_inner();
    /// assert_eq!((events.source_count(), left.read(&mut [0; 8]).unwrap()), (0, 1));
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    pub fn into_inner(self) -> F {
        let Self { registration, file } = self;
        drop(registration);
        // The loop held the only other reference, and dropped it with the registration or before.
        Rc::into_inner(file).unwrap_or_else(|| unreachable!("a file that is not observed has one owner"))
    }

    /// Waits until there is something to read: data, a connection, the end of the stream or an error.
    ///
    /// ```
    /// use std::io::Write;
    ///
    /// let mut events = cogloop::Loop::<()>::new()?;
    /// let (reader, mut writer) = std::io::pipe().unwrap();
    /// let reader = events.watch(reader)?;
    /// writer.write_all(b"x").unwrap();
    /// events.block_on(&mut (), reader.readable())?.unwrap();
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// An error of the kernel; `OutOfMemory` if there is no memory for the waiting future; [`Error::Removed`] when the
    /// loop was cleared or dropped, or another source has taken the descriptor.
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.ready_for(Interest::READ, false)
    }

    /// Waits until writing would not block.
    ///
    /// ```
    /// let mut events = cogloop::Loop::<()>::new()?;
    /// let (_reader, writer) = std::io::pipe().unwrap();
    /// let writer = events.watch(writer)?;
    /// events.block_on(&mut (), writer.writable())?.unwrap();
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`readable`](Self::readable).
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.ready_for(Interest::WRITE, false)
    }

    /// Calls `f`. Whenever `f` returns `WouldBlock`, waits until there is something to read, and calls `f` again. If
    /// `f` returns `Interrupted`, calls it again at once.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::net::{TcpListener, TcpStream};
    ///
    /// let mut events = Loop::new()?;
    /// let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    /// let address = listener.local_addr().unwrap();
    /// listener.set_nonblocking(true).unwrap();
    /// let listener = events.watch(listener)?;
    /// let _client = TcpStream::connect(address).unwrap();
    /// let (_stream, from) = events.block_on(&mut (), listener.read_with(TcpListener::accept))?.unwrap();
    /// assert!(from.ip().is_loopback());
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `f` and of [`readable`](Self::readable).
    pub async fn read_with<T>(&self, f: impl FnMut(&F) -> io::Result<T>) -> io::Result<T> {
        self.retry(Interest::READ, f).await
    }

    /// Calls `f`. Whenever `f` returns `WouldBlock`, waits until there is room to write, and calls `f` again. If `f`
    /// returns `Interrupted`, calls it again at once.
    ///
    /// ```
    /// let mut events = cogloop::Loop::<()>::new()?;
    /// let (left, right) = std::os::unix::net::UnixStream::pair().unwrap();
    /// left.set_nonblocking(true).and(right.set_nonblocking(true)).unwrap();
    /// let (left, right) = (events.watch(left)?, events.watch(right)?);
    /// let sent = left.write_with(|mut stream| std::io::Write::write(&mut stream, b"hello"));
    /// let sent = events.block_on(&mut (), sent)?;
    /// assert_eq!(sent.unwrap(), 5);
    /// # drop(right);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `f` and of [`writable`](Self::writable).
    pub async fn write_with<T>(&self, f: impl FnMut(&F) -> io::Result<T>) -> io::Result<T> {
        self.retry(Interest::WRITE, f).await
    }

    fn ready_for(&self, direction: Interest, is_used_up: bool) -> Readiness<'_> {
        Readiness::new(self.registration.core(), self.registration.awaited(direction, is_used_up))
    }

    async fn retry<T>(&self, direction: Interest, mut f: impl FnMut(&F) -> io::Result<T>) -> io::Result<T> {
        loop {
            match f(&self.file) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready_for(direction, true).await?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

impl<F> Async<F>
where
    for<'a> &'a F: Read,
{
    /// Reads the available bytes; waits if there are none. Returns the number of bytes, or 0 at the end of the stream.
    ///
    /// ```
    /// let mut events = cogloop::Loop::<()>::new()?;
    /// let (left, right) = std::os::unix::net::UnixStream::pair().unwrap();
    /// left.set_nonblocking(true).and(right.set_nonblocking(true)).unwrap();
    /// let (left, right) = (events.watch(left)?, events.watch(right)?);
    /// drop(left);
    /// let length = events.block_on(&mut (), right.read(&mut [0; 8]))?;
    /// assert_eq!(length.unwrap(), 0);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// An error of the kernel, and those of [`readable`](Self::readable).
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_with(|mut file| file.read(buffer)).await
    }
}

impl<F> Async<F>
where
    for<'a> &'a F: Write,
{
    /// Writes as much as there is room for; waits if there is none. Returns the number of bytes.
    ///
    /// ```
    /// let mut events = cogloop::Loop::<()>::new()?;
    /// let (left, right) = std::os::unix::net::UnixStream::pair().unwrap();
    /// left.set_nonblocking(true).and(right.set_nonblocking(true)).unwrap();
    /// let (left, right) = (events.watch(left)?, events.watch(right)?);
    /// let written = events.block_on(&mut (), left.write(&vec![0; 10_000_000]))?;
    /// assert!((1..10_000_000).contains(&written.unwrap())); // what there was room for
    /// # drop(right);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// An error of the kernel, and those of [`writable`](Self::writable).
    pub async fn write(&self, data: &[u8]) -> io::Result<usize> {
        self.write_with(|mut file| file.write(data)).await
    }

    /// Writes the whole buffer. If the future is dropped before it completes, a part may have been written.
    ///
    /// ```
    /// let mut events = cogloop::Loop::<()>::new()?;
    /// let (left, right) = std::os::unix::net::UnixStream::pair().unwrap();
    /// left.set_nonblocking(true).and(right.set_nonblocking(true)).unwrap();
    /// let (left, right) = (events.watch(left)?, events.watch(right)?);
    /// events.block_on(&mut (), left.write_all(b"all of it"))?.unwrap();
    /// # drop(right);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`write`](Self::write); `WriteZero` when nothing more can be written.
    pub async fn write_all(&self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            match self.write(data).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => data = &data[written..],
            }
        }
        Ok(())
    }
}

/// The descriptor, for system calls that the file's type does not offer.
impl<F: AsFd> AsFd for Async<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl<F> fmt::Debug for Async<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Async(descriptor in slot {})", self.registration.token().index())
    }
}

impl<S> Handle<S> {
    /// Wraps a file, socket or pipe for futures. The file does not keep the loop going; a task that waits for it does.
    ///
    /// ```
    /// use cogloop::Loop;
    /// use std::os::unix::net::UnixStream;
    ///
    /// let mut events = Loop::new()?;
    /// let (left, right) = UnixStream::pair().unwrap();
    /// left.set_nonblocking(true).and(right.set_nonblocking(true)).unwrap();
    /// let (left, right) = (events.watch(left)?, events.watch(right)?);
    /// events.spawn(async move { left.write_all(b"across").await })?.detach();
    /// let mut buffer = [0; 16];
    /// let length = events.block_on(&mut (), right.read(&mut buffer))?.unwrap();
    /// assert_eq!(&buffer[..length], b"across");
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be observed, [`Error::Limit`], [`Error::Memory`], [`Error::Closed`].
    pub fn watch<F: AsFd + 'static>(&self, file: F) -> Result<Async<F>, Error> {
        let watched = Async::new(self.core(), file)?;
        self.evict_source(watched.registration.token());
        Ok(watched)
    }
}
