//! Queues of references, kept in chunks of one pool.
//!
//! A slot with many timers is read in order when its time comes. In a list through the timers each step waits for the
//! memory of the one before; here the next seven references stand in one cache line, and the timers that they mean are
//! fetched side by side.
//!
//! ```text
//!   Queue            chunk 4                   chunk 9
//!   head ──────────► [ · · c d e f g ] next ─► [ h i j · · · · ]
//!   tail ─────────────────────────────────────►
//!   refs = 8             ▲ start                       ▲ end
//! ```

use alloc::vec::Vec;
use core::mem;

use crate::arena::{Ref, reserve_gently};

/// References in a chunk: as many as make it 64 bytes, the usual cache line.
const CHUNK_REFS: usize = 7;
/// The chunk that is none.
const NIL: u32 = u32::MAX;

#[derive(Copy, Clone, Debug)]
struct Chunk {
    refs: [Ref; CHUNK_REFS],
    next: u32,
    start: u8,
    end: u8,
}

const EMPTY_CHUNK: Chunk = Chunk { refs: [Ref { index: 0, stamp: 0 }; CHUNK_REFS], next: NIL, start: 0, end: 0 };

/// A first-in, first-out queue whose chunks lie in a [`Pool`].
#[derive(Debug)]
pub(crate) struct Queue {
    head: u32,
    tail: u32,
    /// References in the queue, stale ones included.
    refs: u32,
}

impl Queue {
    pub(crate) const EMPTY: Self = Self { head: NIL, tail: NIL, refs: 0 };

    /// References in the queue, stale ones included.
    #[inline]
    pub(crate) fn refs(&self) -> u32 {
        self.refs
    }
}

/// The chunks of all queues of a wheel, and the chunks that are free.
#[derive(Debug)]
pub(crate) struct Pool {
    chunks: Vec<Chunk>,
    free: u32,
}

impl Pool {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new(), free: NIL }
    }

    /// Appends `r` to `queue`.
    #[inline]
    pub(crate) fn push(&mut self, queue: &mut Queue, r: Ref) {
        if queue.tail == NIL || self.chunks[queue.tail as usize].end as usize == CHUNK_REFS {
            self.extend(queue);
        }
        let chunk = &mut self.chunks[queue.tail as usize];
        chunk.refs[chunk.end as usize] = r;
        chunk.end += 1;
        queue.refs += 1;
    }

    /// Appends a chunk to `queue`, a free one if there is one.
    fn extend(&mut self, queue: &mut Queue) {
        let new = if self.free == NIL {
            reserve_gently(&mut self.chunks);
            self.chunks.push(EMPTY_CHUNK);
            (self.chunks.len() - 1) as u32
        } else {
            let chunk = &mut self.chunks[self.free as usize];
            (chunk.start, chunk.end) = (0, 0);
            mem::replace(&mut self.free, mem::replace(&mut chunk.next, NIL))
        };
        if queue.tail == NIL {
            queue.head = new;
        } else {
            self.chunks[queue.tail as usize].next = new;
        }
        queue.tail = new;
    }

    /// Takes the first reference from `queue`.
    #[inline]
    pub(crate) fn pop(&mut self, queue: &mut Queue) -> Option<Ref> {
        let first = self.peek(queue)?;
        self.skip(queue);
        Some(first)
    }

    /// The first reference of `queue`.
    #[inline]
    pub(crate) fn peek(&self, queue: &Queue) -> Option<Ref> {
        if queue.head == NIL {
            return None;
        }
        let chunk = &self.chunks[queue.head as usize];
        Some(chunk.refs[chunk.start as usize])
    }

    /// Drops the first reference of `queue`, which is not empty.
    #[inline]
    pub(crate) fn skip(&mut self, queue: &mut Queue) {
        let chunk = &mut self.chunks[queue.head as usize];
        chunk.start += 1;
        queue.refs -= 1;
        if chunk.start == chunk.end {
            let next = mem::replace(&mut chunk.next, self.free);
            self.free = mem::replace(&mut queue.head, next);
            if next == NIL {
                queue.tail = NIL;
            }
        }
    }

    /// Moves all of `from` behind all of `to`.
    #[inline]
    pub(crate) fn append(&mut self, to: &mut Queue, from: Queue) {
        if from.head == NIL {
            return;
        }
        if to.tail == NIL {
            *to = from;
        } else {
            self.chunks[to.tail as usize].next = from.head;
            to.tail = from.tail;
            to.refs += from.refs;
        }
    }

    /// Empties `queue` at once, however long it is.
    #[inline]
    pub(crate) fn clear(&mut self, queue: &mut Queue) {
        if queue.head != NIL {
            self.chunks[queue.tail as usize].next = self.free;
            self.free = queue.head;
            *queue = Queue::EMPTY;
        }
    }

    /// Takes the first chunk from `queue`: its references, and which of them count.
    #[inline]
    pub(crate) fn pop_chunk(&mut self, queue: &mut Queue) -> Option<Batch> {
        if queue.head == NIL {
            return None;
        }
        let chunk = &mut self.chunks[queue.head as usize];
        let batch = Batch { refs: chunk.refs, start: chunk.start, end: chunk.end };
        queue.refs -= u32::from(batch.end - batch.start);
        let next = mem::replace(&mut chunk.next, self.free);
        self.free = mem::replace(&mut queue.head, next);
        if next == NIL {
            queue.tail = NIL;
        }
        Some(batch)
    }

    /// Drops the references of `queue` that `keep` refuses; the others stay in order.
    ///
    /// Each chunk is given back before what it kept is appended again, so this allocates only for an empty pool –
    /// which it is not, after the first chunk.
    pub(crate) fn retain(&mut self, queue: &mut Queue, mut keep: impl FnMut(Ref) -> bool) {
        let mut kept = Queue::EMPTY;
        while let Some(batch) = self.pop_chunk(queue) {
            for &r in batch.refs() {
                if keep(r) {
                    self.push(&mut kept, r);
                }
            }
        }
        *queue = kept;
    }

    /// The references of `queue`, first to last.
    pub(crate) fn iter<'a>(&'a self, queue: &Queue) -> impl Iterator<Item = Ref> + use<'a> {
        let mut next = queue.head;
        core::iter::from_fn(move || {
            let chunk = self.chunks.get(next as usize)?;
            next = chunk.next;
            Some(&chunk.refs[chunk.start as usize..chunk.end as usize])
        })
        .flatten()
        .copied()
    }

    /// Panics unless every chunk is either free or on exactly one of `queues`, and each queue counts right.
    pub(crate) fn audit<'a>(&self, queues: impl Iterator<Item = &'a Queue>) {
        let mut seen = alloc::vec![false; self.chunks.len()];
        let mut see = |chunk: u32| {
            assert!(!mem::replace(&mut seen[chunk as usize], true), "chunk {chunk} is on two lists");
        };
        for queue in queues {
            let (mut at, mut last, mut refs) = (queue.head, NIL, 0);
            while at != NIL {
                see(at);
                let chunk = &self.chunks[at as usize];
                assert!(chunk.start < chunk.end && chunk.end as usize <= CHUNK_REFS, "chunk {at} is empty or overfull");
                refs += u32::from(chunk.end - chunk.start);
                (last, at) = (at, chunk.next);
            }
            assert_eq!(last, queue.tail, "a queue's tail is its last chunk");
            assert_eq!(refs, queue.refs, "a queue's references counted, and the count kept");
        }
        let mut at = self.free;
        while at != NIL {
            see(at);
            at = self.chunks[at as usize].next;
        }
        assert!(seen.iter().all(|&seen| seen), "a chunk is neither free nor in use");
    }
}

