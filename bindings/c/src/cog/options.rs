//! The structs that may grow. Each begins with its size, so that a program and a library of different versions agree.

use std::ffi::{CStr, c_char};
use std::mem::size_of;
use std::num::NonZeroUsize;

use cogloop_io::{DEFAULT_RESOLUTION_NS, Limits};

use super::answer::Failure;

const COG_CLOCK_MONOTONIC: u32 = 0;
const COG_CLOCK_VIRTUAL: u32 = 1;
const COG_DELAYS_FROM_NOW: u32 = 0;
const COG_DELAYS_FROM_CACHED: u32 = 1;
/// `COG_EXACT`.
const COG_EXACT: u64 = u64::MAX;

/// `cog_options`. In each field after `size`, zero stands for the default.
#[repr(C)]
#[derive(Copy, Clone, Debug)]
pub struct CogOptions {
    size: usize,
    backend: *const c_char,
    resolution_ns: u64,
    timers_max: u32,
    watches_max: u32,
    served_in_turn_max: u32,
    clock: u32,
    delays: u32,
    reserved: u32,
    slack_ns: u64,
}

/// `cog_plan`. With a plan of zeros, a timer fires once, in the next turn.
#[repr(C)]
#[derive(Copy, Clone, Debug)]
pub struct CogPlan {
    size: usize,
    pub(super) delay_ns: u64,
    pub(super) period_ns: u64,
    slack_ns: u64,
    pub(super) missed: u32,
    reserved: u32,
}

/// `cog_stats`.
#[repr(C)]
#[derive(Copy, Clone, Debug, Default)]
pub struct CogStats {
    pub(super) size: usize,
    pub(super) timers: u64,
    pub(super) watches: u64,
    pub(super) turns: u64,
    pub(super) timer_calls: u64,
    pub(super) watch_calls: u64,
    pub(super) post_calls: u64,
    pub(super) late_ns_max: u64,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<CogPlan>() == 40);
    assert!(size_of::<CogOptions>() == 56 && size_of::<CogStats>() == 64);
    assert!(std::mem::offset_of!(CogOptions, resolution_ns) == 16 && std::mem::offset_of!(CogOptions, clock) == 36);
};

fn is_newer(argument: &str) -> Failure {
    let message = "a field that this library does not know is not zero";
    Failure::argument_in_words(format_args!("{argument}: {message}"))
}

/// Reads a struct that begins with its size. If the caller's struct is shorter than the library's, the missing fields
/// are those of `defaults`.
///
/// # Safety
/// The pointer points to as many bytes as its first field says, and any bytes are a valid `T`.
unsafe fn read_sized<T>(from: *const T, defaults: T, argument: &str, name: &str) -> Result<T, Failure> {
    let (mut read, ours) = (defaults, size_of::<T>());
    // SAFETY: the caller keeps this function's contract. No more bytes are read than the struct has.
    let beyond = unsafe {
        let size = from.cast::<usize>().read();
        if size < size_of::<usize>() || size > usize::from(u16::MAX) {
            return Err(Failure::argument_in_words(format_args!(
                "{argument}->size: {size} is not sizeof({name}), {ours}"
            )));
        }
        let bytes = from.cast::<u8>();
        bytes.copy_to_nonoverlapping((&raw mut read).cast(), size.min(ours));
        std::slice::from_raw_parts(bytes.add(size.min(ours)), size.saturating_sub(ours))
    };
    if beyond.iter().any(|&byte| byte != 0) { Err(is_newer(argument)) } else { Ok(read) }
}

impl CogPlan {
    /// # Safety
    /// The pointer is NULL, or points to as many bytes as its first field says.
    pub(super) unsafe fn read(plan: *const Self) -> Result<Self, Failure> {
        if plan.is_null() {
            return Err(Failure::argument("plan: NULL, but a pointer to a cog_plan is expected"));
        }
        let once = Self { size: size_of::<Self>(), delay_ns: 0, period_ns: 0, slack_ns: 0, missed: 0, reserved: 0 };
        // SAFETY: the caller keeps this function's contract, and any bytes are a valid struct.
        let read = unsafe { read_sized(plan, once, "plan", "cog_plan")? };
        if read.reserved == 0 { Ok(read) } else { Err(is_newer("plan")) }
    }

