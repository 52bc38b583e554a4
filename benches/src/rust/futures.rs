//! Measures runtimes that run futures on one thread. Each runtime implements the trait [`Futures`].

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;

use super::measure::{self, Figure, Stopwatch, Work};
use crate::measure::voluntary_switches;

pub(super) trait Futures: Sized {
    type Task: 'static;
    type Stream: 'static;
    type Sleep: Future + 'static;

    fn new() -> io::Result<Self>;
    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> io::Result<Self::Task>;
    /// Cancels the task. The runtime may drop its future later.
    fn cancel(task: Self::Task);
    /// Lets the task go on without a handle.
    fn detach(task: Self::Task);
    fn sleep(&self, delay: Duration) -> impl Future<Output = ()> + 'static;
    /// Returns a function that makes sleeps. The returned function is called only inside `block_on`.
    fn sleeper(&self) -> impl Fn(Duration) -> Self::Sleep + 'static;
    fn block_on(&mut self, future: impl Future<Output = ()>) -> io::Result<()>;
    fn stream(&self, socket: UnixStream) -> io::Result<Self::Stream>;
    fn read(stream: &Self::Stream, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>>;
    fn write(stream: &Self::Stream, data: &[u8]) -> impl Future<Output = io::Result<usize>>;
    fn readable(stream: &Self::Stream) -> impl Future<Output = io::Result<()>>;
}

/// A count that futures share. `up` increments it. Dropping the value that `up` returned decrements it.
#[derive(Clone, Default)]
struct Count(Rc<Cell<usize>>);

struct Counted(Count);

impl Count {
    fn up(&self) -> Counted {
        self.0.set(self.0.get() + 1);
        Counted(self.clone())
    }

    /// Waits until the count is `count`. The runtime runs meanwhile.
    async fn is(&self, count: usize) {
        while self.0.get() != count {
            yield_now().await;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() - 1);
    }
}

pub(super) fn pending<F: Futures>(work: Work) -> io::Result<Vec<Figure>> {
    let (delays, order) = measure::timeouts(work.timers);
    let mut runtime = F::new()?;
    let asleep = Count::default();
    let mut tasks = Vec::with_capacity(work.timers);
    let inserting = Stopwatch::start();
    for delay in delays {
        let (sleep, asleep) = (runtime.sleep(delay), asleep.clone());
        tasks.push(Some(runtime.spawn(async move {
            let mut sleep = pin!(sleep);
            let mut counted = None;
            // tokio and async-io set a timer only when its future is polled for the first time, so the task counts as
            // asleep after that poll.
            poll_fn(|context| {
                let poll = sleep.as_mut().poll(context);
                counted.get_or_insert_with(|| asleep.up());
                poll
            })
            .await;
        })?));
    }
    runtime.block_on(asleep.is(work.timers))?;
    let (insert_ns, bytes) = (inserting.cpu_ns_for_one_of(work.timers), inserting.bytes_for_one_of(work.timers));
    let cancelling = Stopwatch::start();
    for index in order {
        tasks[index].take().into_iter().for_each(F::cancel);
    }
    runtime.block_on(asleep.is(0))?;
    Ok(measure::of_pending(insert_ns, bytes, cancelling.cpu_ns_for_one_of(work.timers)))
}

/// Yields to the runtime in every 64th call of a loop; `nth` is the number of the call. If a task does much without
/// yielding, tokio interrupts it by telling it that nothing is ready.
async fn yield_sometimes(nth: usize) {
    if nth % 64 == 63 {
        yield_now().await;
    }
}

async fn yield_now() {
    let mut has_waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls a future once. It is an error if the future completes.
async fn begin<F: Future>(mut future: Pin<&mut F>) -> io::Result<()> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Pending => Poll::Ready(Ok(())),
        Poll::Ready(_) => Poll::Ready(Err(io::Error::other("a long wait was over at once"))),
    })
    .await
}

