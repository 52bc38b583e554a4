//! Tests of the program from outside: the code that it runs, its output, and its exit status.

mod common;

/// Tests that need Unix: its paths, its signals, and files as handles.
#[cfg(unix)]
#[path = "program/unix.rs"]
mod unix;

use common::{cogloop, run, run_with_input, text};

#[test]
fn a_script_gets_its_arguments() {
    let code = "print( arg[ 0 ], arg[ 1 ], arg[ 2 ], #arg, ... )";
    let out = run_with_input(cogloop().args(["-", "one", "--two"]), code.as_bytes());
    assert_eq!(text(&out.stdout), "-\tone\t--two\t2\tone\t--two\n");
    assert_eq!(out.status.code(), Some(0));

    let script = common::script("print( arg[ 0 ] == debug.getinfo( 1 ).short_src, arg[ 1 ], arg[ -1 ] ~= nil, ... )");
    let out = run(cogloop().arg(script.path()).arg("x"));
    assert_eq!(text(&out.stdout), "true\tx\ttrue\tx\n");
}

/// Options run in the order of the command line, as in `lua`.
#[test]
fn options_run_before_the_script() {
    let (module, script) = (common::script("return { name = ... }"), common::script("print( a, arg[ 1 ] )"));
    let name = module.path().file_stem().unwrap().to_str().unwrap();
    let path = format!("package.path = {:?}", module.path().with_file_name("?.lua"));
    let mut command = cogloop();
    // The global has the module's name up to the first hyphen.
    command.args(["-e", &path, "-l", name, "-e", "a = cogloop.name", "-e", "a = a .. '!'"]);
    let out = run(command.arg(script.path()).arg("-e"));
    assert_eq!(text(&out.stdout), format!("{name}!\t-e\n"), "{}", text(&out.stderr));

    let required = format!("j={name}");
    let out =
        run(cogloop().args(["-e", &path, "-l", &required, "-e", "print( j.name, cogloop, arg[ 0 ] == arg[ -1 ] )"]));
    assert_eq!(text(&out.stdout), format!("{name}\tnil\ttrue\n"), "{}", text(&out.stderr));
    let out = run(cogloop().args(["-l", "no.such.module"]));
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("module 'no.such.module' not found"), "{}", text(&out.stderr));
}

#[test]
fn lua_init_runs_first_unless_the_environment_is_ignored() {
    let init = common::script("b = 'file'");
    let print = ["-e", "print( a, b )"];
    let out = run(cogloop().env("LUA_INIT", "a = 'code'").args(print));
    assert_eq!(text(&out.stdout), "code\tnil\n");
    let mut at = std::ffi::OsString::from("@");
    at.push(init.path());
    let out = run(cogloop().env("LUA_INIT", "a = 'code'").env("LUA_INIT_5_4", at).args(print));
    assert_eq!(text(&out.stdout), "nil\tfile\n", "the version's own variable comes first");
    let out = run(cogloop().env("LUA_INIT", "a = 'code'").arg("-E").args(print));
    assert_eq!(text(&out.stdout), "nil\tnil\n");
    let out = run(cogloop().env("LUA_INIT", "error 'trouble'").args(print));
    assert!(text(&out.stderr).starts_with("cogloop: LUA_INIT:1: trouble\nstack traceback:\n"), "{}", text(&out.stderr));
    assert_eq!((out.status.code(), text(&out.stdout)), (Some(1), String::new()));
}

#[test]
fn warnings_are_written_when_they_are_asked_for() {
    let code = "warn 'careful'";
    assert_eq!(text(&run(cogloop().args(["-e", code])).stderr), "");
    assert_eq!(text(&run(cogloop().args(["-W", "-e", code])).stderr), "Lua warning: careful\n");
}

#[test]
fn a_script_is_checked_without_being_run() {
    let (good, bad) = (common::script("print 'run'"), common::script("print(\n'run'"));
    let out = run(cogloop().args(["--check", "-e", "print 'before'"]).arg(good.path()));
    assert_eq!((text(&out.stdout), out.status.code()), (String::new(), Some(0)), "{}", text(&out.stderr));
    let out = run(cogloop().arg("--check").arg(bad.path()));
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("')' expected (to close '(' at line 1) near <eof>"), "{}", text(&out.stderr));
}

