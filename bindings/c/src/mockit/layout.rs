//! `struct mockit` as C sees it. The header asserts the same layout.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::must_return::must_return;

// As far as the compiler knows, both kinds of functions may unwind. `must_return` ends the process if one does.

/// The callback of a timer. Its argument is the timer.
pub type Callback = unsafe extern "C-unwind" fn(*mut c_void);

/// The destructor of a timer. Its argument is the timer; its result is ignored.
pub type Destructor = unsafe extern "C-unwind" fn(*mut c_void) -> i32;

/// The bit-fields, from the lowest bit, as compilers for little-endian machines lay them out.
const IS_CYCLIC: u8 = 1;
/// The timer is disarmed: no callback starts any more.
const IS_DISARMED: u8 = 2;
/// The timer has ended, or is ending.
const HAS_ENDED: u8 = 4;
const FREE_MEMORY: u8 = 8;

/// A timer: `struct mockit`. The library does not use `ctx`, which belongs to the caller.
#[repr(C)]
#[derive(Debug)]
pub struct Mockit {
    /// `thread_id__`. The library stores the key of the wheel's entry in it; 0 before the first arming.
    key: AtomicU64,
    flags: AtomicU8,
    ctx: *mut c_void,
    timeout: u32,
    cb: Option<Callback>,
    destructor: Option<Destructor>,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(
        size_of::<Mockit>() == 48 && std::mem::offset_of!(Mockit, key) == 0 && std::mem::offset_of!(Mockit, flags) == 8
    );
    assert!(std::mem::offset_of!(Mockit, ctx) == 16 && std::mem::offset_of!(Mockit, timeout) == 24);
    assert!(std::mem::offset_of!(Mockit, cb) == 32 && std::mem::offset_of!(Mockit, destructor) == 40);
};

impl Mockit {
    pub(super) fn new(
        cb: Option<Callback>,
        timeout: u32,
        is_cyclic: bool,
        ctx: *mut c_void,
        destructor: Option<Destructor>,
        is_dynamic: bool,
    ) -> Self {
        let flags = if is_cyclic { IS_CYCLIC } else { 0 } | if is_dynamic { FREE_MEMORY } else { 0 };
        Self { key: AtomicU64::new(0), flags: AtomicU8::new(flags), ctx, timeout, cb, destructor }
    }

    pub(super) fn callback(&self) -> Option<Callback> {
        self.cb
    }

    pub(super) fn timeout(&self) -> u32 {
        self.timeout
    }

    pub(super) fn key(&self) -> u64 {
        self.key.load(Ordering::Relaxed)
    }

    pub(super) fn set_key(&self, key: u64) {
        self.key.store(key, Ordering::Relaxed);
    }

    pub(super) fn is_cyclic(&self) -> bool {
        self.has(IS_CYCLIC)
    }

    pub(super) fn is_disarmed(&self) -> bool {
        self.has(IS_DISARMED)
    }

    pub(super) fn disarm(&self) {
        self.flags.fetch_or(IS_DISARMED, Ordering::Relaxed);
    }

    pub(super) fn revive(&self) {
        self.flags.fetch_and(!(IS_DISARMED | HAS_ENDED), Ordering::Relaxed);
    }

    /// Marks the timer as ending. Returns `false` if it was already marked.
    pub(super) fn begin_to_end(&self) -> bool {
        self.flags.fetch_or(IS_DISARMED | HAS_ENDED, Ordering::Relaxed) & HAS_ENDED == 0
    }

    fn has(&self, flag: u8) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }
}

/// Calls the destructor. Without a destructor, frees a timer that the library allocated.
///
/// # Safety
/// `timer` points to a timer that is on no list of the service, and no other thread ends it.
pub(super) unsafe fn end(timer: *mut Mockit) {
    // SAFETY: the caller keeps this function's contract. All fields are read before the destructor may free the timer.
    unsafe {
        match (*timer).destructor {
            Some(destructor) => must_return("the destructor of a timer of mockit.h", || {
                destructor(timer.cast());
            }),
            None if (*timer).has(FREE_MEMORY) => libc::free(timer.cast()),
            None => {}
        }
    }
}
