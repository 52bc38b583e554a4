//! The objects with a descriptor for which the futures of a program wait: signals, a child, a pipe. There is one
//! such object at a time.

use crate::program::{NONE, OnSource, Watched};
use crate::world::Verdict;
use cogloop::signal::{self, Signals};
use cogloop::{Async, Handle, Interest, Mode, Process, Source};
use futures_core::Stream;
use nix::sys::signal::{Signal, raise};
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, waitid};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::rc::{Rc, Weak};

/// An object. While a future waits for signals or for a child, the object is out of its [`Place`]. Many futures can use
/// a pipe at a time.
enum Object {
    Signals(Signals),
    Child(Process),
    Pipe(Rc<Async<PipeReader>>),
}

/// Kills a running child, and waits for it.
impl Drop for Object {
    fn drop(&mut self) {
        if let Self::Child(process) = self {
            process.kill().unwrap();
            process.child().wait().unwrap();
        }
    }
}

/// The place of the object. The place can make the object ready even while a future has the object.
#[derive(Default)]
pub(crate) struct Place {
    object: RefCell<Option<Object>>,
    kind: Cell<Option<Watched>>,
    child: Cell<Option<Pid>>,
    pipe: RefCell<Weak<Async<PipeReader>>>,
    writer: RefCell<Option<PipeWriter>>,
    /// The last source that was made.
    source: Cell<Option<Source>>,
}

impl Place {
    fn is_there<S>(&self, handle: &Handle<S>) -> bool {
        match self.kind.get() {
            Some(Watched::Source(_)) => self.source.get().is_some_and(|source| handle.interest(source).is_some()),
            Some(Watched::Pipe) => self.pipe.borrow().strong_count() > 0,
            kind => kind.is_some(),
        }
    }

    /// Makes an object if there is none.
    pub(crate) fn watch<S>(&self, handle: &Handle<S>, kind: Watched) {
        if self.is_there(handle) {
            return;
        }
        self.kind.set(Some(kind));
        let object = match kind {
            Watched::Signals => Object::Signals(handle.watch_signals([signal::USER_1, signal::USER_2]).unwrap()),
            Watched::Child => {
                let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
                self.child.set(Some(Pid::from_child(&child)));
                Object::Child(handle.watch_child(child).unwrap())
            }
            Watched::Pipe => {
                let (reader, writer) = std::io::pipe().unwrap();
                rustix::io::ioctl_fionbio(&reader, true).unwrap();
                self.writer.replace(Some(writer));
                let reader = Rc::new(handle.watch(reader).unwrap());
                self.pipe.replace(Rc::downgrade(&reader));
                Object::Pipe(reader)
            }
            Watched::Source(_) => return,
        };
        self.object.replace(Some(object));
    }

    /// Makes a source if the place is empty. The argument of `serve` tells whether there was a byte.
    pub(crate) fn add_source<S>(
        &self,
        handle: &Handle<S>,
        mode: Mode,
        mut serve: impl FnMut(&mut S, bool) -> Verdict + 'static,
    ) {
        if self.is_there(handle) {
            return;
        }
        self.kind.set(Some(Watched::Source(mode)));
        let (reader, writer) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        self.writer.replace(Some(writer));
        let added = handle.add_with(reader, Interest::READ, mode, move |state: &mut S, ready, mut reader| {
            assert!(ready.is_readable() && !ready.is_writable());
            serve(state, reader.read(&mut [0]).is_ok_and(|length| length == 1))
        });
        self.source.set(Some(added.unwrap()));
    }

    /// Makes a call on the last source that was made. Returns `None` if there was no source yet.
    pub(crate) fn on_source<S>(&self, handle: &Handle<S>, what: OnSource) -> Option<u64> {
        let source = self.source.get()?;
        Some(match what {
            OnSource::SetInterest(reads) => {
                let interest = if reads { Interest::READ } else { Interest::NONE };
                handle.set_interest(source, interest).is_ok().into()
            }
            OnSource::Interest => {
                handle.interest(source).map_or(NONE, |interest| interest.contains(Interest::READ).into())
            }
            OnSource::Drained => handle.drained(source, Interest::READ).is_ok().into(),
            OnSource::MarkReady => handle.mark_ready(source, Interest::READ).into(),
            OnSource::SetReferenced(true) => handle.ref_source(source).into(),
            OnSource::SetReferenced(false) => handle.unref_source(source).into(),
        })
    }

    pub(crate) fn make_ready<S>(&self, handle: &Handle<S>, which: bool) {
        if !self.is_there(handle) {
            return;
        }
        match self.kind.get() {
            Some(Watched::Signals) => raise(if which { Signal::SIGUSR1 } else { Signal::SIGUSR2 }).unwrap(),
            Some(Watched::Child) => {
                let Some(pid) = self.child.take() else { return };
                kill_process(pid, rustix::process::Signal::KILL).unwrap();
                // Waits until the child has ended, and leaves its status to the program.
                waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
            }
            Some(Watched::Pipe | Watched::Source(_)) => {
                self.writer.borrow_mut().as_mut().unwrap().write_all(b"x").unwrap()
            }
            None => {}
        }
    }

    pub(crate) fn drop_object<S>(&self, handle: &Handle<S>) {
        if let (Some(Watched::Source(_)), Some(source)) = (self.kind.get(), self.source.get()) {
            handle.cancel(source);
        }
        let Some(object) = self.object.take() else { return };
        if !matches!(object, Object::Pipe(_)) {
            self.kind.set(None);
        }
        drop(object);
    }

    /// Returns `None` if there is nothing to wait for, and `Some(None)` if the object is not observed any more.
    pub(crate) async fn wait(&self, flag: bool) -> Option<Option<u64>> {
        let pipe = match &*self.object.borrow() {
            Some(Object::Pipe(pipe)) => Some(Rc::clone(pipe)),
            _ => None,
        };
        if let Some(pipe) = pipe {
            let waited = if flag { pipe.read(&mut [0]).await } else { pipe.readable().await.map(|()| 0) };
            return Some(waited.ok().map(|length| length as u64));
        }
        let mut taken = Taken { place: self, object: Some(self.object.take()?) };
        let waited = match taken.object.as_mut()? {
            Object::Signals(signals) if flag => poll_fn(|cx| Pin::new(&mut *signals).poll_next(cx)).await,
            Object::Signals(signals) => signals.recv().await.ok(),
            Object::Child(process) => process.wait().await.ok().and_then(|status| status.signal()),
            Object::Pipe(_) => None,
        };
        Some(waited.map(|number| number as u64))
    }
}

/// An object that a future has taken out of its place. Dropping this value puts the object back.
struct Taken<'a> {
    place: &'a Place,
    object: Option<Object>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.place.object.replace(self.object.take());
    }
}
