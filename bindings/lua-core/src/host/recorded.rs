//! Functions for a loop that records its run in a file, or replays such a recording. They find the script's line for
//! each act that is recorded, and let an interrupt end a replay's wait.

use super::memory::State;
use crate::lua::guard::{ErrorText, Text, script_level};
use crate::lua::interrupt;
use crate::sys::path::of_bytes;
use cogloop_io::{Error, Recording};
use mlua::ffi::{lua_Debug, lua_State, lua_getinfo, lua_getstack};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

/// The path of a recording has fewer bytes than this.
pub(crate) const PATH_MAX: usize = 1000;

/// The recording that a script requests. The path is copied out of the options table, because a finalizer may change
/// that table.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) path: Text<PATH_MAX>,
    pub(crate) is_replay: bool,
}

impl Wanted {
    /// # Errors
    ///
    /// This system cannot have a file of that name.
    pub(crate) fn recording(&self) -> Result<Recording, Error> {
        let option = if self.is_replay { "replay" } else { "record" };
        let refused = |source| Error::Recording { option, path: self.path.to_string().into(), source };
        let path = of_bytes(self.path.as_bytes()).map_err(refused)?.to_owned();
        Ok(if self.is_replay { Recording::Replay(path) } else { Recording::Record(path) })
    }
}

static OF_THE_PROGRAM: Mutex<Option<Recording>> = Mutex::new(None);

/// Records or replays the program's first loop whose options ask for no recording.
pub fn set_recording(recording: Recording) {
    *OF_THE_PROGRAM.lock().unwrap_or_else(PoisonError::into_inner) = Some(recording);
}

/// Takes the recording that [`set_recording`] has stored, if no loop has taken it yet.
pub(super) fn take_recording() -> Option<Recording> {
    OF_THE_PROGRAM.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl State {
    /// Prepares a loop that was just made.
    pub(super) fn begin_recording(&mut self) {
        if self.events.is_recorded() {
            self.events.interrupt_replay_by(interrupt::pending);
            // This limit is never reached. It only makes `arm` take its slow path, which stores the script's line.
            self.timers_max.get_or_insert(usize::MAX);
        }
    }

    /// Stores the line of the script for the next recorded act.
    ///
    /// # Safety
    ///
    /// `lua` is null, or it runs a C function.
    pub(crate) unsafe fn note_place(&self, lua: *mut lua_State) {
        if lua.is_null() || !self.events.is_recorded() {
            return;
        }
        // SAFETY: the caller's promise. These functions fill in the fields that are read, and allocate nothing.
        let place = unsafe {
            let mut about = MaybeUninit::<lua_Debug>::zeroed();
            if lua_getstack(lua, script_level(lua), about.as_mut_ptr()) == 0 {
                return;
            }
            lua_getinfo(lua, c"Sl".as_ptr(), about.as_mut_ptr());
            let about = about.as_ptr();
            if (*about).currentline <= 0 {
                return;
            }
            let source = CStr::from_ptr((&raw const (*about).short_src).cast());
            let mut place = Text::<100>::of_bytes(source.to_bytes());
            place.extend(Text::<12>::new(format_args!(":{}", (*about).currentline)).as_bytes());
            place
        };
        self.set_place(place.as_bytes());
    }

    /// Stores the script's line for the next recorded act, as `source:line`. Invalid UTF-8 is replaced.
    pub(crate) fn set_place(&self, place: &[u8]) {
        let text = Text::<120>::of_bytes(place);
        self.events.set_place(std::str::from_utf8(text.as_bytes()).unwrap_or_default());
    }

    /// The message that says where the script has departed from the recording; `None` if it has not.
    pub(crate) fn departure(&self) -> Option<ErrorText> {
        self.events.departure().map(Text::new)
    }
}
