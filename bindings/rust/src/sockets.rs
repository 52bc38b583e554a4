//! TCP and Unix sockets for futures: connecting, listening, accepting.

use crate::handle::Handle;
use crate::{Async, socket};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
#[cfg(unix)]
use std::path::Path;

impl Async<TcpStream> {
    /// Connects without blocking the loop. If the future is dropped before it completes, the connection is closed.
    ///
    /// ```
    /// use cogloop::{Async, Loop};
    /// use std::net::{TcpListener, TcpStream};
    ///
    /// let mut events = Loop::<()>::new()?;
    /// let handle = events.handle();
    /// let listener = Async::<TcpListener>::bind(&handle, ([127, 0, 0, 1], 0).into()).unwrap();
    /// let address = listener.get_ref().local_addr().unwrap();
    /// let server = events.spawn(async move {
    ///     let (stream, _) = listener.accept().await?;
    ///     stream.write_all(b"hello").await
    /// })?;
    /// let mut greeting = [0; 5];
    /// events.block_on(&mut (), async {
    ///     let stream = Async::<TcpStream>::connect(&handle, address).await?;
    ///     stream.read(&mut greeting).await
    /// })?.unwrap();
    /// assert_eq!(&greeting, b"hello");
    /// # drop(server);
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// An error of the kernel, such as `ConnectionRefused`; those of [`watch`](Handle::watch).
    pub async fn connect<S>(handle: &Handle<S>, address: SocketAddr) -> io::Result<Self> {
        let stream = Self::new(handle.core(), TcpStream::from(socket::connect_tcp(address)?))?;
        stream.writable().await?;
        stream.get_ref().take_error()?.map_or(Ok(stream), Err)
    }
}

impl Async<TcpListener> {
    /// Listens at an address. With port 0 the system chooses a free port.
    ///
    /// # Errors
    /// An error of the kernel, or one of those of [`watch`](Handle::watch).
    pub fn bind<S>(handle: &Handle<S>, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self::new(handle.core(), listener)?)
    }

    /// Waits for the next connection. Returns it, non-blocking and observed by the same loop, and the address of its
    /// peer.
    ///
    /// If the future is dropped before it completes, no connection is lost.
    ///
    /// # Errors
    /// An error of the kernel: for example, the process has no descriptor left. [`Error::Limit`](crate::Error::Limit)
    /// or [`Error::Memory`](crate::Error::Memory) if the loop cannot observe the connection, which is then closed. None
    /// of these errors ends the listener: wait a little, and accept again.
    pub async fn accept(&self) -> io::Result<(Async<TcpStream>, SocketAddr)> {
        let (stream, from) = self.read_with(TcpListener::accept).await?;
        stream.set_nonblocking(true)?;
        Ok((Async::new(self.registration.core(), stream)?, from))
    }
}

#[cfg(unix)]
impl Async<UnixStream> {
    /// Connects without blocking the loop. If the future is dropped before it completes, the connection is closed.
    ///
    /// # Errors
    /// An error of the kernel, such as `NotFound` and `ConnectionRefused`; those of [`watch`](Handle::watch). On Linux
    /// `WouldBlock` if the listener's queue of connections is full: wait a little, and connect again.
    pub async fn connect<S>(handle: &Handle<S>, path: impl AsRef<Path>) -> io::Result<Self> {
        let stream = Self::new(handle.core(), UnixStream::from(socket::connect_unix(path.as_ref())?))?;
        stream.writable().await?;
        stream.get_ref().take_error()?.map_or(Ok(stream), Err)
    }
}

#[cfg(unix)]
impl Async<UnixListener> {
    /// Listens at a path, which must not exist yet. The caller removes the path afterwards.
    ///
    /// ```
    /// use cogloop::{Async, Loop};
    /// use std::os::unix::net::{UnixListener, UnixStream};
    ///
    /// let path = std::env::temp_dir().join(format!("cogloop-{}", std::process::id()));
    /// let mut events = Loop::<()>::new()?;
    /// let handle = events.handle();
    /// let listener = Async::<UnixListener>::bind(&handle, &path).unwrap();
    /// let client = Async::<UnixStream>::connect(&handle, &path);
    /// let client = events.block_on(&mut (), client)?.unwrap();
    /// let (server, _) = events.block_on(&mut (), listener.accept())?.unwrap();
    /// events.block_on(&mut (), server.write_all(b"hello"))?.unwrap();
    /// assert_eq!(events.block_on(&mut (), client.read(&mut [0; 8]))?.unwrap(), 5);
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// An error of the kernel, or one of those of [`watch`](Handle::watch).
    pub fn bind<S>(handle: &Handle<S>, path: impl AsRef<Path>) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        Ok(Self::new(handle.core(), listener)?)
    }

    /// Waits for the next connection. Returns it, non-blocking and observed by the same loop, and the address of its
    /// peer.
    ///
    /// If the future is dropped before it completes, no connection is lost.
    ///
    /// # Errors
    /// An error of the kernel: for example, the process has no descriptor left. [`Error::Limit`](crate::Error::Limit)
    /// or [`Error::Memory`](crate::Error::Memory) if the loop cannot observe the connection, which is then closed. None
    /// of these errors ends the listener: wait a little, and accept again.
    pub async fn accept(&self) -> io::Result<(Async<UnixStream>, UnixAddress)> {
        let (stream, from) = self.read_with(UnixListener::accept).await?;
        stream.set_nonblocking(true)?;
        Ok((Async::new(self.registration.core(), stream)?, from))
    }
}
