//! Which loops there are: those of this thread, whole, and of every thread what others may touch.
//!
//! ```text
//!   this thread    id ──► Rc<Loop>        dropped with the thread
//!   the process    id ──► Arc<Remote>     see `remotes`; empty in a forked child
//! ```

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::answer::{COG_ERROR_THREAD, Failure, or_no_memory};
use super::post::Remote;
use super::remotes;
use super::state::Loop;

thread_local! {
    /// By their numbers, in order.
    static LOOPS: RefCell<Vec<Rc<Loop>>> = const { RefCell::new(Vec::new()) };
}

/// Where a loop is, or would be.
fn place(loops: &[Rc<Loop>], id: u64) -> Result<usize, usize> {
    loops.binary_search_by_key(&id, |known| known.id)
}

pub(super) fn add(made: Rc<Loop>) -> Result<(), Failure> {
    let added = LOOPS.try_with(|loops| {
        let mut loops = loops.borrow_mut();
        or_no_memory("loop", loops.try_reserve(1))?;
        let (Ok(at) | Err(at)) = place(&loops, made.id);
        loops.insert(at, made);
        Ok(())
    });
    let is_ending = |_| Failure::new(COG_ERROR_THREAD, "this thread is ending: it can have no loop any more");
    added.map_err(is_ending)?
}

/// Calls `f` with a loop of this thread. While it runs, it may call no user.
pub(super) fn with<T>(id: u64, f: impl FnOnce(&Rc<Loop>) -> Result<T, Failure>) -> Result<T, Failure> {
    let found = LOOPS.try_with(|loops| {
        let loops = loops.borrow();
        match place(&loops, id).ok().and_then(|at| loops.get(at)) {
            Some(found) if found.forks != remotes::forks() => Err(Failure::new(
                COG_ERROR_THREAD,
                "the loop belongs to the parent process; make a new one after a fork",
            )),
            Some(found) => f(found),
            None => Err(not_here(id)),
        }
    });
    found.unwrap_or_else(|_| Err(not_here(id)))
}

fn not_here(id: u64) -> Failure {
    match remotes::enter(id) {
        Some(_) => Failure::new(
            COG_ERROR_THREAD,
            "the loop belongs to another thread; only cog_loop_post and cog_loop_wake may be called from here",
        ),
        None => Failure::stale("loop"),
    }
}

/// What any thread may touch.
pub(super) fn remote(id: u64) -> Result<Arc<Remote>, Failure> {
    remotes::enter(id).map(|guest| guest.keep()).ok_or_else(|| Failure::stale("loop"))
}

/// Takes a loop of this thread, a parent's too, out of everybody's sight.
pub(super) fn take(id: u64) -> Result<Rc<Loop>, Failure> {
    let taken = LOOPS.try_with(|loops| {
        let mut loops = loops.borrow_mut();
        place(&loops, id).ok().map(|at| loops.remove(at))
    });
    taken.ok().flatten().ok_or_else(|| not_here(id))
}
