//! A descriptor that is itself an epoll set.
#![cfg(target_os = "linux")]

mod common;

use common::*;
use rustix::event::epoll::{CreateFlags, EventData, EventFlags, add, create};
use std::io::Read;
use std::os::fd::AsFd;

#[test]
fn a_nested_epoll_set_is_readable_while_something_in_it_is_ready_c53() {
    on_every_backend(|events| {
        let (mut reader, mut peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let inner = create(CreateFlags::CLOEXEC).unwrap();
        add(&inner, reader.as_fd(), EventData::new_u64(1), EventFlags::IN).unwrap();
        let outer = lend(inner);
        let token = events.add_descriptor(outer, READ).unwrap();
        for round in 0..3 {
            assert_eq!(poll(events), [], "round {round}: quiet");
            write(&mut peer);
            for _ in 0..2 {
                assert_eq!(poll(events), [(token, READ)], "round {round}: level-triggered");
            }
            assert_eq!(reader.read(&mut [0; 8]).unwrap(), 1);
            // The poll may have completed before the data was taken. Then the set is reported once more.
            poll(events);
        }
        // The set also ends a wait that has begun.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(2));
                write(&mut peer);
            });
            while {
                events.turn(cogloop_io::Wait::Block).unwrap();
                events.next_ready().is_none()
            } {}
        });
        events.remove_descriptor(token).unwrap();
        close(outer);
    });
}
