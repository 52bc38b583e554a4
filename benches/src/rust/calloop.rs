//! The crate `calloop`.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use calloop::generic::Generic;
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, Interest, Mode, PostAction, RegistrationToken, channel};

use super::callbacks::Callbacks;

pub(super) struct Calloop(EventLoop<'static, ()>);

impl Callbacks for Calloop {
    type Timer = RegistrationToken;

    fn new() -> io::Result<Self> {
        Ok(Self(EventLoop::try_new()?))
    }

    fn after(&mut self, delay: Duration, call: impl FnOnce() + 'static) -> io::Result<RegistrationToken> {
        let mut call = Some(call);
        let fired = move |_, _: &mut (), _: &mut ()| {
            call.take().into_iter().for_each(|call| call());
            TimeoutAction::Drop
        };
        let added = self.0.handle().insert_source(Timer::from_duration(delay), fired);
        added.map_err(|error| io::Error::other(error.to_string()))
    }

    fn cancel(&mut self, timer: RegistrationToken) {
        self.0.handle().remove(timer);
    }

    fn turn(&mut self) -> io::Result<()> {
        Ok(self.0.dispatch(None, &mut ())?)
    }

    fn poster(&mut self, call: impl Fn() + Clone + Send + 'static) -> io::Result<Box<dyn FnMut() + Send>> {
        let (sender, receiver) = channel::channel();
        let received = move |event, _: &mut (), _: &mut ()| match event {
            channel::Event::Msg(()) => call(),
            channel::Event::Closed => {}
        };
        let added = self.0.handle().insert_source(receiver, received);
        added.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Box::new(move || _ = sender.send(())))
    }

    fn observe(&mut self, socket: UnixStream, mut call: impl FnMut(&UnixStream) + 'static) -> io::Result<()> {
        let ready = move |_, socket: &mut calloop::generic::NoIoDrop<UnixStream>, _: &mut ()| {
            call(socket);
            Ok(PostAction::Continue)
        };
        let added = self.0.handle().insert_source(Generic::new(socket, Interest::READ, Mode::Level), ready);
        added.map(drop).map_err(|error| io::Error::other(error.to_string()))
    }
}
