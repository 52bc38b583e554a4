//! A loop that goes on in another thread, or in a forked child. The header describes each function.
//!
//! ```text
//!   the owner's table ── cog_loop_release ──► Remote::parked ── cog_loop_adopt ──► another thread's table
//! ```

use std::ffi::c_int;
use std::rc::Rc;
use std::sync::Arc;

use super::answer::{COG_ERROR_RUNNING, COG_ERROR_THREAD, Failure, answer_uncancelled, expect_memory};
use super::ends::End;
use super::post::{Parked, Remote};
use super::state::{Loop, Source};
use super::{CogLoop, registry, remotes};

const IN_USE: &str = "loop: it or one of its functions is running; release it after that";
const NOT_RELEASED: &str = "loop: it belongs to a thread, which has not called cog_loop_release";

fn release(id: u64) -> Result<(), Failure> {
    let found = registry::shared(id)?;
    // The table has one reference, and this function the other.
    if Rc::strong_count(&found) > 2 {
        return Err(Failure::new(COG_ERROR_RUNNING, IN_USE));
    }
    found.events.borrow_mut().leave_thread();
    drop(found);
    let found = registry::take(id)?;
    let remote = found.remote();
    remote.park(Parked(found));
    Ok(())
}

fn adopt(id: u64) -> Result<(), Failure> {
    let remote = registry::remote(id)?;
    let not_released = || Failure::new(COG_ERROR_THREAD, NOT_RELEASED);
    let Parked(parked) = remote.unpark().ok_or_else(not_released)?;
    // Only `release` *parks* values, that is, stores them in the remote. It parks only loops.
    let found = parked.downcast::<Loop>().map_err(|_| not_released())?;
    let adopted = registry::expect_room(id).and_then(|()| found.enter_thread());
    if adopted.is_ok() {
        registry::put(found);
    } else {
        remote.park(Parked(found));
    }
    adopted
}

impl Loop {
    fn enter_thread(&self) -> Result<(), Failure> {
        expect_memory("loop")?;
        self.events.borrow_mut().enter_thread(&self.chosen)?;
        self.keep_report();
        Ok(())
    }

    fn after_fork(&self) -> Result<(), Failure> {
        expect_memory("loop")?;
        self.events.borrow_mut().after_fork(&self.chosen)?;
        let remote = Arc::new(Remote::new(self.events.borrow().waker()));
        remotes::add_again(self.id, Arc::clone(&remote))?;
        self.remote.replace(remote);
        self.keep_report();
        self.forks.set(remotes::forks());
        remotes::own(self.id, std::ptr::from_ref(self).cast());
        Ok(())
    }

    /// Ends the watches of signals and children. A forked child inherits neither its parent's children nor the signals
    /// that were sent to its parent.
    fn end_parents_watches(&self) {
        let indices = self.watches.borrow().indices();
        for index in indices {
            let place = self.watches.borrow_mut().take(index);
            let Some((token, watch)) = place else { continue };
            if let Source::Descriptor(_) = watch.source {
                self.watches.borrow_mut().replace(index, Some((token, watch)));
                continue;
            }
            // The descriptor is a copy of the parent's. The child only has to forget it.
            let _ = self.events.borrow_mut().remove_descriptor(token);
            self.end_of_watch(&(token, watch)).into_iter().for_each(End::call);
        }
    }
}

/// Takes a loop from this thread.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_release(r#loop: CogLoop) -> c_int {
    answer_uncancelled(|| release(r#loop.id))
}

/// Gives a released loop to this thread.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_adopt(r#loop: CogLoop) -> c_int {
    answer_uncancelled(|| adopt(r#loop.id))
}

/// Lets a forked child go on with its copy of a loop.
#[unsafe(no_mangle)]
pub extern "C" fn cog_loop_after_fork(r#loop: CogLoop) -> c_int {
    answer_uncancelled(|| {
        let found = registry::of_any_process(r#loop.id)?;
        if found.forks.get() == remotes::forks() {
            return Ok(());
        }
        found.after_fork()?;
        found.end_parents_watches();
        Ok(())
    })
}
