//! The queue of posts, between remotes and the loop.

use crate::notifier::Notifier;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The queue of posts, with its limit.
pub(crate) struct Mail<P> {
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) limit: usize,
    posts: Mutex<Posts<P>>,
}

pub(crate) struct Posts<P> {
    pub(crate) queue: VecDeque<P>,
    pub(crate) is_closed: bool,
}

impl<P> Mail<P> {
    pub(crate) fn new(notifier: Arc<Notifier>, limit: usize) -> Self {
        Self { notifier, limit, posts: Mutex::new(Posts { queue: VecDeque::new(), is_closed: false }) }
    }

    pub(crate) fn len(&self) -> usize {
        self.posts().queue.len()
    }

    pub(crate) fn next(&self) -> Option<P> {
        self.posts().queue.pop_front()
    }

    pub(crate) fn take_all(&self) -> VecDeque<P> {
        std::mem::take(&mut self.posts().queue)
    }

    pub(crate) fn close(&self) {
        self.posts().is_closed = true;
    }

    pub(crate) fn posts(&self) -> MutexGuard<'_, Posts<P>> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
