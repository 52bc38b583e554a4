//! The part of a loop that any thread may use: a queue of posts, and the waker.

use std::any::Any;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cogloop_io::Waker;

use super::CogPostFn;
use super::answer::{COG_ERROR_STALE, Failure, or_no_memory};
use crate::sys::sanitizer;

/// Work for the loop's thread.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) run: CogPostFn,
    pub(super) discard: Option<CogPostFn>,
    pub(super) ctx: *mut c_void,
}

// SAFETY: the caller of `cog_loop_post` gives `ctx` to the loop's thread. Only that thread calls the two functions. It
// calls at most one of them, and at most once.
unsafe impl Send for Post {}

#[derive(Debug, Default)]
struct Queue {
    posts: VecDeque<Post>,
    is_closed: bool,
}

/// A loop without a thread. Its type is erased, because this file is in a layer below the loop.
#[derive(Debug)]
pub(super) struct Parked(pub(super) Rc<dyn Any>);

// SAFETY:
// 1. `moves` parks a loop only if there is no other reference to it, and no code uses a parked loop. So only one thread
//    at a time uses its reference counts, its cells and the pointers in it.
// 2. The mutex in `Remote` orders the two threads. So the adopting thread sees all that the releasing thread did with
//    the loop.
// 3. The rings of io_uring belong to a thread. `leave_thread` takes the descriptors out of the old rings, and
//    `enter_thread` makes new rings.
unsafe impl Send for Parked {}

#[derive(Debug)]
pub(super) struct Remote {
    queue: Mutex<Queue>,
    /// Lets a turn without posts skip the lock.
    has_posts: AtomicBool,
    waker: Waker,
    /// The loop while it belongs to no thread.
    parked: Mutex<Option<Parked>>,
}

impl Remote {
    pub(super) fn new(waker: Waker) -> Self {
        sanitizer::look();
        Self { queue: Mutex::default(), has_posts: AtomicBool::new(false), waker, parked: Mutex::new(None) }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if the loop is being freed, or if there is no memory.
    pub(super) fn post(&self, post: Post) -> Result<(), Failure> {
        let mut queue = self.lock();
        if queue.is_closed {
            return Err(Failure::new(COG_ERROR_STALE, "loop: it is being freed"));
        }
        or_no_memory("loop", queue.posts.try_reserve(1))?;
        queue.posts.push_back(post);
        sanitizer::released(self);
        self.has_posts.store(true, Ordering::Release);
        drop(queue);
        self.waker.wake();
        Ok(())
    }

    pub(super) fn park(&self, parked: Parked) {
        sanitizer::released(self);
        *self.parked.lock().unwrap_or_else(PoisonError::into_inner) = Some(parked);
    }

    pub(super) fn unpark(&self) -> Option<Parked> {
        let parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner).take();
        sanitizer::acquired(self);
        parked
    }

    pub(super) fn wake(&self) {
        sanitizer::released(self);
        self.waker.wake();
    }

    /// Called after a wait. Tells the thread sanitizer that the work of other threads before their calls of `wake` is
    /// visible from here on.
    pub(super) fn was_woken(&self) {
        sanitizer::acquired(self);
    }

    pub(super) fn has_posts(&self) -> bool {
        self.has_posts.load(Ordering::Acquire)
    }

    pub(super) fn count_posts(&self) -> usize {
        if self.has_posts() { self.lock().posts.len() } else { 0 }
    }

    /// Moves the queued posts to the end of `posts`, in order. If there is no memory for the move, the posts stay in
    /// the queue until `posts` is empty.
    pub(super) fn move_to(&self, posts: &mut VecDeque<Post>) {
        if !self.has_posts() {
            return;
        }
        let mut queue = self.lock();
        sanitizer::acquired(self);
        if posts.is_empty() {
            std::mem::swap(posts, &mut queue.posts);
        } else if posts.try_reserve(queue.posts.len()).is_ok() {
            posts.append(&mut queue.posts);
        }
        self.has_posts.store(!queue.posts.is_empty(), Ordering::Release);
    }

    /// Closes the queue: later posts fail. Returns the queued posts.
    pub(super) fn close(&self) -> VecDeque<Post> {
        let mut queue = self.lock();
        sanitizer::acquired(self);
        queue.is_closed = true;
        std::mem::take(&mut queue.posts)
    }
}
