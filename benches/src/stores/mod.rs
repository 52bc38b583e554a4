//! The stores: the wheel of this project and its peers. Each has a file.

mod bitwheel;
mod btree;
mod delay_queue;
mod generations;
mod glommio;
mod heap;
mod hhwt_cancellable;
mod hhwt_plain;
// The virtual time of libuv depends on the dynamic linker of Linux.
#[cfg(target_os = "linux")]
pub(crate) mod libuv;
mod nothing;
mod ours;
mod slab_wheel;
mod slab_wheel_strict;

use crate::store::Store;
use crate::workloads::memory::{self, Footprint, SteadyAllocations};
use crate::workloads::pause::{self, Course, Steps};
use crate::workloads::scaling::{self, Life};
use crate::workloads::sparse::{self, Sparse};
use crate::workloads::{self, Inputs, Memory, Sample, agreement, probe, timeouts};

/// A store without its type. The run calls it through functions that are compiled for each store.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// Whether each timer fires at its deadline.
    pub(crate) is_exact: bool,
    /// See [`Store::GIVES_UP`].
    pub(crate) gives_up: &'static str,
    pub(crate) missing: fn() -> Option<&'static str>,
    pub(crate) agreement: fn(&Inputs) -> u64,
    pub(crate) workloads: fn(&Inputs, Memory) -> Vec<Sample>,
    pub(crate) timeouts: fn(&Inputs) -> f64,
    pub(crate) pause: fn(&Inputs, Course) -> Steps,
    pub(crate) filled: fn(&Inputs) -> Footprint,
    pub(crate) churned: fn(&Inputs, usize) -> Footprint,
    pub(crate) allocations: fn(&Inputs) -> SteadyAllocations,
    pub(crate) sparse: fn(u64) -> Option<Sparse>,
    pub(crate) probe: fn(&str, usize) -> usize,
    pub(crate) life: fn(&Inputs, bool) -> Life,
    pub(crate) growth: fn(&Inputs, usize, usize) -> Vec<f64>,
}

/// All stores. The first is the wheel of this project.
pub(crate) fn all() -> Vec<Entry> {
    vec![
        entry::<ours::Ours>(),
        entry::<hhwt_cancellable::HhwtCancellable>(),
        entry::<hhwt_plain::HhwtPlain>(),
        entry::<delay_queue::TokioDelayQueue>(),
        entry::<slab_wheel::SlabWheel>(),
        entry::<slab_wheel_strict::StrictSlabWheel>(),
        entry::<bitwheel::Bitwheel>(),
        entry::<glommio::Glommio>(),
        entry::<btree::BTree>(),
        entry::<heap::LazyHeap>(),
        #[cfg(target_os = "linux")]
        entry::<libuv::Libuv>(),
    ]
}

/// The store that does nothing. It cannot be measured with the others, because its timers never fire.
pub(crate) fn nothing() -> Entry {
    entry::<nothing::Nothing>()
}

fn entry<S: Store>() -> Entry {
    Entry {
        name: S::NAME,
        is_exact: S::EXACT,
        gives_up: S::GIVES_UP,
        missing: S::missing,
        agreement: agreement::checksum::<S>,
        workloads: workloads::run::<S>,
        timeouts: timeouts::run::<S>,
        pause: pause::run::<S>,
        filled: memory::filled::<S>,
        churned: memory::churned::<S>,
        allocations: memory::allocations::<S>,
        sparse: sparse::run::<S>,
        probe: probe::run::<S>,
        life: scaling::life::<S>,
        growth: scaling::growth::<S>,
    }
}
