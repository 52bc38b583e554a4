//! The Lua tests and some of the examples, run by the program. The number `C…` names a row of docs/conformance.md.

mod common;

use common::{backends, cogloop, root, run, text};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

/// A debug build checks Lua's stack. Each file runs on only one of the backends, which take turns. This is enough,
/// because `cargo xtask test lua` runs every file on every backend.
#[test]
fn the_lua_tests_pass_in_a_debug_build() {
    let folder = root().join("bindings/lua/tests/lua");
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("the folder is there").map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 7, "{files:?}");
    for (file, backend) in files.iter().zip(backends().into_iter().cycle()) {
        // The script gets no modules of the distribution. A test with luv closes the loop's own descriptor, and then a
        // debug build of Rust's library ends the process.
        let out = run(cogloop().env("LUA_CPATH", ";;").args(["--backend", backend]).arg(file));
        let stdout = text(&out.stdout);
        let closing = stdout.lines().last().unwrap_or_default();
        assert!(closing.ends_with(" passed, 0 failed"), "{file:?} on {backend}:\n{stdout}{}", text(&out.stderr));
        assert_eq!(out.status.code(), Some(0), "{file:?} on {backend}");
    }
}

/// C49: 10,000 descriptors, if the limit allows that many.
#[test]
fn ten_thousand_ready_handles_are_served_fairly() {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "ulimit -n 10200 2>/dev/null || ulimit -n $(ulimit -H -n); exec \"$0\" --backend epoll \"$1\""]);
    let out = run(shell.arg(env!("CARGO_BIN_EXE_cogloop")).arg(root().join("bindings/lua/tests/lua/ready.lua")));
    assert_eq!(out.status.code(), Some(0), "{}{}", text(&out.stdout), text(&out.stderr));
}

#[test]
fn hello_prints_its_timeline_and_nothing_is_early() {
    for backend in backends() {
        let out = run(cogloop().args(["--backend", backend]).arg(root().join("examples/hello.lua")));
        let stdout = text(&out.stdout);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        assert!(!stdout.contains("EARLY"), "{stdout}");
        assert!(!stdout.contains("must not appear"), "{stdout}");
        let lines = [
            "waits with",
            "tick 1 of 8",
            "child says: hello from a child",
            "one-shot",
            "cancelled the task of 450: true",
            "child says: and goodbye",
            "child has ended",
            "tick 8 of 8",
            "nothing left to do",
        ];
        for line in lines {
            assert!(stdout.contains(line), "{line}:\n{stdout}");
        }
        // A line with a deadline begins with two numbers: the time, and the deadline.
        let dated = stdout.lines().skip(1).filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.parse::<i64>().ok()?, words.next()?.parse::<i64>().ok()?))
        });
        let mut count = 0;
        for (at, deadline) in dated {
            assert!(at >= deadline, "{stdout}");
            count += 1;
        }
        assert_eq!(count, 10, "{stdout}");
    }
}

#[test]
fn tail_prints_what_is_appended_and_survives_a_truncation() {
    let log = common::script("old news\n");
    let tail = cogloop().arg(root().join("examples/tail.lua")).arg(log.path()).stdout(Stdio::piped()).spawn();
    let mut tail = tail.expect("the program starts");
    let mut lines = BufReader::new(tail.stdout.take().expect("it has one")).lines().map_while(Result::ok);
    // Each step waits for the output of the step before. The lines that are printed each second come in between.
    let mut wait_for = |wanted: &str| loop {
        let line = lines.next().unwrap_or_else(|| panic!("it ended before {wanted}"));
        let is_remark = line.starts_with("--");
        if line == wanted || is_remark && wanted.contains(' ') && line.contains(wanted) {
            return;
        }
        assert!(is_remark, "{line} instead of {wanted}");
    };
    wait_for("-- following ");
    let mut file = fs::OpenOptions::new().append(true).open(log.path()).expect("it is there");
    file.write_all(b"one\ntw").expect("a file is writable");
    wait_for("one");
    file.write_all(b"o\n").expect("a file is writable");
    wait_for("two");
    fs::write(log.path(), "3\n").expect("a file is writable");
    wait_for("was truncated, starting over");
    wait_for("3");
    wait_for(" lines, ");
    tail.kill().and_then(|()| tail.wait()).expect("it is ours");
}

#[test]
fn tail_prints_its_usage_and_reports_a_missing_file() {
    let out = run(cogloop().arg(root().join("examples/tail.lua")));
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).starts_with("usage: tail.lua FILE"));
    let out = run(cogloop().arg(root().join("examples/tail.lua")).arg("/nowhere"));
    assert_eq!(out.status.code(), Some(1));
}
