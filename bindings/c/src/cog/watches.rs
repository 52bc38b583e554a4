//! `cog_watch_…`: descriptors, signals, children. The header describes each function.
//!
//! To the loop all three are descriptors. The descriptor of a signal becomes readable when the signal arrives, and the
//! descriptor of a child when the child ends.

use std::ffi::{c_int, c_void};

use cogloop_io::{Interest, Mode, Ready, Token};

use super::answer::{Failure, answer, answer_uncancelled, expect_memory, or_no_memory};
use super::ends::{End, Serving};
use super::state::{Loop, Source, Watch};
use super::{CogLoop, CogPostFn, CogWatch, CogWatchFn, put, registry};
use crate::sys::sources;

const COG_READ: c_int = 1;
const COG_WRITE: c_int = 2;
const COG_PRIORITY: c_int = 4;
const _: () = {
    assert!(COG_READ == Interest::READ.bits() as c_int && COG_WRITE == Interest::WRITE.bits() as c_int);
    assert!(COG_PRIORITY == Interest::PRIORITY.bits() as c_int);
};
const COG_HUNG_UP: c_int = 8;
const COG_READ_HUNG_UP: c_int = 16;
const COG_BROKEN: c_int = 32;
const COG_LEVEL: c_int = 0;
const COG_EDGE: c_int = 1;
const COG_ONE_SHOT: c_int = 2;

/// Reported for a child if other code has collected its status with `waitpid`.
const UNKNOWN_STATUS: c_int = -1;

impl Loop {
    pub(super) fn watch_name(&self, token: Token) -> CogWatch {
        CogWatch { loop_id: self.id, token: token.to_bits() }
    }

    /// The callback for a ready descriptor, with its arguments; `None` if there is nothing to report. When this
    /// function returns the callback of a child's watch, that watch has already ended.
    pub(super) fn call_of(&self, ready: Ready) -> Option<(CogWatchFn, c_int, *mut c_void, Option<End>)> {
        let mut watches = self.watches.borrow_mut();
        let place = watches.get_mut(ready.token.index())?;
        let (_, watch) = place.as_mut().filter(|(token, _)| *token == ready.token)?;
        let (run, ctx) = (watch.run, watch.ctx);
        let mut ended = None;
        let what = match &mut watch.source {
            Source::Descriptor(_) => c_int::from(ready.ready.bits()),
            Source::Signal(signals) => signals.take().next()?,
            Source::Child(pid) => {
                let status = match sources::status_of_child(*pid) {
                    Ok(status) => status?,
                    Err(_) => UNKNOWN_STATUS,
                };
                ended = watch.end();
                *place = None;
                // The loop owns the descriptor of a child.
                let _ = self.events.borrow_mut().remove_descriptor(ready.token);
                status
            }
        };
        Some((run, what, ctx, ended))
    }

    /// Reserves a place in the table for one more watch.
    fn make_room(&self) -> Result<(), Failure> {
        let places = self.events.borrow().descriptors() as u32;
        or_no_memory("loop", self.watches.borrow_mut().try_grow(places))
    }

    /// Stores a watch. Returns its handle, and the end function of an older watch of the same descriptor.
    fn keep(&self, token: Token, watch: Watch) -> (CogWatch, Option<End>) {
        let older = self.watches.borrow_mut().replace(token.index(), Some((token, watch)));
        (self.watch_name(token), older.and_then(|older| self.end_of_watch(&older)))
    }

    pub(super) fn end_of_watch(&self, (token, watch): &(Token, Watch)) -> Option<End> {
        self.ends.or_defer(Serving::Watch(*token), watch.end())
    }
}

fn directions_of(directions: c_int) -> Result<Interest, Failure> {
    let known = u8::try_from(directions).ok().and_then(Interest::from_bits);
    known.ok_or_else(|| {
        Failure::argument_in_words(format_args!(
            "directions: {directions} has bits other than COG_READ, COG_WRITE and COG_PRIORITY"
        ))
    })
}

/// Adds a watch for the descriptor that `add` adds to the loop.
///
/// # Safety
/// `watch` is NULL or points to a handle.
unsafe fn begin(
    r#loop: CogLoop,
    run: Option<CogWatchFn>,
    ctx: *mut c_void,
    watch: *mut CogWatch,
    add: impl FnOnce(&Loop) -> Result<(Token, Source), Failure>,
) -> Result<(), Failure> {
    let run = run.ok_or_else(|| Failure::argument("fn: NULL, but a function is expected"))?;
    let (name, end) = registry::with(r#loop.id, |found| {
        found.make_room()?;
        let (token, source) = add(found)?;
        Ok(found.keep(token, Watch { run, ctx, on_end: None, source }))
    })?;
    // SAFETY: the caller keeps this function's contract.
    unsafe { put(watch, name) };
    end.inspect(|end| end.call());
    Ok(())
}

