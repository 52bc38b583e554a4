//! The user's actions on descriptors.

use cogloop_io::{Interest, Mode, Token};
use fastrand::Rng;

use super::kernel::{EMFILE, ENOMEM, FILES};
use super::trace::{Name, Said};
use super::world::{Loop, Shared, World, descriptor};

fn interest(random: &mut Rng) -> Interest {
    Interest::from_bits(random.u8(0..4)).unwrap_or(Interest::BOTH)
}

pub(super) fn some_interest(random: &mut Rng) -> Interest {
    Interest::from_bits(random.u8(1..4)).unwrap_or(Interest::BOTH)
}

impl World {
    /// Usually an observed token, otherwise any token ever given out.
    fn any_token(&self, random: &mut Rng) -> Option<Token> {
        let live = self.watched.tokens();
        if random.u8(0..4) > 0 && !live.is_empty() {
            return random.choice(live);
        }
        random.choice(&self.watched.ever).copied()
    }
}

/// C45: a second add replaces the first. C51: a refusal by the kernel leaves the old state whole. C52: a descriptor is
/// added in level, edge or one-shot mode.
pub(super) fn add(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let number = random.usize(0..FILES);
    let interest = interest(random);
    let mode = [Mode::Level, Mode::Level, Mode::Edge, Mode::OneShot][random.usize(0..4)];
    let refusal = (random.u8(0..8) == 0).then(|| if random.bool() { ENOMEM } else { EMFILE });
    let is_open = world.borrow_mut().prepare(refusal, Some(number));
    let added = events.add_descriptor_with(descriptor(number), interest, mode);
    let world = &mut *world.borrow_mut();
    let has_room = world.watched.token_of(number).is_some() || world.watched.len() < world.limits.descriptors;
    world.kernel.take_refusal();
    assert_eq!(added.is_ok(), has_room && is_open && refusal.is_none(), "adding descriptor {number}: {added:?}");
    if let Ok(token) = added {
        world.watched.added(number, token, interest, mode);
    }
    let answer = added.map_or_else(|error| Said(&error).to_string(), |token| Name(token).to_string());
    world.note(format_args!("add descriptor {number}, {interest:?}, {mode:?}: {answer}"));
}

impl World {
    /// If `refusal` has an error, makes the kernel refuse the next registration with it. Returns whether the file is
    /// open.
    fn prepare(&mut self, refusal: Option<i32>, number: Option<usize>) -> bool {
        self.kernel.take_refusal();
        self.is_refusing_settling = false;
        refusal.into_iter().for_each(|errno| self.kernel.refuse(errno));
        number.is_some_and(|number| self.kernel.files[number].is_open)
    }

    fn number_of(&self, token: Token) -> Option<usize> {
        self.watched.get(token).map(|watch| watch.number)
    }
}

/// C44: either direction can be dropped, even if the kernel refuses. C51: any other change that the kernel refuses
/// leaves the old interest.
pub(super) fn set_interest(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let Some(token) = world.borrow().any_token(random) else { return };
    let interest = interest(random);
    let refusal = (random.u8(0..8) == 0).then_some(ENOMEM);
    let number = world.borrow().number_of(token);
    let is_open = world.borrow_mut().prepare(refusal, number);
    let before = events.interest(token);
    let changed = events.set_interest(token, interest).is_ok();
    let world = &mut *world.borrow_mut();
    world.kernel.take_refusal();
    let is_granted = is_open && refusal.is_none();
    // If a silent direction stays in the interest, it is to be reported again, and so the kernel has to accept the
    // change.
    let wanted = world.watched.wanted(token);
    let only_drops = before.is_some_and(|before| before != interest) && wanted.contains(interest);
    assert_eq!(changed, is_granted || only_drops, "changing {}", Name(token));
    assert_eq!(
        events.interest(token),
        if changed { Some(interest) } else { before },
        "the interest in {}",
        Name(token)
    );
    if changed {
        world.watched.change(token, |watch| {
            (watch.interest, watch.silent) = (interest, Interest::NONE);
            // A registration that was dropped is made again, for the file that has the number now.
            watch.is_closed &= !is_granted;
            watch.is_refused = !is_granted;
        });
    }
    world.note(format_args!("observe {interest:?} of {}: {changed}", Name(token)));
}

