//! Which loops there are: those of this thread, whole, and of every thread what others may touch.
//!
//! ```text
//!   this thread    id ──► Rc<Loop>        dropped with the thread
//!   the process    id ──► Arc<Remote>     held while somebody forks, and empty in the child
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use super::answer::{COG_ERROR_THREAD, Failure};
use super::post::Remote;
use super::state::Loop;

type Remotes = BTreeMap<u64, Arc<Remote>>;

thread_local! {
    static LOOPS: RefCell<BTreeMap<u64, Rc<Loop>>> = const { RefCell::new(BTreeMap::new()) };
    /// While this thread forks: without it the child could find the lock held by a thread that it does not have.
    static HELD: Cell<Option<MutexGuard<'static, Remotes>>> = const { Cell::new(None) };
}

static REMOTES: Mutex<Remotes> = Mutex::new(BTreeMap::new());
/// Forks that led to this process. What was made at another count is a parent's.
static FORKS: AtomicU64 = AtomicU64::new(0);
static LAST_ID: AtomicU64 = AtomicU64::new(0);

fn remotes() -> MutexGuard<'static, Remotes> {
    REMOTES.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn before_a_fork() {
    // A thread that is taking itself apart forks without.
    let _ = HELD.try_with(|held| held.set(Some(remotes())));
}

extern "C" fn after_a_fork() {
    let _ = HELD.try_with(Cell::take);
}

extern "C" fn in_a_forked_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    if let Ok(Some(mut remotes)) = HELD.try_with(Cell::take) {
        remotes.clear();
    }
}

fn mind_forks() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // SAFETY: the functions may be called whenever a thread forks, and the library stays loaded. No lock of ours is
        // held then: nothing of the user's is called with one.
        unsafe { libc::pthread_atfork(Some(before_a_fork), Some(after_a_fork), Some(in_a_forked_child)) };
    });
}

/// The count to keep with what belongs to this process.
pub(super) fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

pub(super) fn new_id() -> u64 {
    LAST_ID.fetch_add(1, Ordering::Relaxed) + 1
}

pub(super) fn add(made: Rc<Loop>) -> Result<(), Failure> {
    mind_forks();
    let (id, remote) = (made.id, made.remote.clone());
    let added = LOOPS.try_with(|loops| loops.borrow_mut().insert(id, made));
    added.map_err(|_| Failure::new(COG_ERROR_THREAD, "this thread is ending: it can have no loop any more"))?;
    remotes().insert(id, remote);
    Ok(())
}

/// Calls `f` with a loop of this thread. While it runs, it may call no user.
pub(super) fn with<T>(id: u64, f: impl FnOnce(&Rc<Loop>) -> Result<T, Failure>) -> Result<T, Failure> {
    let found = LOOPS.try_with(|loops| match loops.borrow().get(&id) {
        Some(found) if found.forks != forks() => {
            Err(Failure::new(COG_ERROR_THREAD, "the loop belongs to the parent process; make a new one after a fork"))
        }
        Some(found) => f(found),
        None => Err(not_here(id)),
    });
    found.unwrap_or_else(|_| Err(not_here(id)))
}

fn not_here(id: u64) -> Failure {
    match remote(id) {
        Ok(_) => Failure::new(
            COG_ERROR_THREAD,
            "the loop belongs to another thread; only cog_loop_post and cog_loop_wake may be called from here",
        ),
        Err(stale) => stale,
    }
}

/// What any thread may touch.
pub(super) fn remote(id: u64) -> Result<Arc<Remote>, Failure> {
    remotes().get(&id).cloned().ok_or_else(|| Failure::stale("loop"))
}

/// Takes a loop of this thread, a parent's too, out of everybody's sight.
pub(super) fn take(id: u64) -> Result<Rc<Loop>, Failure> {
    let taken = LOOPS.try_with(|loops| loops.borrow_mut().remove(&id));
    taken.ok().flatten().ok_or_else(|| not_here(id))
}

/// Nothing can be posted to it any more.
pub(super) fn forget(id: u64) {
    remotes().remove(&id);
}
