//! Tests that refuse each allocation in turn. The call then returns `Error::Memory` and leaves nothing half done. Calls
//! that need no memory still work.
#![cfg(unix)]

#[path = "../../../proptests/tests/memory/allocator.rs"]
mod allocator;
mod common;

use allocator::{Grant, with_reuse as with};
use cogloop::{Async, Error, Interest, Interval, Loop, Options, Remote, SendError, Sender, Task};
use std::cell::Cell;
use std::fmt::Debug;
use std::future::{Future, pending, poll_fn};
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Runs the body of a test, the `story`, with one more granted request each time, until no request is refused. Then
/// runs the story once for each request, and refuses only that one. The story returns the number of refused requests.
fn at_each_request(least: usize, story: impl Fn(Grant) -> usize) {
    let enough = (0..10_000).find(|&requests| story(Grant::Requests(requests)) == 0).unwrap();
    assert!(enough > least, "{enough} requests");
    let refuse = |request| {
        let refused = story(Grant::AllBut(request));
        assert!(refused <= 1, "request {request} of {enough} is refused");
        refused
    };
    // Tables grow with the numbers of descriptors, and other tests use descriptors, too. So a story may need fewer
    // requests now.
    let refused: usize = (0..enough).map(refuse).sum();
    assert!(refused > least, "{refused} of {enough} requests were refused");
}

/// The value of a call, or `None` if memory ran out. Any other error fails the test.
fn done<T>(result: Result<T, Error>) -> Option<T> {
    result.map_err(|error| assert!(matches!(error, Error::Memory), "{error}")).ok()
}

/// Like [`done`], for calls that return an `io::Error`.
fn done_io<T: Debug>(result: io::Result<T>) -> Option<T> {
    result.map_err(|error| assert_eq!(error.kind(), io::ErrorKind::OutOfMemory, "{error}")).ok()
}

type State = [u64; 64];

fn a_loop() -> Loop<State> {
    Loop::with_options(Options::new().backend("select").simulated()).unwrap()
}

/// Arms, posts and sends while memory runs out. Returns the number of timers that stay armed, the number of accepted
/// posts, and the sum of the accepted messages. Each closure captures something, so that its box needs memory.
fn live(events: &Loop<State>, remote: &Remote<State>, sender: &Sender<u64>) -> (usize, u64, u64) {
    let (carried, mut live) = ([1_u64; 8], 0);
    let (mut posts, mut messages) = (0, 0);
    for round in 0..40 {
        let delay = Duration::from_micros(1 + round);
        let once = done(events.after(delay, move |state, _| state[0] += carried[0]));
        let repeated = done(events.every(Interval::new(delay), move |state, _| state[1] += carried[1]));
        let slept = done(events.sleep(delay));
        live += usize::from(once.is_some()) + usize::from(repeated.is_some()) + usize::from(slept.is_some());
        assert_eq!(events.timer_count(), live, "nothing is half done");
        if let Some(timer) = repeated {
            assert!(events.reschedule(timer, delay) && events.cancel(timer), "ending something needs no memory");
            live -= 1;
        }
        live -= usize::from(slept.is_some());
        drop(slept);
        let posted = done(remote.post(move |state: &mut State, _| state[2] += carried[2]));
        posts += u64::from(posted.is_some());
        let sent = done(sender.try_send(round).map_err(|SendError { error, message }| {
            assert_eq!(message, round, "the refused message is returned");
            error
        }));
        messages += sent.map_or(0, |()| round);
    }
    (live, posts, messages)
}

#[test]
fn memory_that_runs_out_at_any_request_is_an_error() {
    at_each_request(100, |grant| {
        let mut events = a_loop();
        let remote = events.remote();
        let sender =
            events.channel(|state: &mut State, _, message: Option<u64>| state[3] += message.unwrap_or(0)).unwrap();
        let ((live, posts, messages), refused) = with(grant, || live(&events, &remote, &sender));
        events.audit();
        assert_eq!(events.timer_count(), live);
        // Each armed timer fires, each accepted post and message comes, and the loop is as usable as before.
        events.after(Duration::ZERO, |state, _| state[4] += 1).unwrap();
        drop((remote, sender));
        let mut state = [0; 64];
        events.run(&mut state).unwrap();
        assert_eq!(state[..5], [live as u64, 0, posts, messages, 1]);
        events.audit();
        refused
    });
}

