//! Runs a program on the library, through the functions that a C program calls.
#![allow(unsafe_code, reason = "the border to C")]

// This is the library itself. Only its exported functions are used.
use cogloop_c as _;

use crate::program::{BODIES, Call, Event, HandleRef, NEVER, PIPES, Planned, Program};
use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::time::{SystemTime, UNIX_EPOCH};

/// `cog_loop`, as the header declares it. `Part` is `cog_timer`, `cog_watch` or `cog_hook`.
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
    slack_ns: u64,
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
type WalkFn = extern "C" fn(Part, *mut c_void);

unsafe extern "C" {
    fn cog_loop_new(options: *const Options, made: *mut Loop) -> c_int;
    fn cog_loop_free(of: Loop) -> c_int;
    fn cog_loop_release(of: Loop) -> c_int;
    fn cog_loop_adopt(of: Loop) -> c_int;
    fn cog_loop_after_fork(of: Loop) -> c_int;
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
    fn cog_loop_next_timeout(of: Loop, timeout_ns: *mut u64) -> c_int;
    fn cog_loop_pollable(of: Loop, fd: *mut c_int) -> c_int;
    fn cog_loop_wall_time(of: Loop, at_ns: u64, unix_ns: *mut i64) -> c_int;
    fn cog_loop_walk(of: Loop, each_timer: WalkFn, each_watch: WalkFn, arg: *mut c_void) -> c_int;
    fn cog_hook_add(of: Loop, when: c_int, run: PostFn, ctx: *mut c_void, hook: *mut Part) -> c_int;
    fn cog_hook_remove(hook: Part) -> c_int;
    fn cog_timer_after(of: Loop, ns: u64, run: TimerFn, ctx: *mut c_void, timer: *mut Part) -> c_int;
    fn cog_timer_at(of: Loop, ns: u64, run: TimerFn, ctx: *mut c_void, timer: *mut Part) -> c_int;
    fn cog_timer_every(of: Loop, ns: u64, missed: c_int, run: TimerFn, ctx: *mut c_void, timer: *mut Part) -> c_int;
    fn cog_timer_add(of: Loop, plan: *const Plan, run: TimerFn, ctx: *mut c_void, timer: *mut Part) -> c_int;
    fn cog_timer_new(of: Loop, run: TimerFn, ctx: *mut c_void, timer: *mut Part) -> c_int;
    fn cog_timer_callback(timer: Part, run: *mut Option<TimerFn>, ctx: *mut *mut c_void) -> c_int;
    fn cog_timer_set_callback(timer: Part, run: TimerFn, ctx: *mut c_void) -> c_int;
    fn cog_timer_on_end(timer: Part, run: Option<PostFn>) -> c_int;
    fn cog_timer_deadline(timer: Part, ns: *mut u64) -> c_int;
    fn cog_timer_cancel(timer: Part) -> c_int;
    fn cog_timer_reschedule(timer: Part, ns: u64) -> c_int;
    fn cog_timer_stop(timer: Part) -> c_int;
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
    fn cog_watch_callback(watch: Part, run: *mut Option<WatchFn>, ctx: *mut *mut c_void) -> c_int;
    fn cog_watch_set_callback(watch: Part, run: WatchFn, ctx: *mut c_void) -> c_int;
    fn cog_watch_on_end(watch: Part, run: Option<PostFn>) -> c_int;
    fn cog_watch_conditions(watch: Part, conditions: *mut c_int) -> c_int;
    fn cog_watch_drained(watch: Part, directions: c_int) -> c_int;
    fn cog_watch_ref(watch: Part) -> c_int;
    fn cog_watch_unref(watch: Part) -> c_int;
}

struct World {
    bodies: Vec<Vec<Call>>,
    loops: Vec<Loop>,
    timers: Vec<Part>,
    watches: Vec<Part>,
    /// The index of the pipe of each watch.
    watched: Vec<usize>,
    hooks: Vec<Part>,
    /// The number of running callbacks whose order the library chooses.
    in_open_order: usize,
    pipes: Vec<(PipeReader, PipeWriter)>,
    log: Vec<Event>,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Calls `use_it` with the world. `use_it` must not call the library.
fn with<T>(use_it: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| use_it(world.as_mut().expect("a world while its program runs")))
}

fn note(what: Event) {
    with(|world| world.log.push(what));
}

fn run_body_in_open_order(body: usize) {
    with(|world| world.in_open_order += 1);
    run_body(body);
    with(|world| world.in_open_order -= 1);
}

