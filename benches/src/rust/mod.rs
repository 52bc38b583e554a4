//! `bench rust`: compares the crate `cogloop` with other loops for Rust, each used as its documentation says.
//!
//! ```text
//!   run ─► Contender ─┬─► with callbacks: Callbacks ◄─ cogloop, calloop
//!                     └─► with futures:   Futures   ◄─ cogloop, tokio, async-io
//! ```
//!
//! A timer here is a program's usual timeout: a callback, or a task that sleeps. Each measurement has a new thread and
//! a new loop. Every round runs all contenders in a random order.

mod async_io;
mod callbacks;
mod calloop;
mod cogloop;
mod contender;
mod futures;
mod intervals;
mod measure;
mod tokio;

use std::io;
use std::thread;

use serde_json::Value;

use crate::json::{Document, Place};
use crate::machine::Machine;
use crate::options::Options;
use crate::progress;
use crate::statistics::Summary;
use contender::{ALL, Contender};
use measure::{Figure, Work};

/// The number of rounds, and the amount of work in each measurement.
#[derive(Copy, Clone)]
struct Extent {
    rounds: usize,
    work: Work,
}

impl Extent {
    fn of(options: &Options) -> Self {
        let (rounds, timers, posts, rallies) = match (options.smoke, options.quick) {
            (true, _) => (1, 200, 200, 100),
            (_, true) => (5, 20_000, 200_000, 10_000),
            _ => (11, 100_000, 1_000_000, 50_000),
        };
        Self { rounds: options.reps.unwrap_or(rounds), work: Work { timers, posts, rallies } }
    }
}

/// Measures, prints, and returns the results as JSON.
pub(crate) fn run(options: &Options) -> Result<Value, String> {
    let contenders = chosen(&options.only)?;
    let Extent { rounds, work } = Extent::of(options);
    let bar = progress::bar((contenders.len() * Contender::STEPS.len() * rounds) as u64);
    let machine = Machine::describe();
    println!("{}, {} CPUs, Linux {}, {}\n", machine.cpu, machine.cpus, machine.kernel, machine.rustc);
    println!("Medians of {rounds} rounds, and the ratio to the first contender that can do the step.");
    let mut random = fastrand::Rng::with_seed(options.seed);
    let mut document = Document::new("rust");
    for (step, what) in Contender::STEPS.iter().enumerate() {
        let mut samples: Vec<Vec<Vec<Figure>>> = vec![Vec::new(); contenders.len()];
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        for round in 0..rounds {
            random.shuffle(&mut order);
            for &index in &order {
                let contender = contenders[index];
                bar.set_message(format!("{what}, {}", contender.name));
                match on_a_thread(move || contender.step(step, work)) {
                    Ok(figures) => samples[index].push(figures),
                    Err(error) if round == 0 => document.note(format!("{what}, {}: {error}", contender.name)),
                    Err(_) => {}
                }
                bar.inc(1);
            }
        }
        bar.suspend(|| print(&contenders, &samples));
        add(&mut document, &contenders, &samples);
    }
    bar.finish_and_clear();
    Ok(document.json(&machine))
}

fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    thread::spawn(work).join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")))
}

/// Returns `cogloop` with callbacks, the base of all comparisons, and then the contenders in `only`, or all if `only`
/// is empty.
fn chosen(only: &[String]) -> Result<Vec<Contender>, String> {
    if let Some(unknown) = only.iter().find(|name| ALL.iter().all(|contender| contender.name != **name)) {
        return Err(format!(
            "no contender is called `{unknown}`; there are {}",
            ALL.map(|known| known.name).join(", ")
        ));
    }
    let wanted = |name| only.is_empty() || name == ALL[0].name || only.iter().any(|wanted| wanted == name);
    Ok(ALL.into_iter().filter(|contender| wanted(contender.name)).collect())
}

/// The names of a step's results, from the first contender that has some.
fn names(samples: &[Vec<Vec<Figure>>]) -> Vec<Figure> {
    samples.iter().flatten().find(|figures| !figures.is_empty()).cloned().unwrap_or_default()
}

fn of_figure(rounds: &[Vec<Figure>], nth: usize) -> impl Iterator<Item = f64> {
    rounds.iter().filter_map(move |figures| figures.get(nth)).map(|figure| figure.value)
}

fn print(contenders: &[Contender], samples: &[Vec<Vec<Figure>>]) {
    let names = names(samples);
    let heads: Vec<_> = names.iter().map(|figure| format!("{}: {}", figure.workload, figure.unit)).collect();
    println!("\n| | {} |\n|---|{}", heads.join(" | "), "---:|".repeat(heads.len()));
    // The first contender with results: `cogloop` with callbacks, or the first one with futures if the step needs
    // futures.
    let first = samples.iter().find(|rounds| rounds.iter().any(|figures| !figures.is_empty())).unwrap_or(&samples[0]);
    let ours: Vec<f64> = (0..names.len()).map(|nth| Summary::of(of_figure(first, nth)).median).collect();
    for (contender, rounds) in contenders.iter().zip(samples) {
        let cells = ours.iter().enumerate().map(|(nth, ours)| {
            let Summary { median, spread, .. } = Summary::of(of_figure(rounds, nth));
            match median.is_nan() {
                true => "–".to_owned(),
                false => format!("{median:.2} ±{:.0}%, {:.2}×", spread * 100.0, median / ours),
            }
        });
        println!("| {} | {} |", contender.name, cells.collect::<Vec<_>>().join(" | "));
    }
}

fn add(document: &mut Document, contenders: &[Contender], samples: &[Vec<Vec<Figure>>]) {
    for (nth, Figure { workload, unit, is_rate, .. }) in names(samples).into_iter().enumerate() {
        let place = if is_rate { Place::more } else { Place::less };
        for (contender, rounds) in contenders.iter().zip(samples) {
            document.row(place(workload, contender.name, None, unit), of_figure(rounds, nth));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_does_every_step() {
        let work = Work { timers: 50, posts: 50, rallies: 20 };
        for contender in ALL {
            for (step, what) in Contender::STEPS.iter().enumerate() {
                let figures = on_a_thread(move || contender.step(step, work)).unwrap();
                assert_eq!(figures.is_empty(), !contender.does(step), "{}, {what}", contender.name);
                for figure in figures {
                    assert!(figure.value.is_finite() && figure.value >= 0.0, "{}: {figure:?}", contender.name);
                }
            }
        }
    }

    #[test]
    fn our_loop_always_takes_part() {
        let names: Vec<_> = chosen(&["tokio".to_owned()]).unwrap().iter().map(|contender| contender.name).collect();
        assert_eq!(names, ["cogloop", "tokio"]);
        assert!(ALL.iter().all(|contender| !contender.name.contains(',')), "a contender's name has a comma");
        assert!(chosen(&["glib".to_owned()]).err().is_some_and(|message| message.contains("calloop")));
    }
}
