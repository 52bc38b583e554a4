//! Folders with a Debian system, in which scripts run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process;
use crate::project::Project;
use crate::test::apt_install;

const SUITE: &str = "bookworm";

/// Debian's LuaRocks depends on header files, and these depend on a C compiler. A rock with a built library needs no
/// compiler, so only the files of LuaRocks are unpacked.
const LUAROCKS: &str = "cd /tmp && apt-get download luarocks && dpkg-deb -x luarocks_*.deb / && rm luarocks_*.deb";
const COMPILER: &str = "apt-get install --yes --quiet --no-install-recommends gcc libc6-dev pkg-config cmake make";

/// Runs a script in a copy of the root: a file system in memory over the root. Prints the files that the script leaves.
///
/// `$1` is the root, `$2` and `$3` are the folders for the script, `$4` is the script.
const RUN: &str = r#"
set -eu
copy=$1.copy
mount -t tmpfs tmpfs "$copy"
mkdir "$copy/upper" "$copy/work" "$copy/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$copy/upper,workdir=$copy/work" "$copy/root"
mount --bind "$2" "$copy/root/given/test"
mount --bind "$3" "$copy/root/given/dist"
mount -t proc proc "$copy/root/proc"
chroot "$copy/root" /usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 sh -eu -c "$4" >&2
cd "$copy/upper"
find . ! -type d
find . -type d | while read -r folder; do if [ ! -d "$1/$folder" ]; then echo "$folder"; fi; done
"#;

/// The files that installing and removing always change.
const KEPT: &[&str] = &[
    "./var/lib/dpkg/",
    "./var/log/",
    "./var/cache/",
    "./etc/ld.so.cache",
    "./usr/local/lib/luarocks",
    "./usr/local/share/lua",
    "./usr/local/lib/lua",
    "./root/.cache",
];

/// The time limit, far more than a script needs.
const LIMIT: Duration = Duration::from_secs(300);

pub(super) struct Root {
    folder: PathBuf,
}

impl Root {
    /// Debian with each Lua and with LuaRocks.
    pub(super) fn bare(project: &Project) -> Result<Self, String> {
        let packages = "lua5.1,lua5.2,lua5.3,lua5.4,luajit,lua-any,unzip,zip,wget,ca-certificates";
        Self::once(project, "bare", |folder| {
            if !process::exists("debootstrap") {
                apt_install(project, &["debootstrap"])?;
            }
            let mut debootstrap = project.program("debootstrap");
            debootstrap.args(["--variant=minbase", &format!("--include={packages}"), SUITE]);
            process::run(debootstrap.arg(folder))?;
            process::run(project.program("chroot").arg(folder).args(["sh", "-c", LUAROCKS]))
        })
    }

    /// The bare root, and a C compiler.
    pub(super) fn compiler(project: &Project, bare: &Self) -> Result<Self, String> {
        Self::once(project, "compiler", |folder| {
            process::run(project.program("cp").arg("-a").arg(&bare.folder).arg(folder))?;
            let mut chroot = project.program("chroot");
            process::run(chroot.arg(folder).args(["sh", "-c", COMPILER]).env("DEBIAN_FRONTEND", "noninteractive"))
        })
    }

    /// Makes the root if it does not exist. It is made under another name, so a failed attempt leaves no root.
    fn once(project: &Project, name: &str, make: impl Fn(&Path) -> Result<(), String>) -> Result<Self, String> {
        if process::capture(project.program("id").arg("-u"))?.trim() != "0" {
            return Err("a root of Debian can only be made and used by root".into());
        }
        let folder = project.target.join("debian").join(name);
        if !folder.exists() {
            println!("--- makes {}", folder.display());
            let fresh = folder.with_extension("new");
            let _ = fs::remove_dir_all(&fresh);
            let said = |error| format!("{}: {error}", fresh.display());
            fs::create_dir_all(folder.parent().unwrap_or(&folder)).map_err(said)?;
            make(&fresh)?;
            fs::create_dir_all(fresh.join("given/test")).map_err(said)?;
            fs::create_dir_all(fresh.join("given/dist")).map_err(said)?;
            fs::rename(&fresh, &folder).map_err(said)?;
        }
        Ok(Self { folder })
    }

    /// Runs a script in the root. The script finds the two folders at /given/test and /given/dist. It must leave no
    /// file, except those of [`KEPT`].
    pub(super) fn run(&self, project: &Project, script: &str, test: &Path, dist: &Path) -> Result<(), String> {
        println!("--- in {}", self.folder.display());
        // The mount point of the file system. Only the script's process sees the file system.
        let place = self.folder.with_extension("copy");
        fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
        let mut command = project.program("unshare");
        command.args(["--mount", "--pid", "--fork", "sh", "-c", RUN, "sh"]);
        let (left, verdict) = process::watch(command.arg(&self.folder).arg(test).arg(dist).arg(script), LIMIT);
        // This message replaces the error's own message, which would contain the whole script as a part of the command.
        verdict.map_err(|_| format!("the script failed in {}", self.folder.display()))?;
        let left: Vec<_> = left.iter().filter(|path| !is_kept(path)).map(String::as_str).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("left after removing: {}", left.join(" "))) }
    }
}

fn is_kept(path: &str) -> bool {
    !path.contains("cogloop") && KEPT.iter().any(|kept| path.starts_with(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_ours_in_any_folder_is_reported() {
        assert!(is_kept("./var/lib/dpkg/status") && is_kept("./usr/local/lib/luarocks/rocks-5.4/manifest"));
        assert!(!is_kept("./var/lib/dpkg/info/cogloop.list") && !is_kept("./usr/bin/new"));
    }
}
