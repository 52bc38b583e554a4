//! The codes that functions return, and their messages.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::TryReserveError;
use std::ffi::{CStr, CString, c_char, c_int};
use std::fmt::Display;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cogloop_io::{Error, memory};

use super::words::{OfError, Words, of_number};
use crate::sys::cancellation::NotCancelled;

pub(super) const COG_OK: c_int = 0;
pub(super) const COG_ERROR_ARGUMENT: c_int = -1;
pub(super) const COG_ERROR_STALE: c_int = -2;
pub(super) const COG_ERROR_THREAD: c_int = -3;
pub(super) const COG_ERROR_RUNNING: c_int = -4;
pub(super) const COG_ERROR_LIMIT: c_int = -5;
pub(super) const COG_ERROR_BACKEND: c_int = -6;
pub(super) const COG_ERROR_UNSUPPORTED: c_int = -7;
pub(super) const COG_ERROR_INTERNAL: c_int = -8;
pub(super) const COG_ERROR_MEMORY: c_int = -9;

/// Each code with its name and its meaning.
const WORDS: &[(c_int, &CStr, &CStr)] = &[
    (COG_OK, c"COG_OK", c"no error"),
    (COG_ERROR_ARGUMENT, c"COG_ERROR_ARGUMENT", c"an argument is not what was expected"),
    (COG_ERROR_STALE, c"COG_ERROR_STALE", c"the handle is stale: what it named has ended, or it never named anything"),
    (COG_ERROR_THREAD, c"COG_ERROR_THREAD", c"the loop belongs to another thread"),
    (COG_ERROR_RUNNING, c"COG_ERROR_RUNNING", c"the loop is running already"),
    (COG_ERROR_LIMIT, c"COG_ERROR_LIMIT", c"a limit is reached"),
    (COG_ERROR_BACKEND, c"COG_ERROR_BACKEND", c"there is no backend of that name, or no backend works"),
    (COG_ERROR_UNSUPPORTED, c"COG_ERROR_UNSUPPORTED", c"this loop, or this system, cannot do that"),
    (COG_ERROR_INTERNAL, c"COG_ERROR_INTERNAL", c"a fault in the library"),
    (COG_ERROR_MEMORY, c"COG_ERROR_MEMORY", c"there is not enough memory"),
];

thread_local! {
    /// The source of the message of the newest failure, even if no function returns that failure.
    static NEW: Cell<Message> = const { Cell::new(Message::Words) };
    static NEW_WORDS: RefCell<Words> = const { RefCell::new(Words::new()) };
    /// The thread's last failure that a function has returned, with its code.
    static LAST: Cell<(c_int, Message)> = const { Cell::new((COG_OK, Message::Words)) };
    static LAST_WORDS: RefCell<Words> = const { RefCell::new(Words::new()) };
    static SYSTEMS_WORDS: RefCell<Words> = const { RefCell::new(Words::new()) };
}

/// The reason why a call failed. A failure is little more than a code, because most callers look only at the code.
/// `cog_last_message` makes the text.
#[derive(Copy, Clone, Debug)]
pub(super) struct Failure {
    code: c_int,
    about: About,
}

/// The subject of a failure.
#[derive(Copy, Clone, Debug)]
enum About {
    /// The message in `NEW` names the subject.
    New,
    Loop,
    Timer,
    Watch,
    Hook,
}

