//! Finds a loop by its number. Each thread has a table of its own loops. One table for the whole process has the part
//! of each loop that any thread may use.
//!
//! ```text
//!   a loop's id   generation, 24 bits │ index, 24 bits │ place, 16 bits
//!   this thread   place ──► Rc<Loop>                      dropped with the thread
//!   the process   index ──► Arc<Remote>, and for the      see `remotes`; empty in a forked child
//!                           loop's thread the Loop
//! ```
//!
//! If a handle names no loop of the thread, a search in both tables finds the reason.

use std::cell::{Cell, RefCell};
use std::collections::TryReserveError;
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
    /// The free places. The list has room for all places, so that freeing a place needs no memory.
    free: Vec<u16>,
    /// Adopted loops whose place belongs to another loop of this thread. They are searched after all other loops.
    strays: Vec<Rc<Loop>>,
}

impl LoopTable {
    const NONE: Self = Self { loops: Vec::new(), free: Vec::new(), strays: Vec::new() };

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

    #[cold]
    fn stray(&self, id: u64) -> Option<&Rc<Loop>> {
        self.strays.iter().find(|found| found.id == id)
    }

    /// Makes room for the loop with this number, which another thread has made.
    fn try_reserve(&mut self, id: u64) -> Result<(), TryReserveError> {
        let places = place_of(id) + 1;
        self.loops.try_reserve(places.saturating_sub(self.loops.len()))?;
        self.free.try_reserve(places.max(self.loops.len()))?;
        self.strays.try_reserve(1)
    }

    /// Stores a loop that another thread has made. There must be room for it.
    fn put(&mut self, found: Rc<Loop>) {
        let place = place_of(found.id);
        while self.loops.len() <= place {
            self.free.push(self.loops.len() as u16);
            self.loops.push(None);
        }
        match self.free.iter().position(|free| usize::from(*free) == place) {
            Some(at) => {
                self.free.swap_remove(at);
                self.loops[place] = Some(found);
            }
            None => self.strays.push(found),
        }
    }

    fn remove(&mut self, id: u64) -> Option<Rc<Loop>> {
        remotes::disown(id);
        debug_assert!(!IS_IN_USE.get(), "a loop is taken out of the table while a function uses it");
        let place = place_of(id);
        if let Some(found) = self.loops.get_mut(place).and_then(|at| at.take_if(|found| found.id == id)) {
            self.free.push(place as u16);
            return Some(found);
        }
        let at = self.strays.iter().position(|found| found.id == id)?;
        Some(self.strays.swap_remove(at))
    }

    /// Empties the table, and frees none of its loops.
    fn forget(&mut self) {
        std::mem::forget(std::mem::take(&mut self.loops));
        std::mem::forget(std::mem::take(&mut self.strays));
    }
}

/// A thread that ends frees its loops. If the process is ending and the other threads are gone, the loops are not
/// freed. One of those threads may have been ended while it used a loop's remote or held a lock.
impl Drop for LoopTable {
    fn drop(&mut self) {
        self.loops.iter().flatten().chain(&self.strays).for_each(|found| remotes::disown(found.id));
        if process::is_ending() {
            self.forget();
        }
    }
}

