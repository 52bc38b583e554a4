//! The installed libuv, on the kernel's time: a `uv_timer_t` for each timer, a `uv_poll_t` for each socket.
//!
//! libuv's unit is a millisecond. A delay is rounded up to a whole millisecond, as in a careful program.

use std::ffi::c_int;
use std::io;

use super::course::Course;
use crate::stores::libuv::{Api, HANDLE_POLL, HANDLE_TIMER, Head, RUN_NOWAIT, RUN_ONCE, allocate, api, free};

pub(super) fn missing() -> Option<&'static str> {
    api().is_none().then_some("not installed: apt-get install libuv1")
}

/// The loop's `data`, for the callbacks.
struct Context<'a> {
    api: &'static Api,
    course: &'a Course,
}

/// The flag for readable, of `uv_poll_event`.
const READABLE: c_int = 1;

extern "C" fn on_timer(timer: *mut Head) {
    // SAFETY: libuv calls this with a timer of a loop whose `data` points to a `Context` as long as the loop runs.
    let (context, id) = unsafe { (&*(*(*timer).in_loop).data.cast::<Context<'_>>(), (*timer).data as usize) };
    if let Some(again_ns) = context.course.fired(id) {
        start(context, timer, again_ns);
    }
}

extern "C" fn on_readable(poll: *mut Head, _status: c_int, _events: c_int) {
    // SAFETY: libuv calls this with a handle of a loop whose `data` points to a `Context` as long as the loop runs.
    let (context, index) = unsafe { (&*(*(*poll).in_loop).data.cast::<Context<'_>>(), (*poll).data as usize) };
    context.course.descriptors().into_iter().for_each(|descriptors| descriptors.serve(index));
}

/// Sets a timer for the first whole millisecond at or after `due_ns`. libuv uses the kernel's monotonic clock.
fn start(context: &Context<'_>, timer: *mut Head, due_ns: u64) {
    // SAFETY: the timer and its loop are initialised.
    unsafe {
        let now_ms = (context.api.now)((*timer).in_loop);
        (context.api.timer_start)(timer, on_timer, due_ns.div_ceil(1_000_000).saturating_sub(now_ms), 0);
    }
}

/// A loop and its handles. Dropping this value closes and frees the handles.
struct Handles {
    api: &'static Api,
    in_loop: *mut Head,
    // Each handle with its size in bytes.
    handles: Vec<(*mut Head, usize)>,
}

impl Handles {
    fn new(api: &'static Api) -> io::Result<Self> {
        // SAFETY: the function only returns a number.
        let in_loop = allocate(unsafe { (api.loop_size)() });
        // SAFETY: the memory has the size that libuv requires.
        match unsafe { (api.loop_init)(in_loop) } {
            0 => Ok(Self { api, in_loop, handles: Vec::new() }),
            error => Err(io::Error::other(format!("libuv makes no loop: {error}"))),
        }
    }

    /// Allocates a handle of the type `kind`. `init` must initialise the handle before `self` is dropped.
    fn add(&mut self, kind: u32, id: usize, init: impl FnOnce(*mut Head, *mut Head) -> c_int) -> io::Result<*mut Head> {
        // SAFETY: the function only returns a number.
        let bytes = unsafe { (self.api.handle_size)(kind) };
        let handle = allocate(bytes);
        let error = init(self.in_loop, handle);
        if error != 0 {
            // SAFETY: libuv does not use the handle, because its initialisation failed.
            unsafe { free(handle, bytes) };
            return Err(io::Error::other(format!("libuv makes no handle: {error}")));
        }
        self.handles.push((handle, bytes));
        // SAFETY: the handle's `data` belongs to its user.
        unsafe { (*handle).data = id as *mut _ };
        Ok(handle)
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        // SAFETY: every handle is initialised, and is closed only here. In the turn after the closing, libuv releases
        // all handles.
        unsafe {
            self.handles.iter().for_each(|&(handle, _)| (self.api.close)(handle, None));
            (self.api.run)(self.in_loop, RUN_NOWAIT);
            (self.api.loop_close)(self.in_loop);
            self.handles.iter().for_each(|&(handle, bytes)| free(handle, bytes));
            free(self.in_loop, (self.api.loop_size)());
        }
    }
}

pub(super) fn run(course: &Course) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let api = api().ok_or_else(|| io::Error::other("libuv is not installed"))?;
    let mut handles = Handles::new(api)?;
    let context = Context { api, course };
    // SAFETY: the loop's `data` belongs to its user. Only the callbacks read it, and they run inside this function.
    unsafe { (*handles.in_loop).data = (&raw const context).cast_mut().cast() };
    for timer in 0..course.timers() {
        // SAFETY: both are from `allocate`, with the sizes that libuv requires.
        let handle = handles.add(HANDLE_TIMER, timer, |events, timer| unsafe { (api.timer_init)(events, timer) })?;
        start(&context, handle, course.due_ns(timer));
    }
    for index in 0..course.descriptors().map_or(0, |descriptors| descriptors.len()) {
        let descriptors = course.descriptors().ok_or(io::ErrorKind::NotFound)?;
        let number = descriptors.fd(index).as_raw_fd();
        // SAFETY: both are from `allocate`, with the sizes that libuv requires. The socket is open until after the
        // loop is closed.
        let poll = handles.add(HANDLE_POLL, index, |events, poll| unsafe { (api.poll_init)(events, poll, number) })?;
        // SAFETY: the handle is initialised.
        unsafe { (api.poll_start)(poll, READABLE, on_readable) };
    }
    while !course.is_over() {
        // SAFETY: the loop is initialised and not running.
        unsafe { (api.run)(handles.in_loop, RUN_ONCE) };
    }
    Ok(())
}
