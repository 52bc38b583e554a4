//! Finds a loop by its number. Each thread has a table of its own loops. A table of the process has the part of each loop that any
//! thread may use.
//!
//! ```text
//!   a loop's id   generation, 24 bits │ index, 24 bits │ place, 16 bits
//!   this thread   place ──► Rc<Loop>       dropped with the thread
//!   the process   index ──► Arc<Remote>    see `remotes`; empty in a forked child
//! ```
//!
//! A valid handle leads to its loop in one step. For another handle the reason is looked up afterwards.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::answer::{COG_ERROR_LIMIT, COG_ERROR_THREAD, Failure, or_no_memory};
use super::post::Remote;
use super::remotes::{self, PLACE_BITS};
use super::state::Loop;
use crate::sys::process;

/// The loops of a thread, by their places.
#[derive(Default)]
struct LoopTable {
    loops: Vec<Option<Rc<Loop>>>,
    /// It has room for all places.
    free: Vec<u16>,
}

impl LoopTable {
    const NONE: Self = Self { loops: Vec::new(), free: Vec::new() };

    fn take(&mut self) -> Result<u16, Failure> {
        if let Some(place) = self.free.pop() {
            return Ok(place);
        }
        let full = |_| Failure::new(COG_ERROR_LIMIT, "loop: this thread has 65536 loops, which is the limit");
        let place = u16::try_from(self.loops.len()).map_err(full)?;
        or_no_memory("loop", self.loops.try_reserve(1))?;
        or_no_memory("loop", self.free.try_reserve(self.loops.len() + 1))?;
        self.loops.push(None);
        Ok(place)
    }

    #[inline(always)]
    fn get(&self, id: u64) -> Option<&Rc<Loop>> {
        let found = self.loops.get(place_of(id))?.as_ref();
        found.filter(|found| found.id == id)
    }
}

/// A thread that ends frees its loops. The thread that ends the process leaves them to the system, if other threads are gone
/// already: one of them may have been ended inside a loop's remote, or with a lock.
impl Drop for LoopTable {
    fn drop(&mut self) {
        if process::is_ending() {
            std::mem::forget(std::mem::take(&mut self.loops));
        }
    }
}

thread_local! {
    static LOOPS: RefCell<LoopTable> = const { RefCell::new(LoopTable::NONE) };
}

fn place_of(id: u64) -> usize {
    (id & ((1 << PLACE_BITS) - 1)) as usize
}

/// Takes a place of this thread, stores the loop that `make` makes for it, and returns the loop's number.
pub(super) fn add(make: impl FnOnce(u16) -> Result<Rc<Loop>, Failure>) -> Result<u64, Failure> {
    let is_ending = |_| Failure::new(COG_ERROR_THREAD, "this thread is ending and cannot make a loop");
    let place = LOOPS.try_with(|places| places.borrow_mut().take()).map_err(is_ending)??;
    let made = make(place);
    let keep = |places: &RefCell<LoopTable>| match made {
        Ok(made) => {
            let id = made.id;
            places.borrow_mut().loops[usize::from(place)] = Some(made);
            Ok(id)
        }
        Err(failure) => {
            places.borrow_mut().free.push(place);
            Err(failure)
        }
    };
    LOOPS.try_with(keep).map_err(is_ending)?
}

/// Calls `f` with a loop of this thread. `f` must not call the user's functions.
#[inline(always)]
pub(super) fn with<T>(id: u64, f: impl FnOnce(&Rc<Loop>) -> Result<T, Failure>) -> Result<T, Failure> {
    let found = LOOPS.try_with(|places| match places.borrow().get(id) {
        Some(found) if found.forks == remotes::forks() => f(found),
        Some(_) => Err(Failure::new(COG_ERROR_THREAD, PARENTS)),
        None => Err(not_here(id)),
    });
    found.unwrap_or_else(|_| Err(not_here(id)))
}

const PARENTS: &str = "the loop belongs to the parent process; make a new one after a fork";
const ANOTHERS: &str =
    "the loop belongs to another thread; only cog_loop_post and cog_loop_wake may be called from here";

#[cold]
#[inline(never)]
fn not_here(id: u64) -> Failure {
    if remotes::enter(id).is_some() { Failure::new(COG_ERROR_THREAD, ANOTHERS) } else { Failure::STALE_LOOP }
}

/// The part of a loop that any thread may use.
pub(super) fn remote(id: u64) -> Result<Arc<Remote>, Failure> {
    remotes::enter(id).map(|guest| guest.keep()).ok_or(Failure::STALE_LOOP)
}

/// Takes a loop of this thread, also one of the parent process, out of the table.
pub(super) fn take(id: u64) -> Result<Rc<Loop>, Failure> {
    let taken = LOOPS.try_with(|places| {
        let mut places = places.borrow_mut();
        let place = place_of(id);
        let taken = places.loops.get_mut(place)?.take_if(|found| found.id == id);
        taken.inspect(|_| places.free.push(place as u16))
    });
    taken.ok().flatten().ok_or_else(|| not_here(id))
}