/// The references of one chunk, taken from its queue.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Batch {
    refs: [Ref; CHUNK_REFS],
    start: u8,
    end: u8,
}

impl Batch {
    #[inline]
    pub(crate) fn refs(&self) -> &[Ref] {
        &self.refs[self.start as usize..self.end as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn r(index: u32) -> Ref {
        Ref { index, stamp: 0 }
    }

    fn filled(pool: &mut Pool, range: core::ops::Range<u32>) -> Queue {
        let mut queue = Queue::EMPTY;
        range.for_each(|index| pool.push(&mut queue, r(index)));
        queue
    }

    #[test]
    fn first_in_first_out_over_many_chunks() {
        let mut pool = Pool::new();
        let mut queue = filled(&mut pool, 0..100);
        pool.audit([&queue].into_iter());
        for index in 0..100 {
            assert_eq!(pool.peek(&queue), Some(r(index)));
            assert_eq!(pool.pop(&mut queue), Some(r(index)));
        }
        assert_eq!(pool.pop(&mut queue), None);
        pool.audit([&queue].into_iter());
    }

    #[test]
    fn appending_keeps_the_order_and_a_half_read_chunk() {
        let mut pool = Pool::new();
        let mut first = filled(&mut pool, 0..10);
        pool.pop(&mut first);
        let second = filled(&mut pool, 10..25);
        pool.append(&mut first, second);
        pool.append(&mut first, Queue::EMPTY);
        assert!(pool.iter(&first).eq((1..25).map(r)));
        assert_eq!(first.refs(), 24);
        pool.audit([&first].into_iter());
    }

    #[test]
    fn retaining_keeps_the_order_and_takes_no_new_chunk() {
        let mut pool = Pool::new();
        let mut queue = filled(&mut pool, 0..50);
        let chunks = pool.chunks.len();
        pool.retain(&mut queue, |r| r.index % 3 == 0);
        assert!(pool.iter(&queue).eq((0..50).step_by(3).map(r)));
        pool.audit([&queue].into_iter());
        pool.clear(&mut queue);
        pool.audit([&queue].into_iter());
        assert_eq!(pool.chunks.len(), chunks);
    }
}
