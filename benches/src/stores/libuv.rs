//! `uv_timer_t` timers of libuv, if it is installed: a heap and an event loop. `latency` uses the same functions on the
//! kernel's time.
//!
//! libuv's own code runs unchanged, on virtual time. libuv gets the time from `clock_gettime`. This program defines its
//! own `clock_gettime`, which the dynamic linker prefers. That function returns the benchmark's time while a store of
//! this file runs, and the kernel's time otherwise.
//!
//! Three points keep the comparison from being exact:
//! - To advance the time, the store calls `uv_run`: a turn of libuv's whole loop, with a system call. The cost of a
//!   turn with nothing due is measured separately and subtracted.
//! - Handles are made once and reused after `uv_timer_stop`, as in a careful program: closing a handle takes a turn of
//!   the loop.
//! - A timer's memory is the memory of its handle, and a handle has more fields than a timer needs. The heap has no
//!   memory of its own.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr;
use std::sync::{LazyLock, OnceLock};

use libloading::Library;
use rustix::time::Timespec;

use crate::store::Store;

const NAMES: [&str; 2] = ["libuv.so.1", "libuv.so"];
pub(crate) const RUN_ONCE: c_uint = 1;
pub(crate) const RUN_NOWAIT: c_uint = 2;
pub(crate) const HANDLE_POLL: c_uint = 8;
pub(crate) const HANDLE_TIMER: c_uint = 13;
/// The start of the virtual time. It is not 0, because 0 stands for no virtual time.
const EPOCH_MS: u64 = 1_000;

thread_local! {
    /// The virtual time of this thread in ns; 0 for the kernel's time.
    static VIRTUAL_NS: Cell<u64> = const { Cell::new(0) };
}

/// The C library's `clock_gettime`. rustix cannot be asked, because it may call the function below.
static KERNEL_TIME: LazyLock<unsafe extern "C" fn(c_int, *mut Timespec) -> c_int> = LazyLock::new(|| {
    unsafe extern "C" {
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }
    /// The libraries after the one that asks.
    const RTLD_NEXT: *mut c_void = ptr::without_provenance_mut(usize::MAX);
    // SAFETY: the name ends with 0. The C library has this function, with the type that the static says.
    unsafe { std::mem::transmute(dlsym(RTLD_NEXT, c"clock_gettime".as_ptr())) }
});

/// Replaces the C library's `clock_gettime` in the whole program. Returns the virtual time while a store of this file
/// runs, and the kernel's time otherwise.
///
/// # Safety
///
/// `time` points to a `timespec` that may be written, as the C library requires, too.
// SAFETY: the name, the type and the meaning are the C library's; nothing else in the program defines it.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    let virtual_ns = VIRTUAL_NS.get();
    if virtual_ns == 0 {
        // SAFETY: the caller keeps the contract of the C library's function.
        return unsafe { KERNEL_TIME(clock, time) };
    }
    let now = Timespec { tv_sec: (virtual_ns / 1_000_000_000) as i64, tv_nsec: (virtual_ns % 1_000_000_000) as i64 };
    // SAFETY: `time` may be written, as the caller promises. rustix's `Timespec` is the C library's.
    unsafe { time.write(now) };
    0
}

/// The beginning of every handle. A loop begins in the same way, but its second word has another meaning.
#[repr(C)]
pub(crate) struct Head {
    pub(crate) data: *mut c_void,
    pub(crate) in_loop: *mut Head,
}

/// Functions of libuv, as in uv.h.
pub(crate) struct Api {
    pub(crate) loop_size: unsafe extern "C" fn() -> usize,
    pub(crate) handle_size: unsafe extern "C" fn(c_uint) -> usize,
    pub(crate) loop_init: unsafe extern "C" fn(*mut Head) -> c_int,
    pub(crate) loop_close: unsafe extern "C" fn(*mut Head) -> c_int,
    pub(crate) timer_init: unsafe extern "C" fn(*mut Head, *mut Head) -> c_int,
    pub(crate) timer_start: unsafe extern "C" fn(*mut Head, extern "C" fn(*mut Head), u64, u64) -> c_int,
    pub(crate) timer_stop: unsafe extern "C" fn(*mut Head) -> c_int,
    pub(crate) close: unsafe extern "C" fn(*mut Head, Option<extern "C" fn(*mut Head)>),
    pub(crate) run: unsafe extern "C" fn(*mut Head, c_uint) -> c_int,
    pub(crate) backend_timeout: unsafe extern "C" fn(*mut Head) -> c_int,
    pub(crate) now: unsafe extern "C" fn(*mut Head) -> u64,
    pub(crate) poll_init: unsafe extern "C" fn(*mut Head, *mut Head, c_int) -> c_int,
    pub(crate) poll_start: unsafe extern "C" fn(*mut Head, c_int, extern "C" fn(*mut Head, c_int, c_int)) -> c_int,
}

