//! `bench lua`: compares loops for Lua with each other on each interpreter, and with the bare loop over epoll.
//!
//! ```text
//!   run ─┬─► workloads: the work and its results ─► script: one process of benches/lua ◄─ contender
//!        ├─► echo: a server in a process, its clients here                             the bare loops, here
//!        └─► report
//! ```
//!
//! Every sample of a script comes from a process of its own. A round runs all contenders in a random order, so that
//! other work on the machine affects all of them. `cargo xtask bench lua` builds the modules and installs the peers
//! first.

mod contender;
mod echo;
mod report;
mod script;
mod workload;
mod workloads;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::json::Document;
use crate::machine::Machine;
use crate::options::{Interpreter, Options};
use crate::progress;
use contender::Contender;
use report::Samples;
use workload::{Sample, Script, Workload};

/// Measures, prints, and returns the results as JSON.
pub(crate) fn run(options: &Options) -> Result<Value, String> {
    if options.interpreters.is_empty() {
        return Err("no --interpreter; `cargo xtask bench lua` builds the modules and names them".to_owned());
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("lua");
    let contenders = contender::chosen(&options.only)?;
    let workloads = workloads::all(options);
    let machine = Machine::describe();
    report::print_head(&machine);
    let (mut document, mut missing) = (Document::new("lua"), Missing::default());
    let mut random = fastrand::Rng::with_seed(options.seed);
    let steps = workloads.iter().map(|workload| workload.rounds * contenders.len()).sum::<usize>();
    let bar = progress::bar((steps * options.interpreters.len()) as u64);
    for interpreter in &options.interpreters {
        for workload in &workloads {
            let mut samples = Samples::new();
            let mut order: Vec<usize> = (0..contenders.len()).collect();
            for round in 0..workload.rounds {
                random.shuffle(&mut order);
                for contender in order.iter().map(|&index| &contenders[index]) {
                    bar.set_message(format!("{}, {}, {}", interpreter.program, workload.name, contender.name));
                    let sample = sample(&scripts, interpreter, contender, workload);
                    bar.inc(1);
                    match sample {
                        Ok(figures) => add(&mut samples, contender, figures),
                        Err(why) if round == 0 => missing.note(interpreter, workload, contender, &why),
                        Err(_) => {}
                    }
                }
            }
            bar.suspend(|| report::print(interpreter, workload, &samples));
            report::add(&mut document, interpreter, workload, &samples);
        }
    }
    bar.finish_and_clear();
    let notes: Vec<_> = missing.notes().collect();
    report::print_notes(&notes);
    notes.into_iter().for_each(|note| document.note(note));
    Ok(document.json(&machine))
}

fn sample(
    scripts: &Path,
    interpreter: &Interpreter,
    contender: &Contender,
    workload: &Workload,
) -> Result<Sample, String> {
    let backend = contender.backend;
    match (contender.file, workload.bare) {
        _ if !contender.takes(workload) => Ok(Vec::new()),
        (Some(file), _) => (workload.run)(&Script { scripts, interpreter, file, backend, workload }),
        (None, bare) => bare.map_or(Ok(Vec::new()), |bare| bare(workload)),
    }
}

fn add(samples: &mut Samples, contender: &Contender, figures: Sample) {
    for (figure, value) in figures {
        samples.entry(contender.name).or_default().entry(figure).or_default().push(value);
    }
}

/// The workloads in which a contender did not take part, by reason.
#[derive(Default)]
struct Missing(BTreeMap<String, Vec<String>>);

impl Missing {
    fn note(&mut self, interpreter: &Interpreter, workload: &Workload, contender: &Contender, why: &str) {
        let who = format!("{} on {}: {why}", contender.name, interpreter.program);
        self.0.entry(who).or_default().push(workload.name.clone());
    }

    fn notes(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|(who, workloads)| format!("{who} ({})", workloads.join("; ")))
    }
}
