//! Marks that tell a thread sanitizer in which order the library's locks and atomics let threads use memory.
//!
//! In a program that is compiled with `-fsanitize=thread`, the sanitizer sees the program's locks. It does not see the
//! locks of this library, which is not instrumented. Without these marks the sanitizer would report a race between a
//! thread that posts and the callback that uses the posted memory. The functions are part of the sanitizer's runtime,
//! so only such a program has them.

use std::ffi::{CStr, c_void};
use std::mem::transmute;
use std::sync::OnceLock;

type Mark = unsafe extern "C" fn(*mut c_void);

/// Both functions, or `None` without a sanitizer.
static MARKS: OnceLock<Option<(Mark, Mark)>> = OnceLock::new();

fn find(name: &CStr) -> Option<Mark> {
    // SAFETY: the name is a C string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    // SAFETY: both functions have this type; see `tsan_interface.h`.
    (!found.is_null()).then(|| unsafe { transmute::<*mut c_void, Mark>(found) })
}

/// Looks for the sanitizer. Until then the marks do nothing. A signal handler must not call this.
pub(crate) fn look() {
    MARKS.get_or_init(|| find(c"__tsan_acquire").zip(find(c"__tsan_release")));
}

/// The work that this thread has done so far is visible to a thread that later calls [`acquired`] for the same object.
pub(crate) fn released<T>(object: &T) {
    if let Some(Some((_, release))) = MARKS.get() {
        // SAFETY: the address only identifies the object; the sanitizer reads no memory there.
        unsafe { release((&raw const *object).cast_mut().cast()) };
    }
}

/// The work that other threads had done before they called [`released`] for this object is visible from here on.
pub(crate) fn acquired<T>(object: &T) {
    if let Some(Some((acquire, _))) = MARKS.get() {
        // SAFETY: as above.
        unsafe { acquire((&raw const *object).cast_mut().cast()) };
    }
}