/// The source of a failure's message.
#[derive(Copy, Clone, Debug)]
enum Message {
    /// A fixed text.
    Sentence(&'static str),
    /// The name of an argument, and the meaning of the code.
    Argument(&'static str),
    /// The message contains values of the call. So it was written at once, to `NEW_WORDS` or `LAST_WORDS`.
    Words,
}

impl Failure {
    pub(super) const STALE_LOOP: Self = Self { code: COG_ERROR_STALE, about: About::Loop };
    pub(super) const STALE_TIMER: Self = Self { code: COG_ERROR_STALE, about: About::Timer };
    pub(super) const STALE_WATCH: Self = Self { code: COG_ERROR_STALE, about: About::Watch };
    pub(super) const STALE_HOOK: Self = Self { code: COG_ERROR_STALE, about: About::Hook };

    fn with_message(code: c_int, message: Message) -> Self {
        NEW.set(message);
        Self { code, about: About::New }
    }

    /// A failure that has the same message each time.
    pub(super) fn new(code: c_int, sentence: &'static str) -> Self {
        Self::with_message(code, Message::Sentence(sentence))
    }

    /// A failure whose message contains values of the call.
    #[cold]
    #[inline(never)]
    pub(super) fn in_words(code: c_int, message: impl Display) -> Self {
        NEW_WORDS.with_borrow_mut(|words| *words = Words::of(message));
        Self::with_message(code, Message::Words)
    }

    pub(super) fn argument(sentence: &'static str) -> Self {
        Self::new(COG_ERROR_ARGUMENT, sentence)
    }

    pub(super) fn argument_in_words(message: impl Display) -> Self {
        Self::in_words(COG_ERROR_ARGUMENT, message)
    }

    pub(super) fn memory(argument: &'static str) -> Self {
        Self::with_message(COG_ERROR_MEMORY, Message::Argument(argument))
    }

    /// A failure of the system. `about` is the argument or the action that failed.
    #[cold]
    #[inline(never)]
    pub(super) fn system(about: &'static str, error: &io::Error) -> Self {
        if let Some(code) = error.raw_os_error() {
            return Self::with_message(code, Message::Argument(about));
        }
        let code = match error.kind() {
            io::ErrorKind::NotFound => COG_ERROR_STALE,
            io::ErrorKind::InvalidInput => COG_ERROR_ARGUMENT,
            io::ErrorKind::Unsupported => COG_ERROR_UNSUPPORTED,
            io::ErrorKind::QuotaExceeded => COG_ERROR_LIMIT,
            io::ErrorKind::OutOfMemory => return Self::memory(about),
            _ => COG_ERROR_INTERNAL,
        };
        Self::in_words(code, format_args!("{about}: {}", OfError(error)))
    }

    /// Records the failure as the thread's last one.
    #[cold]
    #[inline(never)]
    fn keep(self) -> c_int {
        let message = match self.about {
            About::New => NEW.get(),
            About::Loop => Message::Argument("loop"),
            About::Timer => Message::Argument("timer"),
            About::Watch => Message::Argument("watch"),
            About::Hook => Message::Argument("hook"),
        };
        if let Message::Words = message {
            LAST_WORDS.set(NEW_WORDS.with_borrow(|words| *words));
        }
        LAST.set((self.code, message));
        self.code
    }
}

/// Writes the message, unless it has been written already.
fn words_of(code: c_int, message: Message) -> Option<Words> {
    let about = |argument: &str, rest: &dyn Display| Words::of(format_args!("{argument}: {rest}"));
    match (message, code) {
        (Message::Words, _) => None,
        (Message::Sentence(sentence), _) => Some(Words::of(sentence)),
        (Message::Argument(name), COG_ERROR_STALE) => {
            Some(about(name, &"stale handle: what it named has ended, or it never named anything"))
        }
        (Message::Argument(name), COG_ERROR_MEMORY) => Some(about(name, &"there is not enough memory")),
        (Message::Argument(name), _) => Some(about(name, &OfError(&io::Error::from_raw_os_error(code)))),
    }
}

/// An upper bound for a small allocation of the standard library, in bytes.
const FOR_A_SMALL_THING: usize = 16 << 10;

/// Checks that there is memory for a `Box`, an `Rc` or a `String`, whose allocation cannot return an error.
pub(super) fn expect_memory(about: &'static str) -> Result<(), Failure> {
    or_no_memory(about, memory::expect_bytes(FOR_A_SMALL_THING))
}

pub(super) fn or_no_memory<T>(about: &'static str, reserved: Result<T, TryReserveError>) -> Result<T, Failure> {
    reserved.map_err(|_| Failure::memory(about))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Io { doing, source } => Self::system(doing, source),
            Error::ZeroResolution => Self::argument_in_words(error),
            _ => Self::in_words(COG_ERROR_BACKEND, error),
        }
    }
}

/// The border to C: turns a failure or a panic into a code.
#[inline]
pub(super) fn answer(call: impl FnOnce() -> Result<(), Failure>) -> c_int {
    // A panic may leave a part of the loop borrowed. The loop's state is in cells, so later calls notice such a borrow
    // and return errors. Nothing worse can happen.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => COG_OK,
        Ok(Err(failure)) => failure.keep(),
        Err(panic) => fault(panic),
    }
}

/// [`answer`] for a call that has a quick way. If the call needs more than the quick way, `quick` changes nothing and
/// returns false, and `whole` makes the call. `quick` should call no other function, and `whole` should be one call
/// that passes on the caller's arguments. Then the compiler turns that call into a jump, and the caller saves no
/// registers.
#[inline(always)]
pub(super) fn answer_quickly(quick: impl FnOnce() -> bool, whole: impl FnOnce() -> c_int) -> c_int {
    match catch_unwind(AssertUnwindSafe(quick)) {
        Ok(true) => COG_OK,
        Ok(false) => whole(),
        Err(panic) => fault(panic),
    }
}

#[cold]
#[inline(never)]
fn fault(_panic: Box<dyn Any + Send>) -> c_int {
    Failure::new(COG_ERROR_INTERNAL, FAULT).keep()
}

/// [`answer`] for a function that may close a descriptor or wait: at such points the C library could cancel the thread.
pub(super) fn answer_uncancelled(call: impl FnOnce() -> Result<(), Failure>) -> c_int {
    let _whole = NotCancelled::new();
    answer(call)
}

const FAULT: &str = "a fault in the library; it was reported on standard error";

/// The text as a C string. Zero bytes are left out; the library's own texts have none.
pub(super) fn to_c(text: impl Into<Vec<u8>>) -> CString {
    let mut bytes = text.into();
    bytes.retain(|&byte| byte != 0);
    CString::new(bytes).unwrap_or_default()
}

/// Describes a code.
#[unsafe(no_mangle)]
pub extern "C" fn cog_strerror(code: c_int) -> *const c_char {
    if let Some((.., words)) = WORDS.iter().find(|(known, ..)| *known == code) {
        return words.as_ptr();
    }
    if code < 0 {
        return c"an unknown code".as_ptr();
    }
    // The thread keeps the text until its next call.
    SYSTEMS_WORDS.set(of_number(code));
    SYSTEMS_WORDS.with_borrow(Words::as_ptr)
}

/// The name of a code in the header.
#[unsafe(no_mangle)]
pub extern "C" fn cog_error_name(code: c_int) -> *const c_char {
    let known = WORDS.iter().find(|(known, ..)| *known == code);
    known.map_or(c"".as_ptr(), |(_, name, _)| name.as_ptr())
}

/// Describes the last failure of a call on this thread.
#[unsafe(no_mangle)]
pub extern "C" fn cog_last_message() -> *const c_char {
    let (code, message) = LAST.get();
    if let Some(words) = words_of(code, message) {
        LAST_WORDS.set(words);
        LAST.set((code, Message::Words));
    }
    LAST_WORDS.with_borrow(Words::as_ptr)
}

/// The library's version.
#[unsafe(no_mangle)]
pub extern "C" fn cog_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