/// Pausing or unreferencing a timer can need memory, because the loop notes the timer in a further table.
#[test]
fn memory_that_runs_out_where_a_timer_is_paused_or_unreferenced_is_an_error() {
    at_each_request(4, |grant| {
        let mut events = a_loop();
        let timers: Vec<_> =
            (0..20).map(|_| events.after(Duration::from_secs(1), |state, _| state[0] += 1).unwrap()).collect();
        let (paused, refused) = with(grant, || {
            let mut paused = 0;
            for (nth, &timer) in timers.iter().enumerate() {
                if nth % 2 == 0 {
                    let is_paused = done(events.pause(timer)).is_some_and(|is_new| is_new);
                    assert!(!is_paused || !events.pause(timer).unwrap(), "a second pause does nothing");
                    paused += u64::from(is_paused);
                } else {
                    let _ = done(events.unref_timer(timer));
                }
            }
            paused
        });
        events.audit();
        timers.iter().for_each(|&timer| assert!(events.ref_timer(timer)));
        let mut state = [0; 64];
        events.run(&mut state).unwrap();
        assert_eq!(state[0], 20 - paused, "the timers that are not paused have fired");
        let resumed = timers.iter().filter(|&&timer| events.resume(timer)).count();
        assert_eq!(resumed as u64, paused);
        refused
    });
}

/// Pipes that are made while there is memory. They are readable at once.
fn pipes(count: usize) -> Vec<PipeReader> {
    let pipe = |_| {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"x").unwrap();
        reader
    };
    (0..count).map(pipe).collect()
}

/// A value that is counted as long as it lives.
struct Counted<T>(T, Rc<Cell<usize>>);

impl<T> Counted<T> {
    fn new(value: T, count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(value, Rc::clone(count))
    }
}

impl<const N: usize> Counted<[u64; N]> {
    /// Closures call this function instead of using the field, so that they capture the whole `Counted`.
    fn one(&self) -> u64 {
        self.0[0]
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        self.1.set(self.1.get() - 1);
    }
}

impl<T: AsFd> AsFd for Counted<T> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[test]
fn memory_that_runs_out_where_a_source_is_added_is_an_error() {
    at_each_request(20, |grant| {
        let mut events = a_loop();
        let files = Rc::new(Cell::new(0));
        let mut readers = pipes(24).into_iter().map(|reader| Counted::new(reader, &files)).collect::<Vec<_>>();
        let mut watched = Vec::<Async<Counted<PipeReader>>>::with_capacity(24);
        let (sources, refused) = with(grant, || {
            let mut sources = 0;
            while let Some(reader) = readers.pop() {
                let (carried, is_watched) = ([1; 8], readers.len() % 3 == 0);
                if is_watched {
                    watched.extend(done(events.watch(reader)));
                } else {
                    let added = done(events.add(reader, Interest::READ, move |state, ready, reader| {
                        state[5] += (&reader.0).read(&mut [0]).map_or(0, |length| length as u64) * carried[0];
                        ready.cancel(ready.source());
                    }));
                    if let Some(source) = added.filter(|_| readers.len() % 4 == 1) {
                        assert!(events.cancel(source), "ending something needs no memory");
                    } else {
                        sources += u64::from(added.is_some());
                    }
                }
                let live = sources as usize + watched.len();
                assert_eq!((events.source_count(), files.get()), (live, live + readers.len()), "nothing is half done");
            }
            sources
        });
        events.audit();
        let mut state = [0; 64];
        events.run(&mut state).unwrap();
        assert_eq!(state[5], sources);
        drop(watched);
        assert_eq!((events.source_count(), files.get()), (0, 0));
        refused
    });
}

