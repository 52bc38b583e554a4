//! Tests in which memory runs out in the exported functions. The functions return an error number, and the timer can be
//! armed later.
//!
//! Before it starts a thread, the library asks in one piece for the memory that the standard library will allocate. So
//! these tests limit the number of bytes instead of refusing single requests.

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::yield_now;

use super::{Mockit, Mockit_arm, Mockit_destroy, Mockit_dynamic_init, Mockit_static_init};
use crate::allocator::{Grant, with};

static CALLS: AtomicU32 = AtomicU32::new(0);

unsafe extern "C-unwind" fn on_timer(_: *mut c_void) {
    CALLS.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn arming_a_timer_without_memory_is_an_error_and_works_later() {
    let mut refused = 0;
    for kilobytes in 0..400 {
        let timer = Mockit_dynamic_init(Some(on_timer), 1, true, null_mut(), None);
        assert!(!timer.is_null());
        // SAFETY: the timer is initialised, and it is ended once, below.
        unsafe {
            match with(Grant::Bytes(kilobytes << 10), || Mockit_arm(timer)).0 {
                0 => {}
                code => {
                    assert_eq!(code, libc::ENOMEM, "with {kilobytes} KB");
                    refused += 1;
                }
            }
            // Ending needs no memory.
            assert_eq!(with(Grant::Bytes(0), || Mockit_destroy(timer)).0, 0);
        }
    }
    assert!((1..400).contains(&refused), "{refused}");
    let mut timer = std::mem::MaybeUninit::<Mockit>::uninit();
    // SAFETY: the pointer points to room for a timer. The timer stays there until it has ended.
    unsafe {
        Mockit_static_init(timer.as_mut_ptr(), Some(on_timer), 1, true, null_mut(), None);
        assert_eq!(Mockit_arm(timer.as_mut_ptr()), 0);
        let before = CALLS.load(Ordering::Relaxed);
        while CALLS.load(Ordering::Relaxed) < before + 3 {
            yield_now();
        }
        assert_eq!(Mockit_destroy(timer.as_mut_ptr()), 0);
    }
}
