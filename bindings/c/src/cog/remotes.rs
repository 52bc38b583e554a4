//! The table in which any thread finds a loop's remote by the loop's number. The remote is the loop's queue and waker.
//! The table is read without a lock. So a signal handler can wake a loop at any time, even if it has interrupted a
//! thread that holds a lock.
//!
//! The loop's own thread uses this table, too, to find the loop itself. Nearly every call does so. A look-up in a
//! thread-local variable would take longer: in a shared library it calls a function of the dynamic linker.
//!
//! ```text
//!   id      generation, 24 bits │ index, 24 bits │ place in its thread's table, 16 bits
//!   chunks  128 slots │ 256 │ 512 │ …              the first is static. The others are made when needed, and kept: a
//!                                                  slot never moves
//!   slot    id (0: free) │ owner: a thread (0: none) │ at: the loop │ users │ remote
//!
//!   mine    is the id still this one, and this thread the owner?  then `at` is the loop
//!   enter   users + 1;  is the id still this one?  then the remote stays until  users - 1
//!   forget  id := 0;    until there are no users: wait.  Then the remote is dropped, and the slot is free
//! ```
//!
//! A user stays for one system call, so `forget` waits no longer than that. A lock guards the list of free slots. A
//! thread takes this lock before it forks. Otherwise another thread could hold the lock at the fork. That thread does
//! not exist in the child and would never release the lock.

use std::cell::Cell;
use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError};

use super::answer::{COG_ERROR_LIMIT, Failure, or_no_memory};
use super::post::Remote;
use crate::sys::{process, thread};

/// The lowest bits of an id are the loop's place in the table of its thread.
pub(super) const PLACE_BITS: u32 = u16::BITS;
const INDEX_BITS: u32 = 24;
const FIRST_CHUNK: usize = 128;
/// The chunks of 128 + 256 + … slots cover all indices except the last 128.
const CHUNKS: usize = (INDEX_BITS - FIRST_CHUNK.ilog2()) as usize;
const GENERATION_MAX: u64 = u64::MAX >> (INDEX_BITS + PLACE_BITS);

#[derive(Debug)]
struct Slot {
    /// 0 in a slot that is free or is being freed.
    id: AtomicU64,
    /// The number of the thread to which the loop belongs, or 0. Only that thread writes this field and `at`.
    owner: AtomicUsize,
    /// The address of the loop. Its type is erased, because this file is in a layer below the loop.
    at: AtomicPtr<()>,
    users: Users,
    /// From `Arc::into_raw`; null in a free slot.
    remote: AtomicPtr<Remote>,
    /// The generation of the present or last loop. It changes only while the lock is held.
    generation: AtomicU64,
}

/// The number of threads that use a remote. It has a cache line of its own: other threads write it, and the loop's
/// thread reads the rest of the slot at each call.
#[derive(Debug)]
#[repr(align(64))]
struct Users(AtomicU32);

impl Slot {
    const fn free() -> Self {
        Self {
            id: AtomicU64::new(0),
            owner: AtomicUsize::new(0),
            at: AtomicPtr::new(ptr::null_mut()),
            users: Users(AtomicU32::new(0)),
            remote: AtomicPtr::new(ptr::null_mut()),
            generation: AtomicU64::new(0),
        }
    }
}

/// The number of slots, and the list of free slots. The list has room for all slots.
#[derive(Debug)]
struct Free {
    slots: usize,
    indices: Vec<u32>,
}

static FIRST: [Slot; FIRST_CHUNK] = [const { Slot::free() }; FIRST_CHUNK];
/// The other chunks. The first place stays empty, because `FIRST` is the first chunk.
static TABLE: [OnceLock<Box<[Slot]>>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];
static FREE: Mutex<Free> = Mutex::new(Free { slots: 0, indices: Vec::new() });
/// The number of forks between the first process and this one. Each loop keeps the number of its own process. If a
/// loop's number differs from this one, the loop belongs to the parent process.
static FORKS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Holds the lock while this thread forks.
    static HELD: Cell<Option<MutexGuard<'static, Free>>> = const { Cell::new(None) };
}

fn lock() -> MutexGuard<'static, Free> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The chunk that holds an index, and the place in it.
fn place_of(index: usize) -> (usize, usize) {
    let chunk = (index / FIRST_CHUNK + 1).ilog2() as usize;
    (chunk, index - FIRST_CHUNK * ((1 << chunk) - 1))
}

#[inline(always)]
fn slot_at(index: usize) -> Option<&'static Slot> {
    FIRST.get(index).or_else(|| later_slot(index))
}

#[cold]
fn later_slot(index: usize) -> Option<&'static Slot> {
    let (chunk, offset) = place_of(index);
    TABLE.get(chunk)?.get()?.get(offset)
}

