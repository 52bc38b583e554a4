//! Tests of Ctrl-C: a loop stops after the current callback, a script is interrupted, a sleep ends, and the program
//! exits with status 130.
#![cfg(unix)]

mod common;

use common::{cogloop, text};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Stdio};

/// A running script that has printed `ready`.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

fn start(code: &str) -> Running {
    let mut child = cogloop()
        .args(["-e", &format!("io.stdout:setvbuf 'no' local Loop = require 't.Loop' {code}")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let stdout = BufReader::new(child.stdout.take().expect("it has one"));
    let mut running = Running { child, stdout };
    running.wait_for("ready");
    running
}

impl Running {
    fn wait_for(&mut self, wanted: &str) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it prints text");
        if line.trim_end() != wanted {
            let mut stderr = String::new();
            let _ = self.child.stderr.take().expect("it has one").read_to_string(&mut stderr);
            panic!("{line:?} instead of {wanted:?}; {stderr}");
        }
    }

    fn press(&self) {
        let pid = self.child.id().try_into().expect("a process id");
        // SAFETY: our own child, which has not been waited for.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
    }

    /// The rest of its output, its errors, and its exit status.
    fn end(mut self) -> (String, String, Option<i32>) {
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).expect("it prints text");
        let out = self.child.wait_with_output().expect("it ends");
        (stdout, text(&out.stderr), out.status.code())
    }
}

#[test]
fn a_waiting_loop_returns_and_the_next_run_raises() {
    let running = start(
        "local loop = Loop( )
         loop:addTask( 600000, error, 'the wait was not ended' )
         loop:addTask( 0, print, 'ready' )
         loop:run( )
         print( 'after' )
         print( select( 2, pcall( loop.run, loop ) ) )
         local cleaned = Loop( )                 -- after the error a script may clean up
         cleaned:addTask( 1, print, 'clean' )
         cleaned:run( )
         print 'end'",
    );
    running.press();
    assert_eq!(running.end(), ("after\ninterrupted!\nclean\nend\n".into(), String::new(), Some(130)));
}

/// Each error is caught: Ctrl-C comes after a line `on`, and so inside the protected call.
const CATCHES: &str = "print 'ready' while true do
    pcall( function( ) print 'on' while true do end end )
end";

#[test]
fn the_third_ctrl_c_within_a_second_ends_a_script_that_catches_each_error() {
    let mut running = start(CATCHES);
    // On a busy machine three may take longer than a second.
    while running.stdout.read_line(&mut String::new()).expect("it prints text") > 0 {
        running.press();
    }
    assert_eq!(running.child.wait().expect("it ends").signal(), Some(libc::SIGINT));
}

#[test]
fn a_script_may_catch_any_number_of_ctrl_c_that_come_slowly() {
    let mut running = start(CATCHES);
    for _ in 0..4 {
        running.wait_for("on");
        running.press();
        std::thread::sleep(std::time::Duration::from_millis(600));
    }
    running.wait_for("on");
    running.child.kill().expect("it runs");
    assert_eq!(running.child.wait().expect("it ends").signal(), Some(libc::SIGKILL));
}

/// If only the running call returned, a script that calls `step` or `run` again and again would go on for ever, and its
/// timers would not fire.
#[test]
fn one_interrupt_ends_a_script_that_steps_or_runs_a_loop_again_and_again() {
    for code in [
        "c.after( 0, print, 'ready' ) c.every( 10, function( ) end ) while c.step( ) do end print 'not reached'",
        "c.after( 0, print, 'ready' ) while true do c.after( 10, function( ) end ) c.run( ) end",
        "c.after( 0, print, 'ready' ) while true do c.after( 0, function( ) end ) c.step( 0 ) end",
        "c.after( 0, function( ) print 'ready' while true do end end ) c.run( ) print 'not reached'",
        "c.spawn( function( ) print 'ready' while true do end end ) c.run( ) print 'not reached'",
    ] {
        let running = start(&format!("local c = require 'cogloop' {code}"));
        running.press();
        let (stdout, stderr, status) = running.end();
        assert_eq!(stdout, "", "{code}");
        assert!(stderr.contains("interrupted!"), "{code}: {stderr}");
        assert_eq!(status, Some(130), "{code}");
    }
}

#[test]
fn a_loop_returns_although_onerror_takes_the_error_of_the_interrupt() {
    let running = start(
        "local loop = require 'cogloop'.loop( )
         loop:onerror( function( err ) print( 'taken', err:match 'interrupted!' ) end )
         loop:every( 1, function( ) end )
         loop:after( 0, function( ) print 'ready' while true do end end )
         print( loop:run( ) )
         print( pcall( loop.run, loop ) == false )
         print( loop:step( 0 ) )",
    );
    running.press();
    assert_eq!(running.end(), ("taken\tinterrupted!\ntrue\ntrue\ntrue\n".into(), String::new(), Some(130)));
}

