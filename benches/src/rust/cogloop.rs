//! The crate `cogloop`, with callbacks and with futures.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use cogloop::{Async, Interest, Loop, Sleep, Task, Timer};

use super::callbacks::Callbacks;
use super::futures::Futures;

pub(super) struct WithCallbacks(Loop<()>);

impl Callbacks for WithCallbacks {
    type Timer = Timer;

    fn new() -> io::Result<Self> {
        Loop::new().map(Self).map_err(io::Error::other)
    }

    fn after(&mut self, delay: Duration, call: impl FnOnce() + 'static) -> io::Result<Timer> {
        self.0.after(delay, move |_, _| call()).map_err(io::Error::other)
    }

    fn cancel(&mut self, timer: Timer) {
        self.0.cancel(timer);
    }

    fn turn(&mut self) -> io::Result<()> {
        self.0.turn(&mut (), None).map(drop).map_err(io::Error::other)
    }

    fn poster(&mut self, call: impl Fn() + Clone + Send + 'static) -> io::Result<Box<dyn FnMut() + Send>> {
        let remote = self.0.remote();
        Ok(Box::new(move || {
            let call = call.clone();
            let _ = remote.post(move |_, _| call());
        }))
    }

    fn observe(&mut self, socket: UnixStream, mut call: impl FnMut(&UnixStream) + 'static) -> io::Result<()> {
        let added = self.0.add(socket, Interest::READ, move |_, _, socket| call(socket));
        added.map(drop).map_err(io::Error::other)
    }
}

pub(super) struct WithFutures(Loop<()>);

impl Futures for WithFutures {
    type Task = Task<()>;
    type Stream = Async<UnixStream>;
    type Sleep = Sleep;

    fn new() -> io::Result<Self> {
        Loop::new().map(Self).map_err(io::Error::other)
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> io::Result<Task<()>> {
        self.0.spawn(future).map_err(io::Error::other)
    }

    fn cancel(task: Task<()>) {
        drop(task);
    }

    fn detach(task: Task<()>) {
        task.detach();
    }

    fn sleep(&self, delay: Duration) -> impl Future<Output = ()> + 'static {
        let sleep = self.0.sleep(delay).expect("an open loop without a limit");
        async move { sleep.await.expect("an open loop") }
    }

    fn sleeper(&self) -> impl Fn(Duration) -> Sleep + 'static {
        let handle = self.0.handle();
        move |delay| handle.sleep(delay).expect("an open loop without a limit")
    }

    fn block_on(&mut self, future: impl Future<Output = ()>) -> io::Result<()> {
        self.0.block_on(&mut (), future).map_err(io::Error::other)
    }

    fn stream(&self, socket: UnixStream) -> io::Result<Async<UnixStream>> {
        self.0.watch(socket).map_err(io::Error::other)
    }

    fn read(stream: &Async<UnixStream>, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        stream.read(buffer)
    }

    fn write(stream: &Async<UnixStream>, data: &[u8]) -> impl Future<Output = io::Result<usize>> {
        stream.write(data)
    }

    fn readable(stream: &Async<UnixStream>) -> impl Future<Output = io::Result<()>> {
        stream.readable()
    }
}
