//! The packages for Debian and its relatives.
//!
//! ```text
//!   cogloop             the program
//!   lua-cogloop         the Lua modules for 5.1 to 5.4 and LuaJIT, with types for editors
//!   libcogloop0         the C library
//!   libcogloop-dev      its headers, the static library, files for pkg-config and CMake, the manual page
//!   libcogloop0-dbgsym  its debug information
//! ```
//!
//! `dpkg-deb` packs them. `needs` replaces `dpkg-shlibdeps`: it reads the dependencies from the files.

use std::fs;
use std::path::{Path, PathBuf};

use super::modules::Module;
use super::needs::{self, Needs};
use super::release::Release;
use super::{documents, licences, pack};
use crate::{c, process};

/// Debian asks for an address. The domain `invalid` is reserved for addresses that do not exist.
const MAINTAINER: &str = "The Cogloop maintainers <maintainers@cogloop.invalid>";
const SHARED: &str = "libcogloop.so.0";

/// The description of a package.
struct Said<'a> {
    name: &'a str,
    section: &'a str,
    depends: String,
    /// Further fields, as whole lines.
    fields: &'a str,
    summary: &'a str,
    description: &'a str,
}

pub(super) fn pack(release: &Release, program: &Path, man: Option<&str>, modules: &[Module]) -> Result<(), String> {
    let debian = Debian { release, arch: architecture()?, stage: release.stage.join("debian") };
    debian.program(program, man)?;
    debian.lua(modules)?;
    debian.library()
}

struct Debian<'a> {
    release: &'a Release<'a>,
    /// Debian's name of this machine's architecture.
    arch: &'static str,
    stage: PathBuf,
}

