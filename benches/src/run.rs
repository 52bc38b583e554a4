//! Runs the workloads on all stores.
//!
//! Each repetition runs all stores one after the other. The next repetition starts with another store, so a machine
//! that is slow for a while affects all stores.

use std::collections::BTreeMap;

use indicatif::ProgressBar;

use crate::large;
use crate::measure::cpu_ns;
use crate::options::Options;
use crate::progress;
use crate::stores::Entry;
use crate::workloads::memory::{Footprint, SteadyAllocations};
use crate::workloads::pause::{Course, Steps};
use crate::workloads::sparse::Sparse;
use crate::workloads::{Cell, Inputs, Samples, Scale, timeouts};

/// The number of timers in the runs that need only one size: the memory after a churn, the counts of allocations, and
/// the check that all exact stores agree.
const CHURNED_TIMERS: usize = 1_000;

/// Stores that were left out, each with the size in which it was left out.
pub(crate) type LeftOut = Vec<(usize, &'static str)>;

/// All results. Most lists have one element for each store, in the order of `stores`.
pub(crate) struct Results {
    pub(crate) stores: Vec<&'static str>,
    /// Whether each of a store's timers fires at its deadline.
    pub(crate) are_exact: Vec<bool>,
    /// The promises of our wheel that a store does not keep.
    pub(crate) give_up: Vec<&'static str>,
    /// Stores that are missing on this machine, with the reason.
    pub(crate) missing: Vec<(&'static str, &'static str)>,
    /// The stores that `large` has left out, with the size.
    pub(crate) left_out: LeftOut,
    pub(crate) sizes: Vec<usize>,
    pub(crate) samples: Samples,
    /// The samples of each store, by the number of live time-outs: the time in ns to set and cancel a time-out.
    pub(crate) timeouts: BTreeMap<usize, Vec<Vec<f64>>>,
    pub(crate) pauses: BTreeMap<Course, Vec<Steps>>,
    pub(crate) pause_size: usize,
    pub(crate) filled: BTreeMap<usize, Vec<Footprint>>,
    pub(crate) churned: Vec<Footprint>,
    pub(crate) churned_pairs: usize,
    pub(crate) allocations: Vec<SteadyAllocations>,
    pub(crate) sparse: Vec<Option<Sparse>>,
    pub(crate) seed: u64,
}

struct Plan {
    sizes: Vec<usize>,
    scale: Scale,
    /// The number of repetitions that the options give; `None` for the default.
    reps: Option<usize>,
    quick: bool,
    pause_reps: usize,
    churned_pairs: usize,
    seed: u64,
}

impl Plan {
    fn new(options: &Options) -> Self {
        let mut sizes = match (&options.sizes, options.quick) {
            (given, _) if !given.is_empty() => given.clone(),
            _ if options.smoke => vec![1_000],
            (_, true) => vec![1_000, 100_000],
            (_, false) => vec![1_000, 10_000, 100_000, 1_000_000, 10_000_000],
        };
        sizes.sort_unstable();
        let (scale, pause_reps, churned_pairs) = match (options.smoke, options.quick) {
            (true, _) => (Scale::SMOKE, 1, 10_000),
            (_, true) => (Scale::QUICK, 2, 1_000_000),
            _ => (Scale::FULL, 2, 10_000_000),
        };
        let reps = options.reps.or(options.smoke.then_some(1));
        Self { sizes, scale, reps, quick: options.quick, pause_reps, churned_pairs, seed: options.seed }
    }

    fn timeout_sizes(&self) -> impl Iterator<Item = usize> + use<> {
        timeouts::SIZES.into_iter().take(if self.sizes == [1_000] { 2 } else { usize::MAX })
    }

    fn inputs(&self, size: usize) -> Inputs {
        Inputs::new(size, self.seed, &self.scale)
    }

    /// Small sizes are faster to run, but noisier, so they get more repetitions.
    fn reps(&self, size: usize) -> usize {
        self.reps.unwrap_or(match size {
            ..=10_000 if !self.quick => 5,
            ..=large::ALL_TAKE_PART => 3,
            _ => 2,
        })
    }
}

/// Runs all measurements.
///
/// # Panics
///
/// Panics if two exact stores do not fire the same timers at the same time. In that case they have not done the same
/// work.
pub(crate) fn run(options: &Options, entries: &[Entry]) -> Results {
    let plan = Plan::new(options);
    let mut missing = Vec::new();
    let mut present: Vec<&Entry> = Vec::new();
    for entry in entries {
        match (entry.missing)() {
            Some(why) => missing.push((entry.name, why)),
            None => present.push(entry),
        }
    }
    let bar = progress(&plan, present.len());
    let agreement = plan.inputs(CHURNED_TIMERS);
    agree(&present, "a run of everything", |entry| (entry.agreement)(&agreement));

    // Pauses and memory are measured only in sizes in which all stores take part.
    let of_all: Vec<usize> = plan.sizes.iter().copied().filter(|&size| size <= large::ALL_TAKE_PART).collect();
    let pause_size = of_all.iter().copied().max().unwrap_or(CHURNED_TIMERS);
    let churn_inputs = plan.inputs(CHURNED_TIMERS);
    let (samples, left_out) = all_samples(&plan, &present, &bar);
    Results {
        stores: present.iter().map(|entry| entry.name).collect(),
        are_exact: present.iter().map(|entry| entry.is_exact).collect(),
        give_up: present.iter().map(|entry| entry.gives_up).collect(),
        missing,
        left_out,
        samples,
        timeouts: all_timeouts(&plan, &present, &bar),
        pauses: all_pauses(&plan, &present, pause_size, &bar),
        pause_size,
        filled: of_all
            .iter()
            .map(|&size| (size, each(&present, &bar, "bytes", |entry| (entry.filled)(&plan.inputs(size)))))
            .collect(),
        churned: each(&present, &bar, "bytes after churn", |entry| (entry.churned)(&churn_inputs, plan.churned_pairs)),
        churned_pairs: plan.churned_pairs,
        allocations: each(&present, &bar, "allocations", |entry| (entry.allocations)(&churn_inputs)),
        sparse: each(&present, &bar, "sparse", |entry| (entry.sparse)(plan.seed)),
        seed: plan.seed,
        sizes: plan.sizes,
    }
}

/// Returns the samples, and the stores that were left out.
fn all_samples(plan: &Plan, entries: &[&Entry], bar: &ProgressBar) -> (Samples, LeftOut) {
    let mut samples = BTreeMap::new();
    let mut left_out = Vec::new();
    // The size before, and the CPU time that each store took in it.
    let mut before: Option<(usize, Vec<u64>)> = None;
    for &size in &plan.sizes {
        let is_left_out = |store: usize| match &before {
            Some((before, took_ns)) if size > large::ALL_TAKE_PART => {
                large::is_left_out(&samples, took_ns, *before, store)
            }
            _ => false,
        };
        let takes_part: Vec<bool> = (0..entries.len()).map(|store| !is_left_out(store)).collect();
        left_out
            .extend((0..entries.len()).filter(|&store| !takes_part[store]).map(|store| (size, entries[store].name)));
        let mut took_ns = vec![0; entries.len()];
        let inputs = plan.inputs(size);
        for rep in 0..plan.reps(size) {
            let mut checksums: BTreeMap<Cell, u64> = BTreeMap::new();
            for turn in 0..entries.len() {
                let store = (turn + rep) % entries.len();
                if !takes_part[store] {
                    bar.inc(weight(size) * large::memories(size).count() as u64);
                    continue;
                }
                let start_ns = cpu_ns();
                for memory in large::memories(size) {
                    bar.set_message(format!("{} timers, {}, {}", size, entries[store].name, memory.name()));
                    for sample in (entries[store].workloads)(&inputs, memory) {
                        let cell = (size, memory, sample.workload);
                        if entries[store].is_exact {
                            let first = *checksums.entry(cell).or_insert(sample.checksum);
                            let name = entries[store].name;
                            assert_eq!(first, sample.checksum, "{name} and others differ: {cell:?}");
                        }
                        let all = samples.entry(cell).or_insert_with(|| vec![Vec::new(); entries.len()]);
                        all[store].push(sample);
                    }
                    bar.inc(weight(size));
                }
                took_ns[store] += cpu_ns() - start_ns;
            }
        }
        before = Some((size, took_ns));
    }
    (samples, left_out)
}

fn all_timeouts(plan: &Plan, entries: &[&Entry], bar: &ProgressBar) -> BTreeMap<usize, Vec<Vec<f64>>> {
    let mut samples = BTreeMap::new();
    for size in plan.timeout_sizes() {
        let inputs = plan.inputs(size);
        for turn in 0..plan.reps(size) * entries.len() {
            let store = (turn + turn / entries.len()) % entries.len();
            bar.set_message(format!("{size} time-outs, {}", entries[store].name));
            let all = samples.entry(size).or_insert_with(|| vec![Vec::new(); entries.len()]);
            all[store].push((entries[store].timeouts)(&inputs));
            bar.inc(1 + weight(size));
        }
    }
    samples
}

fn all_pauses(plan: &Plan, entries: &[&Entry], size: usize, bar: &ProgressBar) -> BTreeMap<Course, Vec<Steps>> {
    let inputs = plan.inputs(size);
    let mut pauses = BTreeMap::new();
    for rep in 0..plan.pause_reps {
        for turn in 0..entries.len() {
            let store = (turn + rep) % entries.len();
            for course in Course::ALL {
                bar.set_message(format!("{size} timers, {}, {}", entries[store].name, course.name()));
                let all = pauses.entry(course).or_insert_with(|| vec![Steps::default(); entries.len()]);
                all[store].merge((entries[store].pause)(&inputs, course));
                bar.inc(1);
            }
        }
    }
    pauses
}

fn each<R>(entries: &[&Entry], bar: &ProgressBar, what: &str, measure: impl Fn(&Entry) -> R) -> Vec<R> {
    let one = |entry: &&Entry| {
        bar.set_message(format!("{what}, {}", entry.name));
        let result = measure(entry);
        bar.inc(1);
        result
    };
    entries.iter().map(one).collect()
}

fn agree(entries: &[&Entry], what: &str, checksum: impl Fn(&Entry) -> u64) {
    let Some((first, others)) = entries.split_first() else { return };
    let others = others.iter().filter(|other| other.is_exact);
    let expected = checksum(first);
    for other in others {
        assert_eq!(checksum(other), expected, "{} and {} differ in {what}", other.name, first.name);
    }
}

/// The number of steps by which the progress bar moves for the workloads of one store, at one size and in one kind of
/// memory. A step takes about a tenth of a second.
fn weight(size: usize) -> u64 {
    5 + size as u64 / 10_000
}

fn progress(plan: &Plan, stores: usize) -> ProgressBar {
    let per_store: u64 =
        plan.sizes.iter().map(|&size| (plan.reps(size) * large::memories(size).count()) as u64 * weight(size)).sum();
    let timeouts: u64 = plan.timeout_sizes().map(|size| plan.reps(size) as u64 * (1 + weight(size))).sum();
    let others = timeouts as usize + plan.pause_reps * Course::ALL.len() + plan.sizes.len() + 3;
    progress::bar((per_store + others as u64) * stores as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores;
    use crate::workloads::{Memory, Workload};

    #[test]
    fn all_stores_fire_the_same_timers() {
        let scale = Scale { churn_pairs: 5_000, fires: 2_000, round_operations: 1 };
        let inputs = Inputs::new(500, 7, &scale);
        let entries = stores::all();
        let (present, missing): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| (entry.missing)().is_none());
        assert!(missing.iter().all(|entry| entry.name == "libuv"), "only libuv may be missing");
        agree(&present, "a run of everything", |entry| (entry.agreement)(&inputs));
        for memory in Memory::ALL {
            agree(&present, memory.name(), |entry| {
                let samples = (entry.workloads)(&inputs, memory);
                samples
                    .iter()
                    .filter(|sample| sample.workload != Workload::ExpireByDeadline)
                    .fold(0, |sum: u64, sample| sum.wrapping_mul(31).wrapping_add(sample.checksum))
            });
        }
    }

    #[test]
    fn sparse_timers_fire_once_each_and_in_our_wheel_at_their_deadlines() {
        for entry in stores::all().iter().filter(|entry| (entry.missing)().is_none()) {
            let sparse = (entry.sparse)(3);
            if entry.name == "cogloop" {
                let sparse = sparse.expect("any delay can be held");
                assert_eq!((sparse.wakeups, sparse.inexact), (10, 0));
            }
        }
    }

    #[test]
    fn ours_allocates_nothing_in_a_steady_state_and_keeps_no_cancelled_timer() {
        let scale = Scale { churn_pairs: 20_000, fires: 20_000, round_operations: 1 };
        let inputs = Inputs::new(1_000, 7, &scale);
        let ours = &stores::all()[0];
        let steady = (ours.allocations)(&inputs);
        assert_eq!((steady.churn, steady.rearm), (0.0, 0.0));
        assert!((ours.churned)(&inputs, 100_000).per_timer <= 128.0);
    }
}
