//! The program on Unix only: the search for modules, files as handles, and the signal of a closed pipe. The numbers
//! `C…` name rows of docs/conformance.md.

use crate::common::{self, cogloop, run, run_with_input, text};
use std::os::unix::process::ExitStatusExt;

#[test]
fn modules_of_a_distribution_are_found() {
    let code = "print( package.path:find( '/usr/share/lua/5.4/?.lua', 1, true ) ~= nil, (package.path:find( 'x/?.lua', 1, true )) )";
    let out = run(cogloop().env_remove("LUA_PATH").args(["-e", code]));
    assert_eq!(text(&out.stdout), "true\tnil\n");
    let out = run(cogloop().env("LUA_PATH", "x/?.lua").args(["-e", code]));
    assert_eq!(text(&out.stdout), "false\t1\n", "a path of the environment replaces the default path");
}

/// C64, C66: a script with 10,000 pending tasks ends without a crash, in each of four ways.
#[test]
fn ten_thousand_pending_tasks_do_not_disturb_the_end() {
    let code = "local loop = require 't.Loop'( )
        keep = loop
        for i = 1, 10000 do
          loop:addTask( 1000 + i, print, setmetatable( { }, { __gc = function( ) pcall( loop.addTask, loop, 1, print ) end } ) )
        end
        loop:addHandle( io.stdin, 'r', print )
        local how = ...
        if how == 'callback' then loop:addTask( 0, os.exit, true, true ) loop:run( ) end
        if how == 'exit' then os.exit( true, true ) end
        if how == 'error' then error 'x' end";
    let script = common::script(code);
    for how in ["callback", "exit", "error", "end"] {
        for _ in 0..25 {
            let out = run(cogloop().arg(script.path()).arg(how));
            let wanted = if how == "error" { 1 } else { 0 };
            assert_eq!(out.status.code(), Some(wanted), "{how}: {}", text(&out.stderr));
        }
    }
}

#[test]
fn a_long_input_is_read_line_by_line_beside_an_interval() {
    let code = "local loop = require 't.Loop'( )
        local lines, ticks, task = 0, 0, nil
        loop:addHandle( io.stdin, 'r', function( )
          local line = io.read( )
          if not line then loop:removeHandle( io.stdin, 'r' ) loop:cancelTask( task ) return end
          lines = lines + 1
          assert( tonumber( line ) == lines )
          if lines % 1000 == 0 then loop:sleep( 1 ) end
        end )
        task = loop:addTask( 10, function( ) ticks = ticks + 1 return 10 end )
        loop:run( )
        print( lines, ticks >= 5 )";
    let input: String = (1..=100_000).map(|line| format!("{line}\n")).collect();
    for backend in common::backends() {
        let out = run_with_input(cogloop().args(["--backend", backend, "-e", code]), input.as_bytes());
        assert_eq!(text(&out.stdout), "100000\ttrue\n", "{backend}: {}", text(&out.stderr));
    }
}

/// C46: standard input is redirected from a file, and from `/dev/null`.
#[test]
fn redirected_standard_input_is_always_ready() {
    let code = "local loop = require 't.Loop'( )
        local n = 0
        loop:addHandle( io.stdin, 'r', function( )
          if io.read( ) then n = n + 1 else loop:removeHandle( io.stdin, 'r' ) end
        end )
        loop:run( ) print( n )";
    let file = common::script("1\n2\n3\n");
    for backend in common::backends() {
        let mut command = cogloop();
        command.args(["--backend", backend, "-e", code]);
        let from_file = run(command.stdin(std::fs::File::open(file.path()).expect("just written")));
        assert_eq!(text(&from_file.stdout), "3\n", "{backend}");
        let from_null = run(command.stdin(std::process::Stdio::null()));
        assert_eq!(text(&from_null.stdout), "0\n", "{backend}");
    }
}

/// If the reader of the output closes the pipe, SIGPIPE ends the program, as it ends most programs.
#[test]
fn a_closed_pipe_ends_the_program() {
    let mut child = cogloop()
        .args(["-e", "while true do print 'y' end"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").signal(), Some(libc::SIGPIPE));
}
