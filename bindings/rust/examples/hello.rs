//! The event loop in one page: a one-shot, an interval, a cancelled timer, a task that sleeps, a thread that posts, and
//! a child process whose output arrives while the timers tick.
//!
//!     cargo run --example hello -p cogloop

use cogloop::{Error, Handle, Interest, Loop};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The state that the callbacks share.
struct Show {
    start: Instant,
    ticks: u32,
}

impl Show {
    /// Prints a line of the timeline. The second column shows that nothing happens before its deadline.
    fn line(&self, deadline: Option<Instant>, what: &str) {
        let verdict =
            deadline.map_or(String::new(), |deadline| match Instant::now().checked_duration_since(deadline) {
                Some(late) => format!("{} µs late", late.as_micros()),
                None => "EARLY!".to_owned(),
            });
        println!("{:8.1} ms  {verdict:>14}  {what}", self.start.elapsed().as_secs_f64() * 1000.0);
    }
}

fn timers(events: &Handle<Show>) -> Result<(), Error> {
    let ms = Duration::from_millis;
    events.after(ms(250), |show, firing| show.line(Some(firing.deadline()), "one-shot"))?;
    events.every(ms(100), |show, firing| {
        show.ticks += 1;
        show.line(Some(firing.deadline()), &format!("interval, tick {} of 8", show.ticks));
        if show.ticks < 8 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let never = events.after(ms(450), |show, _| show.line(None, "this line must not appear"))?;
    events.after(ms(350), move |show, firing| {
        show.line(Some(firing.deadline()), &format!("cancelled the timer of 450: {}", firing.cancel(never)));
    })?;
    Ok(())
}

/// A child process. Its output is a source, and its end calls a callback.
fn child(events: &Handle<Show>) -> Result<(), Box<dyn std::error::Error>> {
    let script = "sleep 0.15; echo hello from a child; sleep 0.4; echo and goodbye";
    let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn()?;
    let output = File::from(OwnedFd::from(child.stdout.take().ok_or("the child has no output")?));
    events.add(output, Interest::READ, |show, _, output| {
        let mut line = String::new();
        // Reads one line. The child writes each line at once.
        if BufReader::new(output).read_line(&mut line)? == 0 {
            return Ok(ControlFlow::Break(()));
        }
        show.line(None, &format!("child says: {}", line.trim_end()));
        Ok::<_, std::io::Error>(ControlFlow::Continue(()))
    })?;
    events.child(child, |show, _, status| match status {
        Ok(status) => show.line(None, &format!("child has ended: {status}")),
        Err(error) => show.line(None, &format!("child cannot be waited for: {error}")),
    })?;
    Ok(())
}

/// A task that reads the state, sleeps, and reads it again.
fn task(events: &Handle<Show>) -> Result<(), Error> {
    let handle = events.handle();
    let nap = async move {
        for number in 1..=2 {
            handle.sleep(Duration::from_millis(180))?.await?;
            handle.with(move |show, _| show.line(None, &format!("task, nap {number} of 2"))).await?;
        }
        Ok::<_, Error>(())
    };
    events.spawn(nap)?.detach();
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut events = Loop::new()?;
    let mut show = Show { start: Instant::now(), ticks: 0 };
    show.line(None, &format!("waiting with {}", events.backend().name));
    timers(&events)?;
    child(&events)?;
    task(&events)?;
    let remote = events.remote();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(320));
        remote.post(|show: &mut Show, _| show.line(None, "post from another thread"))
    });
    events.run(&mut show)?; // until nothing is left to wait for
    show.line(None, "nothing left to do");
    Ok(())
}
