//! Some kernels count io_uring's rings as locked memory. This test limits how much memory the user may lock. The
//! limit belongs to the whole process, so this test has a program of its own.

#![cfg(target_os = "linux")]

mod common;

use cogloop_io::Options;
use common::*;
use rustix::process::{Resource, Rlimit, geteuid, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::time::Duration;

/// Enough for rings of the smaller of two sizes, about 40 KB, and too little for the larger size, about 150 KB.
const LOCKED_BYTES: u64 = 100_000;

/// A loop on io_uring; `None` if the system refuses it. The rings of all processes of a user count together, but not
/// those that were made with the capability `CAP_IPC_LOCK`. So where root runs the tests, the rings of other tests
/// do not count.
fn open_by_name() -> Option<Loop> {
    let mut tries = 0..30_000;
    loop {
        let events = Loop::new(&Options { backend: Some("uring".to_owned()), ..Options::default() }).unwrap();
        let reason = events.backend().reason.clone();
        if reason == "asked for by name" {
            return Some(events);
        }
        // The kernel frees a ring some time after it was closed, and a copy of this test may run at the same time.
        if reason.contains("locked memory") && tries.next().is_some() {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        }
        assert!(!reason.contains("locked memory") || !geteuid().is_root(), "the smaller rings are refused, too");
        skip("uring", &reason);
        return None;
    }
}

#[test]
fn the_rings_are_smaller_where_little_memory_may_be_locked() {
    let mut ours = capabilities(None).unwrap();
    ours.effective.remove(CapabilitySet::IPC_LOCK);
    set_capabilities(None, ours).unwrap();
    setrlimit(Resource::Memlock, Rlimit { current: Some(LOCKED_BYTES), maximum: Some(LOCKED_BYTES) }).unwrap();

    let Some(mut events) = open_by_name() else { return };
    let (fd, mut peer) = pair();
    let token = events.add_descriptor(fd, READ).unwrap();
    write(&mut peer);
    assert_eq!(poll(&mut events), [(token, READ)]);
}
