//! The crate `calloop`: a source for each timer. The callback of the source returns the next time at which the timer is
//! due.

use std::io;
use std::rc::Rc;

use calloop::generic::Generic;
use calloop::timer::{TimeoutAction, Timer};
use calloop::{EventLoop, Interest, Mode, PostAction};

use super::course::{Course, Instants};

pub(super) fn run(course: &Rc<Course>) -> io::Result<()> {
    let mut events: EventLoop<'static, ()> = EventLoop::try_new()?;
    let handle = events.handle();
    let instants = Instants::now();
    for timer in 0..course.timers() {
        let source = Timer::from_deadline(instants.at(course.due_ns(timer)));
        let course = Rc::clone(course);
        let fired = move |_, _: &mut (), _: &mut ()| match course.fired(timer) {
            Some(again_ns) => TimeoutAction::ToInstant(instants.at(again_ns)),
            None => TimeoutAction::Drop,
        };
        handle.insert_source(source, fired).map_err(|error| io::Error::other(error.to_string()))?;
    }
    for index in 0..course.descriptors().map_or(0, |descriptors| descriptors.len()) {
        let descriptors = course.descriptors().ok_or(io::ErrorKind::NotFound)?;
        let source = Generic::new(descriptors.owned(index)?, Interest::READ, Mode::Level);
        let course = Rc::clone(course);
        let ready = move |_, _: &mut _, _: &mut ()| {
            course.descriptors().into_iter().for_each(|descriptors| descriptors.serve(index));
            Ok(PostAction::Continue)
        };
        handle.insert_source(source, ready).map_err(|error| io::Error::other(error.to_string()))?;
    }
    while !course.is_over() {
        events.dispatch(None, &mut ())?;
    }
    Ok(())
}
