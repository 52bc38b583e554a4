//! The trace of a loop, for Perfetto: the turn and the callbacks report to it. `cogloop_io::trace` writes the file.

use crate::core::Core;
use crate::handle::Handle;
use crate::timeline::{Begun, Of};
use crate::{Error, memory};
use cogloop_io::trace::{DEFAULT_LIMIT, Detail, Kind, Name, Trace};
use std::path::Path;

impl Core {
    /// Call before a callback. `what` finds the callback's line: the line where the program gave the callback to the
    /// loop. The line is looked up before the callback, which may end its timer and make another one.
    #[inline]
    pub(crate) fn begin_span(&self, what: Option<(Of, u32)>) -> Option<Begun> {
        if self.timeline.is_on.get() { Some(self.begun(what)) } else { None }
    }

    #[cold]
    fn begun(&self, what: Option<(Of, u32)>) -> Begun {
        let start_ns = self.timeline.ended_ns.take().unwrap_or_else(|| self.now_ns());
        Begun { start_ns, place: what.and_then(|what| self.timeline.place(what)) }
    }

    /// Call after a callback. `name` is the name of a callback without a line.
    #[inline]
    pub(crate) fn end_span(&self, begun: Option<Begun>, kind: Kind, detail: Detail, name: &str) {
        if let Some(begun) = begun {
            self.ended(&begun, kind, detail, name);
        }
    }

    #[cold]
    fn ended(&self, begun: &Begun, kind: Kind, detail: Detail, name: &str) {
        let end_ns = self.now_ns();
        let name = begun.place.map_or(Name(name.as_bytes(), None), |at| Name(at.file().as_bytes(), Some(at.line())));
        if let Some(trace) = &mut *self.timeline.trace.borrow_mut() {
            trace.span(kind, name, begun.start_ns, end_ns, detail);
            self.timeline.ended_ns.set(Some(end_ns));
        }
    }

    /// The time at which a turn begins, if the loop is traced.
    #[inline]
    pub(crate) fn turn_begins(&self) -> Option<u64> {
        if self.timeline.is_on.get() { Some(self.turn_began()) } else { None }
    }

    #[cold]
    fn turn_began(&self) -> u64 {
        self.timeline.ended_ns.set(None);
        self.now_ns()
    }

    /// Call after the wait of a turn.
    #[inline]
    pub(crate) fn turn_waited(&self, start_ns: Option<u64>) {
        let Some(start_ns) = start_ns else { return };
        if let Some(trace) = &mut *self.timeline.trace.borrow_mut() {
            trace.begin_turn(start_ns, self.events.borrow().turn_ns());
            self.timeline.is_on.set(trace.is_open());
        }
    }
}

/// Traces.
impl<S> Handle<S> {
    /// Writes the loop's activity into a file for [Perfetto](https://ui.perfetto.dev): each turn, wait, callback and
    /// poll of a task, with its line and its lateness. The trace ends with [`end_trace`](Self::end_trace), when the
    /// loop is dropped, or when the file has 64 MiB.
    ///
    /// The line of a callback is the line that gave the callback to the loop: the call of [`after`](Self::after),
    /// [`every`](Self::every), [`add`](Self::add), [`spawn`](Self::spawn) and so on. Callbacks from before the trace
    /// have no line. They are named `timer`, `source`, `task`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut events = cogloop::Loop::simulated()?;
    /// let file = std::env::temp_dir().join(format!("cogloop-doc-{}.json", std::process::id()));
    /// events.trace(&file)?;
    /// events.after(Duration::from_secs(1), |_, _| ())?;
    /// events.run(&mut ())?;
    /// events.end_trace()?;
    /// assert!(std::fs::read_to_string(&file).unwrap().contains(r#""cat":"timer""#));
    /// # std::fs::remove_file(&file).unwrap();
    /// # Ok::<(), cogloop::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be made, [`Error::Memory`], [`Error::Closed`]. After an error an earlier trace
    /// goes on; after a success it has ended.
    pub fn trace(&self, file: impl AsRef<Path>) -> Result<(), Error> {
        self.trace_with(file, DEFAULT_LIMIT)
    }

    /// Like [`trace`](Self::trace), with a limit for the size of the file: `limit` bytes, and at least 4 KiB. At the
    /// limit the last event is `the trace is full`, the file is complete, and the loop goes on without a trace.
    ///
    /// # Errors
    /// Those of [`trace`](Self::trace).
    pub fn trace_with(&self, file: impl AsRef<Path>, limit: u64) -> Result<(), Error> {
        let core = self.core();
        core.check_open()?;
        memory::expect_small_things::<Trace>()?;
        let name = format!("loop {} on {}", core.id, core.events.borrow().backend().name);
        let trace = Trace::create_after(file.as_ref(), limit, core.id.into(), &name, || {
            // An error of the old trace is dropped: `end_trace` would have returned it.
            let _ = core.timeline.end();
        });
        *core.timeline.trace.borrow_mut() = Some(trace.map_err(Error::io("making a trace"))?);
        core.timeline.is_on.set(true);
        Ok(())
    }

    /// Ends the trace and completes its file. Without a trace it does nothing.
    ///
    /// # Errors
    /// [`Error::Io`] with the first error of writing. That error has ended the trace.
    pub fn end_trace(&self) -> Result<(), Error> {
        self.core().timeline.end().map_err(Error::io("writing a trace"))
    }
}
