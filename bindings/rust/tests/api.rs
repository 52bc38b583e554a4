//! The traits that the types of the crate implement.
#![cfg(unix)]

use cogloop::*;
use std::fmt::Debug;
use std::hash::Hash;

fn is_for_every_thread<T: Send + Sync + 'static>() {}
fn is_a_key<T: Copy + Ord + Hash + Debug>() {}

#[test]
fn types_for_other_threads_are_send_and_sync_and_names_can_be_keys() {
    is_for_every_thread::<Remote<std::rc::Rc<()>>>();
    is_for_every_thread::<Sender<u8>>();
    is_for_every_thread::<Receiver<u8>>();
    is_for_every_thread::<SendError<u8>>();
    is_for_every_thread::<Error>();
    is_for_every_thread::<Options>();
    is_for_every_thread::<(Timer, Source, Idle, Interval, Tick)>();
    is_a_key::<Timer>();
    is_a_key::<Source>();
    is_a_key::<Idle>();
}

/// `cancel` takes names of every kind.
#[test]
fn a_name_is_cancelled_once_and_by_its_own_loop_only() {
    let (events, other) = (Loop::<()>::new().unwrap(), Loop::<()>::new().unwrap());
    let timer = events.after(std::time::Duration::from_secs(1), |_, _| ()).unwrap();
    let (reader, _writer) = std::io::pipe().unwrap();
    let source = events.add(reader, Interest::READ, |_, _, _| ()).unwrap();
    let idle = events.idle(|_, _| ()).unwrap();
    assert!(!other.cancel(timer) && !other.cancel(source) && !other.cancel(idle));
    assert!(events.cancel(timer) && events.cancel(source) && events.cancel(idle));
    assert!(!events.cancel(timer) && !events.cancel(source) && !events.cancel(idle));
}
