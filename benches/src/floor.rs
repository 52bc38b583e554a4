//! `--floor`: the cost of the memory of timers, without a timer store.
//!
//! A timer here has the 32 bytes of a node in the wheel. The rows below write, find and link nodes and compute nothing.
//! So no store of linked nodes can be faster on this machine:
//!
//! ```text
//!   first write     writes a new node, in memory that the system has just given: a page fault for each page
//!   known visit     reads and writes each node once, in a random order that is known beforehand
//!   unlink          handle ─► node ─► both neighbours, all four at random places in memory
//!   unlink, link    the same, and then appends the node to a list
//! ```

use std::hint::black_box;

use fastrand::Rng;

use crate::measure::timed_ns;
use crate::options::Options;
use crate::statistics::Summary;

/// A node has as many bytes as a timer of the wheel with a value of 8 bytes that is never 0. Its links have the same
/// width as those of the timer.
#[derive(Copy, Clone, Default)]
struct Node {
    deadline: u64,
    prev: u32,
    next: u32,
    /// Takes the space of the value, the generation and the jump pointer.
    rest: [u64; 2],
}

/// The number of new nodes. The allocator does not keep that much free memory, so it gets the memory from the kernel,
/// page by page.
const NEW: usize = 1 << 21;

const ROWS: [&str; 4] = ["first write", "known visit", "unlink", "unlink, link"];

pub(crate) fn run(options: &Options) {
    let usual = vec![1_000, 100_000, 1_000_000];
    let sizes = if options.sizes.is_empty() { usual } else { options.sizes.clone() };
    let reps = options.reps.unwrap_or(5);
    println!("CPU time in ns for a node of {} bytes, median ± spread of {reps}:\n", size_of::<Node>());
    for size in sizes {
        let mut random = Rng::with_seed(options.seed);
        let samples: Vec<[f64; 4]> = (0..reps).map(|_| sample(size, &mut random)).collect();
        for (row, name) in ROWS.iter().enumerate() {
            let Summary { median, spread, .. } = Summary::of(samples.iter().map(|sample| sample[row]));
            println!("  {size:>8}  {name:14} {median:6.1} ±{:.0}%", spread * 100.0);
        }
    }
}

fn sample(size: usize, random: &mut Rng) -> [f64; 4] {
    let rounds = (100_000 / size).max(1);
    let mut mean = [0.0; 4];
    for _ in 0..rounds {
        for (mean, ns) in mean.iter_mut().zip(round(size, random)) {
            *mean += ns / (rounds * size) as f64;
        }
    }
    mean
}

/// The time in ns for all nodes, for each row of the table.
fn round(size: usize, random: &mut Rng) -> [f64; 4] {
    let order = shuffled(size, random);
    let mut nodes = Vec::with_capacity(NEW.max(size + 1));
    let first_write = timed_ns(|| nodes.extend((0..size as u64).map(|deadline| Node { deadline, ..Node::default() })));
    let known_visit = timed_ns(|| {
        for &node in &order {
            nodes[node as usize].deadline += 1;
        }
    });
    // The handles are node numbers in random order, as in a wheel whose nodes were used before.
    let (handles, victims) = (shuffled(size, random), shuffled(size, random));
    link_all(&mut nodes, &order);
    let link = timed_ns(|| victims.iter().for_each(|&victim| move_to_end(&mut nodes, handles[victim as usize])));
    link_all(&mut nodes, &order);
    let unlink = timed_ns(|| victims.iter().for_each(|&victim| take_off(&mut nodes, handles[victim as usize])));
    black_box(&nodes);
    [first_write, known_visit, unlink, link]
}

fn shuffled(size: usize, random: &mut Rng) -> Vec<u32> {
    let mut order: Vec<u32> = (0..size as u32).collect();
    random.shuffle(&mut order);
    order
}

/// Links the nodes into a circle in this order, with a sentinel after the last node.
fn link_all(nodes: &mut Vec<Node>, order: &[u32]) {
    let sentinel = order.len();
    nodes.resize(sentinel + 1, Node::default());
    (nodes[sentinel].prev, nodes[sentinel].next) = (sentinel as u32, sentinel as u32);
    order.iter().for_each(|&node| append(nodes, node));
}

#[inline]
fn append(nodes: &mut [Node], node: u32) {
    let sentinel = nodes.len() - 1;
    let last = std::mem::replace(&mut nodes[sentinel].prev, node);
    (nodes[node as usize].prev, nodes[node as usize].next) = (last, sentinel as u32);
    nodes[last as usize].next = node;
}

#[inline]
fn take_off(nodes: &mut [Node], node: u32) {
    let Node { prev, next, .. } = nodes[node as usize];
    nodes[node as usize].rest[1] += 1;
    nodes[prev as usize].next = next;
    nodes[next as usize].prev = prev;
}

#[inline]
fn move_to_end(nodes: &mut [Node], node: u32) {
    take_off(nodes, node);
    append(nodes, node);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_moves_to_the_end_and_is_unlinked() {
        let mut nodes = vec![Node::default(); 3];
        link_all(&mut nodes, &[2, 0, 1]);
        move_to_end(&mut nodes, 2);
        take_off(&mut nodes, 1);
        let after = |node: u32| nodes[node as usize].next;
        assert_eq!([after(3), after(0), after(2)], [0, 2, 3]);
    }

    #[test]
    fn every_row_is_measured() {
        assert!(sample(1_000, &mut Rng::with_seed(1)).iter().all(|ns| ns.is_finite()));
    }
}
