//! A program on the library, through the functions that C calls.
#![allow(unsafe_code, reason = "the border to C")]

// The library itself: nothing of it is used but what it exports.
use cogloop_c as _;

use crate::program::{Call, Name, PIPES, Planned, Program, What};
use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;

/// `cog_loop`, `cog_timer` and `cog_watch`, as the header declares them.
#[repr(C)]
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
struct Loop {
    id: u64,
}
#[repr(C)]
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
struct Part {
    loop_id: u64,
    key: u64,
}
#[repr(C)]
struct Options {
    size: usize,
    backend: *const u8,
    resolution_ns: u64,
    timers_max: u32,
    watches_max: u32,
    served_in_turn_max: u32,
    clock: u32,
    delays: u32,
    reserved: u32,
}
#[repr(C)]
struct Plan {
    size: usize,
    delay_ns: u64,
    period_ns: u64,
    slack_ns: u64,
    missed: u32,
    reserved: u32,
}
#[repr(C)]
#[derive(Default)]
struct Stats {
    size: usize,
    counts: [u64; 7],
}
#[repr(C)]
struct Expiry {
    deadline_ns: u64,
    late_ns: u64,
    missed: u64,
}

type TimerFn = extern "C" fn(Part, *const Expiry, *mut c_void);
type WatchFn = extern "C" fn(Part, c_int, *mut c_void);
type PostFn = extern "C" fn(*mut c_void);

unsafe extern "C" {
    fn cog_loop_new(options: *const Options, made: *mut Loop) -> c_int;
    fn cog_loop_free(of: Loop) -> c_int;
    fn cog_loop_run(of: Loop) -> c_int;
    fn cog_loop_run_once(of: Loop, timeout_ns: u64, is_alive: *mut bool) -> c_int;
    fn cog_loop_step(of: Loop) -> c_int;
    fn cog_loop_stop(of: Loop) -> c_int;
    fn cog_loop_post(of: Loop, run: PostFn, discard: PostFn, ctx: *mut c_void) -> c_int;
    fn cog_loop_wake(of: Loop) -> c_int;
    fn cog_loop_now(of: Loop, now_ns: *mut u64) -> c_int;
    fn cog_loop_now_cached(of: Loop, now_ns: *mut u64) -> c_int;
    fn cog_loop_update_now(of: Loop) -> c_int;
    fn cog_loop_keep_alive(of: Loop, keeps: bool) -> c_int;
    fn cog_loop_advance(of: Loop, by_ns: u64) -> c_int;
    fn cog_loop_stats(of: Loop, stats: *mut Stats) -> c_int;
    fn cog_timer_after(of: Loop, ns: u64, run: TimerFn, ctx: *mut c_void, timer: *mut Part) -> c_int;
    fn cog_timer_at(of: Loop, ns: u64, run: TimerFn, ctx: *mut c_void, timer: *mut Part) -> c_int;
    fn cog_timer_every(of: Loop, ns: u64, missed: c_int, run: TimerFn, ctx: *mut c_void, timer: *mut Part) -> c_int;
    fn cog_timer_add(of: Loop, plan: *const Plan, run: TimerFn, ctx: *mut c_void, timer: *mut Part) -> c_int;
    fn cog_timer_callback(timer: Part, run: *mut Option<TimerFn>, ctx: *mut *mut c_void) -> c_int;
    fn cog_timer_set_callback(timer: Part, run: TimerFn, ctx: *mut c_void) -> c_int;
    fn cog_timer_deadline(timer: Part, ns: *mut u64) -> c_int;
    fn cog_timer_cancel(timer: Part) -> c_int;
    fn cog_timer_reschedule(timer: Part, ns: u64) -> c_int;
    fn cog_timer_pause(timer: Part) -> c_int;
    fn cog_timer_resume(timer: Part) -> c_int;
    fn cog_timer_remaining(timer: Part, ns: *mut u64) -> c_int;
    fn cog_timer_ref(timer: Part) -> c_int;
    fn cog_timer_unref(timer: Part) -> c_int;
    fn cog_watch_descriptor(
        of: Loop,
        fd: c_int,
        directions: c_int,
        mode: c_int,
        run: WatchFn,
        ctx: *mut c_void,
        watch: *mut Part,
    ) -> c_int;
    fn cog_watch_remove(watch: Part) -> c_int;
    fn cog_watch_set(watch: Part, directions: c_int) -> c_int;
    fn cog_watch_ref(watch: Part) -> c_int;
    fn cog_watch_unref(watch: Part) -> c_int;
}

struct World {
    bodies: Vec<Vec<Call>>,
    loops: Vec<Loop>,
    timers: Vec<Part>,
    watches: Vec<Part>,
    pipes: Vec<(PipeReader, PipeWriter)>,
    log: Vec<What>,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Nothing of the library's is called within.
fn with<T>(use_it: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| use_it(world.as_mut().expect("a world while its program runs")))
}