/// C37, C40: after this the kernel no longer has the descriptor registered.
pub(super) fn remove_any(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let Some(token) = world.borrow().any_token(random) else { return };
    remove(world, events, token);
}

fn remove(world: &Shared, events: &mut Loop, token: Token) {
    let removed = events.remove_descriptor(token).is_ok();
    let world = &mut *world.borrow_mut();
    assert_eq!(removed, world.watched.removed(token), "the result of removing {}", Name(token));
    assert!(!world.kernel.registered.contains_key(&token), "the kernel still holds {}, which is removed", Name(token));
    world.note(format_args!("remove {}: {removed}", Name(token)));
}

/// C52: tells the loop that directions of a descriptor are drained, which has an effect in `Mode::Edge`.
pub(super) fn drained(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let Some(token) = world.borrow().any_token(random) else { return };
    say_drained(world, events, token, some_interest(random));
}

pub(super) fn say_drained(world: &Shared, events: &mut Loop, token: Token, directions: Interest) {
    world.borrow_mut().prepare(None, None);
    let said = events.drained(token, directions).is_ok();
    let world = &mut *world.borrow_mut();
    let is_closed = world.watched.get(token).map(|watch| watch.is_closed);
    // For a closed descriptor both answers are right. The kernel refuses the change, but the loop does not ask the
    // kernel if these directions are registered already.
    assert!(is_closed == Some(true) || said == is_closed.is_some(), "the result of `drained` for {}", Name(token));
    if said {
        world.watched.change(token, |watch| {
            if watch.mode == Mode::Edge {
                watch.silent.remove(directions);
            }
        });
    }
    world.note(format_args!("{directions:?} of {} is drained: {said}", Name(token)));
}

pub(super) fn mark(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let Some(token) = world.borrow().any_token(random) else { return };
    let ready = interest(random);
    events.mark_ready(token, ready);
    let world = &mut *world.borrow_mut();
    world.watched.mark(token, ready);
    world.note(format_args!("mark {} for {ready:?}", Name(token)));
}

/// C34: some timers and descriptors do not keep a loop going.
pub(super) fn reference(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let Some(token) = world.borrow().any_token(random) else { return };
    let keeps = random.bool();
    let is_live = if keeps { events.ref_descriptor(token) } else { events.unref_descriptor(token) };
    let world = &mut *world.borrow_mut();
    let expected = world.watched.get(token).is_some();
    assert_eq!(is_live, expected, "the result of ref or unref for {}", Name(token));
    world.watched.set_referenced(token, keeps);
    world.note(format_args!("{} keeps the loop going: {keeps}", Name(token)));
}

/// C41: the loop does not learn of the close. From now on the number is free, or names another file.
pub(super) fn close(world: &Shared, random: &mut Rng) {
    let world = &mut *world.borrow_mut();
    let number = random.usize(0..FILES);
    let (is_reused, lives_on) = (random.bool(), random.bool());
    world.close(number, is_reused, lives_on);
    let (used, file) = (if is_reused { ", used again" } else { "" }, if lives_on { ", its file lives on" } else { "" });
    world.note(format_args!("close descriptor {number}{used}{file}"));
}

impl World {
    fn close(&mut self, number: usize, is_reused: bool, lives_on: bool) {
        self.kernel.close(number, lives_on);
        if is_reused {
            self.kernel.open(number);
        }
        if let Some(token) = self.watched.token_of(number) {
            self.watched.change(token, |watch| watch.is_closed = true);
        }
    }
}

/// C38: a number reused within the batch gets no stale event.
pub(super) fn remove_close_and_reuse(world: &Shared, events: &mut Loop, random: &mut Rng) {
    let Some(token) = world.borrow().any_token(random) else { return };
    let Some(number) = world.borrow().number_of(token) else { return };
    remove(world, events, token);
    world.borrow_mut().close(number, true, false);
    world.borrow_mut().prepare(None, None);
    let interest = some_interest(random);
    let token = events.add_descriptor(descriptor(number), interest).expect("it is open and nothing is refused");
    let world = &mut *world.borrow_mut();
    world.watched.added(number, token, interest, Mode::Level);
    world.note(format_args!("close descriptor {number}, and observe {interest:?} of its next file: {}", Name(token)));
}
