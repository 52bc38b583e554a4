//! Many futures that wait for one descriptor, and futures that stop waiting. The tests show the order of wakes, and
//! that a dropped future leaves nothing behind.

mod common;

use cogloop::{Error, Loop};
use common::*;
use std::cell::RefCell;
use std::future::Future;
use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// A waker that records its name when it is woken.
struct Named(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

fn poll_with<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Regression test: a dropped wait stayed in a list that each later wait searched. 40,000 dropped waits took 2.8 s, and
/// each kept 66 bytes.
#[test]
fn an_abandoned_wait_is_removed_at_once() {
    on_every_backend(|options| {
        let events = Loop::<()>::with_options(options.clone()).unwrap();
        let (ours, _peer) = streams();
        let watched = events.watch(ours).unwrap();
        for name in 0..1_000 {
            let log = Arc::default();
            let named = Arc::new(Named(name, Arc::clone(&log)));
            let waker = Waker::from(Arc::clone(&named));
            {
                let mut readable = pin!(watched.readable());
                for _ in 0..2 {
                    assert!(poll_with(readable.as_mut(), &waker).is_pending());
                    assert_eq!(
                        Arc::strong_count(&named),
                        3,
                        "the waker is kept once, however often the future is polled"
                    );
                }
                let another = Waker::from(Arc::new(Named(name, Arc::clone(&log))));
                assert!(poll_with(readable.as_mut(), &another).is_pending());
                assert_eq!(Arc::strong_count(&named), 2, "only the newest waker is kept");
                assert!(poll_with(readable.as_mut(), &waker).is_pending());
            }
            assert_eq!(Arc::strong_count(&named), 2, "nothing of a dropped wait is kept");
            events.audit();
        }
    });
}

#[test]
fn waiters_are_woken_in_the_order_in_which_they_began() {
    on_every_backend(|options| {
        const COUNT: usize = 20_000;
        let mut events = Loop::<()>::with_options(options.clone()).unwrap();
        let (ours, mut peer) = streams();
        let watched = events.watch(ours).unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let wakers: Vec<_> = (0..COUNT).map(|name| Waker::from(Arc::new(Named(name, Arc::clone(&log))))).collect();
        let mut waiting: Vec<_> = (0..COUNT).map(|_| Some(Box::pin(watched.readable()))).collect();
        for (readable, waker) in waiting.iter_mut().zip(&wakers) {
            assert!(poll_with(readable.as_mut().unwrap().as_mut(), waker).is_pending());
        }
        waiting.iter_mut().step_by(3).for_each(|readable| *readable = None);
        events.audit();
        peer.write_all(b"x").unwrap();
        // A turn may return early and find nothing.
        while log.lock().unwrap().is_empty() {
            events.turn(&mut (), None).unwrap();
        }
        let expected: Vec<_> = (0..COUNT).filter(|name| name % 3 != 0).collect();
        assert_eq!(std::mem::take(&mut *log.lock().unwrap()), expected);
        for (name, readable) in waiting.iter_mut().enumerate() {
            if let Some(readable) = readable {
                assert!(matches!(poll_with(readable.as_mut(), &wakers[name]), Poll::Ready(Ok(()))));
            }
        }
        events.audit();
    });
}

/// A waker is user code. While the loop wakes the futures that wait, the first call drops all of them.
#[test]
fn a_waker_may_drop_the_other_waiters() {
    type Waiting = Pin<Box<dyn Future<Output = io::Result<()>>>>;
    thread_local! {
        static OTHERS: RefCell<Vec<Waiting>> = const { RefCell::new(Vec::new()) };
    }
    struct Dropping(AtomicUsize);
    impl Wake for Dropping {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            OTHERS.take();
        }
    }
    let mut events = Loop::<()>::new().unwrap();
    let (ours, mut peer) = streams();
    let watched = Rc::new(events.watch(ours).unwrap());
    let dropping = Arc::new(Dropping(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&dropping));
    for _ in 0..10 {
        let watched = Rc::clone(&watched);
        let mut waiting = Box::pin(async move { watched.readable().await });
        assert!(poll_with(waiting.as_mut(), &waker).is_pending());
        OTHERS.with_borrow_mut(|others| others.push(waiting));
    }
    peer.write_all(b"x").unwrap();
    while dropping.0.load(Ordering::SeqCst) == 0 {
        events.turn(&mut (), None).unwrap();
    }
    assert_eq!(dropping.0.load(Ordering::SeqCst), 1, "the other futures were dropped before they were woken");
    assert_eq!(Rc::strong_count(&watched), 1);
    events.audit();
}

/// The futures of a descriptor that is not observed any more are woken and get an error.
#[test]
fn a_wait_for_a_removed_descriptor_ends_with_an_error_that_can_be_matched() {
    let mut events = Loop::<()>::simulated().unwrap();
    let (ours, _peer) = streams();
    let watched = events.watch(ours).unwrap();
    let log = Arc::new(Mutex::new(Vec::new()));
    let waker = Waker::from(Arc::new(Named(7, Arc::clone(&log))));
    let mut readable = pin!(watched.readable());
    assert!(poll_with(readable.as_mut(), &waker).is_pending());
    events.clear();
    assert_eq!(*log.lock().unwrap(), [7]);
    let Poll::Ready(Err(error)) = poll_with(readable.as_mut(), &waker) else { panic!("the future waits for ever") };
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    let ours = error.get_ref().and_then(|error| error.downcast_ref());
    assert!(matches!(ours, Some(Error::Removed)));
    let error = events.block_on(&mut (), watched.writable()).unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

/// The loop drops its reference to the file when the observation ends, in whatever way it ends.
#[cfg(unix)]
#[test]
fn the_loop_drops_its_reference_to_a_file_however_the_observation_ends() {
    use std::os::fd::{AsFd, AsRawFd};
    on_every_backend(|options| {
        for end in ["observed", "cleared", "taken over", "without a loop"] {
            let mut events = Some(Loop::<()>::with_options(options.clone()).unwrap());
            let handle = events.as_ref().unwrap().handle();
            let file = Rc::new(pipe().0);
            let watched = handle.watch(Rc::clone(&file)).unwrap();
            assert_eq!(watched.as_fd().as_raw_fd(), file.as_raw_fd());
            match end {
                "cleared" => handle.clear(),
                "taken over" => {
                    let other = handle.add(Rc::clone(&file), cogloop::Interest::READ, |_, _, _| ()).unwrap();
                    assert!(handle.cancel(other));
                }
                "without a loop" => drop(events.take()),
                _ => {}
            }
            let back = watched.into_inner();
            assert_eq!((Rc::strong_count(&file), back.as_raw_fd()), (2, file.as_raw_fd()), "{end}");
            assert_eq!(handle.source_count(), 0);
        }
    });
}
