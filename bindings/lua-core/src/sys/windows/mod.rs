//! Windows. `unix` has the same files and functions.

pub(crate) mod boot_time;
pub(crate) mod descriptor;
pub(crate) mod errno;
pub(crate) mod interfaces;
pub(crate) mod option;
pub(crate) mod path;
pub(crate) mod socket;
pub(crate) mod sources;
pub(crate) mod wakers;
