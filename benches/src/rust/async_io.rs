//! async-io's timers and sockets, with the tasks of async-executor. async-io has a thread that drives timers and
//! sockets when no other thread does.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use async_executor::{LocalExecutor, Task};
use async_io::{Async, Timer};

use super::futures::Futures;

pub(super) struct AsyncIo(LocalExecutor<'static>);

impl Futures for AsyncIo {
    type Task = Task<()>;
    type Stream = Async<UnixStream>;
    type Sleep = Timer;

    fn new() -> io::Result<Self> {
        Ok(Self(LocalExecutor::new()))
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> io::Result<Task<()>> {
        Ok(self.0.spawn(future))
    }

    fn cancel(task: Task<()>) {
        drop(task);
    }

    fn detach(task: Task<()>) {
        task.detach();
    }

    fn sleep(&self, delay: Duration) -> impl Future<Output = ()> + 'static {
        let timer = Timer::after(delay);
        async move { _ = timer.await }
    }

    fn sleeper(&self) -> impl Fn(Duration) -> Timer + 'static {
        Timer::after
    }

    fn block_on(&mut self, future: impl Future<Output = ()>) -> io::Result<()> {
        async_io::block_on(self.0.run(future));
        Ok(())
    }

    fn stream(&self, socket: UnixStream) -> io::Result<Async<UnixStream>> {
        Async::new(socket)
    }

    fn read(stream: &Async<UnixStream>, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        stream.read_with(|mut socket| socket.read(buffer))
    }

    fn write(stream: &Async<UnixStream>, data: &[u8]) -> impl Future<Output = io::Result<usize>> {
        stream.write_with(|mut socket| socket.write(data))
    }

    fn readable(stream: &Async<UnixStream>) -> impl Future<Output = io::Result<()>> {
        stream.readable()
    }
}