fn run_body(body: usize) {
    let body = with(|world| world.bodies[body].clone());
    body.iter().for_each(act);
}

/// The `ctx` of a watch. It has the numbers of the pipe and of the body. The callback needs both, because it may run
/// before the watch's handle is known.
fn ctx_of_watch(pipe: usize, body: usize) -> *mut c_void {
    ctx(pipe * BODIES + body)
}

fn pipe_and_body(ctx: *mut c_void) -> (usize, usize) {
    (ctx as usize / BODIES, ctx as usize % BODIES)
}

extern "C" fn on_timer(timer: Part, expiry: *const Expiry, ctx: *mut c_void) {
    // SAFETY: the library passes a pointer that is valid during the call.
    let &Expiry { deadline_ns, late_ns, missed } = unsafe { &*expiry };
    let timer = with(|world| world.timers.iter().rposition(|known| *known == timer));
    note(Event::Fired { timer, deadline_ns, late_ns, missed, body: ctx as usize });
    run_body(ctx as usize);
}

extern "C" fn on_watch(watch: Part, directions: c_int, ctx: *mut c_void) {
    let watch = with(|world| world.watches.iter().rposition(|known| *known == watch));
    let (pipe, body) = pipe_and_body(ctx);
    note(Event::Ready { watch, directions, body });
    act(&Call::Read(pipe));
    run_body(body);
}

extern "C" fn on_post(ctx: *mut c_void) {
    note(Event::Posted { body: ctx as usize });
    run_body(ctx as usize);
}

extern "C" fn on_discard(ctx: *mut c_void) {
    note(Event::Discarded { body: ctx as usize });
}

extern "C" fn on_hook(ctx: *mut c_void) {
    note(Event::Hooked { body: ctx as usize });
    run_body(ctx as usize);
}

extern "C" fn on_timer_end(ctx: *mut c_void) {
    note(Event::TimerEnded { body: ctx as usize });
    run_body_in_open_order(ctx as usize);
}

extern "C" fn on_watch_end(ctx: *mut c_void) {
    let (_, body) = pipe_and_body(ctx);
    note(Event::WatchEnded { body });
    run_body_in_open_order(body);
}

extern "C" fn on_visited_timer(timer: Part, arg: *mut c_void) {
    let timer = with(|world| world.timers.iter().rposition(|known| *known == timer));
    note(Event::VisitedTimer { timer });
    run_body_in_open_order(arg as usize);
}

extern "C" fn on_visited_watch(watch: Part, arg: *mut c_void) {
    let watch = with(|world| world.watches.iter().rposition(|known| *known == watch));
    note(Event::VisitedWatch { watch });
    run_body_in_open_order(arg as usize);
}

/// Handles of a loop that runs on another thread until the process ends.
#[derive(Copy, Clone)]
struct Foreign {
    of: Loop,
    timer: Part,
    watch: Part,
    hook: Part,
}

extern "C" fn nothing(_: *mut c_void) {}
extern "C" fn no_timer(_: Part, _: *const Expiry, _: *mut c_void) {}
extern "C" fn no_watch(_: Part, _: c_int, _: *mut c_void) {}

/// Returns the handles of the loop on the other thread. The first call makes that loop.
fn foreign() -> Foreign {
    static FOREIGN: OnceLock<Foreign> = OnceLock::new();
    *FOREIGN.get_or_init(|| {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let pipe = std::io::pipe().unwrap();
            let [mut timer, mut watch, mut hook] = [Part::default(); 3];
            let mut of = Loop::default();
            let (options, null) = (options_of(0, 0, 0, false, 0), std::ptr::null_mut());
            // SAFETY: the outputs and the functions have the right types. The pipe is open as long as the loop runs.
            unsafe {
                assert_eq!(cog_loop_new(&raw const options, &raw mut of), 0);
                assert_eq!(cog_timer_after(of, NEVER, no_timer, null, &raw mut timer), 0);
                let fd = pipe.0.as_raw_fd();
                assert_eq!(cog_watch_descriptor(of, fd, 1, 0, no_watch, null, &raw mut watch), 0);
                assert_eq!(cog_hook_add(of, 2, nothing, null, &raw mut hook), 0);
                sender.send(Foreign { of, timer, watch, hook }).unwrap();
                cog_loop_run(of);
            }
        });
        receiver.recv().unwrap()
    })
}

/// The n-th element, modulo the length; the default value if the table is empty.
fn nth<T: Copy + Default>(table: &[T], n: usize) -> T {
    n.checked_rem(table.len()).map(|n| table[n]).unwrap_or_default()
}

