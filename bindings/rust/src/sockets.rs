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
    /// Connects without holding up the loop. Dropped before it is done, it closes the connection.
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
    /// The kernel's, `ConnectionRefused` among them; what [`watch`](Handle::watch) refuses.
    pub async fn connect<S>(handle: &Handle<S>, address: SocketAddr) -> io::Result<Self> {
        let stream = Self::new(handle.core(), TcpStream::from(socket::connect_tcp(address)?))?;
        stream.writable().await?;
        stream.get_ref().take_error()?.map_or(Ok(stream), Err)
    }
}

impl Async<TcpListener> {
    /// Listens at an address; port 0 is any that is free.
    ///
    /// # Errors
    /// The kernel's; what [`watch`](Handle::watch) refuses.
    pub fn bind<S>(handle: &Handle<S>, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self::new(handle.core(), listener)?)
    }

    /// Waits for the next connection, which does not block and belongs to the same loop; and the address that it comes from.
    ///
    /// Dropped before it is done, it takes no connection.
    ///
    /// # Errors
    /// The kernel's, also for want of a descriptor; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::Memory`](crate::Error::Memory) where the connection cannot be observed, which is closed then. None of them
    /// ends the listener: wait a little, and accept again.
    pub async fn accept(&self) -> io::Result<(Async<TcpStream>, SocketAddr)> {
        let (stream, from) = self.read_with(TcpListener::accept).await?;
        stream.set_nonblocking(true)?;
        Ok((Async::new(self.registration.core(), stream)?, from))
    }
}

#[cfg(unix)]
impl Async<UnixStream> {
    /// Connects without holding up the loop. Dropped before it is done, it closes the connection.
    ///
    /// # Errors
    /// The kernel's, `NotFound` and `ConnectionRefused` among them, and on Linux `WouldBlock` when so many wait to be accepted
    /// that the listener takes no more: wait a little, and connect again. What [`watch`](Handle::watch) refuses.
    pub async fn connect<S>(handle: &Handle<S>, path: impl AsRef<Path>) -> io::Result<Self> {
        let stream = Self::new(handle.core(), UnixStream::from(socket::connect_unix(path.as_ref())?))?;
        stream.writable().await?;
        stream.get_ref().take_error()?.map_or(Ok(stream), Err)
    }
}

#[cfg(unix)]
impl Async<UnixListener> {
    /// Listens at a path, which must not exist yet; whoever made the listener removes the path afterwards.
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
    /// The kernel's; what [`watch`](Handle::watch) refuses.
    pub fn bind<S>(handle: &Handle<S>, path: impl AsRef<Path>) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        Ok(Self::new(handle.core(), listener)?)
    }

    /// Waits for the next connection, which does not block and belongs to the same loop; and the address that it comes from.
    ///
    /// Dropped before it is done, it takes no connection.
    ///
    /// # Errors
    /// The kernel's, also for want of a descriptor; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::Memory`](crate::Error::Memory) where the connection cannot be observed, which is closed then. None of them
    /// ends the listener: wait a little, and accept again.
    pub async fn accept(&self) -> io::Result<(Async<UnixStream>, UnixAddress)> {
        let (stream, from) = self.read_with(UnixListener::accept).await?;
        stream.set_nonblocking(true)?;
        Ok((Async::new(self.registration.core(), stream)?, from))
    }
}
