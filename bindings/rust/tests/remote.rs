//! Other threads: posts, wakes, channels. The numbers `C…` name rows of docs/conformance.md.

mod common;

use cogloop::{Error, Loop, Options};
use common::*;
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// C54: no post is lost, and the posts of one thread stay in order.
#[test]
fn posts_from_many_threads_all_arrive_in_order_c54() {
    const THREADS: u64 = 4;
    const POSTS: u64 = 500;
    on_every_backend(|options| {
        let mut events = Loop::with_options(options.clone()).unwrap();
        let remote = events.remote();
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let remote = remote.clone();
                thread::spawn(move || {
                    for post in 0..POSTS {
                        remote.post(move |log: &mut Vec<Vec<u64>>, _| log[number as usize].push(post)).unwrap();
                    }
                })
            })
            .collect();
        drop(remote);
        let mut log = vec![Vec::new(); THREADS as usize];
        events.run(&mut log).unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(log.iter().all(|posts| posts.iter().copied().eq(0..POSTS)));
    });
}

/// C55: three wakes come before the waits that they end. A fourth wake comes from another thread, before or during the
/// wait.
#[test]
fn a_wake_before_the_wait_ends_it_c55() {
    on_every_backend(|options| {
        let mut events = Loop::<()>::with_options(options.clone()).unwrap();
        let remote = events.remote();
        for _ in 0..3 {
            remote.wake();
            assert!(events.turn(&mut (), None).unwrap(), "a remote keeps the loop going");
        }
        remote.post(|_, handle| handle.stop()).unwrap();
        events.run(&mut ()).unwrap();
        // Dropping the last remote would end the wait, too.
        let _kept = remote.clone();
        let woken = thread::spawn(move || remote.wake());
        events.turn(&mut (), None).unwrap();
        woken.join().unwrap();
    });
}

/// A remote keeps the loop going. When the last remote is dropped, `run` returns. An unreferenced remote does not keep
/// the loop going.
#[test]
fn a_loop_waits_for_its_remotes() {
    let mut events = Loop::new().unwrap();
    let (remote, uncounted) = (events.remote(), events.remote().unref());
    let (gate, last) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (opened, dropping) = (Arc::clone(&gate), Arc::clone(&last));
    let other = thread::spawn(move || {
        while !opened.load(Ordering::Acquire) {
            thread::yield_now();
        }
        drop(remote.clone());
        // A loop that did not wait for this remote would end now.
        thread::sleep(5 * MS);
        dropping.store(true, Ordering::Release);
        drop(remote);
    });
    events.after(MS, move |_: &mut u32, _| gate.store(true, Ordering::Release)).unwrap();
    events.run(&mut 0).unwrap();
    assert!(last.load(Ordering::Acquire), "the loop waited for the last remote");
    other.join().unwrap();
    uncounted.post(|count: &mut u32, _| *count += 1).unwrap();
    let mut count = 0;
    events.run(&mut count).unwrap();
    assert_eq!(count, 1, "the posts are served nevertheless");
}

/// A post may change the loop. A post that always posts again starves nothing.
#[test]
fn a_post_may_use_the_loop_and_post_again() {
    fn again(log: &mut Vec<u64>, handle: &cogloop::Handle<Vec<u64>>) {
        log.push(0);
        handle.remote().post(again).unwrap();
    }
    let mut events = Loop::new().unwrap();
    events.remote().post(again).unwrap();
    let mut log = Vec::new();
    events.turn(&mut log, None).unwrap();
    assert_eq!(log, [0]);
    events.after(MS, |log: &mut Vec<u64>, firing| (log.push(1), firing.stop()).1).unwrap();
    events.run(&mut log).unwrap();
    assert_eq!(log.last(), Some(&1));
}

/// A post that a callback, a task or another post makes runs in the next turn.
#[test]
fn a_post_of_a_callback_runs_in_the_next_turn() {
    let mut events = Loop::with_options(Options::new().simulated()).unwrap();
    let remote = Rc::new(events.remote());
    let count = |log: &mut Vec<u64>, _: &cogloop::Handle<Vec<u64>>| log.push(1);
    let of_post = events.remote();
    remote
        .post(move |log: &mut Vec<u64>, _| {
            log.push(0);
            of_post.post(count).unwrap();
        })
        .unwrap();
    let of_timer = Rc::clone(&remote);
    events.after(Duration::ZERO, move |_, _| of_timer.post(count).unwrap()).unwrap();
    let of_task = Rc::clone(&remote);
    events.spawn(async move { of_task.post(count).unwrap() }).unwrap().detach();
    let mut log = Vec::new();
    events.turn(&mut log, None).unwrap();
    assert_eq!(log, [0]);
    events.turn(&mut log, None).unwrap();
    assert_eq!(log, [0, 1, 1, 1]);
}

/// At the limit of posts or messages a call returns an error. The refused post is dropped; the refused message is
/// returned.
#[test]
fn too_many_posts_are_refused() {
    let mut events = Loop::with_options(Options::new().simulated().max_posts(2)).unwrap();
    let remote = events.remote().unref();
    let sender = events.channel(|log: &mut Vec<u64>, _, message: Option<u64>| log.extend(message)).unwrap();
    let post = || remote.post(|log: &mut Vec<u64>, _| log.push(0));
    let mut log = Vec::new();
    for _ in 0..2 {
        post().and_then(|()| post()).unwrap();
        let refused = post().unwrap_err();
        assert!(matches!(refused, Error::Limit { what: "posts", limit: 2 }));
        assert_eq!(
            refused.to_string(),
            "this loop may have 2 posts and no more; raise `Options::max_posts`, or end some first"
        );
        sender.try_send(1).and_then(|()| sender.try_send(2)).unwrap();
        let refused = sender.try_send(3).unwrap_err();
        assert_eq!(refused.message, 3);
        assert!(matches!(refused.error, Error::Limit { what: "posts", limit: 2 }));
        events.run_for(&mut log, MS).unwrap();
    }
    assert_eq!(log, [0, 0, 1, 2, 0, 0, 1, 2]);
}