#[test]
fn a_loop_that_a_callback_of_an_inner_loop_has_closed_is_not_woken() {
    let mut running = start(
        "local c = require 'cogloop'
         local outer, inner = c.loop( ), c.loop( )
         inner:after( 0, function( ) outer:close( ) print 'ready' end )
         inner:after( 600000, error, 'the wait was not ended' )
         outer:after( 0, function( ) inner:run( ) print 'inner' end )
         outer:run( )
         print 'outer'
         print( pcall( inner.run, inner ) )",
    );
    running.press();
    running.wait_for("inner");
    running.wait_for("outer");
    running.wait_for("false\tinterrupted!");
    assert_eq!(running.end().2, Some(130));
}

#[test]
fn a_busy_loop_returns_after_its_callback() {
    let running = start(
        "local loop = Loop( )
         local n = 0
         local function again( ) n = n + 1 if n == 100 then print 'ready' end loop:addTask( 0, again ) end
         again( )
         loop:run( )
         print( 'after', n >= 100 )",
    );
    running.press();
    assert_eq!(running.end(), ("after\ttrue\n".into(), String::new(), Some(130)));
}

#[test]
fn nested_loops_return_from_the_inside_out() {
    let running = start(
        "local outer, inner = Loop( ), Loop( )
         inner:addTask( 0, print, 'ready' )
         inner:addTask( 600000, error, 'the wait was not ended' )
         outer:addTask( 0, function( ) inner:run( ) print 'inner' end )
         outer:addTask( 600000, error, 'the wait was not ended' )
         outer:run( )
         print 'outer'",
    );
    running.press();
    assert_eq!(running.end(), ("inner\nouter\n".into(), String::new(), Some(130)));
}

#[test]
fn a_script_without_a_loop_is_interrupted_as_by_the_lua_program() {
    let running = start("print 'ready' while true do end");
    running.press();
    let (stdout, stderr, status) = running.end();
    assert_eq!(stdout, "");
    assert!(stderr.starts_with("cogloop: ") && stderr.contains("interrupted!\nstack traceback:\n"), "{stderr}");
    assert_eq!(status, Some(130));
}

#[test]
fn one_interrupt_ends_the_sleep_and_then_the_callback_that_does_not_return() {
    let mut running = start(
        "local loop, before = Loop( ), Loop.time( )
         loop:addTask( 0, function( ) print 'ready' Loop.sleep( 600000 ) print( Loop.time( ) - before < 600000 and 'awake' ) while true do end end )
         print( pcall( loop.run, loop ) == false and 'failed' )
         print 'end'",
    );
    running.press();
    // The sleep ends and the callback goes on. A little later the callback is interrupted.
    running.wait_for("awake");
    assert_eq!(running.end(), ("failed\nend\n".into(), String::new(), Some(130)));
}

#[test]
fn an_interrupt_ends_a_sleep_and_then_the_script() {
    let running = start("print 'ready' Loop.sleep( 600000 ) print 'not reached'");
    running.press();
    let (stdout, stderr, status) = running.end();
    assert_eq!(stdout, "");
    assert!(stderr.contains("interrupted!"), "{stderr}");
    assert_eq!(status, Some(130));
}

#[test]
fn a_further_interrupt_ends_a_script_that_ignores_the_first() {
    // The hook belongs to the main coroutine, which is suspended.
    let mut running = start("coroutine.wrap( function( ) print 'ready' io.read( ) while true do end end )( )");
    running.press();
    running.press();
    // Two signals may be merged into one.
    while running.child.try_wait().expect("it is ours").is_none() {
        running.press();
        std::thread::yield_now();
    }
    assert_eq!(running.end().2, Some(130));
}

#[test]
fn other_signals_shorten_neither_sleep_nor_wait() {
    let running = start(
        "local now = require 'cogloop'.now
         local loop, before = Loop( ), now( )
         print 'ready'
         Loop.sleep( 60 )
         print( now( ) - before >= 60 )
         before = now( )
         loop:addTask( 60, function( ) print( now( ) - before >= 60 ) end )
         loop:run( )",
    );
    let pid = running.child.id().try_into().expect("a process id");
    for _ in 0..20 {
        std::thread::sleep(std::time::Duration::from_millis(5));
        // SAFETY: our own child, which has not been waited for.
        unsafe {
            libc::kill(pid, libc::SIGSTOP);
            libc::kill(pid, libc::SIGCONT);
        }
    }
    assert_eq!(running.end(), ("true\ntrue\n".into(), String::new(), Some(0)));
}
