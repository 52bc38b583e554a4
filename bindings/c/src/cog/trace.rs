//! `cog_loop_trace…`: the trace of a loop, for Perfetto. `cogloop_io::trace` writes it.

use super::answer::{Failure, answer};
use super::state::Loop;
use super::tracing::Text;
use super::{CogLoop, registry};
use crate::sys::names;
use cogloop_io::trace::{DEFAULT_LIMIT, Detail, Kind, Name, Trace};
use std::ffi::{CStr, c_char, c_int};

impl Loop {
    /// The time at which a callback begins, if the loop is traced.
    #[inline]
    pub(super) fn begin_span(&self) -> Option<u64> {
        if self.tracing.is_on.get() { Some(self.began()) } else { None }
    }

    #[cold]
    fn began(&self) -> u64 {
        self.tracing.ended_ns.take().unwrap_or_else(|| self.events.borrow().now_ns())
    }

    /// The time at which the wait of a turn begins, if the loop is traced.
    #[inline]
    pub(super) fn wait_begins(&self) -> Option<u64> {
        self.tracing.ended_ns.set(None);
        self.begin_span()
    }

    /// Call after a callback. `address` is the address of its function.
    #[inline]
    pub(super) fn end_span(&self, start_ns: Option<u64>, address: usize, kind: Kind, detail: Detail) {
        if let Some(start_ns) = start_ns {
            self.tell(start_ns, address, kind, detail);
        }
    }

    #[cold]
    fn tell(&self, start_ns: u64, address: usize, kind: Kind, detail: Detail) {
        let end_ns = self.events.borrow().now_ns();
        let text = self.tracing.name_of(address);
        if let Some(trace) = &mut *self.tracing.trace.borrow_mut() {
            trace.span(kind, Name(text.bytes(), None), start_ns, end_ns, detail);
            self.tracing.ended_ns.set(Some(end_ns));
        }
    }

    /// Call after the wait of a turn. The wait began at `start_ns`.
    pub(super) fn trace_turn(&self, start_ns: Option<u64>) {
        let Some(start_ns) = start_ns else { return };
        if let Some(trace) = &mut *self.tracing.trace.borrow_mut() {
            trace.begin_turn(start_ns, self.events.borrow().turn_ns());
            self.tracing.is_on.set(trace.is_open());
        }
    }

    fn begin_trace(&self, file: &CStr, limit: u64) -> Result<(), Failure> {
        let begun = names::path(file).and_then(|file| {
            let name = self.events.borrow().backend().name;
            let limit = if limit == 0 { DEFAULT_LIMIT } else { limit };
            Trace::create_after(file, limit, self.id & 0xffff, name, || {
                // An error of the old trace is dropped: `cog_loop_trace_end` would have returned it.
                let _ = self.tracing.end();
            })
        });
        *self.tracing.trace.borrow_mut() = Some(begun.map_err(|error| Failure::system("file", &error))?);
        self.tracing.is_on.set(true);
        Ok(())
    }
}

/// Begins a trace.
///
/// # Safety
/// `file` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_loop_trace(r#loop: CogLoop, file: *const c_char, limit: u64) -> c_int {
    answer(|| {
        if file.is_null() {
            return Err(Failure::argument("file: NULL, but the name of a file is expected"));
        }
        // SAFETY: the caller keeps this function's contract.
        let file = unsafe { CStr::from_ptr(file) };
        registry::with(r#loop.id, |found| found.begin_trace(file, limit))
    })
}

/// Ends the trace.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_trace_end(r#loop: CogLoop) -> c_int {
    answer(|| {
        registry::with(r#loop.id, |found| {
            found.tracing.end().map_err(|error| Failure::system("writing the trace", &error))
        })
    })
}

/// Names a function.
///
/// # Safety
/// `name` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_loop_trace_name(r#loop: CogLoop, r#fn: u64, name: *const c_char) -> c_int {
    answer(|| {
        if name.is_null() {
            return Err(Failure::argument("name: NULL, but a string is expected"));
        }
        // SAFETY: the caller keeps this function's contract.
        let text = Text::of(unsafe { CStr::from_ptr(name) }.to_bytes());
        registry::with(r#loop.id, |found| found.tracing.put(r#fn as usize, text).map_err(|_| Failure::memory("name")))
    })
}
