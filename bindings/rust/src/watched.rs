//! Descriptors for futures: readable, writable, and the calls that wait for either.

use crate::core::Core;
use crate::handle::Handle;
use crate::{Error, Interest, Mode};
use cogloop_io::Token;
use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Who waits for which direction of a descriptor, by the index of its token.
#[derive(Default)]
pub(crate) struct Watched(RefCell<Vec<Option<Watchers>>>);

#[derive(Debug)]
pub(crate) struct Watchers {
    token: Token,
    read: Direction,
    write: Direction,
}

#[derive(Default, Debug)]
struct Direction {
    /// How often it was reported: a future that has seen another number has been answered.
    reports: u64,
    wakers: Vec<Waker>,
}

/// Who waited for a descriptor that is observed no longer is woken, and finds out.
impl Drop for Watchers {
    fn drop(&mut self) {
        self.read.wakers.drain(..).chain(self.write.wakers.drain(..)).for_each(Waker::wake);
    }
}

impl Watchers {
    fn of(&mut self, direction: Interest) -> &mut Direction {
        if direction == Interest::READ { &mut self.read } else { &mut self.write }
    }
}

impl Watched {
    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.0.borrow().iter().flatten().map(|watchers| watchers.token).collect()
    }

    pub(crate) fn take_all(&self) -> Vec<Option<Watchers>> {
        self.0.take()
    }

    fn put(&self, token: Token) {
        let watchers = Watchers { token, read: Direction::default(), write: Direction::default() };
        // What had the index before is dropped after the borrow.
        let _replaced = {
            let mut watched = self.0.borrow_mut();
            let index = token.index() as usize;
            if watched.len() <= index {
                watched.resize_with(index + 1, || None);
            }
            watched[index].replace(watchers)
        };
    }

    /// After another source has taken a descriptor over.
    pub(crate) fn evict(&self, token: Token) {
        // Dropped after the borrow.
        let _watchers = self.0.borrow_mut().get_mut(token.index() as usize).and_then(Option::take);
    }

    fn take(&self, token: Token) -> Option<Watchers> {
        let mut watched = self.0.borrow_mut();
        watched.get_mut(token.index() as usize)?.take_if(|watchers| watchers.token == token)
    }

    fn with<T>(&self, token: Token, direction: Interest, use_it: impl FnOnce(&mut Direction) -> T) -> Option<T> {
        let mut watched = self.0.borrow_mut();
        let watchers = watched.get_mut(token.index() as usize)?.as_mut().filter(|watchers| watchers.token == token)?;
        Some(use_it(watchers.of(direction)))
    }
}

impl Core {
    /// Begins to observe a file, and holds it while it is observed.
    pub(crate) fn observe(&self, file: Rc<dyn AsFd>, interest: Interest, mode: Mode) -> Result<Token, Error> {
        self.check_open()?;
        let added = self.events.borrow_mut().add_shared(file, interest, mode);
        added.map_err(|error| match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(&reached) => Error::limit(reached),
            None => Error::io("observing a descriptor")(error),
        })
    }

    /// Wakes those that wait for the descriptor; `false` if it is not one for futures.
    pub(crate) fn wake_watcher(&self, token: Token, ready: Interest) -> bool {
        let mut is_watched = false;
        for direction in [Interest::READ, Interest::WRITE] {
            let is_ready = ready.contains(direction);
            let waiting = self.watched.with(token, direction, |place| {
                place.reports += u64::from(is_ready);
                place.wakers.len()
            });
            is_watched |= waiting.is_some();
            // One by one, so that none is called within the borrow.
            for _ in 0..waiting.filter(|_| is_ready).unwrap_or(0) {
                if let Some(waker) = self.watched.with(token, direction, |place| place.wakers.pop()).flatten() {
                    waker.wake();
                }
            }
        }
        is_watched
    }

    /// Waits for the first report of the direction after the one that `seen` says.
    fn poll_direction(
        &self,
        token: Token,
        direction: Interest,
        seen: &mut Option<u64>,
        cx: &Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(reports) = self.watched.with(token, direction, |place| place.reports) else {
            return Poll::Ready(Err(Error::Removed.into()));
        };
        match *seen {
            Some(before) if before != reports => return Poll::Ready(Ok(())),
            Some(_) => {}
            None => {
                if let Err(error) = self.report_again(token, direction) {
                    return Poll::Ready(Err(error));
                }
                *seen = Some(reports);
            }
        }
        let is_known =
            self.watched.with(token, direction, |place| place.wakers.iter().any(|known| known.will_wake(cx.waker())));
        if is_known == Some(false) {
            let waker = cx.waker().clone();
            self.watched.with(token, direction, |place| place.wakers.push(waker));
        }
        Poll::Pending
    }

    /// A direction is silent after each report, and not observed before the first time somebody waits for it.
    fn report_again(&self, token: Token, direction: Interest) -> io::Result<()> {
        let mut events = self.events.borrow_mut();
        let interest = events.interest(token).ok_or(Error::Removed)?;
        if interest.contains(direction) {
            events.drained(token, direction)
        } else {
            events.set_interest(token, interest | direction)
        }
    }
}

