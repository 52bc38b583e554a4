//! The feature `tracing`: a loop reports its activity to the subscriber.
#![cfg(feature = "tracing")]

mod common;

use cogloop::{Interest, Loop};
use common::*;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Records the message and the fields of each event of the loop.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "cogloop"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn turns_timers_and_sources_are_reported() {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || {
        let mut events = simulated();
        events.after(MS, |log: &mut Vec<u64>, firing| (log.push(1), assert!(firing.advance(MS))).0).unwrap();
        events.after(MS, |log: &mut Vec<u64>, _| log.push(2)).unwrap();
        let (reader, writer) = pipe();
        drop(writer);
        events.add(reader, Interest::READ, |_: &mut Vec<u64>, _, _| ControlFlow::Break(())).unwrap();
        assert_eq!(log_of(&mut events), [1, 2]);
    });
    let lines = lines.0.lock().unwrap();
    for expected in [
        "DEBUG message=a loop was made backend=",
        "TRACE message=a timer fires late_ns=0 missed=0",
        "TRACE message=a source is ready slot=0 ready=READ",
        "TRACE message=a turn is over served=2",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(expected)), "{expected}: {lines:#?}");
    }
    drop(Loop::<()>::new().unwrap());
}
