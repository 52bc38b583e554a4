//! Entries that stay in the kernel from wait to wait: the polls of edge-triggered registrations, and the quiet timer.
//! This timer starts a check of armed registrations after a time without an event. C41 is a row of docs/conformance.md.

use super::*;

/// An edge-triggered registration has one poll for all its reports. The poll is never armed again.
#[test]
fn an_edge_is_reported_once_each_time_by_one_poll() {
    if !permitted() {
        return;
    }
    for setup in Setup::ALL {
        let mut pipes = pipes(2);
        let mut uring = Uring::with_rings(4, setup).unwrap();
        uring.add(pipes[0].0, Interest::READ, token(0)).unwrap();
        uring.expect_news(token(0));
        assert_eq!(waited(&mut uring), []);
        let name = uring.slots[0].registration.as_ref().unwrap().serial;
        for _ in 0..3 {
            pipes[0].1.write_all(b"x").unwrap();
            pipes[0].1.write_all(b"y").unwrap();
            assert_eq!(waited(&mut uring), [0], "{setup:?}, both at once");
            assert_eq!(waited(&mut uring), [], "nothing new");
        }
        assert_eq!((uring.armed, polls(&uring)), (1, 1));
        assert_eq!(uring.slots[0].registration.as_ref().unwrap().serial, name);

        uring.modify(pipes[0].0, Interest::READ, token(0)).unwrap();
        assert_eq!(
            [waited(&mut uring), waited(&mut uring)],
            [vec![0], vec![]],
            "after a change an edge is reported again, once"
        );
        let newer = Token::new(0, NonZeroU32::new(2).unwrap());
        uring.modify(pipes[0].0, Interest::READ, newer).unwrap();
        assert_eq!([waited(&mut uring), waited(&mut uring)], [[0], [0]], "another token is level-triggered");

        let device = lend(std::fs::File::open("/dev/zero").unwrap());
        uring.add(device, Interest::READ, token(1)).unwrap();
        uring.expect_news(token(1));
        uring.remove(pipes[0].0, newer).unwrap();
        assert_eq!([waited(&mut uring), waited(&mut uring)], [[1], [1]], "a device is always ready");
    }
}

/// C41: without the check, the poll of the closed descriptor would stay in the kernel for ever.
#[test]
fn a_closed_edge_is_dropped_by_a_check_c41() {
    if !permitted() {
        return;
    }
    let pipes = pipes(1);
    let mut uring = Uring::new().unwrap();
    uring.add(pipes[0].0, Interest::READ, token(0)).unwrap();
    uring.expect_news(token(0));
    assert_eq!(waited(&mut uring), []);
    nix::unistd::close(pipes[0].0.as_raw_fd()).unwrap();
    assert_eq!(uring.check(1), 1);
    assert_eq!((waited(&mut uring), uring.armed, polls(&uring)), (vec![], 0, 0));
}

/// The quiet timer stays in the kernel from wait to wait. A loop that was busy meanwhile checks nothing.
#[test]
fn the_quiet_timer_ends_no_wait_and_causes_a_check_after_a_quiet_time() {
    if !permitted() {
        return;
    }
    let mut pipes = pipes(1);
    let mut uring = Uring::new().unwrap();
    uring.add(pipes[0].0, Interest::READ, token(0)).unwrap();
    for is_busy in [false, true] {
        uring.arm().unwrap();
        uring.set_quiet_timer().unwrap();
        assert!(uring.quiet_timer_is_set && !uring.is_time_to_check);
        if is_busy {
            pipes[0].1.write_all(b"x").unwrap();
            assert_eq!(waited(&mut uring), [0]);
        }
        let rung = Completion { name: QUIET_TIMER, result: -Errno::TIME.raw_os_error(), has_ended: true };
        assert!(!uring.complete(rung, Some(&mut Vec::new())));
        assert!(!uring.quiet_timer_is_set);
        assert_eq!(std::mem::take(&mut uring.is_time_to_check), !is_busy);
    }
}