/// Polls a sleep once and drops it, while a number of other sleeps are pending. In a program this happens if a sleep
/// races against another future and loses.
pub(super) fn pairs<F: Futures>(work: Work) -> io::Result<Vec<Figure>> {
    let mut runtime = F::new()?;
    let sleep = runtime.sleeper();
    let mut result = Ok(Vec::new());
    runtime.block_on(async { result = measure_pairs::<F>(work, &sleep).await })?;
    result.map(measure::of_pairs)
}

async fn measure_pairs<F: Futures>(work: Work, sleep: &impl Fn(Duration) -> F::Sleep) -> io::Result<Vec<f64>> {
    let (mut pending, mut ns) = (Vec::new(), Vec::new());
    for crowd in measure::crowds(work) {
        for (nth, delay) in measure::timeouts(crowd - pending.len()).0.into_iter().enumerate() {
            let mut sleep = Box::pin(sleep(delay));
            begin(sleep.as_mut()).await?;
            pending.push(sleep);
            yield_sometimes(nth).await;
        }
        let (delays, _) = measure::timeouts(measure::pairs_count(work));
        let (watch, mut count) = (Stopwatch::start(), 0);
        while count < delays.len() && !watch.is_enough(count) {
            begin(pin!(sleep(delays[count]))).await?;
            yield_sometimes(count).await;
            count += 1;
        }
        ns.push(watch.cpu_ns_for_one_of(count));
    }
    Ok(ns)
}

/// Spawns tasks that sleep and end. When all sleep, blocks the thread for `wait`. Then runs until all tasks have ended.
/// Returns a stopwatch that was started after the block, and how often the thread has gone to sleep since then.
fn sleep_all<F: Futures>(delays: &[Duration], wait: Duration) -> io::Result<(Stopwatch, u64)> {
    let mut runtime = F::new()?;
    let asleep = Count::default();
    let (done, mut ended) = unbounded_channel::<()>();
    for &delay in delays {
        let (sleep, asleep, done) = (runtime.sleep(delay), asleep.clone(), done.clone());
        F::detach(runtime.spawn(async move {
            // The count never goes down. A task may wake before the last task sleeps. If it then decremented the count,
            // the count would never reach `delays.len()`, and `asleep.is` below would wait for ever.
            std::mem::forget(asleep.up());
            sleep.await;
            drop(done);
        })?);
    }
    drop(done);
    runtime.block_on(asleep.is(delays.len()))?;
    thread::sleep(wait);
    let (watch, wakes) = (Stopwatch::start(), voluntary_switches().unwrap_or(0));
    // `None` means that the last sender is gone.
    runtime.block_on(async { assert!(ended.recv().await.is_none(), "a value was sent") })?;
    Ok((watch, voluntary_switches().unwrap_or(0) - wakes))
}

pub(super) fn due<F: Futures>(work: Work) -> io::Result<Vec<Figure>> {
    let (delays, all) = measure::soon(work.timers);
    // Added to each delay, so that all tasks are made and begin to sleep before the first one wakes.
    const LATER: Duration = Duration::from_millis(300);
    let delays: Vec<_> = delays.into_iter().map(|delay| delay + LATER).collect();
    let (watch, _) = sleep_all::<F>(&delays, all + LATER)?;
    Ok(measure::of_due(watch.cpu_ns_for_one_of(work.timers)))
}

pub(super) fn sparse<F: Futures>(work: Work) -> io::Result<Vec<Figure>> {
    let count = measure::sparse_count(work);
    let (watch, wakes) = sleep_all::<F>(&measure::sparse(count), Duration::ZERO)?;
    Ok(measure::of_sparse(wakes as f64 / count as f64, watch.cpu_ns_for_one_of(count) / 1e3))
}