#[test]
fn standard_input_is_a_script() {
    let out = run_with_input(cogloop().args(["-", "a"]), b"print( arg[ 0 ], ... ) return 7");
    assert_eq!(text(&out.stdout), "-\ta\n");
    assert_eq!(out.status.code(), Some(0));
}

#[test]
fn the_modules_are_there_and_the_libraries_too() {
    let code = "local Loop = require 't.Loop'
        assert( require 't'.Loop == Loop and package.preload[ 't.Loop' ] )
        for _, name in ipairs{ 'coroutine', 'debug', 'io', 'math', 'os', 'package', 'string', 'table', 'utf8' } do
          assert( type( _G[ name ] ) == 'table', name )
        end
        print( Loop( ):backend( ) )";
    let out = run(cogloop().args(["--backend", "select", "-e", code]));
    assert_eq!(text(&out.stdout), "select\tasked for by name\n", "{}", text(&out.stderr));
}

#[test]
fn a_lua_error_prints_its_traceback_and_exits_1() {
    for (code, message) in [
        ("error 'trouble'", "cogloop: (command line):1: trouble\nstack traceback:\n"),
        (
            "error( setmetatable( { }, { __tostring = function( ) return 'told' end } ) )",
            "cogloop: told\nstack traceback:\n",
        ),
        ("error( { } )", "cogloop: (error object is a table value)\nstack traceback:\n"),
        ("syntax error here", "cogloop: (command line):1: syntax error near 'error'\n"),
    ] {
        let out = run(cogloop().args(["-e", code]));
        assert!(text(&out.stderr).starts_with(message), "{code}: {}", text(&out.stderr));
        assert_eq!(out.status.code(), Some(1), "{code}");
    }
}

/// Errors are printed as `lua` prints them, whether the script itself, a callback or a coroutine raises them.
#[test]
fn an_error_of_any_kind_has_its_text_and_the_traceback_of_its_place() {
    let object = |told: &str| format!("setmetatable( {{ }}, {{ __tostring = function( ) {told} end }} )");
    let kinds: [(&str, &str); 8] = [
        ("'text', 0", "text"),
        ("nil", "(error object is a nil value)"),
        ("true", "(error object is a boolean value)"),
        ("42", "42"),
        ("{ }", "(error object is a table value)"),
        (&object("return 'told'"), "told"),
        (&object("return { }"), "(error object is a table value)"),
        (&object("return 7"), "(error object is a table value)"),
    ];
    let places = [
        "deep( )",
        "local loop = require 'cogloop'.loop( ) loop:after( 0, deep ) loop:run( )",
        "local loop = require 'cogloop'.loop( ) loop:spawn( deep ) loop:run( )",
        "local loop = require 'cogloop'.loop( ) loop:spawn( function( ) loop:sleep( 1 ) deep( ) end ) loop:run( )",
    ];
    for (value, message) in kinds {
        for place in places {
            let code = format!("local function deep( )\nerror( {value} ) end\n{place}");
            let out = run(cogloop().args(["-e", &code]));
            let stderr = text(&out.stderr);
            let begin = format!("cogloop: {message}\nstack traceback:\n");
            assert!(stderr.starts_with(&begin), "{code}: {stderr}");
            assert_eq!(stderr.matches("stack traceback:").count(), 1, "{code}: {stderr}");
            assert!(stderr.contains("(command line):2: in "), "{code}: {stderr}");
            assert_eq!(out.status.code(), Some(1), "{code}");
        }
    }
}

#[test]
fn an_error_in_a_callback_is_reported_once_with_its_own_traceback() {
    for arm in ["local loop = require 't.Loop'( ) loop:addTask", "local loop = require 'cogloop'.loop( ) loop:after"] {
        let code = format!(
            "local function deep( ) error 'trouble' end
            {arm}( 0, function( ) deep( ) end )
            loop:run( )"
        );
        let out = run(cogloop().args(["-e", &code]));
        let stderr = text(&out.stderr);
        assert_eq!(stderr.matches("stack traceback:").count(), 1, "{stderr}");
        assert!(stderr.contains("in upvalue 'deep'"), "{stderr}");
        assert_eq!(out.status.code(), Some(1));
    }
}

