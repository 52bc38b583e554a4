//! The ends of timers and watches, with the functions that are called then. Also the walk through all timers and
//! watches.

use super::{Model, Run, Serving};
use crate::program::Event;

impl Model {
    pub(super) fn end_timer(&mut self, n: usize) -> Run {
        let timer = &mut self.timers[n];
        let (of, body) = (timer.of, timer.body);
        timer.is_live = false;
        if std::mem::take(&mut timer.tells_end) {
            self.report_end(of, Serving::Timer(n), Event::TimerEnded { body })?;
        }
        Ok(())
    }

    pub(super) fn end_watch(&mut self, n: usize) -> Run {
        let watch = &mut self.watches[n];
        let (of, body) = (watch.of, watch.body);
        watch.is_live = false;
        if std::mem::take(&mut watch.tells_end) {
            self.report_end(of, Serving::Watch(n), Event::WatchEnded { body })?;
        }
        Ok(())
    }

    /// Calls the function for an end: at once, or when the object's own callback returns.
    fn report_end(&mut self, of: usize, what: Serving, end: Event) -> Run {
        let known = &mut self.loops[of];
        if known.serving == Some(what) {
            known.deferred_end = Some(end);
            return Ok(());
        }
        self.call_end(end)
    }

    fn call_end(&mut self, end: Event) -> Run {
        let (Event::TimerEnded { body } | Event::WatchEnded { body }) = end else { return Ok(()) };
        self.note(end);
        self.body_in_open_order(body)
    }

    /// Finishes a callback. `last` is the end of a timer that has fired for the last time.
    pub(super) fn finish_serving(&mut self, n: usize, last: Option<Event>) -> Run {
        let known = &mut self.loops[n];
        known.serving = None;
        let deferred = known.deferred_end.take();
        last.into_iter().chain(deferred).try_for_each(|end| self.call_end(end))
    }

    /// Makes everything of the loop stale at once. Then discards the posts, and then ends the timers and watches.
    pub(super) fn free(&mut self, n: usize) -> Run {
        let known = &mut self.loops[n];
        (known.is_freed, known.is_stopped) = (true, true);
        for body in std::mem::take(&mut known.posts) {
            self.note(Event::Discarded { body });
        }
        let of_loop = |of: usize, is_live: bool| of == n && is_live;
        self.hooks.iter_mut().filter(|hook| hook.of == n).for_each(|hook| hook.is_live = false);
        let mut timers: Vec<_> = (0..self.timers.len())
            .filter(|&timer| of_loop(self.timers[timer].of, self.timers[timer].is_live))
            .collect();
        let mut watches: Vec<_> = (0..self.watches.len())
            .filter(|&watch| of_loop(self.watches[watch].of, self.watches[watch].is_live))
            .collect();
        timers.iter().for_each(|&timer| self.timers[timer].is_live = false);
        watches.iter().for_each(|&watch| self.watches[watch].is_live = false);
        let of_timer = |model: &Self, &timer: &usize| Event::TimerEnded { body: model.timers[timer].body };
        timers.retain(|&timer| self.timers[timer].tells_end);
        while let Some(timer) = self.take_next(&mut timers, of_timer) {
            self.end_timer(timer)?;
        }
        let of_watch = |model: &Self, &watch: &usize| Event::WatchEnded { body: model.watches[watch].body };
        watches.retain(|&watch| self.watches[watch].tells_end);
        while let Some(watch) = self.take_next(&mut watches, of_watch) {
            self.end_watch(watch)?;
        }
        Ok(())
    }

    /// Visits the objects that exist at the start of the walk and still exist at their visit: first timers, then
    /// watches.
    pub(super) fn walk(&mut self, n: usize, body: usize) -> Run {
        let is_of = |of: usize, is_live: bool| of == n && is_live;
        let (timers, watches) = (&self.timers, &self.watches);
        let mut timers: Vec<_> = (0..timers.len()).filter(|&t| is_of(timers[t].of, timers[t].is_live)).collect();
        let mut watches: Vec<_> = (0..watches.len()).filter(|&w| is_of(watches[w].of, watches[w].is_live)).collect();
        let of_timer = |_: &Self, &timer: &usize| Event::VisitedTimer { timer: Some(timer) };
        while let Some(timer) = self.take_next(&mut timers, of_timer) {
            if self.timers[timer].is_live {
                self.note(of_timer(self, &timer));
                self.body_in_open_order(body)?;
            }
        }
        let of_watch = |model: &Self, &watch: &usize| Event::VisitedWatch { watch: model.watch_handle(watch) };
        while let Some(watch) = self.take_next(&mut watches, of_watch) {
            if self.watches[watch].is_live {
                self.note(of_watch(self, &watch));
                self.body_in_open_order(body)?;
            }
        }
        Ok(())
    }
}
