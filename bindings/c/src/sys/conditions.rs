//! The conditions of a descriptor.

/// What `poll` says about a descriptor.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Conditions {
    pub(crate) is_readable: bool,
    pub(crate) is_writable: bool,
    pub(crate) has_priority: bool,
    pub(crate) is_hung_up: bool,
    pub(crate) is_read_hung_up: bool,
    pub(crate) is_broken: bool,
}
