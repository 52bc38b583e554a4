//! The types that a callback may return.

use crate::Error;
use std::convert::Infallible;
use std::ops::ControlFlow;

/// The result of a callback: nothing, a [`ControlFlow`], or an error.
///
/// | the callback returns | effect |
/// |---|---|
/// | `()` or [`ControlFlow::Continue`] | the interval, source, channel or idle callback goes on |
/// | [`ControlFlow::Break`] | it ends |
/// | `Ok` of one of these | the same |
/// | `Err(error)` | it ends, and `run` returns the error; the loop stays usable |
///
/// ```
/// use cogloop::Loop;
/// use std::{ops::ControlFlow, time::Duration};
///
/// let mut events = Loop::simulated()?;
/// events.every(Duration::from_secs(1), |count: &mut u32, _| {
///     *count += 1;
///     if *count < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
/// })?;
/// let mut count = 0;
/// events.run(&mut count)?;
/// assert_eq!(count, 3);
///
/// events.after(Duration::from_secs(1), |_, _| {
///     let number: u32 = "no number".parse()?;
///     Ok::<_, std::num::ParseIntError>(println!("{number}"))
/// })?;
/// assert!(events.run(&mut count).unwrap_err().to_string().contains("invalid digit"));
/// # Ok::<(), cogloop::Error>(())
/// ```
pub trait Outcome: sealed::Outcome {}

impl<T: sealed::Outcome> Outcome for T {}

/// The result of a callback, converted to one type.
pub(crate) type Verdict = Result<ControlFlow<()>, Error>;

pub(crate) mod sealed {
    pub trait Outcome {
        fn verdict(self) -> crate::outcome::Verdict;
    }

    /// Gives a name to `!`, the type of `panic!()`. Stable Rust allows `!` only as the return type of a function;
    /// `Result` is that return type.
    pub trait Returns {
        type Result;
    }
}

impl sealed::Outcome for () {
    fn verdict(self) -> Verdict {
        Ok(ControlFlow::Continue(()))
    }
}

impl sealed::Outcome for ControlFlow<()> {
    fn verdict(self) -> Verdict {
        Ok(self)
    }
}

impl<T: sealed::Outcome, E: Into<Box<dyn std::error::Error + Send + Sync>>> sealed::Outcome for Result<T, E> {
    fn verdict(self) -> Verdict {
        self.map_err(Error::of_callback).and_then(sealed::Outcome::verdict)
    }
}

impl sealed::Outcome for Infallible {
    fn verdict(self) -> Verdict {
        match self {}
    }
}

impl<T> sealed::Returns for fn() -> T {
    type Result = T;
}

/// With this implementation a callback that only panics, as in a test, needs no type annotation.
impl sealed::Outcome for <fn() -> ! as sealed::Returns>::Result {
    fn verdict(self) -> Verdict {
        self
    }
}
