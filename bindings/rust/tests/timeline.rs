//! The trace of a loop: its events, with their times and the lines where the callbacks were given to the loop. Time is
//! virtual, so the tests compare exact times.

use cogloop::Loop;
use std::path::PathBuf;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// A file that is removed when it is dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("cogloop-timeline-{}-{name}.json", std::process::id())))
    }

    /// The events of a category, as `name start+duration` in µs, with the lateness if the event has one.
    fn events(&self, category: &str) -> Vec<String> {
        let category = format!(r#""cat":"{category}""#);
        self.text().lines().filter(|line| line.contains(&category)).map(in_short).collect()
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.0).expect("the trace was written")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn in_short(line: &str) -> String {
    let field = |name: &str| {
        let (_, rest) = line.split_once(&format!("\"{name}\":"))?;
        Some(rest.trim_start_matches('"').split(['"', ',', '}']).next().unwrap_or_default().to_owned())
    };
    let mut text = format!("{} {}+{}", field("name").unwrap(), field("ts").unwrap(), field("dur").unwrap());
    if let Some(late) = field("late_us") {
        text += &format!(" late {late}");
    }
    text
}

fn at(line: u32) -> String {
    format!("{}:{line}", file!())
}

#[test]
fn timers_have_the_line_where_they_were_made_their_time_and_their_lateness() {
    let file = Temporary::new("timers");
    let mut events = Loop::simulated().unwrap();
    events.after(MS, |_: &mut (), _| ()).unwrap();
    events.trace(&file.0).unwrap();
    let first = line!() + 1;
    events.after(2 * MS, |_, firing| assert!(firing.advance(3 * MS))).unwrap();
    let every = events.every(4 * MS, |_, firing| assert!(firing.advance(MS / 2))).unwrap();
    events.after(6 * MS, move |_, firing| assert!(firing.cancel(every))).unwrap();
    events.run(&mut ()).unwrap();
    events.end_trace().unwrap();
    assert_eq!(
        file.events("timer"),
        [
            "timer 1000.000+0.000 late 0.000".to_owned(),
            format!("{} 2000.000+3000.000 late 0.000", at(first)),
            format!("{} 5000.000+500.000 late 1000.000", at(first + 1)),
            format!("{} 6000.000+0.000 late 0.000", at(first + 2)),
        ]
    );
    assert_eq!(file.events("wait").len(), file.events("turn").len());
    assert!(file.text().starts_with("[\n") && file.text().ends_with("}\n]\n"));
}

/// The source is a pipe, so this test is for Unix.
#[cfg(unix)]
#[test]
fn a_trace_has_tasks_posts_sources_and_errors() {
    use cogloop::Interest;
    use std::ops::ControlFlow;
    let file = Temporary::new("tasks");
    let mut events = Loop::simulated().unwrap();
    events.trace(&file.0).unwrap();
    let handle = events.handle();
    let first = line!() + 1;
    events.spawn(async move { handle.sleep(MS).unwrap().await }).unwrap().detach();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(writer);
    events.add(reader, Interest::READ, |(), _, _| ControlFlow::Break(())).unwrap();
    events.remote().post(|(), _| ()).unwrap();
    events.run(&mut ()).unwrap();
    let failing = line!() + 1;
    events.after(MS, |(), _| Err::<(), _>(std::io::Error::other("trouble"))).unwrap();
    events.run(&mut ()).unwrap_err();
    drop(events);
    assert_eq!(file.events("task")[0], format!("{} 0.000+0.000", at(first)));
    assert_eq!(file.events("other"), ["post 0.000+0.000"]);
    assert!(file.events("descriptor").iter().all(|event| event.starts_with(&at(first + 3))));
    assert_eq!(file.events("descriptor").len(), 1);
    assert!(file.events("error")[0].starts_with(&at(failing)), "{:?}", file.events("error"));
    assert!(file.text().ends_with("}\n]\n"), "dropping the loop completes the file");
}

#[test]
fn a_timer_that_takes_the_place_of_another_has_its_own_line() {
    let file = Temporary::new("places");
    let mut events = Loop::simulated().unwrap();
    events.trace(&file.0).unwrap();
    let first = line!() + 1;
    events.after(MS, |_: &mut (), firing| firing.after(MS, |_, _| ()).map(|_| ())).unwrap();
    events.run(&mut ()).unwrap();
    events.end_trace().unwrap();
    let lines: Vec<_> = file.events("timer").iter().map(|event| event.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(lines, [at(first), at(first)]);
    assert_eq!(file.events("timer")[1], format!("{} 2000.000+0.000 late 0.000", at(first)));
}

#[test]
fn a_callback_begins_where_the_one_before_it_ended_but_not_before_its_run() {
    let file = Temporary::new("between");
    let mut events = Loop::simulated().unwrap();
    events.trace(&file.0).unwrap();
    for delay in [MS, MS, 2 * MS] {
        events.after(delay, |_: &mut (), firing| assert!(firing.advance(MS / 4))).unwrap();
    }
    events.run(&mut ()).unwrap();
    assert!(events.advance(5 * MS));
    events.block_on(&mut (), async {}).unwrap();
    events.end_trace().unwrap();
    let times =
        |category| file.events(category).iter().map(|each| each.split(' ').nth(1).unwrap().to_owned()).collect();
    let timers: Vec<String> = times("timer");
    assert_eq!(timers, ["1000.000+250.000", "1250.000+250.000", "2000.000+250.000"]);
    let tasks: Vec<String> = times("task");
    assert_eq!(tasks, ["7250.000+0.000"]);
}

#[test]
fn a_refused_file_leaves_the_trace_as_it_is() {
    let file = Temporary::new("refused");
    let mut events = Loop::simulated().unwrap();
    events.trace(&file.0).unwrap();
    events.trace("/no/such/folder/x").unwrap_err();
    let made = line!() + 1;
    events.after(MS, |_: &mut (), _| ()).unwrap();
    events.run(&mut ()).unwrap();
    events.end_trace().unwrap();
    assert_eq!(file.events("timer"), [format!("{} 1000.000+0.000 late 0.000", at(made))]);
    assert!(file.text().ends_with("]\n"));
}

#[test]
fn a_full_trace_ends_and_a_file_that_cannot_be_made_is_an_error() {
    let file = Temporary::new("full");
    let mut events = Loop::simulated().unwrap();
    events.trace_with(&file.0, 10_000).unwrap();
    events.every(MS, |_: &mut (), _| ()).unwrap();
    events.run_for(&mut (), 500 * MS).unwrap();
    let text = file.text();
    assert!(text.len() <= 10_000 && text.contains("the trace is full") && text.ends_with("]\n"), "{text}");
    events.end_trace().unwrap();
    let error = events.trace("/no/such/folder/x").unwrap_err();
    assert!(error.to_string().contains("making a trace"), "{error}");
    events.end_trace().unwrap();
}