fn part(of: fn(&World) -> &Vec<Part>, name: HandleRef, foreigns: fn(Foreign) -> Part) -> Part {
    match name {
        HandleRef::Nth(n) => with(|world| nth(of(world), n)),
        HandleRef::Zero => Part::default(),
        HandleRef::Forged(n) => {
            let Part { loop_id, key } = with(|world| nth(of(world), n));
            Part { loop_id, key: key.wrapping_add(1 << 60) }
        }
        HandleRef::Foreign => foreigns(foreign()),
    }
}

fn timer(name: HandleRef) -> Part {
    part(|world| &world.timers, name, |foreign| foreign.timer)
}

fn watch(name: HandleRef) -> Part {
    part(|world| &world.watches, name, |foreign| foreign.watch)
}

fn hook(name: HandleRef) -> Part {
    part(|world| &world.hooks, name, |foreign| foreign.hook)
}

fn loop_of(name: HandleRef) -> Loop {
    match name {
        HandleRef::Nth(n) => with(|world| nth(&world.loops, n)),
        HandleRef::Zero => Loop::default(),
        HandleRef::Forged(n) => Loop { id: with(|world| nth(&world.loops, n)).id.wrapping_add(1 << 60) },
        HandleRef::Foreign => foreign().of,
    }
}

fn options_of(resolution_ns: u64, timers_max: u32, served_in_turn_max: u32, is_cached: bool, clock: u32) -> Options {
    Options {
        size: size_of::<Options>(),
        backend: c"select".as_ptr().cast(),
        resolution_ns,
        timers_max,
        watches_max: 0,
        served_in_turn_max,
        clock,
        delays: is_cached.into(),
        reserved: 0,
        slack_ns: 0,
    }
}

/// Logs the code, and the outputs if the call succeeded.
fn log_call(code: c_int, outputs: &[u64]) {
    note(Event::Code(code));
    if code == 0 {
        outputs.iter().for_each(|&output| note(Event::Output(output)));
    }
}

/// If the call succeeded, adds the new handle to the table. Otherwise checks that the call has not written its output.
fn kept<T: Copy + Default + PartialEq + std::fmt::Debug>(code: c_int, made: T, table: fn(&mut World) -> &mut Vec<T>) {
    match code {
        0 => with(|world| table(world).push(made)),
        _ => assert_eq!(made, T::default(), "a call that fails writes no output"),
    }
    log_call(code, &[]);
}

fn ctx(body: usize) -> *mut c_void {
    std::ptr::without_provenance_mut(body)
}

