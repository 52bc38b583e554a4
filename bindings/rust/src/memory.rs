//! Fallible allocation: running out of memory becomes an error.
//!
//! | allocation | how it becomes fallible |
//! |---|---|
//! | a table or a queue grows | `try_reserve`, before anything else is changed |
//! | a callback is boxed | [`boxed`]: a vector of one element, which has a fallible call |
//! | a future is pinned; an `Rc` or `Arc` is made | [`pinned`], [`rc`], [`arc`]: first allocate and free such a block |
//!
//! The standard library has no fallible call for the last row, and writing one would need unsafe code. An allocator
//! usually returns the block that was freed last, so the second allocation succeeds, too. If another thread takes the
//! last block of that size in between, the process ends.

use cogloop_io::memory::expect_bytes;
use std::collections::TryReserveError;
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

/// Makes a box, or returns an error if there is no memory.
pub(crate) fn boxed<T>(value: T) -> Result<Box<[T; 1]>, TryReserveError> {
    let mut values = Vec::new();
    values.try_reserve_exact(1)?;
    values.push(value);
    // Neither call moves the value, because the vector has room for exactly one.
    Ok(values.into_boxed_slice().try_into().unwrap_or_else(|_| unreachable!("a vector of one")))
}

/// The layout that an `Rc` or an `Arc` of a `T` allocates: two counts and the value.
#[repr(C)]
struct Counted<T>(usize, usize, T);

/// Checks that the allocator has a block for a `T`.
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

/// The size of a block for a few small allocations that have no fallible call, such as the text of an error. It is
/// larger than the sizes for which allocators keep separate lists. So the freed block can serve smaller requests.
const SMALL_THINGS: usize = 4 << 10;

/// Checks that there is memory for a few small allocations beside a `T`.
#[cold]
pub(crate) fn expect_small_things<T>() -> Result<(), TryReserveError> {
    expect_bytes(size_of::<T>() + SMALL_THINGS)
}
