//! `cargo xtask c --prefix DIR`: libcogloop and its headers, installed.
//!
//! ```text
//!   DIR/include/*.h
//!   DIR/lib/libcogloop.a   libcogloop.so -> libcogloop.so.0   pkgconfig/cogloop.pc
//! ```

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::project::Project;
use crate::{files, process};

const HEADERS: &str = "bindings/c/include";
/// What the static library needs beside C's own.
const LIBS_PRIVATE: &str = "-lpthread -ldl -lm";

pub(crate) fn command(project: &Project, prefix: &str) -> Result<(), String> {
    let prefix = std::path::absolute(prefix).map_err(|error| format!("{prefix} is no folder's name: {error}"))?;
    install(project, &prefix)?;
    println!("installed into {}", prefix.display());
    println!("to use it: PKG_CONFIG_PATH={}/lib/pkgconfig pkg-config --cflags --libs cogloop", prefix.display());
    Ok(())
}

/// Builds the library and puts everything into the folder `prefix`, which is absolute.
pub(crate) fn install(project: &Project, prefix: &Path) -> Result<(), String> {
    let _lock = files::lock(project, "c")?;
    process::run(&mut project.cargo(&["build", "--release", "--quiet", "-p", "cogloop-c"]))?;
    copy(project, prefix).map_err(|error| format!("cannot install into {}: {error}", prefix.display()))
}

fn copy(project: &Project, prefix: &Path) -> std::io::Result<()> {
    let (include, lib) = (prefix.join("include"), prefix.join("lib"));
    fs::create_dir_all(&include)?;
    fs::create_dir_all(lib.join("pkgconfig"))?;
    for header in fs::read_dir(project.root.join(HEADERS))? {
        let header = header?;
        fs::copy(header.path(), include.join(header.file_name()))?;
    }
    let built = project.target.join("release");
    for (from, to) in [("libcogloop_c.a", "libcogloop.a"), ("libcogloop_c.so", "libcogloop.so.0")] {
        files::place(&built.join(from), &lib.join(to))?;
    }
    let link = lib.join("libcogloop.so");
    let _ = fs::remove_file(&link);
    symlink("libcogloop.so.0", &link)?;
    fs::write(lib.join("pkgconfig/cogloop.pc"), package(prefix))
}

fn package(prefix: &Path) -> String {
    format!(
        "prefix={}\n\
         Name: cogloop\n\
         Description: An event loop on a timing wheel, and timers with callbacks without a thread for each\n\
         Version: {}\n\
         Cflags: -I${{prefix}}/include\n\
         Libs: -L${{prefix}}/lib -lcogloop\n\
         Libs.private: {LIBS_PRIVATE}\n",
        prefix.display(),
        env!("CARGO_PKG_VERSION"),
    )
}