thread_local! {
    static LOOPS: RefCell<LoopTable> = const { RefCell::new(LoopTable::NONE) };
    /// Whether `with` runs its function. Only debug builds set it.
    static IS_IN_USE: Cell<bool> = const { Cell::new(false) };
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
            remotes::own(id, Rc::as_ptr(&made).cast());
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

/// Calls `f` with a loop of this thread. `f` must not call functions of the user, and must not take a loop out of the
/// table.
#[inline(always)]
pub(super) fn with<T>(id: u64, f: impl FnOnce(&Loop) -> Result<T, Failure>) -> Result<T, Failure> {
    let Some(at) = remotes::mine(id) else { return Err(why_not(id)) };
    call_with(at, f)
}

/// [`with`] for the quick way of a call. If the thread has no such loop, or the search for it takes longer, the result
/// is false.
#[inline(always)]
pub(super) fn with_quickly(id: u64, f: impl FnOnce(&Loop) -> bool) -> bool {
    remotes::mine_of_first(id).is_some_and(|at| call_with(at, f))
}

/// Calls `f` with the loop whose address `remotes` has returned just now.
#[inline(always)]
fn call_with<R>(at: *const (), f: impl FnOnce(&Loop) -> R) -> R {
    // SAFETY:
    // 1. `own` gets only addresses of loops in its thread's table, which keeps them alive.
    // 2. A loop leaves the table by `LoopTable::remove` and when the thread ends. Both call `disown`.
    // 3. No `f` calls `take`, the only caller of `remove`. No `f` calls functions of the user, which could call `take`.
    //    A debug build checks this. So the loop stays in the table until `f` has returned.
    let found = unsafe { &*at.cast::<Loop>() };
    if cfg!(debug_assertions) {
        let was_in_use = IS_IN_USE.replace(true);
        let result = f(found);
        IS_IN_USE.set(was_in_use);
        return result;
    }
    f(found)
}

/// Why a handle names no loop that this thread may use. The loops of the parent process are still in a forked child's
/// table.
#[cold]
#[inline(never)]
fn why_not(id: u64) -> Failure {
    match of_any_process(id) {
        Ok(_) => Failure::new(COG_ERROR_THREAD, PARENTS),
        Err(failure) => failure,
    }
}

/// Returns a loop of this thread, which the caller may keep for longer than one call.
pub(super) fn shared(id: u64) -> Result<Rc<Loop>, Failure> {
    with(id, |_| Ok(()))?;
    of_any_process(id)
}

/// A loop of this thread, which may be a copy of the parent process's loop.
pub(super) fn of_any_process(id: u64) -> Result<Rc<Loop>, Failure> {
    let found = LOOPS.try_with(|places| {
        let places = places.borrow();
        places.get(id).or_else(|| places.stray(id)).cloned()
    });
    found.ok().flatten().ok_or_else(|| not_here(id))
}

/// Makes room in this thread's table for a loop that another thread has made.
pub(super) fn expect_room(id: u64) -> Result<(), Failure> {
    let is_ending = |_| Failure::new(COG_ERROR_THREAD, "this thread is ending and cannot adopt a loop");
    or_no_memory("loop", LOOPS.try_with(|places| places.borrow_mut().try_reserve(id)).map_err(is_ending)?)
}

/// Stores a loop that another thread has made. There must be room for it.
pub(super) fn put(found: Rc<Loop>) {
    remotes::own(found.id, Rc::as_ptr(&found).cast());
    // The table was accessible a moment ago, when the room was made.
    let _ = LOOPS.try_with(|places| places.borrow_mut().put(found));
}

const PARENTS: &str =
    "the loop belongs to the parent process; make a new one after a fork, or call cog_loop_after_fork";
const ANOTHERS: &str = "the loop belongs to another thread, or to none; only cog_loop_post, cog_loop_wake and cog_loop_adopt may be called here";

#[cold]
#[inline(never)]
fn not_here(id: u64) -> Failure {
    if remotes::enter(id).is_some() { Failure::new(COG_ERROR_THREAD, ANOTHERS) } else { Failure::STALE_LOOP }
}

/// The part of a loop that any thread may use.
pub(super) fn remote(id: u64) -> Result<Arc<Remote>, Failure> {
    remotes::enter(id).map(|guest| guest.keep()).ok_or(Failure::STALE_LOOP)
}

/// Takes a loop of this thread out of the table, also a loop of the parent process.
pub(super) fn take(id: u64) -> Result<Rc<Loop>, Failure> {
    let taken = LOOPS.try_with(|places| places.borrow_mut().remove(id));
    taken.ok().flatten().ok_or_else(|| not_here(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cog::options::CogOptions;

    #[test]
    fn a_table_that_is_forgotten_frees_neither_its_own_loops_nor_adopted_ones() {
        // SAFETY: NULL stands for the default options.
        let options = unsafe { CogOptions::read(std::ptr::null()) }.unwrap();
        let [own, adopted] = [0, 0].map(|place| Loop::new(&options, None, place).unwrap());
        let mut table = LoopTable::default();
        for one in [&own, &adopted] {
            table.try_reserve(one.id).unwrap();
            table.put(Rc::clone(one));
        }
        assert!(table.get(own.id).is_some() && table.stray(adopted.id).is_some());
        table.forget();
        drop(table);
        for one in [own, adopted] {
            assert_eq!(Rc::strong_count(&one), 2, "the table still counts");
            // SAFETY: the table has forgotten its reference, so one count is left over. Only this line gives it back.
            unsafe { Rc::decrement_strong_count(Rc::as_ptr(&one)) };
        }
    }
}
