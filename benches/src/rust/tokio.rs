//! tokio's runtime for one thread.

use std::io;
use std::os::unix::net::UnixStream as Socket;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, LocalSet};

use super::futures::Futures;

pub(super) struct Tokio {
    // This field is declared before the runtime, and so is dropped before it. A task may use the runtime when the task
    // is dropped.
    tasks: LocalSet,
    runtime: Runtime,
}

impl Futures for Tokio {
    type Task = JoinHandle<()>;
    type Stream = UnixStream;
    type Sleep = tokio::time::Sleep;

    fn new() -> io::Result<Self> {
        Ok(Self { tasks: LocalSet::new(), runtime: Builder::new_current_thread().enable_all().build()? })
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> io::Result<JoinHandle<()>> {
        Ok(self.tasks.spawn_local(future))
    }

    fn cancel(task: JoinHandle<()>) {
        task.abort();
    }

    fn detach(_task: JoinHandle<()>) {}

    fn sleep(&self, delay: Duration) -> impl Future<Output = ()> + 'static {
        let _context = self.runtime.enter();
        tokio::time::sleep(delay)
    }

    fn sleeper(&self) -> impl Fn(Duration) -> tokio::time::Sleep + 'static {
        tokio::time::sleep
    }

    fn block_on(&mut self, future: impl Future<Output = ()>) -> io::Result<()> {
        self.tasks.block_on(&self.runtime, future);
        Ok(())
    }

    fn stream(&self, socket: Socket) -> io::Result<UnixStream> {
        let _context = self.runtime.enter();
        UnixStream::from_std(socket)
    }

    async fn read(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match stream.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.readable().await?,
                done => return done,
            }
        }
    }

    async fn write(stream: &UnixStream, data: &[u8]) -> io::Result<usize> {
        loop {
            match stream.try_write(data) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
                done => return done,
            }
        }
    }

    fn readable(stream: &UnixStream) -> impl Future<Output = io::Result<()>> {
        stream.readable()
    }
}