fn act(call: &Call) {
    if call.may_wait_for_ever() && with(|world| world.in_open_order > 0) {
        return;
    }
    let (mut made, mut output, mut is_alive) = (Part::default(), 7, true);
    // SAFETY: the outputs and the functions have the right types, and the functions get only numbers. A watched
    // descriptor stays open until its loop is freed.
    unsafe {
        match *call {
            Call::New { resolution_ns, timers_max, served_max, is_cached, slack_ns } => {
                let options = options_of(resolution_ns, timers_max, served_max, is_cached, 1);
                let options = Options { slack_ns, ..options };
                let mut made = Loop::default();
                kept(cog_loop_new(&raw const options, &raw mut made), made, |world| &mut world.loops);
            }
            Call::Free(name) => log_call(cog_loop_free(loop_of(name)), &[]),
            Call::Release(name) => log_call(cog_loop_release(loop_of(name)), &[]),
            Call::Adopt(name) => log_call(cog_loop_adopt(loop_of(name)), &[]),
            Call::Visit(name) => visit(loop_of(name)),
            Call::AfterFork(name) => log_call(cog_loop_after_fork(loop_of(name)), &[]),
            Call::Run(name) => log_call(cog_loop_run(loop_of(name)), &[]),
            Call::RunOnce(name, ns) => {
                let code = cog_loop_run_once(loop_of(name), ns, &raw mut is_alive);
                assert!(code == 0 || is_alive, "a call that fails writes no output");
                log_call(code, &[is_alive.into()]);
            }
            Call::Step(name) => log_call(cog_loop_step(loop_of(name)), &[]),
            Call::Stop(name) => log_call(cog_loop_stop(loop_of(name)), &[]),
            // The loop of the other thread runs this post.
            Call::Post(HandleRef::Foreign, _) => log_call(cog_loop_post(foreign().of, nothing, nothing, ctx(0)), &[]),
            Call::Post(name, body) => log_call(cog_loop_post(loop_of(name), on_post, on_discard, ctx(body)), &[]),
            Call::Wake(name) => log_call(cog_loop_wake(loop_of(name)), &[]),
            Call::Now(name) => {
                let code = cog_loop_now(loop_of(name), &raw mut output);
                log_call(code, &[output]);
            }
            Call::NowCached(name) => {
                let code = cog_loop_now_cached(loop_of(name), &raw mut output);
                log_call(code, &[output]);
            }
            Call::UpdateNow(name) => log_call(cog_loop_update_now(loop_of(name)), &[]),
            Call::KeepAlive(name, keeps) => log_call(cog_loop_keep_alive(loop_of(name), keeps), &[]),
            Call::Advance(name, ns) => log_call(cog_loop_advance(loop_of(name), ns), &[]),
            Call::Stats(name) => {
                let mut stats = Stats { size: size_of::<Stats>(), ..Stats::default() };
                let code = cog_loop_stats(loop_of(name), &raw mut stats);
                log_call(code, &stats.counts);
            }
            Call::NextTimeout(name) => {
                let code = cog_loop_next_timeout(loop_of(name), &raw mut output);
                log_call(code, &[output]);
            }
            Call::Pollable(name) => {
                let mut fd = -7;
                log_call(cog_loop_pollable(loop_of(name), &raw mut fd), &[]);
                assert_eq!(fd, -7, "the backend select has no such descriptor");
            }
            Call::WallTime(name, at_ns) => convert(loop_of(name), at_ns),
            Call::Walk(name, body) => {
                log_call(cog_loop_walk(loop_of(name), on_visited_timer, on_visited_watch, ctx(body)), &[]);
            }
            Call::Hook(name, when, body) => {
                let code = cog_hook_add(loop_of(name), when, on_hook, ctx(body), &raw mut made);
                kept(code, made, |world| &mut world.hooks);
            }
            Call::RemoveHook(name) => log_call(cog_hook_remove(hook(name)), &[]),
            Call::Write(pipe) => with(|world| world.pipes[pipe].1.write_all(b"x").unwrap()),
            Call::Read(pipe) => {
                let read = with(|world| world.pipes[pipe].0.read(&mut [0; 1]));
                assert!(read.is_ok() || read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
            }
            _ => act_on_timers(call),
        }
    }
}

fn act_on_timers(call: &Call) {
    let (mut made, mut output) = (Part::default(), 7);
    // SAFETY: as for `act`.
    unsafe {
        match *call {
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
            Call::NewTimer(name, body) => {
                let code = cog_timer_new(loop_of(name), on_timer, ctx(body), &raw mut made);
                kept(code, made, |world| &mut world.timers);
            }
            Call::Callback(name) => {
                let (mut run, mut known) = (None, ctx(7));
                let code = cog_timer_callback(timer(name), &raw mut run, &raw mut known);
                assert_eq!(run.is_some(), code == 0, "each timer has a function");
                log_call(code, &[known as u64]);
            }
            Call::SetCallback(name, body) => log_call(cog_timer_set_callback(timer(name), on_timer, ctx(body)), &[]),
            Call::Deadline(name) => {
                let code = cog_timer_deadline(timer(name), &raw mut output);
                log_call(code, &[output]);
            }
            Call::Cancel(name) => log_call(cog_timer_cancel(timer(name)), &[]),
            Call::Reschedule(name, ns) => log_call(cog_timer_reschedule(timer(name), ns), &[]),
            Call::StopTimer(name) => log_call(cog_timer_stop(timer(name)), &[]),
            Call::Pause(name) => log_call(cog_timer_pause(timer(name)), &[]),
            Call::Resume(name) => log_call(cog_timer_resume(timer(name)), &[]),
            Call::Remaining(name) => {
                let code = cog_timer_remaining(timer(name), &raw mut output);
                log_call(code, &[output]);
            }
            Call::Ref(name) => log_call(cog_timer_ref(timer(name)), &[]),
            Call::Unref(name) => log_call(cog_timer_unref(timer(name)), &[]),
            Call::OnEnd(name, has_end_function) => {
                log_call(cog_timer_on_end(timer(name), has_end_function.then_some(on_timer_end)), &[])
            }
            _ => act_on_watches(call),
        }
    }
}

fn act_on_watches(call: &Call) {
    let mut made = Part::default();
    // SAFETY: as for `act`.
    unsafe {
        match *call {
            Call::Watch(name, pipe, mode, body) => {
                let fd = with(|world| world.pipes[pipe].0.as_raw_fd());
                let code =
                    cog_watch_descriptor(loop_of(name), fd, 1, mode, on_watch, ctx_of_watch(pipe, body), &raw mut made);
                if code == 0 {
                    with(|world| world.watched.push(pipe));
                }
                kept(code, made, |world| &mut world.watches);
            }
            Call::Remove(name) => log_call(cog_watch_remove(watch(name)), &[]),
            Call::Set(name, directions) => log_call(cog_watch_set(watch(name), directions), &[]),
            Call::WatchCallback(name) => {
                let (mut run, mut known) = (None, ctx(7));
                let code = cog_watch_callback(watch(name), &raw mut run, &raw mut known);
                assert_eq!(run.is_some(), code == 0, "each watch has a function");
                log_call(code, &[pipe_and_body(known).1 as u64]);
            }
            Call::SetWatchCallback(name, body) => {
                // With any other kind of handle the call fails, so the pipe does not matter.
                let pipe = if let HandleRef::Nth(n) = name { with(|world| nth(&world.watched, n)) } else { 0 };
                log_call(cog_watch_set_callback(watch(name), on_watch, ctx_of_watch(pipe, body)), &[]);
            }
            Call::Drained(name, directions) => log_call(cog_watch_drained(watch(name), directions), &[]),
            Call::OnEndOfWatch(name, has_end_function) => {
                log_call(cog_watch_on_end(watch(name), has_end_function.then_some(on_watch_end)), &[]);
            }
            Call::Conditions(name) => {
                let mut conditions = 0;
                let code = cog_watch_conditions(watch(name), &raw mut conditions);
                log_call(code, &[conditions as u64]);
            }
            Call::RefWatch(name) => log_call(cog_watch_ref(watch(name)), &[]),
            Call::UnrefWatch(name) => log_call(cog_watch_unref(watch(name)), &[]),
            _ => unreachable!("{call:?} is no call for a loop, a timer or a descriptor"),
        }
    }
}

/// Adopts the loop on another thread and uses it there, if the loop is released.
fn visit(of: Loop) {
    let visitor = std::thread::spawn(move || {
        let mut now_ns = 7;
        // SAFETY: the output has the right type.
        let code = unsafe { cog_loop_adopt(of) };
        if code == 0 {
            // SAFETY: as above.
            let codes = unsafe { [cog_loop_now(of, &raw mut now_ns), cog_loop_release(of)] };
            assert_eq!(codes, [0, 0], "an adopted loop belongs to this thread");
        }
        (code, now_ns)
    });
    let (code, now_ns) = visitor.join().unwrap();
    log_call(code, &[now_ns]);
}

/// Converts a time of the loop to the time of day. The model cannot predict the result, because the time of day
/// advances. So this function checks the result.
fn convert(of: Loop, at_ns: u64) {
    let (mut now_ns, mut unix_ns) = (0, 7);
    // SAFETY: the outputs have the right types.
    let code = unsafe {
        cog_loop_now(of, &raw mut now_ns);
        cog_loop_wall_time(of, at_ns, &raw mut unix_ns)
    };
    let wall_ns = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i128;
    let expected = (wall_ns + i128::from(at_ns) - i128::from(now_ns)).clamp(i64::MIN.into(), i64::MAX.into());
    let off_ns = (i128::from(unix_ns) - expected).abs();
    // The bound is far more than the calls take.
    assert!(if code == 0 { off_ns < 10_000_000_000 } else { unix_ns == 7 }, "{at_ns} of the loop's time is {unix_ns}");
    log_call(code, &[]);
}

/// Runs the calls of a program one after another.
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
            watched: Vec::new(),
            hooks: Vec::new(),
            in_open_order: 0,
            pipes,
            log: Vec::new(),
        };
        WORLD.set(Some(world));
        Self
    }

    #[allow(
        clippy::unused_self,
        reason = "the world is a thread-local, because callbacks of C cannot reach it otherwise"
    )]
    pub(crate) fn call(&self, call: &Call) -> Vec<Event> {
        act(call);
        with(|world| std::mem::take(&mut world.log))
    }
}

/// The loops are freed before the pipes that they watch.
impl Drop for Library {
    fn drop(&mut self) {
        // Functions at the end of timers and watches must not make new ones for ever.
        with(|world| world.bodies.iter_mut().for_each(Vec::clear));
        for known in with(|world| world.loops.clone()) {
            // SAFETY: both functions take any handle, also a stale one. A loop may be released.
            unsafe { (cog_loop_adopt(known), cog_loop_free(known)) };
        }
        WORLD.set(None);
    }
}