/// After a stop the next turn serves the remaining messages. A channel ends with its last sender.
#[test]
fn a_channel_serves_in_turns_and_ends_with_its_last_sender() {
    let mut events = Loop::simulated().unwrap();
    let sender = events
        .channel(|log: &mut Vec<Option<u32>>, handle, message: Option<u32>| {
            log.push(message);
            if message == Some(2) {
                handle.stop()
            }
        })
        .unwrap();
    let other = sender.clone();
    for message in 1..=3 {
        sender.try_send(message).unwrap();
    }
    drop(sender);
    let mut log = Vec::new();
    events.run(&mut log).unwrap();
    assert_eq!(log, [Some(1), Some(2)], "stopped");
    events.turn(&mut log, None).unwrap();
    assert_eq!(log.last(), Some(&Some(3)));
    let sending = thread::spawn(move || other.try_send(4).unwrap());
    events.run(&mut log).unwrap();
    sending.join().unwrap();
    assert_eq!(log[3..], [Some(4), None]);
}

/// When the callback returns `Break`, no further message comes, and later sends get an error.
#[test]
fn a_channel_that_its_callback_ends_refuses_messages() {
    let mut events = Loop::simulated().unwrap();
    let sender = events
        .channel(|log: &mut Vec<String>, _, text: Option<String>| (log.extend(text), ControlFlow::Break(())).1)
        .unwrap();
    sender.try_send("one".to_owned()).unwrap();
    sender.try_send("two".to_owned()).unwrap();
    let mut log = Vec::new();
    events.run(&mut log).unwrap();
    assert_eq!(log, ["one"]);
    let refused = sender.try_send("three".to_owned()).unwrap_err();
    assert!(matches!(refused.error, Error::Closed));
    assert_eq!(refused.message, "three");
}

/// A turn serves at most the limit of callbacks of each kind, so the other kinds are served, too.
#[test]
fn a_turn_serves_no_more_of_a_kind_than_the_host_allows_c36() {
    let options = Options::new().simulated().max_callbacks_per_turn(3);
    let mut events = Loop::with_options(options).unwrap();
    let remote = events.remote();
    let sender = events.channel(|log: &mut Vec<u64>, _, message: Option<u64>| log.extend(message)).unwrap();
    for _ in 0..7 {
        events.after(Duration::ZERO, |log: &mut Vec<u64>, _| log.push(1)).unwrap();
        remote.post(|log: &mut Vec<u64>, _| log.push(2)).unwrap();
        sender.try_send(4).unwrap();
        let (reader, writer) = pipe();
        drop(writer);
        events
            .add(reader, cogloop::Interest::READ, |log: &mut Vec<u64>, _, _| (log.push(3), ControlFlow::Break(())).1)
            .unwrap();
    }
    drop((remote, sender));
    for expected in [3, 3, 1] {
        let mut log = Vec::new();
        events.turn(&mut log, None).unwrap();
        let counts = [1, 2, 3, 4].map(|kind| log.iter().filter(|&&served| served == kind).count());
        assert_eq!(counts, [expected; 4]);
    }
}

/// Regression test: a channel that its own callback had cleared accepted a message and lost it, and still served the
/// waiting messages.
#[test]
fn a_channel_that_is_cleared_in_its_callback_accepts_and_delivers_nothing_more() {
    let mut events = Loop::simulated().unwrap();
    let (refused, senders) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(None::<cogloop::Sender<u64>>)));
    let (seen, own) = (Rc::clone(&refused), Rc::clone(&senders));
    let sender = events.channel(move |log: &mut Vec<Option<u64>>, handle, message| {
        log.push(message);
        handle.clear();
        let sender = own.borrow();
        seen.set(
            seen.get() + u32::from(matches!(sender.as_ref().unwrap().try_send(9).unwrap_err().error, Error::Closed)),
        );
    });
    *senders.borrow_mut() = Some(sender.unwrap());
    (1..=3).for_each(|message| senders.borrow().as_ref().unwrap().try_send(message).unwrap());
    let mut log = Vec::new();
    events.run(&mut log).unwrap();
    assert_eq!((log, refused.get()), (vec![Some(1)], 1));
    events.audit();
}

/// Regression test: each message that a callback sent to its own channel put the channel into the list twice. Both
/// entries were served. So the list doubled in each turn until memory ran out.
#[test]
fn a_channel_that_sends_to_itself_is_served_once_a_turn() {
    let mut events = Loop::<u64>::new().unwrap();
    let own = Rc::new(RefCell::new(None::<cogloop::Sender<u64>>));
    let sends = Rc::clone(&own);
    let sender = events.channel(move |served: &mut u64, _, message: Option<u64>| {
        *served += 1;
        if let Some(sender) = &*sends.borrow() {
            sender.try_send(message.unwrap_or(0) + 1).unwrap();
        }
    });
    own.replace(Some(sender.unwrap()));
    if let Some(sender) = &*own.borrow() {
        sender.try_send(0).unwrap();
    }
    let mut served = 0;
    for turn in 1..=16 {
        events.turn(&mut served, Some(Duration::ZERO)).unwrap();
        assert_eq!(served, turn);
    }
    own.take();
}