fn index_of(id: u64) -> usize {
    (id >> PLACE_BITS & ((1 << INDEX_BITS) - 1)) as usize
}

impl Free {
    /// Takes a free slot. Makes a new chunk if no slot is free.
    fn take(&mut self) -> Result<u32, Failure> {
        if let Some(index) = self.indices.pop() {
            return Ok(index);
        }
        let (chunk, _) = place_of(self.slots);
        let place = TABLE
            .get(chunk)
            .ok_or_else(|| Failure::new(COG_ERROR_LIMIT, "loop: the process has used all numbers for loops"))?;
        let (begin, length) = (self.slots, FIRST_CHUNK << chunk);
        let mut slots = Vec::new();
        let is_static = chunk == 0;
        or_no_memory("loop", slots.try_reserve_exact(if is_static { 0 } else { length }))?;
        or_no_memory("loop", self.indices.try_reserve(begin + length))?;
        if !is_static {
            slots.resize_with(length, Slot::free);
            // The lock is held, so no other thread sets this chunk.
            let _ = place.set(slots.into_boxed_slice());
        }
        self.slots = begin + length;
        self.indices.extend((begin as u32..self.slots as u32).rev());
        self.take()
    }

    /// Frees a slot. A slot whose generations are used up is not used again.
    fn give_back(&mut self, index: usize, slot: &Slot) {
        if slot.generation.load(Ordering::Relaxed) < GENERATION_MAX {
            self.indices.push(index as u32);
        }
    }
}

/// Adds a remote to the table. Returns a number that is never used for another loop. The number contains the loop's
/// place in the table of the thread.
pub(super) fn add(remote: Arc<Remote>, place: u16) -> Result<u64, Failure> {
    mind_forks();
    let mut free = lock();
    let index = free.take()?;
    let slot = slot_at(index as usize).ok_or_else(|| Failure::memory("loop"))?;
    let generation = slot.generation.load(Ordering::Relaxed) + 1;
    slot.generation.store(generation, Ordering::Relaxed);
    let id = (generation << INDEX_BITS | u64::from(index)) << PLACE_BITS | u64::from(place);
    slot.remote.store(Arc::into_raw(remote).cast_mut(), Ordering::Release);
    slot.id.store(id, Ordering::SeqCst);
    Ok(id)
}

/// Adds a remote under the number that its loop had before a fork.
pub(super) fn add_again(id: u64, remote: Arc<Remote>) -> Result<(), Failure> {
    let mut free = lock();
    let index = index_of(id);
    let at = free.indices.iter().position(|&free| free as usize == index);
    let slot = slot_at(index).filter(|slot| slot.generation.load(Ordering::Relaxed) == id >> (INDEX_BITS + PLACE_BITS));
    let (Some(at), Some(slot)) = (at, slot) else {
        let message = "loop: a new loop of the child has taken this loop's number; \
                       call cog_loop_after_fork before making another loop";
        return Err(Failure::new(COG_ERROR_LIMIT, message));
    };
    free.indices.swap_remove(at);
    slot.remote.store(Arc::into_raw(remote).cast_mut(), Ordering::Release);
    slot.id.store(id, Ordering::SeqCst);
    Ok(())
}

/// Lets this thread find its loop by the loop's number. `at` is valid until [`disown`] or until the loop is forgotten.
pub(super) fn own(id: u64, at: *const ()) {
    if let Some(slot) = slot_at(index_of(id)).filter(|slot| slot.id.load(Ordering::Relaxed) == id) {
        slot.at.store(at.cast_mut(), Ordering::Relaxed);
        slot.owner.store(thread::number(), Ordering::Relaxed);
    }
}

/// Ends [`own`]. On another thread it does nothing.
pub(super) fn disown(id: u64) {
    if let Some(slot) = slot_at(index_of(id)).filter(|_| mine(id).is_some()) {
        slot.owner.store(0, Ordering::Relaxed);
    }
}

/// The address of a loop of this thread.
///
/// If this thread is a slot's owner, then this thread itself has written `owner` and `at`. Other threads write them
/// only in slots that do not belong to this thread. So the relaxed order of memory is enough.
#[inline(always)]
pub(super) fn mine(id: u64) -> Option<*const ()> {
    at_if_mine(slot_at(index_of(id))?, id)
}

/// [`mine`] for a loop whose slot is in the first chunk, as nearly all are; `None` for the others.
#[inline(always)]
pub(super) fn mine_of_first(id: u64) -> Option<*const ()> {
    at_if_mine(FIRST.get(index_of(id))?, id)
}

