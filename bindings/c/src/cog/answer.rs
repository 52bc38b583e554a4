//! What a function returns: a code, and the words for it.

use std::cell::RefCell;
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

const WORDS: &[(c_int, &CStr)] = &[
    (COG_OK, c"no error"),
    (COG_ERROR_ARGUMENT, c"an argument is not what was expected"),
    (COG_ERROR_STALE, c"the handle names nothing, or nothing any more"),
    (COG_ERROR_THREAD, c"the loop belongs to another thread"),
    (COG_ERROR_RUNNING, c"the loop is running already"),
    (COG_ERROR_LIMIT, c"the loop has as many as its options allow"),
    (COG_ERROR_BACKEND, c"no backend of that name, or none that works"),
    (COG_ERROR_UNSUPPORTED, c"this loop, or this system, cannot do that"),
    (COG_ERROR_INTERNAL, c"a fault in the library"),
    (COG_ERROR_MEMORY, c"there is not enough memory"),
];

thread_local! {
    /// Of a failure that is on its way out, or of one that nobody will hear of.
    static NEW_MESSAGE: RefCell<Words> = const { RefCell::new(Words::new()) };
    static LAST_MESSAGE: RefCell<Words> = const { RefCell::new(Words::new()) };
    static SYSTEMS_WORDS: RefCell<Words> = const { RefCell::new(Words::new()) };
}

/// Why a call failed. Saying so takes no memory: the words are in the thread's place for them.
#[derive(Debug)]
pub(super) struct Failure {
    code: c_int,
}

impl Failure {
    pub(super) fn new(code: c_int, message: impl Display) -> Self {
        NEW_MESSAGE.with_borrow_mut(|words| *words = Words::of(message));
        Self { code }
    }

    pub(super) fn argument(message: impl Display) -> Self {
        Self::new(COG_ERROR_ARGUMENT, message)
    }

    pub(super) fn stale(what: &str) -> Self {
        Self::new(COG_ERROR_STALE, format_args!("{what}: it is gone, or was none of this loop"))
    }

    pub(super) fn memory(about: &str) -> Self {
        Self::new(COG_ERROR_MEMORY, format_args!("{about}: there is not enough memory"))
    }

    /// What the system refused; `about` is the argument, or what was done.
    pub(super) fn system(about: &str, error: &io::Error) -> Self {
        let code = error.raw_os_error().unwrap_or_else(|| match error.kind() {
            io::ErrorKind::NotFound => COG_ERROR_STALE,
            io::ErrorKind::InvalidInput => COG_ERROR_ARGUMENT,
            io::ErrorKind::Unsupported => COG_ERROR_UNSUPPORTED,
            io::ErrorKind::QuotaExceeded => COG_ERROR_LIMIT,
            io::ErrorKind::OutOfMemory => COG_ERROR_MEMORY,
            _ => COG_ERROR_INTERNAL,
        });
        Self::new(code, format_args!("{about}: {}", OfError(error)))
    }
}

/// What the standard library allocates without a word for a small thing.
const FOR_A_SMALL_THING: usize = 16 << 10;

/// Asks whether there is memory for a `Box`, an `Rc` or a `String`, which have no other way to say that there is none.
pub(super) fn expect_memory(about: &str) -> Result<(), Failure> {
    or_no_memory(about, memory::expect_bytes(FOR_A_SMALL_THING))
}

pub(super) fn or_no_memory<T>(about: &str, reserved: Result<T, TryReserveError>) -> Result<T, Failure> {
    reserved.map_err(|_| Failure::memory(about))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Io { doing, source } => Self::system(doing, source),
            Error::ZeroResolution => Self::argument(error),
            _ => Self::new(COG_ERROR_BACKEND, error),
        }
    }
}

/// The border: whatever happens inside is a code outside.
pub(super) fn answer(call: impl FnOnce() -> Result<(), Failure>) -> c_int {
    // What a panic leaves behind is a loop that answers with errors, at worst: its state is behind cells that notice.
    let result = catch_unwind(AssertUnwindSafe(call));
    let failure = match result {
        Ok(Ok(())) => return COG_OK,
        Ok(Err(failure)) => failure,
        Err(_) => Failure::new(COG_ERROR_INTERNAL, "a fault in the library, which has told it on standard error"),
    };
    LAST_MESSAGE.set(NEW_MESSAGE.with_borrow(|words| *words));
    failure.code
}

/// Up to the first zero byte, of which our texts have none.
pub(super) fn to_c(text: impl Into<Vec<u8>>) -> CString {
    let mut bytes = text.into();
    bytes.retain(|&byte| byte != 0);
    CString::new(bytes).unwrap_or_default()
}

/// What a code means, in words.
#[unsafe(no_mangle)]
pub extern "C" fn cog_strerror(code: c_int) -> *const c_char {
    if let Some((_, words)) = WORDS.iter().find(|(known, _)| *known == code) {
        return words.as_ptr();
    }
    if code < 0 {
        return c"an unknown code".as_ptr();
    }
    // The thread keeps it until it asks again.
    SYSTEMS_WORDS.set(of_number(code));
    SYSTEMS_WORDS.with_borrow(Words::as_ptr)
}

/// What was wrong with this thread's last call that failed.
#[unsafe(no_mangle)]
pub extern "C" fn cog_last_message() -> *const c_char {
    LAST_MESSAGE.with_borrow(Words::as_ptr)
}

/// The library's version.
#[unsafe(no_mangle)]
pub extern "C" fn cog_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