/// Sends posts from another thread. All runtimes use tokio's channel, which works with every runtime.
pub(super) fn posts<F: Futures>(work: Work) -> io::Result<Vec<Figure>> {
    let mut runtime = F::new()?;
    let (sender, mut receiver) = unbounded_channel();
    let watch = Stopwatch::start();
    let thread = thread::spawn(move || (0..work.posts).for_each(|post| _ = sender.send(post)));
    runtime.block_on(async {
        let mut received = 0;
        while received < work.posts && receiver.recv().await.is_some() {
            received += 1;
        }
    })?;
    let figures = measure::of_posts(watch.millions_a_second(work.posts), watch.cpu_ns_for_one_of(work.posts));
    thread.join().map_err(|_| io::Error::other("the sender panicked"))?;
    Ok(figures)
}

pub(super) fn pingpong<F: Futures>(work: Work) -> io::Result<Vec<Figure>> {
    let mut runtime = F::new()?;
    let (one, other) = measure::sockets()?;
    let (one, other) = (runtime.stream(one)?, runtime.stream(other)?);
    // The spawned task sends each byte back. It does not end by itself: dropping the runtime drops it.
    F::detach(runtime.spawn(async move { while let Ok(1) = give_back::<F>(&other).await {} })?);
    let watch = Stopwatch::start();
    let mut result = Ok(1);
    runtime.block_on(async {
        result = F::write(&one, b"!").await;
        for _ in 0..work.rallies / 2 {
            if result.is_ok() {
                result = give_back::<F>(&one).await;
            }
        }
    })?;
    result?;
    Ok(measure::of_pingpong(watch.cpu_ns_for_one_of(work.rallies) / 1e3))
}

async fn give_back<F: Futures>(stream: &F::Stream) -> io::Result<usize> {
    let mut byte = [0];
    match F::read(stream, &mut byte).await? {
        0 => Ok(0),
        _ => F::write(stream, &byte).await,
    }
}

/// Waits for a silent socket and gives up the waits. There are three measurements:
/// 1. Each wait is dropped after one turn of the runtime.
/// 2. Each wait is polled once and dropped at once.
/// 3. Many waits are begun, and then all are dropped.
pub(super) fn given_up<F: Futures>(work: Work) -> io::Result<Vec<Figure>> {
    let mut runtime = F::new()?;
    let (one, _other) = measure::sockets()?;
    let stream = runtime.stream(one)?;
    let (races, crowd) = (work.rallies, work.timers.min(20_000));
    let mut figures = (0.0, 0.0, 0.0, 0.0);
    let mut answered = false;
    runtime.block_on(async {
        let watch = Stopwatch::start();
        for _ in 0..races {
            let (mut yielded, mut readable) = (false, pin!(F::readable(&stream)));
            // The wait races against one turn of the runtime. The turn always wins.
            answered |= poll_fn(|context| {
                if readable.as_mut().poll(context).is_ready() {
                    return Poll::Ready(true);
                }
                if std::mem::replace(&mut yielded, true) {
                    return Poll::Ready(false);
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
        (figures.0, figures.1) = (watch.cpu_ns_for_one_of(races), watch.bytes_for_one_of(races));
        let watch = Stopwatch::start();
        for nth in 0..races {
            answered |= begin(pin!(F::readable(&stream))).await.is_err();
            yield_sometimes(nth).await;
        }
        figures.2 = watch.cpu_ns_for_one_of(races);
        let watch = Stopwatch::start();
        let mut waiting: Vec<_> = (0..crowd).map(|_| Box::pin(F::readable(&stream))).collect();
        poll_fn(|context| {
            answered |= waiting.iter_mut().any(|one| one.as_mut().poll(context).is_ready());
            Poll::Ready(())
        })
        .await;
        drop(waiting);
        figures.3 = watch.cpu_ns_for_one_of(crowd);
    })?;
    if answered {
        return Err(io::Error::other("the runtime reported a silent socket as readable"));
    }
    Ok(measure::of_given_up(figures))
}
