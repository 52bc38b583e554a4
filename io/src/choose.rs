//! Which backend: the one asked for, else the best that works here. The one place that knows what a platform has.

use crate::epoll::Epoll;
use crate::select::Select;
use crate::{Backend, Error};
use std::io;

/// The environment variable that names a backend when the program does not.
pub const VARIABLE: &str = "COGLOOP_BACKEND";

type Opener = fn() -> io::Result<Box<dyn Backend>>;

// Best first.
const KNOWN: [(&str, Opener); 2] =
    [("epoll", || Ok(Box::new(Epoll::new()?))), ("select", || Ok(Box::new(Select::new())))];

/// Which backend a loop runs on, and why.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct BackendReport {
    /// Its name.
    pub name: &'static str,
    /// Why this one, in words; names the backends that were refused and the kernel's reason.
    pub reason: String,
}

/// The names that [`open`] knows, best first.
pub fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|&(name, _)| name)
}

/// Opens the backend of that name; with `None` the one that the environment names; without either the best.
///
/// One that the kernel refuses gives way to the best that works, and the report says so.
///
/// # Errors
/// [`Error::UnknownBackend`] for a name that is not in [`names`], [`Error::NoBackend`] when every one is refused.
pub fn open(name: Option<&str>) -> Result<(Box<dyn Backend>, BackendReport), Error> {
    let from_environment = std::env::var(VARIABLE).ok().filter(|value| !value.is_empty());
    match (name, from_environment) {
        (Some(name), _) => open_from(&KNOWN, Some((name, "asked for by name"))),
        (None, Some(name)) => open_from(&KNOWN, Some((&name, "asked for by COGLOOP_BACKEND"))),
        (None, None) => open_from(&KNOWN, None),
    }
}

fn open_from(
    known: &[(&'static str, Opener)],
    asked: Option<(&str, &str)>,
) -> Result<(Box<dyn Backend>, BackendReport), Error> {
    let names = || known.iter().map(|&(name, _)| name).collect();
    let first = asked.map(|(asked, _)| asked);
    if let Some(name) = first.filter(|first| known.iter().all(|(name, _)| name != first)) {
        return Err(Error::UnknownBackend { name: name.to_owned(), known: names() });
    }
    let (preferred, others): (Vec<_>, Vec<_>) = known.iter().partition(|(name, _)| Some(*name) == first);
    let mut refusals = String::new();
    for &(name, opener) in preferred.into_iter().chain(others) {
        match opener() {
            Ok(backend) => {
                let why = match asked {
                    Some((asked, why)) if asked == name => why,
                    _ => "the best that works here",
                };
                return Ok((backend, BackendReport { name, reason: format!("{refusals}{why}") }));
            }
            Err(error) => refusals.push_str(&format!("{name} was refused ({error}); ")),
        }
    }
    Err(Error::NoBackend { reasons: refusals.trim_end_matches("; ").to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Opener = || Err(io::Error::from_raw_os_error(1));
    const WORKS: Opener = || Ok(Box::new(Select::new()));

    #[test]
    fn a_refused_backend_gives_way_and_the_report_says_why() {
        let known = [("first", REFUSED), ("second", WORKS)];
        for asked in [None, Some(("first", "asked for by name"))] {
            let (_, report) = open_from(&known, asked).map_err(|error| error.to_string()).unwrap();
            assert_eq!(report.name, "second");
            assert!(report.reason.contains("first was refused (Operation not permitted"), "{}", report.reason);
            assert!(report.reason.ends_with("the best that works here"), "{}", report.reason);
        }
        let (_, report) = open_from(&known, Some(("second", "asked for by name"))).map_err(|e| e.to_string()).unwrap();
        assert_eq!(report.reason, "asked for by name", "nothing else was tried");
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = open(Some("kqueueue")).err().unwrap().to_string();
        assert_eq!(error, "unknown backend \"kqueueue\"; known here: epoll, select");
    }

    #[test]
    fn all_refused_is_an_error_with_every_reason() {
        let error = open_from(&[("a", REFUSED), ("b", REFUSED)], None).err().unwrap().to_string();
        assert!(error.contains("a was refused") && error.contains("b was refused"), "{error}");
    }
}