#[test]
fn memory_that_runs_out_where_a_channel_or_an_idle_callback_is_made_is_an_error() {
    at_each_request(20, |grant| {
        let mut events = a_loop();
        let callbacks = Rc::new(Cell::new(0));
        let mut senders = Vec::<Sender<u64>>::with_capacity(16);
        let (idles, refused) = with(grant, || {
            let mut idles = 0;
            for nth in 0..16 {
                let counted = Counted::new([1; 8], &callbacks);
                senders.extend(done(events.channel(move |state: &mut State, _, message: Option<u64>| {
                    state[6] += message.unwrap_or(0) * counted.one();
                })));
                let counted = Counted::new([1; 8], &callbacks);
                let idle = done(events.idle(move |state, handle| {
                    state[7] += counted.one();
                    if state[7] > 100 {
                        handle.clear()
                    }
                }));
                if let Some(idle) = idle.filter(|_| nth % 2 == 0) {
                    assert!(events.cancel(idle), "ending something needs no memory");
                } else {
                    idles += usize::from(idle.is_some());
                }
                assert_eq!(callbacks.get(), senders.len() + idles, "nothing is half done");
            }
            idles
        });
        let sent = senders.iter().filter(|sender| sender.try_send(1).is_ok()).count() as u64;
        let mut state = [0; 64];
        events.turn(&mut state, Some(Duration::ZERO)).unwrap();
        assert_eq!((sent, state[6]), (senders.len() as u64, sent), "each message comes");
        events.turn(&mut state, Some(Duration::ZERO)).unwrap();
        assert_eq!(state[7], idles as u64, "each idle callback is called");
        drop(senders);
        // `clear` needs no memory.
        with(Grant::Requests(0), || events.clear());
        assert_eq!(callbacks.get(), 0);
        events.audit();
        refused
    });
}

/// A task that needs no memory once it runs.
fn task(events: &Loop<State>, count: &Rc<Cell<usize>>, nap: Duration) -> Option<Task<u64>> {
    let (sleep, counted) = (done(events.sleep(nap))?, Counted::new([1; 8], count));
    done(events.spawn(async move { sleep.await.map_or(0, |()| counted.one()) }))
}

#[test]
fn memory_that_runs_out_where_a_task_is_spawned_is_an_error() {
    at_each_request(40, |grant| {
        let mut events = a_loop();
        let futures = Rc::new(Cell::new(0));
        let mut tasks = Vec::with_capacity(20);
        let ((), refused) = with(grant, || {
            for nth in 0..20 {
                tasks.extend(task(&events, &futures, Duration::from_millis(nth)));
                if nth % 5 == 4 {
                    // Ending a task needs no memory.
                    drop(tasks.pop());
                }
                assert_eq!((events.task_count(), futures.get()), (tasks.len(), tasks.len()), "nothing is half done");
                assert_eq!(events.timer_count(), tasks.len());
            }
        });
        events.audit();
        // Waking, polling and ending the tasks need no memory.
        let mut state = [0; 64];
        let (run, _) = with(Grant::Requests(0), || {
            events
                .turn(&mut state, Some(Duration::ZERO))
                .and_then(|_| events.run_for(&mut state, Duration::from_millis(30)))
        });
        run.unwrap();
        assert_eq!((events.task_count(), futures.get()), (0, 0));
        let (mut sum, spawned) = (0, tasks.len() as u64);
        for task in tasks.drain(..) {
            assert!(task.is_finished());
            sum += events.block_on(&mut state, task).unwrap().unwrap();
        }
        assert_eq!(sum, spawned, "each task has returned 1");
        events.audit();
        refused
    });
}

