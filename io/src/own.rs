//! Descriptors of our own are never standard input, output or error.
//!
//! A daemon may have closed these, and the kernel gives the lowest number that is free. What the process prints afterwards
//! would go into a ring or a waker.

/// The highest number that stands for something by convention.
#[cfg(unix)]
const STANDARD_MAX: std::os::fd::RawFd = 2;

/// Makes something that has a descriptor whose number is above those of the standard streams. What got such a number is held
/// until there is one above, and then closed.
///
/// # Errors
/// What `make` says.
#[cfg(unix)]
pub(crate) fn above_standard<T, E>(
    mut make: impl FnMut() -> Result<T, E>,
    lowest: impl Fn(&T) -> std::os::fd::RawFd,
) -> Result<T, E> {
    let mut held = [const { None }; STANDARD_MAX as usize + 1];
    for place in &mut held {
        let made = make()?;
        if lowest(&made) > STANDARD_MAX {
            return Ok(made);
        }
        *place = Some(made);
    }
    make()
}

/// As [`above_standard`], for one descriptor.
///
/// # Errors
/// What `make` says.
#[cfg(unix)]
pub(crate) fn own<T: std::os::fd::AsRawFd, E>(make: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    above_standard(make, T::as_raw_fd)
}

/// Sockets of Windows have no such numbers.
///
/// # Errors
/// What `make` says.
#[cfg(not(unix))]
pub(crate) fn own<T, E>(mut make: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    make()
}