fn note(what: What) {
    with(|world| world.log.push(what));
}

fn run_body(ctx: *mut c_void) {
    let body = with(|world| world.bodies[ctx as usize].clone());
    body.iter().for_each(act);
}

extern "C" fn on_timer(timer: Part, expiry: *const Expiry, ctx: *mut c_void) {
    // SAFETY: the library gives one that is good for the call.
    let &Expiry { deadline_ns, late_ns, missed } = unsafe { &*expiry };
    let timer = with(|world| world.timers.iter().rposition(|known| *known == timer));
    note(What::Fired { timer, deadline_ns, late_ns, missed, body: ctx as usize });
    run_body(ctx);
}

extern "C" fn on_watch(_: Part, _: c_int, ctx: *mut c_void) {
    let pipe = ctx as usize;
    note(What::Ready { pipe });
    act(&Call::Read(pipe));
}

extern "C" fn on_post(ctx: *mut c_void) {
    note(What::Posted { body: ctx as usize });
    run_body(ctx);
}

extern "C" fn on_discard(ctx: *mut c_void) {
    note(What::Discarded { body: ctx as usize });
}

/// The n-th of those that there are.
fn nth<T: Copy + Default>(table: &[T], n: usize) -> T {
    n.checked_rem(table.len()).map(|n| table[n]).unwrap_or_default()
}

fn part(of: fn(&World) -> &Vec<Part>, name: Name) -> Part {
    match name {
        Name::Nth(n) => with(|world| nth(of(world), n)),
        Name::Zero => Part::default(),
        Name::Forged(n) => {
            let Part { loop_id, key } = with(|world| nth(of(world), n));
            Part { loop_id, key: key.wrapping_add(1 << 60) }
        }
    }
}

fn timer(name: Name) -> Part {
    part(|world| &world.timers, name)
}

fn watch(name: Name) -> Part {
    part(|world| &world.watches, name)
}

fn loop_of(name: Name) -> Loop {
    match name {
        Name::Nth(n) => with(|world| nth(&world.loops, n)),
        Name::Zero => Loop::default(),
        Name::Forged(n) => Loop { id: with(|world| nth(&world.loops, n)).id.wrapping_add(1 << 60) },
    }
}

/// Writes down the code, and if all is well what came out.
fn told(code: c_int, outputs: &[u64]) {
    note(What::Code(code));
    if code == 0 {
        outputs.iter().for_each(|&output| note(What::Output(output)));
    }
}

/// The place of a handle keeps what it had when the call fails.
fn kept<T: Copy + Default + PartialEq + std::fmt::Debug>(code: c_int, made: T, table: fn(&mut World) -> &mut Vec<T>) {
    match code {
        0 => with(|world| table(world).push(made)),
        _ => assert_eq!(made, T::default(), "an output of a call that fails"),
    }
    told(code, &[]);
}

fn ctx(body: usize) -> *mut c_void {
    std::ptr::without_provenance_mut(body)
}