#[test]
fn an_error_that_reads_like_one_of_a_callback_before_has_its_own_traceback() {
    let code = "local loop = require 'cogloop'.loop( )
        local function deep( ) error( 'trouble', 0 ) end
        loop:after( 0, function( ) deep( ) end )
        pcall( loop.run, loop )
        error( 'trouble', 0 )";
    let out = run(cogloop().args(["-e", code]));
    let stderr = text(&out.stderr);
    assert_eq!(stderr.matches("stack traceback:").count(), 1, "{stderr}");
    assert!(!stderr.contains("'deep'"), "{stderr}");
}

#[test]
fn bad_usage_exits_2_with_a_hint() {
    for line in [&[][..], &["--bakend", "epoll"], &["-e"], &["--backend", "kqueueue", "-e", "print( 1 )"]] {
        let out = run(cogloop().args(line));
        assert_eq!(out.status.code(), Some(2), "{line:?}");
        assert!(text(&out.stderr).contains("Try 'cogloop --help'"), "{line:?}");
        assert_eq!(text(&out.stdout), "", "{line:?}");
    }
    let out = run(cogloop().args(["--backend", "kqueueue", "x.lua"]));
    assert!(
        text(&out.stderr).contains("unknown backend 'kqueueue'; known here: uring, epoll, select, portable"),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn a_missing_script_exits_1() {
    let out = run(cogloop().arg("/nowhere/x.lua"));
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).starts_with("cogloop: cannot open /nowhere/x.lua"), "{}", text(&out.stderr));
}