/// Watches a descriptor.
///
/// # Safety
/// `watch` is NULL or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_watch_descriptor(
    r#loop: CogLoop,
    fd: c_int,
    directions: c_int,
    mode: c_int,
    r#fn: Option<CogWatchFn>,
    ctx: *mut c_void,
    watch: *mut CogWatch,
) -> c_int {
    answer_uncancelled(|| {
        if fd < 0 {
            return Err(Failure::argument_in_words(format_args!("fd: {fd} is not a descriptor")));
        }
        let directions = directions_of(directions)?;
        let mode = match mode {
            COG_LEVEL => Mode::Level,
            COG_EDGE => Mode::Edge,
            COG_ONE_SHOT => Mode::OneShot,
            other => {
                return Err(Failure::argument_in_words(format_args!(
                    "mode: {other} is not COG_LEVEL, COG_EDGE or COG_ONE_SHOT"
                )));
            }
        };
        let add = |found: &Loop| {
            // SAFETY: `fd` is not -1. The caller promises that it stays open while it is watched. If the caller breaks
            // that promise, events of this number are lost or wrong, but memory is safe.
            let borrowed = unsafe { sources::borrow(fd) };
            let added = found.events.borrow_mut().add_descriptor_with(borrowed, directions, mode);
            Ok((added.map_err(|error| Failure::system("fd", &error))?, Source::Descriptor(fd)))
        };
        // SAFETY: the caller keeps this function's contract.
        unsafe { begin(r#loop, r#fn, ctx, watch, add) }
    })
}

/// Watches a signal.
///
/// # Safety
/// `watch` is NULL or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_watch_signal(
    r#loop: CogLoop,
    number: c_int,
    r#fn: Option<CogWatchFn>,
    ctx: *mut c_void,
    watch: *mut CogWatch,
) -> c_int {
    let failed = |error: std::io::Error| Failure::system("number", &error);
    let add = |found: &Loop| {
        expect_memory("number")?;
        let (token, signals) = sources::add_signal(&mut found.events.borrow_mut(), number).map_err(failed)?;
        Ok((token, Source::Signal(signals)))
    };
    // SAFETY: the caller keeps this function's contract.
    answer_uncancelled(|| unsafe { begin(r#loop, r#fn, ctx, watch, add) })
}

/// Watches for the end of a child.
///
/// # Safety
/// `watch` is NULL or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_watch_child(
    r#loop: CogLoop,
    pid: c_int,
    r#fn: Option<CogWatchFn>,
    ctx: *mut c_void,
    watch: *mut CogWatch,
) -> c_int {
    let failed = |error: std::io::Error| Failure::system("pid", &error);
    let add = |found: &Loop| {
        let number = u32::try_from(pid)
            .map_err(|_| Failure::argument_in_words(format_args!("pid: {pid} cannot be the number of a process")))?;
        let token = sources::add_child(&mut found.events.borrow_mut(), number).map_err(failed)?;
        Ok((token, Source::Child(number)))
    };
    // SAFETY: the caller keeps this function's contract.
    answer_uncancelled(|| unsafe { begin(r#loop, r#fn, ctx, watch, add) })
}

/// Calls `f` if there is such a watch.
fn with<T>(watch: CogWatch, f: impl FnOnce(&Loop, Token) -> Result<T, Failure>) -> Result<T, Failure> {
    registry::with(watch.loop_id, |found| {
        let token = Token::from_bits(watch.token).filter(|&token| found.events.borrow().interest(token).is_some());
        f(found, token.ok_or(Failure::STALE_WATCH)?)
    })
}

/// Ends a watch.
#[unsafe(no_mangle)]
pub extern "C" fn cog_watch_remove(watch: CogWatch) -> c_int {
    answer_uncancelled(|| {
        let end = with(watch, |found, token| {
            // An error means that the descriptor was closed already. The loop has removed the watch even then.
            let _ = found.events.borrow_mut().remove_descriptor(token);
            let removed = found.watches.borrow_mut().take(token.index());
            Ok(removed.and_then(|removed| found.end_of_watch(&removed)))
        })?;
        end.inspect(|end| end.call());
        Ok(())
    })
}

/// Calls `f` with the entry of a watch.
fn with_kept<T>(watch: CogWatch, f: impl FnOnce(&Loop, &mut Watch) -> T) -> Result<T, Failure> {
    with(watch, |found, token| {
        let mut watches = found.watches.borrow_mut();
        let kept = watches.get_mut(token.index()).and_then(Option::as_mut).filter(|(kept, _)| *kept == token);
        kept.map(|(_, watch)| f(found, watch)).ok_or(Failure::STALE_WATCH)
    })
}

/// The watch's callback.
///
/// # Safety
/// `fn` is NULL or points to a `cog_watch_fn`, `ctx` is NULL or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_watch_callback(
    watch: CogWatch,
    r#fn: *mut Option<CogWatchFn>,
    ctx: *mut *mut c_void,
) -> c_int {
    answer_uncancelled(|| {
        let (run, kept) = with_kept(watch, |_, watch| (watch.run, watch.ctx))?;
        // SAFETY: the caller keeps this function's contract.
        unsafe {
            put(r#fn, Some(run));
            put(ctx, kept);
        }
        Ok(())
    })
}

/// Sets the watch's callback.
#[unsafe(no_mangle)]
pub extern "C" fn cog_watch_set_callback(watch: CogWatch, r#fn: Option<CogWatchFn>, ctx: *mut c_void) -> c_int {
    answer_uncancelled(|| {
        let run = r#fn.ok_or_else(|| Failure::argument("fn: NULL, but a function is expected"))?;
        with_kept(watch, |_, watch| (watch.run, watch.ctx) = (run, ctx))
    })
}

/// Sets the function that frees a watch's `ctx` when the watch has ended.
#[unsafe(no_mangle)]
pub extern "C" fn cog_watch_on_end(watch: CogWatch, r#fn: Option<CogPostFn>) -> c_int {
    answer_uncancelled(|| {
        with_kept(watch, |found, watch| {
            watch.on_end = r#fn;
            found.ends.note_watch();
        })
    })
}

/// Like [`with`], for watches of descriptors only.
fn with_descriptor(watch: CogWatch, f: impl FnOnce(&Loop, Token) -> std::io::Result<()>) -> Result<(), Failure> {
    with(watch, |found, token| {
        let watches = found.watches.borrow();
        let is_descriptor = |place: &Option<(Token, Watch)>| {
            place.as_ref().is_some_and(|(_, watch)| matches!(watch.source, Source::Descriptor(_)))
        };
        if !watches.get(token.index()).is_some_and(is_descriptor) {
            return Err(Failure::argument("watch: it is for a signal or a child, which have no directions"));
        }
        f(found, token).map_err(|error| Failure::system("watch", &error))
    })
}

/// Changes the directions.
#[unsafe(no_mangle)]
pub extern "C" fn cog_watch_set(watch: CogWatch, directions: c_int) -> c_int {
    answer_uncancelled(|| {
        let directions = directions_of(directions)?;
        with_descriptor(watch, |found, token| found.events.borrow_mut().set_interest(token, directions))
    })
}

/// Reports that directions are drained.
#[unsafe(no_mangle)]
pub extern "C" fn cog_watch_drained(watch: CogWatch, directions: c_int) -> c_int {
    answer_uncancelled(|| {
        let directions = directions_of(directions)?;
        with_descriptor(watch, |found, token| found.events.borrow_mut().drained(token, directions))
    })
}

/// The present conditions of a descriptor.
///
/// # Safety
/// `conditions` is NULL or points to an `int`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cog_watch_conditions(watch: CogWatch, conditions: *mut c_int) -> c_int {
    answer_uncancelled(|| {
        let found = with_kept(watch, |_, watch| match watch.source {
            Source::Descriptor(fd) => conditions_of(fd).map_err(|error| Failure::system("watch", &error)),
            _ => Err(Failure::argument("watch: it is for a signal or a child, which have no conditions")),
        })??;
        // SAFETY: the caller keeps this function's contract.
        unsafe { put(conditions, found) };
        Ok(())
    })
}

fn conditions_of(fd: c_int) -> std::io::Result<c_int> {
    let found = sources::conditions(fd)?;
    let names = [
        (found.is_readable, COG_READ),
        (found.is_writable, COG_WRITE),
        (found.has_priority, COG_PRIORITY),
        (found.is_hung_up, COG_HUNG_UP),
        (found.is_read_hung_up, COG_READ_HUNG_UP),
        (found.is_broken, COG_BROKEN),
    ];
    Ok(names.iter().filter(|(is_there, _)| *is_there).fold(0, |all, (_, name)| all | name))
}

/// References a watch: it keeps the loop running.
#[unsafe(no_mangle)]
pub extern "C" fn cog_watch_ref(watch: CogWatch) -> c_int {
    answer(|| with(watch, |found, token| Ok(found.events.borrow_mut().ref_descriptor(token))).map(drop))
}

/// Unreferences a watch: it does not keep the loop running.
#[unsafe(no_mangle)]
pub extern "C" fn cog_watch_unref(watch: CogWatch) -> c_int {
    answer(|| with(watch, |found, token| Ok(found.events.borrow_mut().unref_descriptor(token))).map(drop))
}
