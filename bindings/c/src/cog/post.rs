//! What other threads may touch of a loop: a queue of work for it, and its waker.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cogloop_io::Waker;

use super::CogPostFn;

/// Work for the loop's thread.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) run: CogPostFn,
    pub(super) discard: Option<CogPostFn>,
    pub(super) ctx: *mut c_void,
}

// SAFETY: whoever posts hands `ctx` to the loop's thread, and only that calls one of the two functions, once.
unsafe impl Send for Post {}

#[derive(Debug, Default)]
struct Queue {
    posts: VecDeque<Post>,
    is_closed: bool,
}

#[derive(Debug)]
pub(super) struct Remote {
    queue: Mutex<Queue>,
    /// Spares a turn without posts the lock.
    has_posts: AtomicBool,
    waker: Waker,
}

impl Remote {
    pub(super) fn new(waker: Waker) -> Self {
        Self { queue: Mutex::default(), has_posts: AtomicBool::new(false), waker }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `false`: the loop takes nothing any more.
    pub(super) fn post(&self, post: Post) -> bool {
        let mut queue = self.lock();
        if queue.is_closed {
            return false;
        }
        queue.posts.push_back(post);
        self.has_posts.store(true, Ordering::Release);
        drop(queue);
        self.waker.wake();
        true
    }

    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    pub(super) fn has_posts(&self) -> bool {
        self.has_posts.load(Ordering::Acquire)
    }

    /// What was posted so far, in order.
    pub(super) fn take(&self) -> VecDeque<Post> {
        if !self.has_posts() {
            return VecDeque::new();
        }
        let mut queue = self.lock();
        self.has_posts.store(false, Ordering::Release);
        std::mem::take(&mut queue.posts)
    }

    /// From here on nothing can be posted. What was is returned.
    pub(super) fn close(&self) -> VecDeque<Post> {
        let mut queue = self.lock();
        queue.is_closed = true;
        std::mem::take(&mut queue.posts)
    }
}
