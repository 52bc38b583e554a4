//! The files by which other build systems find the library: for pkg-config and for CMake.

use std::path::Path;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const URL: &str = "https://crates.io/crates/cogloop";
/// Libraries that the static library needs in addition to C's own.
const LIBS_PRIVATE: &str = "-lpthread -ldl -lm";

/// The file for pkg-config. pkg-config splits a value at each space that has no backslash before it.
pub(super) fn pkg_config(prefix: &Path, libdir: &Path) -> String {
    let word = |path: &Path| path.display().to_string().replace('\\', r"\\").replace(' ', r"\ ");
    let inside = match libdir.strip_prefix(prefix) {
        Ok(inside) => format!("${{prefix}}/{}", word(inside)),
        Err(_) => word(libdir),
    };
    format!(
        "prefix={}\n\
         exec_prefix=${{prefix}}\n\
         libdir={inside}\n\
         includedir=${{prefix}}/include\n\
         \n\
         Name: cogloop\n\
         Description: An event loop on a timing wheel, and timers with callbacks without a thread for each\n\
         URL: {URL}\n\
         Version: {VERSION}\n\
         Cflags: -I${{includedir}}\n\
         Libs: -L${{libdir}} -lcogloop\n\
         Libs.private: {LIBS_PRIVATE}\n",
        word(prefix),
    )
}

/// The file for CMake. Where possible, its paths are relative to the file itself, so the folder may be moved.
pub(super) fn cmake(prefix: &Path, libdir: &Path, shared: &str) -> String {
    let include = match libdir.strip_prefix(prefix) {
        // The file is in LIBDIR/cmake/cogloop.
        Ok(inside) => format!("${{cogloop_libdir}}/{}include", "../".repeat(inside.components().count())),
        Err(_) => quoted(&prefix.join("include")),
    };
    let privates = LIBS_PRIVATE.replace("-l", "").replace(' ', ";");
    format!(
        "# find_package(cogloop) brings cogloop::cogloop, the shared library, and cogloop::static.\n\
         get_filename_component(cogloop_libdir \"${{CMAKE_CURRENT_LIST_DIR}}/../..\" ABSOLUTE)\n\
         get_filename_component(cogloop_include \"{include}\" ABSOLUTE)\n\
         if(NOT TARGET cogloop::cogloop)\n\
         \x20 add_library(cogloop::cogloop SHARED IMPORTED)\n\
         \x20 set_target_properties(cogloop::cogloop PROPERTIES\n\
         \x20   IMPORTED_LOCATION \"${{cogloop_libdir}}/{shared}\"\n\
         \x20   IMPORTED_SONAME {shared}\n\
         \x20   INTERFACE_INCLUDE_DIRECTORIES \"${{cogloop_include}}\")\n\
         \x20 add_library(cogloop::static STATIC IMPORTED)\n\
         \x20 set_target_properties(cogloop::static PROPERTIES\n\
         \x20   IMPORTED_LOCATION \"${{cogloop_libdir}}/libcogloop.a\"\n\
         \x20   INTERFACE_LINK_LIBRARIES \"{privates}\"\n\
         \x20   INTERFACE_INCLUDE_DIRECTORIES \"${{cogloop_include}}\")\n\
         endif()\n",
    )
}

/// The file with which CMake checks the requested version. Before 1.0 each minor version has another interface.
pub(super) fn cmake_version() -> String {
    format!(
        "set(PACKAGE_VERSION {VERSION})\n\
         if(PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)\n\
         \x20 set(PACKAGE_VERSION_COMPATIBLE FALSE)\n\
         elseif(PACKAGE_FIND_VERSION_MAJOR EQUAL {major} AND ({major} GREATER 0 OR PACKAGE_FIND_VERSION_COUNT LESS 2\n\
         \x20   OR PACKAGE_FIND_VERSION_MINOR EQUAL {minor}))\n\
         \x20 set(PACKAGE_VERSION_COMPATIBLE TRUE)\n\
         endif()\n\
         if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)\n\
         \x20 set(PACKAGE_VERSION_EXACT TRUE)\n\
         endif()\n",
        major = env!("CARGO_PKG_VERSION_MAJOR"),
        minor = env!("CARGO_PKG_VERSION_MINOR"),
    )
}

/// A path as a part of a string of CMake.
fn quoted(path: &Path) -> String {
    path.display().to_string().replace('\\', r"\\").replace('"', "\\\"").replace('$', r"\$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_for_cmake_finds_the_headers_from_its_own_folder() {
        for (libdir, include) in [
            ("/usr/lib", "${cogloop_libdir}/../include"),
            ("/usr/lib/x86_64-linux-gnu", "${cogloop_libdir}/../../include"),
            ("/elsewhere", "/usr/include"),
        ] {
            let text = cmake(Path::new("/usr"), Path::new(libdir), "libcogloop.so.0");
            assert!(text.contains(&format!("cogloop_include \"{include}\"")), "{text}");
        }
    }
}
