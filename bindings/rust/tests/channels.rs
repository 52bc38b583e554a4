//! Tests of channels with a capacity. Waiting senders get room in order. A sender that stops waiting leaves nothing
//! behind. Waiting senders get an error when the channel ends.

mod common;

use cogloop::{Error, Loop, Receiver, Sender, channel};
use common::*;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

/// A waker that counts its wakes. Each wake also uses the channel, as a user's waker may.
struct Count(AtomicUsize, Mutex<Option<Sender<u32>>>);

impl Count {
    fn new(sender: Option<&Sender<u32>>) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0), Mutex::new(sender.cloned())))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        if let Some(sender) = &*self.1.lock().unwrap() {
            let _ = (sender.is_closed(), format!("{sender:?}"), sender.clone().try_send(99));
        }
    }
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>, count: &Arc<Count>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(count))))
}

#[test]
fn room_goes_to_the_first_waiting_sender_and_to_the_next_if_that_one_gives_up() {
    let (sender, mut receiver) = channel(1).unwrap();
    sender.try_send(0).unwrap();
    let counts = [(); 3].map(|()| Count::new(Some(&sender)));
    let mut sends: Vec<_> = (1..=3).map(|number| Box::pin(sender.send(number))).collect();
    for (send, count) in sends.iter_mut().zip(&counts) {
        assert!(poll(send, count).is_pending() && poll(send, count).is_pending());
    }
    let woken = || counts.each_ref().map(|count| count.get());
    assert_eq!((receiver.try_recv(), woken()), (Some(0), [1, 0, 0]));
    assert!(
        matches!(sender.try_send(9).unwrap_err().error, Error::Limit { what: "messages", limit: 1 }),
        "the room belongs to the waiting sender"
    );
    drop(sends.remove(0));
    assert_eq!(woken(), [1, 1, 0]);
    // A sender that waits and was not woken leaves the list.
    drop(sends.remove(1));
    assert!(matches!(poll(&mut sends[0], &counts[1]), Poll::Ready(Ok(()))));
    assert_eq!([receiver.try_recv(), receiver.try_recv()], [Some(2), None]);
    sender.try_send(4).unwrap();
    drop(sends);
    // The counting wakers hold senders, too.
    counts.iter().for_each(|count| drop(count.1.lock().unwrap().take()));
    drop(sender);
    let mut last = Box::pin(async move { [receiver.recv().await, receiver.recv().await] });
    assert_eq!(poll(&mut last, &counts[0]), Poll::Ready([Some(4), None]));
}

#[test]
fn a_waiting_sender_gets_an_error_when_the_channel_ends() {
    let (sender, receiver) = channel(1).unwrap();
    sender.try_send(0).unwrap();
    let count = Count::new(Some(&sender));
    let mut send = Box::pin(sender.send(1));
    assert!(poll(&mut send, &count).is_pending());
    let blocked = thread::spawn({
        let sender = sender.clone();
        move || sender.send_blocking(2)
    });
    drop(receiver);
    let Poll::Ready(Err(refused)) = poll(&mut send, &count) else { panic!("the send waits after the channel's end") };
    assert!(matches!((refused.message, refused.error, count.get()), (1, Error::Closed, 1)));
    assert!(matches!(blocked.join().unwrap().unwrap_err().error, Error::Closed));
    drop(send);

    let events = Loop::<()>::new().unwrap();
    let sender = events.channel_with(1, |_, _, _: Option<u32>| ()).unwrap();
    sender.try_send(0).unwrap();
    assert!(
        matches!(sender.send_blocking(1).unwrap_err().error, Error::Limit { .. }),
        "the loop's own thread makes the room, so it gets an error instead of waiting"
    );
    let blocked = thread::spawn({
        let sender = sender.clone();
        move || sender.send_blocking(2)
    });
    drop(events);
    let refused = blocked.join().unwrap().unwrap_err();
    assert!(matches!((refused.message, refused.error), (2, Error::Closed)));
}

/// Tasks of the loop and other threads send to a channel that has room for only two messages, so the senders wait.
#[test]
fn a_callback_gets_every_message_of_senders_that_wait() {
    on_every_backend(|options| {
        let mut events = Loop::<Vec<u32>>::with_options(options.clone()).unwrap();
        let sender = events.channel_with(2, |seen: &mut Vec<u32>, _, number| seen.extend(number)).unwrap();
        let threads: Vec<_> = (0..3)
            .map(|nth| {
                let sender = sender.clone();
                thread::spawn(move || (0..100).try_for_each(|number| sender.send_blocking(nth * 100 + number)))
            })
            .collect();
        for nth in 3..6 {
            let sender = sender.clone();
            let sending = async move {
                for number in 0..100 {
                    sender.send(nth * 100 + number).await.unwrap();
                }
            };
            events.spawn(sending).unwrap().detach();
        }
        drop(sender);
        let mut seen = Vec::new();
        events.run(&mut seen).unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
        for nth in 0..6 {
            let of_one: Vec<u32> = seen.iter().copied().filter(|number| number / 100 == nth).collect();
            assert_eq!(of_one, (nth * 100..(nth + 1) * 100).collect::<Vec<_>>(), "in order");
        }
    });
}

/// The receiver's wait is dropped again and again. No message is lost.
#[test]
fn a_future_receives_from_threads_and_may_give_up_waiting() {
    let mut events = Loop::<()>::new().unwrap();
    let (sender, mut receiver): (_, Receiver<u32>) = channel(3).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let sender = sender.clone();
            thread::spawn(move || (1..=250).try_for_each(|number| sender.send_blocking(number)))
        })
        .collect();
    drop(sender);
    let handle = events.handle();
    let sum = events.block_on(&mut (), async {
        let mut sum = 0;
        loop {
            match handle.timeout(Duration::ZERO, receiver.recv()).await {
                Ok(Some(number)) => sum += number,
                Ok(None) => return sum,
                Err(_) => {}
            }
        }
    });
    assert_eq!(sum.unwrap(), 4 * 250 * 251 / 2);
    threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
}