/// A file, socket or the like with calls for futures: [`Handle::watch`]. Dropped, it is observed no longer.
///
/// What it wraps must be non-blocking for the calls that try first and wait then; make it so yourself.
pub struct Async<F> {
    registration: Registration,
    file: Rc<F>,
}

struct Registration {
    core: Rc<Core>,
    token: Token,
}

impl Drop for Registration {
    fn drop(&mut self) {
        // What the kernel says is for information: the descriptor is forgotten anyway.
        let _ = self.core.events.borrow_mut().remove_descriptor(self.token);
        let _watchers = self.core.watched.take(self.token);
    }
}

impl<F> Async<F> {
    /// What is wrapped.
    pub fn get_ref(&self) -> &F {
        &self.file
    }

    /// Is ready when there is something to read: data, a connection, the end, an error.
    ///
    /// # Errors
    /// The kernel's; [`Error::Removed`] when the loop was cleared or is no more.
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.ready_for(Interest::READ)
    }

    /// Is ready when writing would not wait.
    ///
    /// # Errors
    /// Those of [`readable`](Self::readable).
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.ready_for(Interest::WRITE)
    }

    /// Calls `f` until it answers something else than `WouldBlock`, waiting for something to read in between.
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

    /// Calls `f` until it answers something else than `WouldBlock`, waiting for room to write in between.
    ///
    /// # Errors
    /// Those of `f` and of [`writable`](Self::writable).
    pub async fn write_with<T>(&self, f: impl FnMut(&F) -> io::Result<T>) -> io::Result<T> {
        self.retry(Interest::WRITE, f).await
    }

    async fn ready_for(&self, direction: Interest) -> io::Result<()> {
        let mut seen = None;
        let Registration { core, token } = &self.registration;
        poll_fn(|cx| core.poll_direction(*token, direction, &mut seen, cx)).await
    }

    async fn retry<T>(&self, direction: Interest, mut f: impl FnMut(&F) -> io::Result<T>) -> io::Result<T> {
        loop {
            match f(&self.file) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready_for(direction).await?,
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
    /// Reads what there is, waiting for it; 0 is the end.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_with(|mut file| file.read(buffer)).await
    }
}

impl<F> Async<F>
where
    for<'a> &'a F: Write,
{
    /// Writes as much as there is room for, waiting for some.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn write(&self, data: &[u8]) -> io::Result<usize> {
        self.write_with(|mut file| file.write(data)).await
    }

    /// Writes all of it. Dropped before it is done, it has written a part.
    ///
    /// # Errors
    /// The kernel's; `WriteZero` when nothing more can be written.
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

impl<F> fmt::Debug for Async<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Async(descriptor in slot {})", self.registration.token.index())
    }
}

impl<S> Handle<S> {
    /// Wraps anything with a descriptor for futures. By itself it does not keep the loop going; a task that waits for it
    /// does.
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
    /// [`Error::Io`] for what cannot be observed, [`Error::Limit`], [`Error::Closed`].
    pub fn watch<F: AsFd + 'static>(&self, file: F) -> Result<Async<F>, Error> {
        let (core, file) = (self.core(), Rc::new(file));
        let token = core.observe(file.clone(), Interest::NONE, Mode::Edge)?;
        core.events.borrow_mut().unref_descriptor(token);
        self.evict_source(token);
        core.watched.put(token);
        Ok(Async { registration: Registration { core: Rc::clone(core), token }, file })
    }
}
