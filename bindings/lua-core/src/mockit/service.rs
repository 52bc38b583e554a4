//! One service: a queue, its clock, and the userdata that holds them for the functions of a module.

use super::queue::Queue;
use super::time::Alarm;
use super::{time, upvalue};
use crate::lua::errno::NO_MEMORY;
use crate::lua::guard::{Text, guard};
use cogloop_io::memory::expect_bytes;
use mlua::ffi::{lua_State, lua_touserdata, lua_upvalueindex};
use std::collections::TryReserveError;
use std::ffi::c_int;

/// The service's user value: the callbacks.
pub(super) const CALLBACKS: c_int = 1;

/// The bytes that are requested in addition to the size of a block.
const FOR_A_BOX: usize = 4 << 10;

pub(super) struct Service {
    pub(super) queue: Queue,
    /// Virtual time, for tests. `None` stands for the clock of `sys::boot_time`.
    pub(super) virtual_ns: Option<u64>,
    pub(super) alarm: Option<Alarm>,
    /// Whether memory has run out. If it has, the running function raises an error.
    pub(super) is_out_of_memory: bool,
}

impl Service {
    /// # Errors
    ///
    /// There is not enough memory.
    pub(super) fn try_new(is_virtual: bool) -> Result<Box<Self>, TryReserveError> {
        let (queue, virtual_ns) = (Queue::new(), is_virtual.then_some(0));
        expect_bytes(size_of::<Self>() + FOR_A_BOX)?;
        Ok(Box::new(Self { queue, virtual_ns, alarm: None, is_out_of_memory: false }))
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.virtual_ns.unwrap_or_else(time::now_ns)
    }

    /// Brings the queue up to date. Returns the time.
    pub(super) fn refresh(&mut self) -> u64 {
        let now_ns = self.now_ns();
        self.is_out_of_memory |= self.queue.refresh(now_ns).is_err();
        now_ns
    }

    /// If the script has asked for the alarm's descriptor, sets the alarm to the time of the next event. If an event is
    /// waiting already, the alarm is set to 1 ns, a time that has always passed.
    pub(super) fn set_alarm(&mut self) {
        let Some(alarm) = &mut self.alarm else { return };
        alarm.set(if self.queue.len() > 0 { 1 } else { self.queue.next_deadline().unwrap_or(0) });
    }
}

/// Does `work` on the service of the running function. `work` makes no Lua call. A panic becomes a Lua error, and so
/// does a lack of memory.
///
/// # Safety
/// [The rule for Lua calls](crate); the running function is one of a module's.
pub(super) unsafe fn with<R: Copy>(lua: *mut lua_State, work: impl FnOnce(&mut Service) -> R) -> R {
    // SAFETY: the upvalue is a service's userdata, which lives as long as the function. If its finalizer has run,
    // because the Lua state is closing, the place is `None`. `work` makes no Lua call, so nothing else refers to the
    // service meanwhile.
    unsafe {
        let service = lua_touserdata(lua, lua_upvalueindex(upvalue::SERVICE)).cast::<Option<Box<Service>>>();
        let worked = guard(|| match (*service).as_deref_mut() {
            Some(service) => {
                let result = work(service);
                let is_done = !std::mem::take(&mut service.is_out_of_memory);
                if is_done { Ok(result) } else { Err(Text::new(NO_MEMORY)) }
            }
            None => Err(Text::new("the Lua state is closing")),
        });
        match worked {
            Ok(result) => result,
            Err(text) => text.raise(lua),
        }
    }
}
