//! Sets up Wine, which runs the Windows programs that mingw builds.
//!
//! ```text
//!   mingw ──► target/wine/lib/bcryptprimitives.dll     missing in Wine 8; Rust's library needs it
//!   wineboot ──► target/wine/prefix                    the Windows installation that the programs use
//!   wineserver                                         one server for all programs, until the last has run
//! ```

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process;
use crate::project::Project;
use crate::test::apt_install;

/// The Rust target that mingw links.
pub(crate) const TARGET: &str = "x86_64-pc-windows-gnu";

/// The C compiler, which is also the linker.
pub(crate) const COMPILER: &str = "x86_64-w64-mingw32-gcc";

/// A program, and the Debian package that has it.
const PROGRAMS: [(&str, &str); 2] = [(COMPILER, "gcc-mingw-w64-x86-64"), ("wine", "wine")];

/// Wine 8 lacks this DLL. Without it a program ends with code 53 and prints nothing.
const RANDOM: &str = "\
#include <windows.h>
BOOLEAN NTAPI SystemFunction036( PVOID bytes, ULONG length );
__declspec( dllexport ) BOOL WINAPI ProcessPrng( PBYTE bytes, SIZE_T length )
{
    return SystemFunction036( bytes, (ULONG)length );
}
";

/// Installs the C compiler, if it is missing.
pub(crate) fn install_compiler(project: &Project) -> Result<(), String> {
    let [(compiler, package), _] = PROGRAMS;
    if process::exists(compiler) { Ok(()) } else { apt_install(project, &[package]) }
}

/// Wine, set up once for each target directory.
pub(crate) struct Wine {
    folder: PathBuf,
}

/// Wine's server, which keeps running between programs. Without it each program would start a server and all services
/// of Windows, or might find a server that is about to end. Dropping this value ends the server, and every program
/// that is still running.
pub(crate) struct Server {
    stop: Command,
}

/// The seconds after which a server without programs ends by itself, in case the value is not dropped.
const ALONE: &str = "-p600";

impl Wine {
    /// Installs the missing programs and sets Wine up.
    pub(crate) fn set_up(project: &Project) -> Result<Self, String> {
        let missing: Vec<_> = PROGRAMS.iter().filter(|(program, _)| !process::exists(program)).collect();
        if !missing.is_empty() {
            // Debian's `wine` package needs one of two further packages.
            let packages: Vec<_> = missing.iter().map(|(_, package)| *package).chain(["wine64"]).collect();
            apt_install(project, &packages)?;
        }
        process::run(project.program("rustup").args(["--quiet", "target", "add", TARGET]))?;
        let wine = Self { folder: project.target.join("wine") };
        wine.compile_random(project)?;
        if !wine.prefix().join("drive_c/windows/system32").exists() {
            process::run(wine.surround(&mut project.program("wineboot")).arg("--init"))?;
        }
        Ok(wine)
    }

    /// The folder of libraries that every program finds.
    pub(crate) fn libraries(&self) -> PathBuf {
        self.folder.join("lib")
    }

    fn prefix(&self) -> PathBuf {
        self.folder.join("prefix")
    }

    fn compile_random(&self, project: &Project) -> Result<(), String> {
        let (folder, source) = (self.libraries(), self.folder.join("random.c"));
        let library = folder.join("bcryptprimitives.dll");
        if library.exists() {
            return Ok(());
        }
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&source, RANDOM));
        written.map_err(|error| format!("{}: {error}", source.display()))?;
        process::run(project.program(COMPILER).args(["-shared", "-o"]).arg(library).arg(source).arg("-ladvapi32"))
    }

    /// Sets the environment in which a Windows program runs.
    pub(crate) fn surround<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("WINEPREFIX", self.prefix()).env("WINEDEBUG", "-all");
        // Wine maps the whole file system to drive Z.
        command.env("WINEPATH", format!("Z:{}", self.libraries().display()).replace('/', "\\"))
    }

    /// A command that runs this program.
    pub(crate) fn run(&self, project: &Project, program: &Path) -> Command {
        let mut command = project.program("wine");
        self.surround(command.arg(program));
        command
    }

    /// Starts the server.
    pub(crate) fn serve(&self, project: &Project) -> Result<Server, String> {
        let server = |option: &str| {
            let mut command = project.program("wineserver");
            self.surround(command.arg(option)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        // Ends a server that a killed run has left. The call fails if there is no server.
        let _ = server("-k").status();
        let server_of_this_run = Server { stop: server("-k") };
        process::run(&mut server(ALONE)).map(|()| server_of_this_run)
    }

    /// Cargo for the Windows target. Wine runs the programs that it builds.
    pub(crate) fn cargo(&self, project: &Project, arguments: &[&str]) -> Command {
        let mut cargo = project.cargo(arguments);
        self.surround(cargo.args(["--target", TARGET])).env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine");
        cargo
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server may have ended already.
        let _ = self.stop.status();
    }
}
