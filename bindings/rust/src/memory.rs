//! Memory that is asked for before it is used, so that running out of it is an error.
//!
//! | what is made | how it asks |
//! |---|---|
//! | a table or a queue grows | `try_reserve`, before anything else has happened |
//! | a callback is boxed | [`boxed`]: a vector of one, which has a fallible call |
//! | a future is pinned; an `Rc` or an `Arc` is made | [`pinned`], [`rc`], [`arc`]: a block of the same layout, given back at once |
//!
//! The standard library has no fallible call for the last row, and to build one takes unsafe code. Allocators hand out the
//! block that was given back last, so the question is as good as the answer, unless another thread takes the last block of
//! that size in between: then the process ends.

use cogloop_io::memory::expect_bytes;
use std::collections::TryReserveError;
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

/// A box that may find no memory.
pub(crate) fn boxed<T>(value: T) -> Result<Box<[T; 1]>, TryReserveError> {
    let mut values = Vec::new();
    values.try_reserve_exact(1)?;
    values.push(value);
    // Neither of the two moves it: there is no room but for the one.
    Ok(values.into_boxed_slice().try_into().unwrap_or_else(|_| unreachable!("a vector of one")))
}

/// What an `Rc` or an `Arc` of a `T` allocates: two counts and the value.
#[repr(C)]
struct Counted<T>(usize, usize, T);

/// Whether the allocator has a block for a `T`.
fn expect<T>() -> Result<(), TryReserveError> {
    let mut block = Vec::<T>::new();
    block.try_reserve_exact(1)?;
    // The compiler may leave out an allocation that is not used.
    black_box(block.as_mut_ptr());
    Ok(())
}

pub(crate) fn pinned<T>(value: T) -> Result<Pin<Box<T>>, TryReserveError> {
    expect::<T>()?;
    Ok(Box::pin(value))
}

pub(crate) fn rc<T>(value: T) -> Result<Rc<T>, TryReserveError> {
    expect::<Counted<T>>()?;
    Ok(Rc::new(value))
}

pub(crate) fn arc<T>(value: T) -> Result<Arc<T>, TryReserveError> {
    expect::<Counted<T>>()?;
    Ok(Arc::new(value))
}

/// For a few small things that are allocated without asking, such as the words of an error. More than allocators keep in lists
/// of one size each, so that what is given back serves any smaller request.
const SMALL_THINGS: usize = 4 << 10;

/// Whether there is room for a few small things beside a `T`.
#[cold]
pub(crate) fn expect_small_things<T>() -> Result<(), TryReserveError> {
    expect_bytes(size_of::<T>() + SMALL_THINGS)
}