/// Polls once, with a waker that needs no memory.
fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn memory_that_runs_out_where_a_future_waits_is_an_error() {
    at_each_request(10, |grant| {
        let mut events = a_loop();
        let handle = events.handle();
        let (left, mut right) = std::os::unix::net::UnixStream::pair().unwrap();
        left.set_nonblocking(true).unwrap();
        let left = events.watch(left).unwrap();
        let mut state = [0; 64];
        // All visits (futures of `with`) are kept: if a visit's future is dropped, its closure is not called.
        let mut visits: Vec<_> = std::iter::repeat_with(|| {
            let carried = [1; 8];
            Box::pin(handle.with(move |state: &mut State, _| state[8] += carried[0]))
        })
        .take(10)
        .collect();
        let (visited, refused) = with(grant, || {
            let mut visited = 0;
            for visit in &mut visits {
                // A visit is either accepted and called later, or refused at once.
                match poll_once(visit) {
                    Poll::Ready(refused) => assert!(done(refused).is_none()),
                    Poll::Pending => visited += 1,
                }
                // A wait for a descriptor, and a wait with a time limit, are accepted or refused.
                if let Poll::Ready(refused) = poll_once(left.readable()) {
                    assert!(done_io(refused).is_none());
                }
                let limited = handle.timeout(Duration::from_secs(1), pending::<()>());
                if let Poll::Ready(refused) = poll_once(limited) {
                    assert!(done(refused).is_none());
                }
                // A future on which the thread blocks is accepted or refused, too.
                let _ = done(events.block_on(&mut state, async {}));
            }
            visited
        });
        events.audit();
        right.write_all(b"x").unwrap();
        let (read, _) = with(Grant::Requests(0), || events.block_on(&mut state, left.readable()));
        let _ = done(read).map(done_io);
        events.turn(&mut state, Some(Duration::ZERO)).unwrap();
        assert_eq!(state[8], visited, "each accepted visit has taken place");
        events.audit();
        refused
    });
}

#[test]
fn memory_that_runs_out_where_a_sender_waits_for_room_is_an_error() {
    at_each_request(5, |grant| {
        let events = a_loop();
        let ((), refused) = with(grant, || {
            let _served = done(events.channel_with(1, |state: &mut State, _, _: Option<u64>| state[0] += 1));
            let Some((sender, mut receiver)) = done(cogloop::channel(1)) else { return };
            let Some(()) = done(sender.try_send(1).map_err(|refused| refused.error)) else { return };
            let mut sends = [2, 3, 4].map(|message| Some(sender.send(message)));
            for (place, message) in sends.iter_mut().zip(2..) {
                let mut send = pin!(place.take().unwrap());
                if let Poll::Ready(Err(refused)) = poll_once(send.as_mut()) {
                    assert_eq!(refused.message, message, "the refused message is returned");
                    assert!(done::<()>(Err(refused.error)).is_none());
                    continue;
                }
                assert!(receiver.try_recv().is_some());
                match poll_once(send.as_mut()) {
                    Poll::Ready(Err(refused)) => return assert!(done::<()>(Err(refused.error)).is_none()),
                    sent => assert!(matches!(sent, Poll::Ready(Ok(())))),
                }
            }
        });
        events.audit();
        refused
    });
}