pub(crate) fn api() -> Option<&'static Api> {
    static API: OnceLock<Option<Api>> = OnceLock::new();
    API.get_or_init(load).as_ref()
}

fn load() -> Option<Api> {
    // SAFETY: libuv has no constructors of its own, so loading it runs no code with requirements.
    let library = NAMES.iter().find_map(|name| unsafe { Library::new(*name) }.ok())?;
    // The functions may be called as long as the program runs, so the library is never unloaded.
    let library: &'static Library = Box::leak(Box::new(library));
    macro_rules! function {
        ($name:literal) => {
            // SAFETY: the field's type is the function's in uv.h of libuv 1, whose ABI is stable.
            *unsafe { library.get($name) }.ok()?
        };
    }
    Some(Api {
        loop_size: function!("uv_loop_size"),
        handle_size: function!("uv_handle_size"),
        loop_init: function!("uv_loop_init"),
        loop_close: function!("uv_loop_close"),
        timer_init: function!("uv_timer_init"),
        timer_start: function!("uv_timer_start"),
        timer_stop: function!("uv_timer_stop"),
        close: function!("uv_close"),
        run: function!("uv_run"),
        backend_timeout: function!("uv_backend_timeout"),
        now: function!("uv_now"),
        poll_init: function!("uv_poll_init"),
        poll_start: function!("uv_poll_start"),
    })
}

/// A loop with its timers. Every pointer in it points to memory from `allocate` of this file. The memory lives until
/// the store is dropped. Only libuv and these pointers access the memory.
pub(crate) struct Libuv {
    api: &'static Api,
    timer_size: usize,
    in_loop: *mut Head,
    timers: Vec<*mut Head>,
    free: Vec<*mut Head>,
    now: u64,
}

/// The data for the callback. It is on the stack of `advance`.
struct Turn<'a> {
    timer_start: unsafe extern "C" fn(*mut Head, extern "C" fn(*mut Head), u64, u64) -> c_int,
    now: u64,
    free: &'a mut Vec<*mut Head>,
    fired: &'a mut dyn FnMut(u64) -> Option<u64>,
}

