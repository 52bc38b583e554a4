//! What a function returns: a code, and the words for it.

use std::cell::{Cell, RefCell};
use std::collections::TryReserveError;
use std::ffi::{CStr, CString, c_char, c_int};
use std::fmt::Display;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cogloop_io::{Error, memory};

use super::words::{OfError, Words, of_number};

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

/// Each code, its name, what it means.
const WORDS: &[(c_int, &CStr, &CStr)] = &[
    (COG_OK, c"COG_OK", c"no error"),
    (COG_ERROR_ARGUMENT, c"COG_ERROR_ARGUMENT", c"an argument is not what was expected"),
    (COG_ERROR_STALE, c"COG_ERROR_STALE", c"the handle names nothing, or nothing any more"),
    (COG_ERROR_THREAD, c"COG_ERROR_THREAD", c"the loop belongs to another thread"),
    (COG_ERROR_RUNNING, c"COG_ERROR_RUNNING", c"the loop is running already"),
    (COG_ERROR_LIMIT, c"COG_ERROR_LIMIT", c"the loop has as many as its options allow"),
    (COG_ERROR_BACKEND, c"COG_ERROR_BACKEND", c"no backend of that name, or none that works"),
    (COG_ERROR_UNSUPPORTED, c"COG_ERROR_UNSUPPORTED", c"this loop, or this system, cannot do that"),
    (COG_ERROR_INTERNAL, c"COG_ERROR_INTERNAL", c"a fault in the library"),
    (COG_ERROR_MEMORY, c"COG_ERROR_MEMORY", c"there is not enough memory"),
];

thread_local! {
    /// Of the failure that was made last, from what its sentence is made. It may be one that nobody will hear of.
    static NEW: Cell<Told> = const { Cell::new(Told::Words) };
    static NEW_WORDS: RefCell<Words> = const { RefCell::new(Words::new()) };
    /// The thread's last failure that was an answer, with its code.
    static LAST: Cell<(c_int, Told)> = const { Cell::new((COG_OK, Told::Words)) };
    static LAST_WORDS: RefCell<Words> = const { RefCell::new(Words::new()) };
    static SYSTEMS_WORDS: RefCell<Words> = const { RefCell::new(Words::new()) };
}

/// Why a call failed: hardly more than a code, since most callers look at nothing else. The sentence is made when somebody
/// asks for it.
#[derive(Copy, Clone, Debug)]
pub(super) struct Failure {
    code: c_int,
    about: About,
}

/// What a failure is about.
#[derive(Copy, Clone, Debug)]
enum About {
    /// The thread's place for a new failure says so.
    New,
    Loop,
    Timer,
    Watch,
    Hook,
}

