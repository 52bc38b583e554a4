//! Tests of the prompt, on a terminal as a person uses it, and on a pipe.
#![cfg(unix)]

mod common;

#[path = "common/terminal.rs"]
mod terminal;

use common::{cogloop, run_with_input, script, text};
use std::path::PathBuf;
use terminal::{CTRL_C, CTRL_D, Terminal};

/// A directory for the history, which is removed when this value is dropped.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cogloop-prompt-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the folder for temporary files is writable");
        Self(path)
    }

    fn start(&self) -> Terminal {
        let mut terminal = Terminal::start(&self.0, |_| {});
        terminal.prompt();
        terminal
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn end(mut terminal: Terminal) {
    terminal.press(CTRL_D);
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn expressions_print_their_values_and_errors_their_traceback() {
    let home = Home::new("values");
    let mut terminal = home.start();
    terminal.line("20 + 22", "\r\n42\r\n");
    terminal.line("= 'a' .. 'b', nil, 7", "\r\nab\tnil\t7\r\n");
    terminal.line("x = 'ex' print( x .. 'act' )", "\r\nexact\r\n");
    terminal.line("local function deep( ) error 'oh' end deep( )", "cogloop: stdin:1: oh\r\nstack traceback:\r\n");
    terminal.line("setmetatable( { }, { __tostring = error } )", "stack traceback:\r\n");
    terminal.line("x = = 1", "cogloop: stdin:1: unexpected symbol near '='");
    terminal.press("error( { } )\r");
    terminal.expect("(error object is a table value)\r\nstack traceback:");
    let calls = terminal.expect("> ");
    assert!(
        calls.contains("stdin:1: in main chunk") && !calls.contains("xpcall") && !calls.contains("prompt"),
        "{calls}"
    );
    end(terminal);
}

#[test]
fn an_incomplete_chunk_goes_on_in_the_next_line() {
    let home = Home::new("lines");
    let mut terminal = home.start();
    terminal.press("for i = 1, 2 do\r");
    terminal.press("  print( 'turn ' .. i )\r");
    terminal.line("end", "\r\nturn 1\r\nturn 2\r\n");
    terminal.press("= 'a' ..\r");
    terminal.line("'b'", "\r\nab\r\n");
    // The terminal sends pasted text like this.
    terminal.line("\x1b[200~= 6 *\n7\x1b[201~", "\r\n42\r\n");
    end(terminal);
}

#[test]
fn tab_completes_globals_fields_and_methods() {
    let home = Home::new("tab");
    let mut terminal = home.start();
    terminal.line("str\t.form\t( '%d!', 6 * 7 )", "\r\n42!\r\n");
    terminal.line("s = 'abc' t = { inner = { field = 'fi' } }", "");
    terminal.line("s:rev\t( )", "\r\ncba\r\n");
    terminal.line("t.in\t.fie\t .. 'ne'", "\r\nfine\r\n");
    terminal.line("cogloop.spa\t( print, 'spaw' .. 'ned' )", "spawned\r\n");
    // Several names are shown.
    terminal.press("string.re\t\t");
    terminal.expect("rep");
    terminal.expect("reverse");
    terminal.expect("> string.re");
    terminal.cancel();
    end(terminal);
}

#[test]
fn timers_go_on_while_a_line_is_typed_and_the_line_survives() {
    let home = Home::new("timers");
    let mut terminal = home.start();
    terminal.line("n = 0 timer = cogloop.every( 5, function( ) n = n + 1 print( 'tick ' .. n ) end )", "");
    terminal.press("half = 'ty");
    // Output appears above the line that is being typed, and the line is shown again below the output.
    terminal.expect("> half = 'ty");
    for _ in 0..3 {
        terminal.expect("tick ");
        terminal.expect("\r\n");
        terminal.expect("> half = 'ty");
    }
    terminal.press("ped'\r");
    terminal.press("timer:cancel( ) print( half .. '!' )\r");
    terminal.expect("\r\ntyped!\r\n");
    terminal.prompt();
    terminal.line("print( n >= 3 )", "\r\ntrue\r\n");
    end(terminal);
}

#[test]
fn handles_and_tasks_go_on_while_a_line_is_typed() {
    let home = Home::new("handles");
    let mut terminal = home.start();
    terminal.line("task = cogloop.spawn( function( ) cogloop.sleep( 5 ) print( 'awa' .. 'ke' ) end )", "awake\r\n");
    terminal.line("=task", "task: done");
    terminal.line("reader = io.popen( 'echo wo; echo rd' )", "");
    terminal.press("watcher = cogloop.on( reader, 'r', function( )\r");
    terminal.press("  local line = reader:read( )\r");
    terminal.press("  print( '<' .. tostring( line ) .. '>' )\r");
    terminal.press("  if not line then watcher:off( ) end\r");
    terminal.line("end )", "<nil>\r\n");
    end(terminal);
}

#[test]
fn ctrl_c_interrupts_a_chunk_that_does_not_end() {
    let home = Home::new("chunk");
    let mut terminal = home.start();
    for code in ["while true do end", "cogloop.every( 1, function( ) end ) cogloop.run( ) error 'interrupted!'"] {
        terminal.press(&format!("print( 'run' .. 'ning' ) {code}\r"));
        terminal.expect("running\r\n");
        terminal.press(CTRL_C);
        terminal.expect("interrupted!");
        terminal.prompt();
    }
    terminal.line("20 + 22", "\r\n42\r\n");
    end(terminal);
}

#[test]
fn ctrl_c_interrupts_a_callback_that_does_not_end_while_a_line_is_typed() {
    let home = Home::new("callback");
    let mut terminal = home.start();
    for _ in 0..2 {
        terminal.press("cogloop.after( 1, function( ) print( 'run' .. 'ning' ) while true do end end )\r");
        terminal.expect("running\r\n");
        terminal.press(CTRL_C);
        terminal.expect("interrupted!");
        terminal.expect("stdin:1: in function <stdin:1>");
        terminal.prompt();
    }
    terminal.line("20 + 22", "\r\n42\r\n");
    end(terminal);
}

#[test]
fn ctrl_c_cancels_a_line_and_ctrl_d_ends_an_empty_one() {
    let home = Home::new("keys");
    let mut terminal = home.start();
    terminal.press("error 'not run'");
    terminal.expect("error 'not run'");
    terminal.cancel();
    terminal.cancel();
    terminal.line("20 + 22", "42\r\n");
    end(terminal);
}

#[test]
fn an_unfinished_row_stays_readable() {
    let home = Home::new("piece");
    let mut terminal = home.start();
    terminal.press("io.write( 'pie' .. 'ce' ) ; return\r");
    terminal.expect("piece");
    // The spaces fill the row, so the prompt is in the next row.
    let between = terminal.expect("> ");
    assert!(between.matches(' ').count() >= 80, "{between:?}");
    end(terminal);
}

#[test]
fn the_terminal_is_as_before_after_an_exit_in_a_callback() {
    let home = Home::new("exit");
    let mut terminal = home.start();
    assert!(!terminal.is_as_before(), "keys are read one by one");
    terminal.press("cogloop.after( 5, function( ) io.write( 'by' .. 'e' ) os.exit( 7 ) end )\r");
    terminal.expect("bye");
    assert_eq!(terminal.wait(), Some(7));
    assert!(terminal.is_as_before());
}

#[test]
fn lines_of_earlier_sessions_are_remembered() {
    let home = Home::new("history");
    let mut terminal = home.start();
    terminal.press("for i = 1, 1 do\r");
    terminal.line("print( 'turn ' .. i ) end", "turn 1\r\n");
    end(terminal);
    let mut terminal = home.start();
    // The whole chunk is one entry.
    terminal.line("\x1b[A", "turn 1\r\n");
    end(terminal);
}

#[test]
fn a_script_comes_before_the_prompt_and_an_error_in_it_ends_the_program() {
    let home = Home::new("script");
    let good = script("value = ... print( 'script ' .. value )");
    let mut terminal = Terminal::start(&home.0, |command| {
        command.arg("-i").arg(good.path()).arg("argument");
    });
    terminal.expect("script argument\r\n");
    terminal.prompt();
    terminal.line("value .. '!'", "argument!\r\n");
    end(terminal);
    let bad = script("error 'oh'");
    let mut terminal = Terminal::start(&home.0, |command| {
        command.arg("-i").arg(bad.path());
    });
    terminal.expect(": oh\r\nstack traceback:");
    assert_eq!(terminal.end(), Some(1));
}

#[test]
fn errors_have_colours_on_a_terminal_that_has_them() {
    let home = Home::new("colours");
    for (name, value, is_coloured) in [("NO_COLOR", "", true), ("NO_COLOR", "1", false), ("TERM", "dumb", false)] {
        let mut terminal = Terminal::start(&home.0, |command| {
            command.env_remove("NO_COLOR").env(name, value).args(["-e", "error( 'oh', 0 )"]);
        });
        terminal.keep_escapes();
        let message = if is_coloured { "cogloop: \x1b[1;31moh\x1b[0m\r\n" } else { "cogloop: oh\r\n" };
        terminal.expect(message);
        assert_eq!(terminal.end(), Some(1));
    }
}

#[test]
fn every_backend_serves_its_loop_at_the_prompt() {
    let home = Home::new("backends");
    for backend in common::backends() {
        let mut terminal = Terminal::start(&home.0, |command| {
            command.args(["--backend", backend, "-i"]);
        });
        terminal.prompt();
        terminal.line("cogloop.after( 5, print, 'fi' .. 'red' )", "fired\r\n");
        end(terminal);
    }
}

/// A terminal without a cursor, such as that of an editor.
#[test]
fn a_dumb_terminal_has_a_plain_prompt() {
    let home = Home::new("dumb");
    let mut terminal = Terminal::start(&home.0, |command| {
        command.env("TERM", "dumb");
    });
    terminal.expect("> ");
    terminal.press("for i = 1, 1 do\n");
    terminal.expect(">> ");
    terminal.press("print( 'turn ' .. i ) end\n");
    terminal.expect("turn 1\r\n> ");
    terminal.press(CTRL_D);
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn without_a_terminal_lines_are_read_from_the_pipe() {
    let input = b"for i = 1, 2 do\nprint( i )\nend\n= 20 + 22\nerror( 'oh', 0 )\nprint 'after'\nif true then";
    let out = run_with_input(cogloop().arg("-i"), input);
    assert_eq!(text(&out.stdout), "1\n2\n42\nafter\n");
    let stderr = text(&out.stderr);
    assert!(stderr.starts_with("cogloop: oh\nstack traceback:\n"), "{stderr}");
    assert!(stderr.ends_with("cogloop: stdin:1: 'end' expected near <eof>\n"), "{stderr}");
    assert_eq!(out.status.code(), Some(0));
}