#[test]
fn help_and_version() {
    let out = run(cogloop().arg("--help"));
    assert!(text(&out.stdout).contains("--backend NAME"));
    assert_eq!(out.status.code(), Some(0));
    let out = run(cogloop().arg("--version"));
    let version = format!("cogloop {} (Lua 5.4)\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&out.stdout), version);
    assert_eq!(text(&run(cogloop().arg("-v")).stdout), version);
    assert_eq!(text(&run(cogloop().args(["-v", "-e", "print( 1 )"])).stdout), format!("{version}1\n"));
}

#[test]
fn the_manual_page_is_good_roff() {
    let out = run(cogloop().arg("--man"));
    assert_eq!(out.status.code(), Some(0));
    let page = text(&out.stdout);
    assert!(page.starts_with(".TH COGLOOP 1 "), "{page}");
    // Without groff only the unit tests check the page.
    if std::process::Command::new("groff").arg("--version").output().is_ok() {
        let mut groff = std::process::Command::new("groff");
        let checked = run_with_input(groff.args(["-ww", "-man", "-Tascii", "-P-c"]), page.as_bytes());
        assert_eq!(text(&checked.stderr), "");
        assert!(text(&checked.stdout).contains("--backend"), "{}", text(&checked.stdout));
    }
}

#[test]
fn every_loop_runs_on_virtual_time_with_the_option() {
    let code = "local c = require 'cogloop'
        c.after( 3600000, function( ) print( c.now( ) ) end )
        c.run( )
        local loop = c.loop{ clock = 'real' }
        loop:after( 3600000, print, 'real' )
        loop:run( )
        local Loop = require 't.Loop'
        local other = Loop( )
        other:addTask( 3600000, function( ) print( other:time( ) ) end )
        other:run( )";
    let out = run(cogloop().args(["--virtual", "-e", code]));
    assert_eq!(text(&out.stdout), "3600000\nreal\n3600000\n", "{}", text(&out.stderr));
}

#[test]
fn os_exit_works_with_work_left() {
    for (code, status) in
        [("os.exit( 7 )", 7), ("os.exit( false )", 1), ("os.exit( true, true )", 0), ("os.exit( 3, true )", 3)]
    {
        let script = format!("local loop = require 't.Loop'( ) loop:addTask( 5, function( ) {code} end ) loop:run( )");
        let out = run(cogloop().args(["-e", &script]));
        assert_eq!(out.status.code(), Some(status), "{code}: {}", text(&out.stderr));
    }
}

#[test]
fn the_environment_makes_tasks_know_the_one_that_fires_next() {
    let code = "local loop = require 't.Loop'( )
        local get = debug.getuservalue or function( task, n ) return debug.getfenv( task )[ n ] end
        local late, early = loop:addTask( 2000, print ), loop:addTask( 1000, print )
        print( get( early, 1 ) == late, get( early, 2 )[ 1 ] == print )
        os.exit( 0 )";
    for (set, prints) in [("1", "true\ttrue\n"), ("0", "false\ttrue\n")] {
        let out = run(cogloop().env("COGLOOP_DEBUG", set).args(["-e", code]));
        assert_eq!(text(&out.stdout), prints, "COGLOOP_DEBUG={set}: {}", text(&out.stderr));
    }
}

/// `t.Loop` has no function for traces, but its loops write a trace with this option.
#[test]
fn trace_writes_a_file_for_each_loop() {
    let folder = std::env::temp_dir().join(format!("cogloop-trace-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the traces");
    let file = folder.join("x.json");
    let code = "local a, b = require 't.Loop'( ), require 'cogloop'.loop( )
        a:addTask( 1, function( ) end )
        b:after( 1, function( ) end )
        a:run( ) b:run( )";
    let out = run(cogloop().arg("--trace").arg(&file).args(["-e", code]));
    assert_eq!((text(&out.stderr), out.status.code()), (String::new(), Some(0)));
    for (file, line) in [(file.clone(), 2), (folder.join("x.json.1"), 3)] {
        let trace = std::fs::read_to_string(&file).expect("the program has written it");
        let timers: Vec<_> = trace.lines().filter(|line| line.contains(r#""cat":"timer""#)).collect();
        let name = format!(r#""name":"(command line):{line}""#);
        assert!(timers.len() == 1 && timers[0].contains(&name), "{}: {trace}", file.display());
        assert!(trace.starts_with("[\n") && trace.ends_with("}\n]\n"), "{trace}");
    }
    std::fs::remove_dir_all(&folder).expect("they are ours");
}

/// A replay has the times of the recorded run, for the loops of both modules. A changed script is reported.
#[test]
fn a_recorded_run_is_replayed() {
    let file = std::env::temp_dir().join(format!("cogloop-program-{}.rec", std::process::id()));
    let own =
        "local loop = require 'cogloop'.loop( ) loop:after( MS, function( ) print( loop:now( ) ) end ) loop:run( )";
    let drop_in = "local loop = require 't.Loop'( ) loop:addTask( MS, function( ) print 'here' end ) loop:run( )";
    for code in [own, drop_in] {
        let play = |option: &str, ms: &str| {
            let out = run(cogloop().arg(option).arg(&file).args(["-e", &code.replace("MS", ms)]));
            (text(&out.stdout), text(&out.stderr))
        };
        let recorded = play("--record", "2");
        assert!(!recorded.0.is_empty() && recorded.1.is_empty(), "{recorded:?}");
        assert_eq!(play("--replay", "2"), recorded);
        let (_, told) = play("--replay", "3");
        assert!(told.contains("the program has a timer armed for 3 ms from now"), "{told}");
    }
    std::fs::remove_file(&file).expect("it was written");
    let out = run(cogloop().arg("--replay").arg(&file).args(["-e", own]));
    assert!(text(&out.stderr).contains("cogloop: --replay "), "{}", text(&out.stderr));
    let out = run(cogloop().args(["--record", "a", "--replay", "a", "-e", own]));
    assert!(text(&out.stderr).contains("only one recording: --record or --replay, once"), "{}", text(&out.stderr));
}

#[test]
fn top_shows_the_busiest_callbacks_at_the_end() {
    let code = "local loop = require 't.Loop'( )
        loop:addTask( 1, function( ) end )
        loop:run( )";
    let out = run(cogloop().args(["--top", "-e", code]));
    let shown = text(&out.stderr);
    assert_eq!((text(&out.stdout), out.status.code()), (String::new(), Some(0)), "{shown}");
    assert!(shown.starts_with("loop 0 on ") && shown.contains("busiest callbacks\n"), "{shown}");
    assert!(shown.contains("  (command line):2\n"), "{shown}");
}

#[test]
fn slow_reports_callbacks_of_t_loop_and_tasks_of_cogloop() {
    let code = "local function busy( ) local s = os.clock( ) while os.clock( ) - s < 0.003 do end end
        local loop, runs = require 't.Loop'( ), 0
        loop:addTask( 1, function( ) busy( ) runs = runs + 1 return runs < 3 and 1 or nil end )
        loop:run( )
        local c = require 'cogloop'
        c.spawn{ name = 'worker', busy }
        c.run( )
        print( runs )";
    let out = run(cogloop().args(["--slow", "2", "-e", code]));
    let told = text(&out.stderr);
    assert_eq!((text(&out.stdout), out.status.code()), ("3\n".to_owned(), Some(0)), "{told}");
    let lines = told.lines().collect::<Vec<_>>();
    assert_eq!(lines.len(), 4, "{told}");
    assert!(lines[..3].iter().all(|line| line.starts_with("cogloop: slow: (command line):3 took ")), "{told}");
    assert!(
        lines[3].starts_with("cogloop: slow: task 'worker', (command line):1 took ") && lines[3].ends_with(" ms"),
        "{told}"
    );
}

#[test]
fn slow_leaves_a_script_its_own_report() {
    let code = "local c = require 'cogloop'
        c.slow( 0, function( where ) print( where ) end )
        c.after( 0, function( ) end )
        c.run( )
        c.slow( )
        c.after( 0, function( ) end )
        c.run( )";
    let out = run(cogloop().args(["--slow", "0", "-e", code]));
    assert_eq!(text(&out.stdout), "(command line):3\n");
    assert!(text(&out.stderr).starts_with("cogloop: slow: (command line):6 took "), "{}", text(&out.stderr));
}

#[test]
fn stats_are_reported_for_each_loop_at_its_end() {
    let code = "local loop = require 't.Loop'( )
        for i = 1, 5 do loop:addTask( i / 10, function( ) end ) end
        loop:run( )
        local c = require 'cogloop'
        c.spawn( function( ) c.sleep( 1 ) end )
        c.run( )";
    let out = run(cogloop().args(["--stats", "-e", code]));
    let told = text(&out.stderr);
    assert_eq!((text(&out.stdout), out.status.code()), (String::new(), Some(0)), "{told}");
    assert_eq!(told.matches("cogloop: loop ").count(), 2, "{told}");
    assert!(told.contains(" 5 fired, ") && told.contains("; left: 0 timers, 0 handles, 0 tasks"), "{told}");
    for row in ["late              5 ", "callback          5 ", "task              2 "] {
        assert!(told.contains(row), "{row}: {told}");
    }
}

#[test]
fn a_file_that_an_option_takes_by_mistake_is_left_alone() {
    let file = std::env::temp_dir().join(format!("cogloop-mistaken-{}.lua", std::process::id()));
    let code = "print 'mine'";
    std::fs::write(&file, code).expect("the folder for temporary files is writable");
    for option in ["--trace", "--record"] {
        let out = run(cogloop().arg(option).arg(&file).args(["-e", "require 'cogloop'.after( 1, print )"]));
        let told = text(&out.stderr);
        assert!(told.contains(option) && told.contains("was not written by this option"), "{told}");
        assert_eq!(
            (std::fs::read_to_string(&file).expect("it is there"), out.status.code()),
            (code.to_owned(), Some(2))
        );
    }
    std::fs::remove_file(&file).expect("it was written");
}

#[test]
fn a_file_that_is_no_recording_is_reported_before_the_script_runs() {
    let file = common::script("print 'not a recording'");
    let out = run(cogloop().arg("--replay").arg(file.path()).args(["-e", "print 'runs'"]));
    let told = format!("cogloop: --replay {}: this file is not a recording\n", file.path().display());
    assert!(text(&out.stderr).starts_with(&told), "{}", text(&out.stderr));
    assert_eq!((text(&out.stdout), out.status.code()), (String::new(), Some(2)));
}

#[test]
fn a_file_that_cannot_be_written_is_reported_before_the_script_runs() {
    for option in ["--trace", "--record"] {
        let out = run(cogloop().args([option, "/nonexistent/file", "-e", "print 'runs'"]));
        let told = text(&out.stderr);
        assert!(told.starts_with(&format!("cogloop: {option} /nonexistent/file: No such file")), "{told}");
        assert_eq!((text(&out.stdout), out.status.code()), (String::new(), Some(2)));
    }
}

#[test]
fn a_file_of_the_same_option_is_replaced() {
    let file = std::env::temp_dir().join(format!("cogloop-again-{}", std::process::id()));
    let code = |ms: u32| format!("local c = require 'cogloop' c.after( {ms}, print ) c.run( )");
    for option in ["--trace", "--record"] {
        for ms in [1, 2] {
            let out = run(cogloop().arg("--virtual").arg(option).arg(&file).args(["-e", &code(ms)]));
            assert_eq!((text(&out.stderr), out.status.code()), (String::new(), Some(0)), "{option}");
        }
        let second = std::fs::read_to_string(&file).expect("the program has written it");
        let (own, earlier) = match option {
            "--trace" => (r#""ts":2000.000,"#, r#""ts":1000.000,"#),
            _ => ("after 2000000", "after 1000000"),
        };
        assert!(second.contains(own) && !second.contains(earlier), "{second}");
        std::fs::remove_file(&file).expect("it was written");
    }
}

#[test]
fn an_option_without_effect_is_reported_if_the_script_makes_no_loop() {
    let file = std::env::temp_dir().join(format!("cogloop-unused-{}", std::process::id()));
    for (option, done) in [("--trace", "traced"), ("--record", "recorded"), ("--replay", "replayed")] {
        let out = run(cogloop().arg(option).arg(&file).args(["-e", "print 'runs'"]));
        let told = format!("cogloop: {option} {}: the script made no loop, so nothing was {done}\n", file.display());
        assert_eq!((text(&out.stderr), text(&out.stdout)), (told, "runs\n".to_owned()));
        assert_eq!(out.status.code(), Some(0));
        let out = run(cogloop()
            .arg(option)
            .arg(&file)
            .args(["--check", concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello.lua")]));
        assert_eq!(text(&out.stderr), "", "{option} with --check");
        let _ = (option == "--trace").then(|| std::fs::remove_file(&file));
    }
    std::fs::remove_file(&file).expect("it was made");
}

#[cfg(target_os = "linux")]
#[test]
fn a_trace_that_could_not_be_written_is_reported_at_the_end() {
    let out =
        run(cogloop().args(["--trace", "/dev/full", "-e", "local c = require 'cogloop' c.after( 1, print ) c.run( )"]));
    let told = text(&out.stderr);
    assert!(told.starts_with("cogloop: --trace /dev/full: No space left"), "{told}");
}

/// No text of the program ends it with a panic. Also with a full disk the exit status is the promised one.
#[cfg(target_os = "linux")]
#[test]
fn a_text_that_cannot_be_written_does_not_disturb_the_program() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has /dev/full");
    for option in ["--help", "--man", "--version"] {
        let out = cogloop().arg(option).stdout(full()).output().expect("the program starts");
        let told = "cogloop: cannot write to standard output: No space left on device (os error 28)\n";
        assert_eq!((text(&out.stderr), out.status.code()), (told.to_owned(), Some(1)), "{option}");
    }
    let out = cogloop().args(["-v", "-e", "os.exit( 3 )"]).stdout(full()).output().expect("the program starts");
    assert_eq!(out.status.code(), Some(3), "{}", text(&out.stderr));
    let trace = std::env::temp_dir().join(format!("cogloop-full-{}.json", std::process::id()));
    for (arguments, status) in [(["--nope", "", ""], 2), (["--trace", trace.to_str().unwrap(), "-v"], 0)] {
        let out = cogloop().args(arguments.iter().filter(|text| !text.is_empty())).stderr(full()).output();
        assert_eq!(out.expect("the program starts").status.code(), Some(status), "{arguments:?}");
    }
}