/// From what a sentence is made.
#[derive(Copy, Clone, Debug)]
enum Told {
    /// It is this one.
    Sentence(&'static str),
    /// From an argument, and what the code means.
    Argument(&'static str),
    /// It was made at once, from what only that moment knew, and is in the thread's place for words.
    Words,
}

impl Failure {
    pub(super) const STALE_LOOP: Self = Self { code: COG_ERROR_STALE, about: About::Loop };
    pub(super) const STALE_TIMER: Self = Self { code: COG_ERROR_STALE, about: About::Timer };
    pub(super) const STALE_WATCH: Self = Self { code: COG_ERROR_STALE, about: About::Watch };

    pub(super) const STALE_HOOK: Self = Self { code: COG_ERROR_STALE, about: About::Hook };

    fn told(code: c_int, told: Told) -> Self {
        NEW.set(told);
        Self { code, about: About::New }
    }

    /// A failure that is told by the same sentence each time.
    pub(super) fn new(code: c_int, sentence: &'static str) -> Self {
        Self::told(code, Told::Sentence(sentence))
    }

    /// A failure whose sentence has something of the moment in it.
    #[cold]
    #[inline(never)]
    pub(super) fn in_words(code: c_int, message: impl Display) -> Self {
        NEW_WORDS.with_borrow_mut(|words| *words = Words::of(message));
        Self::told(code, Told::Words)
    }

    pub(super) fn argument(sentence: &'static str) -> Self {
        Self::new(COG_ERROR_ARGUMENT, sentence)
    }

    pub(super) fn argument_in_words(message: impl Display) -> Self {
        Self::in_words(COG_ERROR_ARGUMENT, message)
    }

    pub(super) fn memory(argument: &'static str) -> Self {
        Self::told(COG_ERROR_MEMORY, Told::Argument(argument))
    }

    /// What the system refused; `about` is the argument, or what was done.
    #[cold]
    #[inline(never)]
    pub(super) fn system(about: &'static str, error: &io::Error) -> Self {
        if let Some(code) = error.raw_os_error() {
            return Self::told(code, Told::Argument(about));
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

    /// Takes note of it as the thread's last failure.
    fn keep(self) -> c_int {
        let told = match self.about {
            About::New => NEW.get(),
            About::Loop => Told::Argument("loop"),
            About::Timer => Told::Argument("timer"),
            About::Watch => Told::Argument("watch"),
            About::Hook => Told::Argument("hook"),
        };
        if let Told::Words = told {
            LAST_WORDS.set(NEW_WORDS.with_borrow(|words| *words));
        }
        LAST.set((self.code, told));
        self.code
    }
}

/// The sentence, unless it is in the thread's place for words.
fn words_of(code: c_int, told: Told) -> Option<Words> {
    let about = |argument: &str, rest: &dyn Display| Words::of(format_args!("{argument}: {rest}"));
    match (told, code) {
        (Told::Words, _) => None,
        (Told::Sentence(sentence), _) => Some(Words::of(sentence)),
        (Told::Argument(name), COG_ERROR_STALE) => Some(about(name, &"it is gone, or was none of this loop")),
        (Told::Argument(name), COG_ERROR_MEMORY) => Some(about(name, &"there is not enough memory")),
        (Told::Argument(name), _) => Some(about(name, &OfError(&io::Error::from_raw_os_error(code)))),
    }
}

/// What the standard library allocates without a word for a small thing.
const FOR_A_SMALL_THING: usize = 16 << 10;

/// Asks whether there is memory for a `Box`, an `Rc` or a `String`, which have no other way to say that there is none.
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

/// The border: whatever happens inside is a code outside.
#[inline]
pub(super) fn answer(call: impl FnOnce() -> Result<(), Failure>) -> c_int {
    // What a panic leaves behind is a loop that answers with errors, at worst: its state is behind cells that notice.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => COG_OK,
        Ok(Err(failure)) => failure.keep(),
        Err(_) => Failure::new(COG_ERROR_INTERNAL, FAULT).keep(),
    }
}

const FAULT: &str = "a fault in the library, which has told it on standard error";

/// Up to the first zero byte, of which our texts have none.
pub(super) fn to_c(text: impl Into<Vec<u8>>) -> CString {
    let mut bytes = text.into();
    bytes.retain(|&byte| byte != 0);
    CString::new(bytes).unwrap_or_default()
}

/// What a code means, in words.
#[unsafe(no_mangle)]
pub extern "C" fn cog_strerror(code: c_int) -> *const c_char {
    if let Some((.., words)) = WORDS.iter().find(|(known, ..)| *known == code) {
        return words.as_ptr();
    }
    if code < 0 {
        return c"an unknown code".as_ptr();
    }
    // The thread keeps it until it asks again.
    SYSTEMS_WORDS.set(of_number(code));
    SYSTEMS_WORDS.with_borrow(Words::as_ptr)
}

/// What the header calls a code.
#[unsafe(no_mangle)]
pub extern "C" fn cog_error_name(code: c_int) -> *const c_char {
    let known = WORDS.iter().find(|(known, ..)| *known == code);
    known.map_or(c"".as_ptr(), |(_, name, _)| name.as_ptr())
}

/// What was wrong with this thread's last call that failed.
#[unsafe(no_mangle)]
pub extern "C" fn cog_last_message() -> *const c_char {
    let (code, told) = LAST.get();
    if let Some(words) = words_of(code, told) {
        LAST_WORDS.set(words);
        LAST.set((code, Told::Words));
    }
    LAST_WORDS.with_borrow(Words::as_ptr)
}

/// The library's version.
#[unsafe(no_mangle)]
pub extern "C" fn cog_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
