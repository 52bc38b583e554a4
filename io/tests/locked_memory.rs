//! Some kernels count io_uring's rings as locked memory, and here the user may lock only little of it. The limit
//! belongs to the whole process, so this test has a program of its own.

#![cfg(target_os = "linux")]

mod common;

use cogloop_io::Options;
use common::*;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// Enough for the smaller of the two rings, about 40 KB, and too little for the larger one, about 150 KB.
const LOCKED_BYTES: u64 = 100_000;

#[test]
fn the_rings_are_smaller_where_little_memory_may_be_locked() {
    if !permitted().contains(&"uring") {
        return;
    }
    let mut ours = capabilities(None).unwrap();
    ours.effective.remove(CapabilitySet::IPC_LOCK);
    set_capabilities(None, ours).unwrap();
    setrlimit(Resource::Memlock, Rlimit { current: Some(LOCKED_BYTES), maximum: Some(LOCKED_BYTES) }).unwrap();

    let mut events = Loop::new(&Options { backend: Some("uring".to_owned()), ..Options::default() }).unwrap();
    assert_eq!(events.backend().reason, "asked for by name");
    let (fd, mut peer) = pair();
    let token = events.add_descriptor(fd, READ).unwrap();
    write(&mut peer);
    assert_eq!(poll(&mut events), [(token, READ)]);
}