extern "C" fn on_timer(timer: *mut Head) {
    // SAFETY: libuv calls this function with a timer of a loop whose `data` points to a `Turn` of `advance`. `advance`
    // does not touch the `Turn` until the loop returns. The timer's own `data` is its id.
    let (turn, id) = unsafe { (&mut *(*(*timer).in_loop).data.cast::<Turn<'_>>(), (*timer).data as u64) };
    match (turn.fired)(id) {
        // SAFETY: the timer was initialised when it was made, and is not being closed.
        Some(again) => unsafe {
            (turn.timer_start)(timer, on_timer, again - turn.now, 0);
        },
        None => turn.free.push(timer),
    }
}

pub(crate) fn allocate(bytes: usize) -> *mut Head {
    Box::into_raw(vec![0_u64; bytes.div_ceil(8)].into_boxed_slice()).cast()
}

/// # Safety
///
/// `head` is from `allocate( bytes )`, and is not used after this call.
pub(crate) unsafe fn free(head: *mut Head, bytes: usize) {
    let words = ptr::slice_from_raw_parts_mut(head.cast::<u64>(), bytes.div_ceil(8));
    // SAFETY: `head` is from `allocate( bytes )`, as the caller promises. So it is the address of a boxed slice of this
    // length.
    drop(unsafe { Box::from_raw(words) });
}

impl Libuv {
    fn grow(&mut self) -> *mut Head {
        let timer = allocate(self.timer_size);
        // SAFETY: both are from `allocate`, with the sizes that libuv requires; the loop is initialised.
        unsafe { (self.api.timer_init)(self.in_loop, timer) };
        self.timers.push(timer);
        timer
    }

    fn turn(&mut self) {
        VIRTUAL_NS.set((EPOCH_MS + self.now) * 1_000_000);
        // SAFETY: the loop is initialised and not running.
        unsafe { (self.api.run)(self.in_loop, RUN_NOWAIT) };
        VIRTUAL_NS.set(0);
    }
}

impl Store for Libuv {
    const NAME: &'static str = "libuv";
    const TURNS_A_LOOP: bool = true;
    const GIVES_UP: &'static str = "stale handles";
    type Handle = *mut Head;

    fn missing() -> Option<&'static str> {
        api().is_none().then_some("not installed: apt-get install libuv1")
    }

    fn new() -> Self {
        let api = api().expect("asked for only where it is installed");
        // SAFETY: these two only return a number.
        let (loop_size, timer_size) = unsafe { ((api.loop_size)(), (api.handle_size)(HANDLE_TIMER)) };
        let in_loop = allocate(loop_size);
        VIRTUAL_NS.set(EPOCH_MS * 1_000_000);
        // SAFETY: the memory has the size that libuv requires.
        let error = unsafe { (api.loop_init)(in_loop) };
        VIRTUAL_NS.set(0);
        assert_eq!(error, 0, "libuv makes no loop");
        let mut store = Self { api, timer_size, in_loop, timers: Vec::new(), free: Vec::new(), now: 0 };
        // A loop reports its timeout only after it has turned once with a timer.
        let timer = store.insert(1, 0);
        store.turn();
        store.cancel(&mut { timer });
        store
    }

    #[inline(always)]
    fn insert(&mut self, deadline: u64, id: u64) -> *mut Head {
        let timer = self.free.pop().unwrap_or_else(|| self.grow());
        // SAFETY: the timer is initialised, and stopped or fired.
        unsafe {
            (*timer).data = id as *mut c_void;
            (self.api.timer_start)(timer, on_timer, deadline - self.now, 0);
        }
        timer
    }

    #[inline(always)]
    fn cancel(&mut self, &mut timer: &mut *mut Head) {
        // SAFETY: the timer is initialised.
        unsafe { (self.api.timer_stop)(timer) };
        self.free.push(timer);
    }

    #[inline(always)]
    fn restart(&mut self, &mut timer: &mut *mut Head, deadline: u64, _id: u64) {
        // SAFETY: the timer is initialised. libuv stops a pending timer itself.
        unsafe { (self.api.timer_start)(timer, on_timer, deadline - self.now, 0) };
    }

    fn advance(&mut self, now: u64, mut fired: impl FnMut(u64) -> Option<u64>) {
        self.now = now;
        let mut free = std::mem::take(&mut self.free);
        let mut turn = Turn { timer_start: self.api.timer_start, now, free: &mut free, fired: &mut fired };
        // SAFETY: the loop is not running, and its `data` belongs to its user.
        unsafe { (*self.in_loop).data = (&raw mut turn).cast() };
        self.turn();
        self.free = free;
    }

    /// The result is exact if it is less than 2³¹ ticks ahead: libuv returns the loop's timeout as an `int`.
    fn next_deadline(&mut self) -> Option<u64> {
        // SAFETY: the loop is initialised.
        let timeout = unsafe { (self.api.backend_timeout)(self.in_loop) };
        u64::try_from(timeout).ok().filter(|&timeout| timeout > 0).map(|timeout| self.now + timeout)
    }
}

impl Drop for Libuv {
    fn drop(&mut self) {
        for &timer in &self.timers {
            // SAFETY: the timer is initialised, and closed only here.
            unsafe { (self.api.close)(timer, None) };
        }
        self.turn();
        // SAFETY: the turn has closed all timers, so libuv no longer uses them or the loop.
        unsafe {
            assert_eq!((self.api.loop_close)(self.in_loop), 0, "libuv refuses to close its loop");
            self.timers.iter().for_each(|&timer| free(timer, self.timer_size));
            free(self.in_loop, (self.api.loop_size)());
        }
    }
}
