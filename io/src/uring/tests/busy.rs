//! Busy registrations. They have no poll in the kernel, and each wait looks at them: it asks the kernel with one
//! `poll( 2 )` whether they are ready. They are armed again when they are idle. C41 and C59 are rows of
//! docs/conformance.md.

use super::*;
use std::os::unix::net::UnixStream;

/// Observes both ends of a pair, as tokens 0 and 1.
fn ends(uring: &mut Uring) -> [BorrowedFd<'static>; 2] {
    let ends = <[_; 2]>::from(UnixStream::pair().unwrap()).map(lend);
    for (index, end) in (0..).zip(ends) {
        uring.add(end, Interest::READ, token(index)).unwrap();
    }
    ends
}

/// Sends a byte to and fro `times` times. Each time the byte is reported once.
fn play(uring: &mut Uring, ends: [BorrowedFd<'static>; 2], times: u32) {
    for turn in 0..times {
        let to = turn % 2;
        rustix::io::write(ends[1 - to as usize], b"x").unwrap();
        assert_eq!(waited(uring), [to], "{turn}");
        assert_eq!(rustix::io::read(ends[to as usize], &mut [0; 8]), Ok(1));
    }
}

#[test]
fn a_busy_registration_is_armed_when_nothing_is_ready_and_not_before() {
    if !permitted() {
        return;
    }
    for setup in Setup::ALL {
        let mut uring = Uring::with_rings(4, setup).unwrap();
        let ends = ends(&mut uring);
        assert_eq!(waited(&mut uring), []);
        assert_eq!((uring.armed, polls(&uring)), (2, 2));
        for _ in 0..3 {
            play(&mut uring, ends, 20);
            assert_eq!((uring.armed, polls(&uring)), (0, 0), "{setup:?}, busy");
            assert_eq!(waited(&mut uring), []);
            assert_eq!((uring.armed, polls(&uring)), (2, 2), "{setup:?}, idle");
        }
    }
}

/// The loop never sleeps. It does not look at armed registrations. After a few looks it arms an idle
/// registration, and then no longer looks at it.
#[test]
fn an_idle_registration_beside_busy_ones_is_armed_and_reported() {
    if !permitted() {
        return;
    }
    for setup in Setup::ALL {
        let mut uring = Uring::with_rings(4, setup).unwrap();
        let ends = ends(&mut uring);
        let mut pipe = pipes(1).remove(0);
        uring.add(pipe.0, Interest::READ, token(2)).unwrap();
        assert_eq!(waited(&mut uring), []);
        for _ in 0..3 {
            play(&mut uring, ends, 20);
            assert_eq!((uring.armed, uring.dirty.len()), (1, 2), "{setup:?}, the idle one is armed");
            pipe.1.write_all(b"x").unwrap();
            assert_eq!(waited(&mut uring), [2]);
            rustix::io::read(pipe.0, &mut [0; 8]).unwrap();
        }
    }
}

/// An edge-triggered registration has a multishot poll. The poll is removed while the registration is busy.
#[test]
fn a_busy_edge_is_disarmed_and_has_a_multishot_poll_again_when_idle() {
    if !permitted() {
        return;
    }
    let mut uring = Uring::new().unwrap();
    let ends = ends(&mut uring);
    (0..2).for_each(|index| uring.expect_news(token(index)));
    assert_eq!(waited(&mut uring), []);
    for _ in 0..3 {
        play(&mut uring, ends, 60);
        assert_eq!((uring.armed, polls(&uring)), (0, 0), "busy");
        assert_eq!(waited(&mut uring), []);
        assert_eq!((uring.armed, polls(&uring)), (2, 2), "idle");
        rustix::io::write(ends[0], b"x").unwrap();
        assert_eq!([waited(&mut uring), waited(&mut uring)], [vec![1], vec![]], "news only");
        rustix::io::read(ends[1], &mut [0; 8]).unwrap();
    }
}

/// Linux before 5.13 has no multishot polls, so an edge-triggered registration has one-shot polls there.
#[test]
fn without_multishot_polls_an_edge_is_still_reported() {
    if !permitted() {
        return;
    }
    let mut uring = Uring::new().unwrap();
    uring.ring.has_multishot = false;
    let ends = ends(&mut uring);
    (0..2).for_each(|index| uring.expect_news(token(index)));
    play(&mut uring, ends, 60);
    rustix::io::write(ends[0], b"x").unwrap();
    assert_eq!([waited(&mut uring), waited(&mut uring)], [[1], [1]]);
}

/// The loop does not sleep, but each wait takes the wakes that have come.
#[test]
fn a_busy_loop_takes_the_wakes_of_its_waker() {
    if !permitted() {
        return;
    }
    let mut uring = Uring::new().unwrap();
    let waker = Waker::with_pipe().unwrap();
    uring.attach(&waker).unwrap();
    let ends = ends(&mut uring);
    for _ in 0..30 {
        play(&mut uring, ends, 20);
        waker.wake();
        assert_eq!(waited(&mut uring), []);
        let mut polled = [rustix::event::PollFd::new(&waker, rustix::event::PollFlags::IN)];
        let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        assert_eq!(rustix::event::poll(&mut polled, Some(&at_once)), Ok(0), "its wakes were taken");
    }
}

/// C41: there is no poll that would keep the file open, or report that it was closed.
#[test]
fn a_busy_registration_that_was_closed_is_dropped_by_the_next_look_c41() {
    if !permitted() {
        return;
    }
    let _guard = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut uring = Uring::new().unwrap();
    let ends = ends(&mut uring);
    play(&mut uring, ends, 20);
    assert_eq!(uring.armed, 0);
    nix::unistd::close(ends[0].as_raw_fd()).unwrap();
    assert_eq!(rustix::io::read(ends[1], &mut [0; 8]), Ok(0), "the peer sees the end at once");
    assert_eq!(waited(&mut uring), [1]);
    assert!(uring.slots[0].registration.is_none());
}

/// C59: the loop makes new rings as soon as it needs rings again.
#[test]
fn a_busy_loop_that_goes_to_another_thread_works_there_c59() {
    if !permitted() {
        return;
    }
    let mut uring = Uring::new().unwrap();
    let ends = ends(&mut uring);
    play(&mut uring, ends, 20);
    for _ in 0..2 {
        rustix::io::write(ends[1], b"x").unwrap();
        assert_eq!(carry(&mut uring, ready), [token(0)]);
        rustix::io::read(ends[0], &mut [0; 8]).unwrap();
        assert_eq!(carry(&mut uring, ready), []);
        play(&mut uring, ends, 20);
    }
}

/// A look follows each completion anyway, so the poll may stay. A descriptor that stays ready is reported again. When
/// a completion wakes the sleeping loop, the multishot poll is removed, and the registration's next poll is one-shot.
#[test]
fn while_the_loop_does_not_sleep_a_poll_stays_in_the_kernel() {
    if !permitted() {
        return;
    }
    let mut uring = Uring::new().unwrap();
    let ends = ends(&mut uring);
    play(&mut uring, ends, 60);
    let mut pipe = pipes(1).remove(0);
    uring.add(pipe.0, Interest::READ, token(2)).unwrap();
    play(&mut uring, ends, 20);
    let serial = |uring: &Uring| uring.slots[2].registration.as_ref().unwrap().serial;
    let armed = serial(&uring);
    assert_ne!(armed, 0);
    for _ in 0..5 {
        pipe.1.write_all(b"x").unwrap();
        assert_eq!([waited(&mut uring), waited(&mut uring)], [[2], [2]], "it is still ready");
        rustix::io::read(pipe.0, &mut [0; 8]).unwrap();
        play(&mut uring, ends, 20);
        assert_eq!(serial(&uring), armed, "the same poll");
    }
    // On a busy machine this thread may get a processor only after the byte has come. Then the loop does not sleep.
    let has_slept = (0..1_000).any(|_| {
        let mut events = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(20));
                pipe.1.write_all(b"x").unwrap();
            });
            while events.is_empty() {
                uring.wait(&mut events, None).unwrap();
            }
        });
        let is_one_shot = serial(&uring) == 0;
        if !is_one_shot {
            rustix::io::read(pipe.0, &mut [0; 8]).unwrap();
            play(&mut uring, ends, 20);
        }
        is_one_shot
    });
    assert!(has_slept, "the next poll is one-shot");
    assert_eq!([waited(&mut uring), waited(&mut uring)], [[2], [2]], "it is still ready");
    rustix::io::read(pipe.0, &mut [0; 8]).unwrap();
    assert_eq!(waited(&mut uring), []);
}

/// The waker's poll is multishot. Whenever it completes, the loop takes all wakes so far, so the poll need not be armed
/// again.
#[test]
fn the_wakers_poll_stays_in_the_kernel() {
    if !permitted() {
        return;
    }
    let mut uring = Uring::new().unwrap();
    let waker = Waker::new().unwrap();
    uring.attach(&waker).unwrap();
    assert_eq!(waited(&mut uring), []);
    let name = uring.waker_name;
    for _ in 0..20 {
        waker.wake();
        // The wake ends a wait that would last for ever.
        uring.wait(&mut Vec::new(), None).unwrap();
        assert_eq!((uring.waker_is_armed, uring.waker_name), (true, name));
    }
    uring.has_lost = true;
    for _ in 0..20 {
        waker.wake();
        uring.wait(&mut Vec::new(), None).unwrap();
    }
    assert_eq!((uring.waker_is_armed, uring.waker_name), (true, name + 1), "armed again once, after a loss");
}