#[test]
fn memory_that_runs_out_where_children_and_sockets_are_watched_is_an_error() {
    if !has_pidfd() {
        // Without pidfds the loop watches the child by a signal. The next test limits the memory for signals.
        return common::skip("pidfd", "pidfd_open is refused");
    }
    let path = std::env::temp_dir().join(format!("cogloop-memory-{}", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    at_each_request(10, |grant| {
        let events = a_loop();
        let handle = events.handle();
        let children = [(); 2].map(|()| std::process::Command::new("true").spawn().unwrap());
        let (_, refused) = with(grant, || {
            let [child, other] = children;
            let called = done(events.child(child, |_, _, _| ()));
            let process = done(events.watch_child(other));
            let stream = match poll_once(Async::<std::os::unix::net::UnixStream>::connect(&handle, &path)) {
                Poll::Ready(connected) => done_io(connected),
                Poll::Pending => None,
            };
            let count = [called.is_some(), process.is_some(), stream.is_some()];
            assert_eq!(events.source_count(), count.into_iter().filter(|&is_there| is_there).count());
        });
        // A socket that waited for its connection was dropped, so it must not be in the loop.
        events.audit();
        drop(listener.accept().unwrap());
        refused
    });
    std::fs::remove_file(path).unwrap();
}

fn has_pidfd() -> bool {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let opened = cogloop_io::child::pidfd(child.id());
    child.wait().unwrap();
    opened.is_ok()
}

/// This test limits the number of bytes instead of refusing single requests: to watch signals, the library asks for
/// more memory than it needs, in one piece.
#[test]
fn memory_that_runs_out_where_signals_are_watched_is_an_error() {
    let events = a_loop();
    let watched: Vec<_> = (0..32 << 10)
        .step_by(256)
        .map(|bytes| {
            let numbers = [cogloop::signal::USER_2];
            let (called, _) = with(Grant::Bytes(bytes), || done(events.signals(numbers, |_, _, _| ())));
            let (signals, _) = with(Grant::Bytes(bytes), || done(events.watch_signals(numbers)));
            assert_eq!(events.source_count(), usize::from(called.is_some()) + usize::from(signals.is_some()));
            called.map(|source| events.cancel(source)).is_some() && signals.is_some()
        })
        .collect();
    assert!(!watched[0] && watched[watched.len() - 1] && watched.is_sorted());
    events.audit();
}

/// This test limits the number of bytes instead of refusing single requests: to make a loop, the library asks for more
/// memory than it needs, in one piece.
#[test]
fn memory_that_runs_out_where_a_loop_is_made_is_an_error() {
    let story = |bytes| {
        let options = Options::new().backend("select").simulated();
        with(Grant::Bytes(bytes), || done(Loop::<State>::with_options(options)).is_some()).0
    };
    let made: Vec<_> = (0..1024).step_by(16).map(|kilobytes| story(kilobytes << 10)).collect();
    assert!(!made[0] && made.is_sorted() && made[made.len() - 1], "{made:?}");
}

/// A callback that passes on an error of the loop needs no memory. An error of its own needs a box. If there is no
/// memory for the box, `Error::Memory` is returned instead.
#[test]
fn an_error_of_a_callback_ends_the_run_even_without_memory() {
    let mut events = a_loop();
    events.after(Duration::ZERO, |_, _| Err::<(), _>(Error::Memory)).unwrap();
    events.after(Duration::ZERO, |_, _| Err::<(), _>(Large([7_u64; 4]))).unwrap();
    events.after(Duration::ZERO, |_, _| Err::<(), _>(io::Error::from(Error::Removed))).unwrap();
    let mut state = [0; 64];
    let ((), refused) = with(Grant::Requests(0), || {
        (0..2).for_each(|_| assert!(matches!(events.run(&mut state), Err(Error::Memory))));
        assert!(matches!(events.run(&mut state), Err(Error::Memory | Error::Callback(_))));
    });
    assert!(refused > 0);
    events.run(&mut state).unwrap();
    events.audit();
}

#[derive(Debug)]
struct Large([u64; 4]);

impl std::fmt::Display for Large {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Large {}

/// Waking a task and dropping the last sender need no memory: the place for each wake is reserved in advance.
#[test]
fn a_wake_needs_no_memory_however_many_tasks_there_are() {
    let mut events = a_loop();
    let mut wakers = Vec::with_capacity(300);
    let woken = Rc::new(Cell::new(0));
    for nth in 0..300 {
        let (kept, count) = (Rc::new(Cell::new(None)), Rc::clone(&woken));
        let keeps = Rc::clone(&kept);
        let task = events.spawn(poll_fn(move |cx| {
            keeps.set(Some(cx.waker().clone()));
            count.set(count.get() + 1);
            Poll::<()>::Pending
        }));
        let mut state = [0; 64];
        events.turn(&mut state, Some(Duration::ZERO)).unwrap();
        wakers.push(kept.take().unwrap());
        if nth % 3 == 0 { drop(task) } else { task.unwrap().detach() }
    }
    let senders: Vec<_> = (0..300).map(|_| events.channel(|_, _, _: Option<u64>| ()).unwrap()).collect();
    woken.set(0);
    let mut state = [0; 64];
    let (turn, refused) = with(Grant::Requests(0), || {
        wakers.iter().chain(&wakers).for_each(Waker::wake_by_ref);
        senders.iter().for_each(|sender| drop(sender.clone()));
        drop(senders);
        events.turn(&mut state, Some(Duration::ZERO))
    });
    turn.unwrap();
    assert_eq!((woken.get(), refused), (200, 0), "each task that was not dropped is polled once");
    with(Grant::Requests(0), || events.clear());
    assert!(!events.turn(&mut state, Some(Duration::ZERO)).unwrap());
}