#[inline(always)]
fn at_if_mine(slot: &Slot, id: u64) -> Option<*const ()> {
    let is_mine = slot.id.load(Ordering::Relaxed) == id && slot.owner.load(Ordering::Relaxed) == thread::number();
    is_mine.then(|| slot.at.load(Ordering::Relaxed).cast_const())
}

/// Removes a remote from the table. When this function returns, no thread uses the remote through the table.
pub(super) fn forget(id: u64) {
    let Some(slot) = slot_at(index_of(id)).filter(|_| id != 0) else { return };
    if slot.id.compare_exchange(id, 0, Ordering::SeqCst, Ordering::Relaxed).is_err() {
        return;
    }
    slot.owner.store(0, Ordering::Relaxed);
    while slot.users.0.load(Ordering::SeqCst) != 0 {
        std::thread::yield_now();
    }
    drop_remote(slot);
    lock().give_back(index_of(id), slot);
}

/// Drops the remote of a slot without users.
fn drop_remote(slot: &Slot) {
    let remote = slot.remote.swap(ptr::null_mut(), Ordering::AcqRel);
    if !remote.is_null() {
        // SAFETY: the pointer is from `Arc::into_raw` in `add` or `add_again`, and only one caller takes it out of the
        // slot.
        drop(unsafe { Arc::from_raw(remote.cast_const()) });
    }
}

/// A user of a remote. While this value exists, the remote is not dropped.
#[derive(Debug)]
pub(super) struct Guest(&'static Slot);

/// Finds a remote. This takes no lock and no memory, so a signal handler may call it.
pub(super) fn enter(id: u64) -> Option<Guest> {
    let slot = slot_at(index_of(id)).filter(|_| id != 0)?;
    // Both operations are sequentially consistent, and their order matters. Either `forget` sees this user, or this
    // user sees that the id is gone.
    slot.users.0.fetch_add(1, Ordering::SeqCst);
    let guest = Guest(slot);
    (slot.id.load(Ordering::SeqCst) == id).then_some(guest)
}

impl Guest {
    /// A reference that may be kept for longer than one system call.
    pub(super) fn keep(&self) -> Arc<Remote> {
        let remote: *const Remote = &raw const **self;
        // SAFETY: the pointer is from `Arc::into_raw`, and the slot keeps its own reference until this guest has left.
        unsafe {
            Arc::increment_strong_count(remote);
            Arc::from_raw(remote)
        }
    }
}

impl Deref for Guest {
    type Target = Remote;

    fn deref(&self) -> &Remote {
        let remote = self.0.remote.load(Ordering::Acquire);
        // SAFETY:
        // 1. Only `enter` makes a guest. It first counts the guest and then reads the slot's id. `add` and `add_again`
        //    store the remote before the id, so the pointer is not null.
        // 2. `forget` drops the remote only after it has cleared the id and no user is left. This guest is a user until
        //    it is dropped.
        unsafe { &*remote }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.users.0.fetch_sub(1, Ordering::Release);
    }
}

extern "C" fn before_a_fork() {
    // A thread that is ending has no thread-local value for the lock. It forks without the lock.
    let _ = HELD.try_with(|held| held.set(Some(lock())));
}

extern "C" fn after_a_fork() {
    let _ = HELD.try_with(Cell::take);
}

/// Empties the table. The parent's loops do not belong to the child, and the threads that used a remote do not exist in
/// the child.
extern "C" fn in_a_forked_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    let made = TABLE.iter().filter_map(OnceLock::get).flatten();
    FIRST.iter().chain(made).for_each(|slot| slot.owner.store(0, Ordering::Relaxed));
    let Ok(Some(mut free)) = HELD.try_with(Cell::take) else { return };
    free.indices.clear();
    for index in (0..free.slots).rev() {
        let Some(slot) = slot_at(index) else { continue };
        slot.id.store(0, Ordering::SeqCst);
        slot.users.0.store(0, Ordering::SeqCst);
        drop_remote(slot);
        free.give_back(index, slot);
    }
}

fn mind_forks() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // The forking thread holds no lock of the library, because no function of the user is called under a lock.
        process::at_fork(Some(before_a_fork), Some(after_a_fork), Some(in_a_forked_child));
    });
}

/// The number of forks, to be stored with an object of this process.
pub(super) fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_one_place() {
        let mut expected = 0;
        for chunk in 0..CHUNKS {
            for offset in [0, 1, (FIRST_CHUNK << chunk) - 1] {
                assert_eq!(place_of(expected + offset), (chunk, offset));
            }
            expected += FIRST_CHUNK << chunk;
        }
        assert_eq!(expected, (1 << INDEX_BITS) - FIRST_CHUNK);
        assert_eq!(place_of(expected), (CHUNKS, 0), "the first index beyond the table");
    }
}