    /// Returns the plan's slack, or `of_loop`, the loop's slack, if the plan sets none.
    pub(super) fn slack_ns(&self, of_loop: u64) -> u64 {
        match self.slack_ns {
            0 => of_loop,
            COG_EXACT => 0,
            slack_ns => slack_ns,
        }
    }
}

impl CogOptions {
    /// The caller's options, or the defaults for NULL.
    ///
    /// # Safety
    /// The pointer is NULL, or points to as many bytes as its first field says.
    pub(super) unsafe fn read(options: *const Self) -> Result<Self, Failure> {
        let defaults = Self {
            size: size_of::<Self>(),
            backend: std::ptr::null(),
            resolution_ns: 0,
            timers_max: 0,
            watches_max: 0,
            served_in_turn_max: 0,
            clock: 0,
            delays: 0,
            reserved: 0,
            slack_ns: 0,
        };
        if options.is_null() {
            return Ok(defaults);
        }
        // SAFETY: the caller keeps this function's contract, and any bytes are a valid struct.
        let read = unsafe { read_sized(options, defaults, "options", "cog_options")? };
        if read.reserved != 0 {
            return Err(is_newer("options"));
        }
        match (read.clock, read.delays) {
            (COG_CLOCK_MONOTONIC | COG_CLOCK_VIRTUAL, COG_DELAYS_FROM_NOW | COG_DELAYS_FROM_CACHED) => Ok(read),
            (COG_CLOCK_MONOTONIC | COG_CLOCK_VIRTUAL, other) => {
                Err(Failure::argument_in_words(format_args!("options->delays: {other} is not a COG_DELAYS_ constant")))
            }
            (other, _) => {
                Err(Failure::argument_in_words(format_args!("options->clock: {other} is not a COG_CLOCK_ constant")))
            }
        }
    }

    pub(super) fn delays_are_cached(&self) -> bool {
        self.delays == COG_DELAYS_FROM_CACHED
    }

    /// # Safety
    /// `backend` is NULL or a string.
    pub(super) unsafe fn backend(&self) -> Option<String> {
        // SAFETY: the caller keeps this function's contract.
        let name = (!self.backend.is_null()).then(|| unsafe { CStr::from_ptr(self.backend) })?;
        Some(name.to_string_lossy().into_owned())
    }

    pub(super) fn is_virtual(&self) -> bool {
        self.clock == COG_CLOCK_VIRTUAL
    }

    pub(super) fn limits(&self) -> Limits {
        let none = Limits::default();
        let of = |limit: u32| NonZeroUsize::new(limit as usize);
        Limits {
            timers: of(self.timers_max).map_or(none.timers, NonZeroUsize::get),
            descriptors: of(self.watches_max).map_or(none.descriptors, NonZeroUsize::get),
            served_in_turn: of(self.served_in_turn_max).unwrap_or(none.served_in_turn),
        }
    }

    pub(super) fn slack_ns(&self) -> u64 {
        self.slack_ns
    }

    pub(super) fn resolution_ns(&self) -> u64 {
        if self.resolution_ns == 0 { DEFAULT_RESOLUTION_NS } else { self.resolution_ns }
    }
}

impl CogStats {
    /// Writes the fields for which the caller's struct has room. If that struct has more fields than the library's, the
    /// further fields become zero.
    ///
    /// # Safety
    /// The pointer is not null, and points to as many bytes as its first field says.
    pub(super) unsafe fn write(self, output: *mut Self) -> Result<(), Failure> {
        let ours = size_of::<Self>();
        // SAFETY: the caller keeps this function's contract. No more bytes are written than there is room for.
        unsafe {
            let size = output.cast::<usize>().read();
            if size < size_of::<usize>() || size > usize::from(u16::MAX) {
                return Err(Failure::argument_in_words(format_args!(
                    "stats->size: {size} is not sizeof(cog_stats), {ours}"
                )));
            }
            let bytes = output.cast::<u8>();
            bytes.write_bytes(0, size);
            bytes.copy_from_nonoverlapping((&raw const self).cast(), size.min(ours));
            output.cast::<usize>().write(size);
        }
        Ok(())
    }
}