fn act(call: &Call) {
    let (mut made, mut output, mut is_alive) = (Part::default(), 7, true);
    // SAFETY: outputs are places of the right type, the functions are of the right types, and what they are given is a
    // number. A descriptor that is watched stays open until its loop is freed.
    unsafe {
        match *call {
            Call::New { resolution_ns, timers_max, served_max, is_cached } => {
                let options = Options {
                    size: size_of::<Options>(),
                    backend: c"select".as_ptr().cast(),
                    resolution_ns,
                    timers_max,
                    watches_max: 0,
                    served_in_turn_max: served_max,
                    clock: 1,
                    delays: is_cached.into(),
                    reserved: 0,
                };
                let mut made = Loop::default();
                kept(cog_loop_new(&raw const options, &raw mut made), made, |world| &mut world.loops);
            }
            Call::Free(name) => told(cog_loop_free(loop_of(name)), &[]),
            Call::Run(name) => told(cog_loop_run(loop_of(name)), &[]),
            Call::RunOnce(name, ns) => {
                let code = cog_loop_run_once(loop_of(name), ns, &raw mut is_alive);
                assert!(code == 0 || is_alive, "an output of a call that fails");
                told(code, &[is_alive.into()]);
            }
            Call::Step(name) => told(cog_loop_step(loop_of(name)), &[]),
            Call::Stop(name) => told(cog_loop_stop(loop_of(name)), &[]),
            Call::Post(name, body) => told(cog_loop_post(loop_of(name), on_post, on_discard, ctx(body)), &[]),
            Call::Wake(name) => told(cog_loop_wake(loop_of(name)), &[]),
            Call::Now(name) => {
                let code = cog_loop_now(loop_of(name), &raw mut output);
                told(code, &[output]);
            }
            Call::NowCached(name) => {
                let code = cog_loop_now_cached(loop_of(name), &raw mut output);
                told(code, &[output]);
            }
            Call::UpdateNow(name) => told(cog_loop_update_now(loop_of(name)), &[]),
            Call::KeepAlive(name, keeps) => told(cog_loop_keep_alive(loop_of(name), keeps), &[]),
            Call::Advance(name, ns) => told(cog_loop_advance(loop_of(name), ns), &[]),
            Call::Stats(name) => {
                let mut stats = Stats { size: size_of::<Stats>(), ..Stats::default() };
                let code = cog_loop_stats(loop_of(name), &raw mut stats);
                told(code, &stats.counts);
            }
            Call::After(name, ns, body) => {
                let code = cog_timer_after(loop_of(name), ns, on_timer, ctx(body), &raw mut made);
                kept(code, made, |world| &mut world.timers);
            }
            Call::At(name, ns, body) => {
                let code = cog_timer_at(loop_of(name), ns, on_timer, ctx(body), &raw mut made);
                kept(code, made, |world| &mut world.timers);
            }
            Call::Every(name, ns, missed, body) => {
                let code = cog_timer_every(loop_of(name), ns, missed, on_timer, ctx(body), &raw mut made);
                kept(code, made, |world| &mut world.timers);
            }
            Call::Add(name, Planned { delay_ns, period_ns, slack_ns, missed }, body) => {
                let plan = Plan { size: size_of::<Plan>(), delay_ns, period_ns, slack_ns, missed, reserved: 0 };
                let code = cog_timer_add(loop_of(name), &raw const plan, on_timer, ctx(body), &raw mut made);
                kept(code, made, |world| &mut world.timers);
            }
            Call::Callback(name) => {
                let (mut run, mut known) = (None, ctx(7));
                let code = cog_timer_callback(timer(name), &raw mut run, &raw mut known);
                assert_eq!(run.is_some(), code == 0, "each timer has a function");
                told(code, &[known as u64]);
            }
            Call::SetCallback(name, body) => told(cog_timer_set_callback(timer(name), on_timer, ctx(body)), &[]),
            Call::Deadline(name) => {
                let code = cog_timer_deadline(timer(name), &raw mut output);
                told(code, &[output]);
            }
            Call::Cancel(name) => told(cog_timer_cancel(timer(name)), &[]),
            Call::Reschedule(name, ns) => told(cog_timer_reschedule(timer(name), ns), &[]),
            Call::Pause(name) => told(cog_timer_pause(timer(name)), &[]),
            Call::Resume(name) => told(cog_timer_resume(timer(name)), &[]),
            Call::Remaining(name) => {
                let code = cog_timer_remaining(timer(name), &raw mut output);
                told(code, &[output]);
            }
            Call::Ref(name) => told(cog_timer_ref(timer(name)), &[]),
            Call::Unref(name) => told(cog_timer_unref(timer(name)), &[]),
            Call::Watch(name, pipe) => {
                let fd = with(|world| world.pipes[pipe].0.as_raw_fd());
                let code = cog_watch_descriptor(loop_of(name), fd, 1, 0, on_watch, ctx(pipe), &raw mut made);
                kept(code, made, |world| &mut world.watches);
            }
            Call::Remove(name) => told(cog_watch_remove(watch(name)), &[]),
            Call::Set(name, reads) => told(cog_watch_set(watch(name), reads.into()), &[]),
            Call::RefWatch(name) => told(cog_watch_ref(watch(name)), &[]),
            Call::UnrefWatch(name) => told(cog_watch_unref(watch(name)), &[]),
            Call::Write(pipe) => with(|world| world.pipes[pipe].1.write_all(b"x").unwrap()),
            Call::Read(pipe) => {
                let read = with(|world| world.pipes[pipe].0.read(&mut [0; 1]));
                assert!(read.is_ok() || read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
            }
        }
    }
}

/// Calls one after the other.
pub(crate) struct Library;

impl Library {
    pub(crate) fn new(program: &Program) -> Self {
        let pipes = (0..PIPES).map(|_| std::io::pipe().unwrap());
        let pipes: Vec<_> = pipes.inspect(|(reader, _)| rustix::io::ioctl_fionbio(reader, true).unwrap()).collect();
        let world = World {
            bodies: program.bodies.clone(),
            loops: Vec::new(),
            timers: Vec::new(),
            watches: Vec::new(),
            pipes,
            log: Vec::new(),
        };
        WORLD.set(Some(world));
        Self
    }

    #[allow(clippy::unused_self, reason = "the world is the thread's: callbacks of C have no other way to it")]
    pub(crate) fn call(&self, call: &Call) -> Vec<What> {
        act(call);
        with(|world| std::mem::take(&mut world.log))
    }
}

/// The loops go before the pipes that they watch.
impl Drop for Library {
    fn drop(&mut self) {
        for known in with(|world| world.loops.clone()) {
            // SAFETY: a handle, stale or not.
            unsafe { cog_loop_free(known) };
        }
        WORLD.set(None);
    }
}