impl Debian<'_> {
    fn program(&self, program: &Path, man: Option<&str>) -> Result<(), String> {
        let root = self.root("cogloop");
        pack::copy(program, &root.join("usr/bin/cogloop"))?;
        if let Some(man) = man {
            let page = root.join("usr/share/man/man1/cogloop.1");
            pack::write(&page, man)?;
            pack::gzip(self.release, &page)?;
        }
        self.finish(&Said {
            name: "cogloop",
            section: "interpreters",
            depends: needs::of(self.release, &[program])?.depends(),
            fields: "",
            summary: "runs Lua scripts with an event loop",
            description: "Lua with exact and cheap timers, sockets, signals, child processes and tasks built in.",
        })
    }

    fn lua(&self, modules: &[Module]) -> Result<(), String> {
        let root = self.root("lua-cogloop");
        for module in modules {
            let folder = root.join(format!("usr/lib/{}/lua/{}/cogloop", self.triple(), module.folder()));
            pack::copy(&module.library, &folder.join(module.file()))?;
            let scripts = root.join("usr/share/lua").join(module.folder());
            pack::copy_all(&self.release.source("bindings/lua/lua"), &scripts, |_| true)?;
        }
        pack::copy_all(&self.release.source("bindings/lua/types"), &root.join("usr/share/lua-cogloop/types"), |_| {
            true
        })?;
        documents::copy(self.release, &root.join("usr/share/doc/lua-cogloop"))?;
        let libraries: Vec<_> = modules.iter().map(|module| module.library.as_path()).collect();
        let provided = ["5.1", "5.2", "5.3", "5.4"].map(|lua| format!("lua{lua}-cogloop")).join(", ");
        self.finish(&Said {
            name: "lua-cogloop",
            section: "interpreters",
            depends: needs::of(self.release, &libraries)?.depends(),
            fields: &format!("Provides: {provided}\nEnhances: lua5.1, lua5.2, lua5.3, lua5.4, luajit\n"),
            summary: "event loop with exact timers for Lua",
            description: "The modules cogloop, t.Loop, t.Net and luamockit for Lua 5.1 to 5.4 and LuaJIT.",
        })
    }

    fn library(&self) -> Result<(), String> {
        let release = self.release;
        process::run(&mut release.cargo(&c::BUILD, &release.host))?;
        let lib = PathBuf::from(format!("usr/lib/{}", self.triple()));
        let (dev, shared, symbols) =
            (self.root("libcogloop-dev"), self.root("libcogloop0"), self.root("libcogloop0-dbgsym"));
        let place = c::Place::packaged(Path::new("/usr"), &Path::new("/").join(&lib), &dev);
        c::install_from(release.project, &release.built(&release.host, c::PROFILE), &place)?;
        for page in pack::files(&dev.join("usr/share/man"))? {
            pack::gzip(release, &dev.join("usr/share/man").join(page))?;
        }
        let debug = format!("{SHARED}.debug");
        rename(&dev.join(&lib).join(SHARED), &shared.join(&lib).join(SHARED))?;
        rename(&dev.join(&lib).join(&debug), &symbols.join("usr/lib/debug").join(&lib).join(&debug))?;

        let own = format!("libcogloop0 (= {}-1)", release.version);
        let needs = needs::of(release, &[&shared.join(&lib).join(SHARED)])?;
        pack::write(&shared.join("DEBIAN/shlibs"), &format!("libcogloop 0 libcogloop0 (>= {})\n", release.version))?;
        // This file makes dpkg run ldconfig.
        pack::write(&shared.join("DEBIAN/triggers"), "activate-noawait ldconfig\n")?;
        self.library_packages(&needs, &own)
    }

    fn library_packages(&self, needs: &Needs, own: &str) -> Result<(), String> {
        let said = |name, section, depends, fields, summary, description| Said {
            name,
            section,
            depends,
            fields,
            summary,
            description,
        };
        let text = "Timers on a hierarchical timing wheel, descriptors, signals, children, work from other threads.";
        self.finish(&said("libcogloop0", "libs", needs.depends(), "", "event loop for C, shared library", text))?;
        let summary = "event loop for C, development files";
        self.finish(&said("libcogloop-dev", "libdevel", format!("{own}, libc6-dev"), "", summary, text))?;
        let summary = "debug symbols for libcogloop0";
        self.finish(&said("libcogloop0-dbgsym", "debug", own.to_owned(), "", summary, "A debugger finds them."))
    }

    /// Writes the package's data, and packs it.
    fn finish(&self, said: &Said<'_>) -> Result<(), String> {
        let (release, root) = (self.release, self.root(said.name));
        pack::write(&root.join("usr/share/doc").join(said.name).join("copyright"), &copyright(release)?)?;
        let size = size(&root)?.div_ceil(1024);
        let Said { name, section, depends, fields, summary, description } = said;
        let control = format!(
            "Package: {name}\nVersion: {}-1\nArchitecture: {}\nMaintainer: {MAINTAINER}\nInstalled-Size: {size}\n\
             Depends: {depends}\n{fields}Section: {section}\nPriority: optional\n\
             Homepage: https://crates.io/crates/cogloop\nDescription: {summary}\n {description}\n",
            release.version, self.arch,
        );
        pack::write(&root.join("DEBIAN/control"), &control)?;
        pack::write(&root.join("DEBIAN/md5sums"), &sums(release, &root)?)?;
        pack::settle(release, &root)?;
        let archive = release.out.join(format!("{name}_{}-1_{}.deb", release.version, self.arch));
        // With more threads the bytes of the archive would differ.
        let options = ["--root-owner-group", "-Zxz", "--threads-max=1", "--build"];
        process::capture(release.program("dpkg-deb").args(options).arg(&root).arg(&archive)).map(drop)
    }

    fn root(&self, package: &str) -> PathBuf {
        self.stage.join(package)
    }

    /// The part of the path with which Debian separates libraries of different architectures.
    fn triple(&self) -> String {
        format!("{}-linux-gnu", std::env::consts::ARCH)
    }
}

fn architecture() -> Result<&'static str, String> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => Err(format!("this program does not know Debian's name for the architecture {other}")),
    }
}

fn copyright(release: &Release) -> Result<String, String> {
    let read = |path: PathBuf| fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()));
    let (mit, parts) = (read(release.source("LICENSE-MIT"))?, read(licences::path(release))?);
    Ok(format!(
        "Cogloop is licensed under MIT or Apache-2.0, at your option. The licence Apache-2.0 is in\n\
         /usr/share/common-licenses/Apache-2.0.\n\n{mit}\n{parts}"
    ))
}

/// The checksums of all files. dpkg verifies the installed files with them.
fn sums(release: &Release, root: &Path) -> Result<String, String> {
    let names =
        pack::files(root)?.into_iter().filter(|name| !name.starts_with("DEBIAN") && !root.join(name).is_symlink());
    process::capture(release.program("md5sum").current_dir(root).args(names))
}

fn size(root: &Path) -> Result<u64, String> {
    let sizes = pack::files(root)?.into_iter().filter_map(|name| fs::symlink_metadata(root.join(name)).ok());
    Ok(sizes.map(|metadata| metadata.len()).sum())
}

fn rename(from: &Path, to: &Path) -> Result<(), String> {
    let moved = fs::create_dir_all(to.parent().unwrap_or(to)).and_then(|()| fs::rename(from, to));
    moved.map_err(|error| format!("{}: {error}", from.display()))
}
