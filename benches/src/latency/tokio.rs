//! `tokio::time` on one thread: a task for each timer. The task resets one `Sleep` for each deadline.

use std::io;
use std::pin::pin;
use std::rc::Rc;

use tokio::net::UnixStream;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

use super::course::{Course, Instants};

pub(super) fn run(course: &Rc<Course>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let instants = Instants::now();
    let tasks = LocalSet::new();
    let sleepers: Vec<_> = (0..course.timers())
        .map(|timer| tasks.spawn_local(sleep_by_turns(Rc::clone(course), timer, instants)))
        .collect();
    let observed = course.descriptors().map_or(0, |descriptors| descriptors.len());
    for index in 0..observed {
        tasks.spawn_local(serve(Rc::clone(course), index));
    }
    tasks.block_on(&runtime, async {
        for sleeper in sleepers {
            sleeper.await.map_err(io::Error::other)?;
        }
        Ok(())
    })
}

async fn sleep_by_turns(course: Rc<Course>, timer: usize, instants: Instants) {
    let mut sleep = pin!(sleep_until(Instant::from_std(instants.at(course.due_ns(timer)))));
    loop {
        sleep.as_mut().await;
        match course.fired(timer) {
            Some(again_ns) => sleep.as_mut().reset(Instant::from_std(instants.at(again_ns))),
            None => return,
        }
    }
}

async fn serve(course: Rc<Course>, index: usize) -> io::Result<()> {
    let descriptors = course.descriptors().ok_or(io::ErrorKind::NotFound)?;
    let socket = UnixStream::from_std(descriptors.owned(index)?.into())?;
    loop {
        socket.readable().await?;
        // Reads as `Descriptors::serve` does, and also tells tokio when there is no more to read.
        let _ = socket.try_read(&mut [0; 64]);
    }
}
