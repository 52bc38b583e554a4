//! Chooses the backend: the one that was asked for, or the best that works here. Only this file knows which backends a
//! platform has.

use crate::portable::Portable;
use crate::sys::usual_cause;
use crate::{Backend, Error};
use std::io;

/// The environment variable that names a backend when the program does not.
pub const VARIABLE: &str = "COGLOOP_BACKEND";

type Opener = fn() -> io::Result<Box<dyn Backend>>;

// The backends of this platform, the best first. The order on Linux follows from measurements (docs/backends.md).
// io_uring passes changes of registrations and the deadline in the system call of the wait. An edge-triggered event
// costs least on io_uring. With many descriptors an event costs as much on io_uring as on epoll.
const KNOWN: &[(&str, Opener)] = &[
    #[cfg(target_os = "linux")]
    ("uring", || Ok(Box::new(crate::uring::Uring::new()?))),
    #[cfg(target_os = "linux")]
    ("epoll", || Ok(Box::new(crate::epoll::Epoll::new()?))),
    // On other systems the crate `polling` uses the kernel's own interface, which stays fast with many descriptors;
    // select does not.
    #[cfg(not(target_os = "linux"))]
    ("portable", || Ok(Box::new(Portable::new()?))),
    #[cfg(unix)]
    ("select", || Ok(Box::new(crate::select::Select::new()))),
    #[cfg(target_os = "linux")]
    ("portable", || Ok(Box::new(Portable::new()?))),
];

/// The backend that a loop runs on, and the reason.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct BackendReport {
    /// The backend's name.
    pub name: &'static str,
    /// Why it was chosen, in words. Names the backends that were refused, each with the kernel's reason.
    pub reason: String,
}

/// The names of the backends that [`open`] knows, best first.
pub fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|&(name, _)| name)
}

/// Opens the backend called `name`. If `name` is `None`, opens the backend that the environment names. If the
/// environment names none, opens the best that works.
///
/// If the kernel refuses the backend, the best that works is opened instead, and the report says so.
///
/// # Errors
/// [`Error::UnknownBackend`] for a name that is not in [`names`], [`Error::NoBackend`] when every backend is refused.
pub fn open(name: Option<&str>) -> Result<(Box<dyn Backend>, BackendReport), Error> {
    let from_environment = std::env::var(VARIABLE).ok().filter(|value| !value.is_empty());
    match (name, from_environment) {
        (Some(name), _) => open_from(KNOWN, Some(Asked { name, variable: None })),
        (None, Some(name)) => open_from(KNOWN, Some(Asked { name: &name, variable: Some(VARIABLE) })),
        (None, None) => open_from(KNOWN, None),
    }
}

/// A backend that the program or the environment asks for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    name: &'a str,
    /// The environment variable that holds the name.
    variable: Option<&'static str>,
}

fn open_from(
    known: &[(&'static str, Opener)],
    asked: Option<Asked<'_>>,
) -> Result<(Box<dyn Backend>, BackendReport), Error> {
    if let Some(Asked { name, variable }) = asked.filter(|asked| known.iter().all(|&(name, _)| name != asked.name)) {
        let known = known.iter().map(|&(name, _)| name).collect();
        return Err(Error::UnknownBackend { name: name.to_owned(), variable, known });
    }
    let (preferred, others): (Vec<_>, Vec<_>) =
        known.iter().partition(|&&(name, _)| asked.is_some_and(|asked| asked.name == name));
    let mut refusals = Vec::new();
    for &(name, opener) in preferred.into_iter().chain(others) {
        match opener() {
            Ok(backend) => {
                let reason = match asked {
                    _ if !refusals.is_empty() => format!("{}, so {name}", refusals.join("; ")),
                    Some(asked) => format!("asked for by {}", asked.variable.unwrap_or("name")),
                    None => "the best that works here".to_owned(),
                };
                return Ok((backend, BackendReport { name, reason }));
            }
            Err(error) => refusals.push(format!("{name} refused: {}", in_words(name, &error))),
        }
    }
    Err(Error::NoBackend { reasons: refusals.join("; ") })
}

/// The kernel's error, with its usual cause for this backend.
fn in_words(backend: &str, error: &io::Error) -> String {
    let text = error.to_string();
    let Some(cause) = usual_cause(backend, error) else { return text };
    format!("{} ({cause})", text.split(" (os error").next().unwrap_or(&text))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const REFUSED: Opener = || Err(io::Error::from_raw_os_error(1));
    const WORKS: Opener = || Ok(Box::new(Portable::new()?));

    fn by_name(name: &str) -> Option<Asked<'_>> {
        Some(Asked { name, variable: None })
    }

    #[test]
    fn a_refused_backend_gives_way_and_the_report_says_why() {
        let known = [("first", REFUSED), ("second", WORKS)];
        for asked in [None, by_name("first")] {
            let (_, report) = open_from(&known, asked).map_err(|error| error.to_string()).unwrap();
            assert_eq!(report.name, "second");
            assert_eq!(
                report.reason,
                "first refused: Operation not permitted (a container's seccomp filter does that), so second"
            );
        }
        let (_, report) = open_from(&known, by_name("second")).map_err(|e| e.to_string()).unwrap();
        assert_eq!(report.reason, "asked for by name", "nothing else was tried");
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_known_names() {
        let error = open(Some("kqueueue")).err().unwrap().to_string();
        assert_eq!(error, "unknown backend \"kqueueue\"; known here: uring, epoll, select, portable");
    }

    #[test]
    fn an_unknown_name_from_the_environment_is_an_error_that_names_the_variable() {
        let asked = Asked { name: "kqueueue", variable: Some(VARIABLE) };
        let error = open_from(&[("first", WORKS)], Some(asked)).err().unwrap().to_string();
        let expected = "the environment variable COGLOOP_BACKEND: unknown backend \"kqueueue\"; known here: first";
        assert_eq!(error, expected);
    }

    #[test]
    fn all_refused_is_an_error_with_every_reason() {
        let error = open_from(&[("a", REFUSED), ("b", REFUSED)], None).err().unwrap().to_string();
        assert!(error.contains("a refused: ") && error.contains("; b refused: "), "{error}");
    }
}
