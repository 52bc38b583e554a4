//! There is no thread sanitizer for Windows.

/// Does nothing here.
pub(crate) fn look() {}

/// Does nothing here.
pub(crate) fn released<T>(_object: &T) {}

/// Does nothing here.
pub(crate) fn acquired<T>(_object: &T) {}
