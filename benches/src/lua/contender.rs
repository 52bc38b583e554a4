//! The contenders of `bench lua`.

use super::workload::Workload;

/// A loop for Lua, in a file of `benches/lua/peers`; or the bare loop over epoll, which is in this program.
#[derive(Copy, Clone, Debug)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) file: Option<&'static str>,
    /// The backend of one of this project's loops; `None` for the default backend.
    pub(super) backend: Option<&'static str>,
}

impl Contender {
    const fn lua(name: &'static str, file: &'static str) -> Self {
        Self { name, file: Some(file), backend: None }
    }

    const fn on_epoll(name: &'static str, file: &'static str) -> Self {
        Self { name, file: Some(file), backend: Some("epoll") }
    }

    /// Whether the contender takes part in a workload.
    pub(super) fn takes(&self, workload: &Workload) -> bool {
        match self.file {
            None => workload.bare.is_some(),
            Some(_) => self.backend.is_none() || workload.is_of_descriptors,
        }
    }
}

/// The contender without Lua. The report compares the others with it.
pub(super) const BARE: &str = "bare epoll";

/// The names of this project's loops.
pub(super) const OURS: [&str; 4] = ["t.Loop", "cogloop", "t.Loop/epoll", "cogloop/epoll"];

const ALL: [Contender; 10] = [
    Contender { name: BARE, file: None, backend: None },
    Contender::lua(OURS[0], "t_loop"),
    Contender::lua(OURS[1], "cogloop"),
    Contender::on_epoll(OURS[2], "t_loop"),
    Contender::on_epoll(OURS[3], "cogloop"),
    Contender::lua("luv", "luv"),
    Contender::lua("cqueues", "cqueues"),
    Contender::lua("lua-ev", "ev"),
    Contender::lua("copas", "copas"),
    Contender::lua("heap", "heap"),
];

/// The contenders in `only`, this project's loops and the bare loop; all contenders if `only` is empty.
pub(super) fn chosen(only: &[String]) -> Result<Vec<Contender>, String> {
    let mut chosen = ALL.to_vec();
    if let Some(unknown) = only.iter().find(|name| ALL.iter().all(|contender| contender.name != **name)) {
        let known: Vec<_> = ALL.iter().map(|contender| contender.name).collect();
        return Err(format!("no contender is called `{unknown}`; there are {}", known.join(", ")));
    }
    let is_base = |name: &str| name == BARE || OURS.contains(&name);
    chosen.retain(|contender| {
        only.is_empty() || is_base(contender.name) || only.iter().any(|name| name == contender.name)
    });
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_has_its_script() {
        let peers = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("lua/peers");
        for file in ALL.iter().filter_map(|contender| contender.file) {
            assert!(peers.join(file).with_extension("lua").is_file(), "{file}");
        }
    }

    #[test]
    fn ours_and_the_bare_loop_always_take_part() {
        let names = |only: &[&str]| {
            let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
            chosen(&only).map(|chosen| chosen.iter().map(|contender| contender.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["luv"]).unwrap(), [BARE, "t.Loop", "cogloop", "t.Loop/epoll", "cogloop/epoll", "luv"]);
        assert_eq!(names(&[]).unwrap().len(), ALL.len());
        assert!(names(&["node"]).unwrap_err().contains("cqueues"));
    }
}
