//! Helpers that run the program and check its output.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The program, without the environment variables that change what it does.
pub(crate) fn cogloop() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cogloop"));
    for name in ["COGLOOP_BACKEND", "COGLOOP_DEBUG", "LUA_INIT", "LUA_INIT_5_4"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// The backends that this system permits. `cargo xtask test` counts the lines that name a refused backend.
pub(crate) fn backends() -> Vec<&'static str> {
    let is_permitted = |backend: &&str| {
        let out = run(cogloop().args(["--backend", backend, "-e", "print( require 't.Loop'( ):backend( ) )"]));
        let answer = text(&out.stdout);
        let is_it = answer.split('\t').next() == Some(backend);
        if !is_it {
            let story = std::thread::current().name().unwrap_or_default().to_owned();
            let line = format!("skipped: {story}: {backend}: {}\n", answer.trim());
            // The line is written directly, because the harness hides the output of a test that passes.
            std::io::stdout().write_all(line.as_bytes()).expect("it is open");
        }
        is_it
    };
    ["epoll", "uring", "select", "portable"].into_iter().filter(is_permitted).collect()
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs the program to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

/// Runs the program to its end with this standard input.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it has one");
    std::thread::scope(|scope| {
        // The program may end before it has read all input.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().expect("it ends")
    })
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file that is removed when this value is dropped.
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A file with this content.
pub(crate) fn script(content: &str) -> Temporary {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("cogloop-test-{}-{}.lua", std::process::id(), COUNT.fetch_add(1, Relaxed));
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, content).expect("the folder for temporary files is writable");
    Temporary(path)
}
