//! Values as Lua text: valid ones, edge cases, and hostile ones.

use super::dice::Dice;

/// Numbers, most of them at edges.
const NUMBERS: &[&str] = &[
    "0",
    "-0.0",
    "1",
    "-1",
    "0.5",
    "1e-9",
    "3",
    "2^15",
    "2^16",
    "2^31",
    "2^31 - 1",
    "2^31 + 1",
    "-2^31",
    "2^32",
    "2^53",
    "2^53 + 1",
    "2^62",
    "2^63",
    "-2^63",
    "2^64",
    "1e300",
    "-1e300",
    "0/0",
    "1/0",
    "-1/0",
    "math.maxinteger",
    "math.mininteger",
];

const STRINGS: &[&str] =
    &["''", "'0'", "'1'", "'0x10'", "' 5 '", "'1e3'", "'r'", "'nan'", "'a\\0b'", "'\\255'", "('x'):rep( 5000 )"];

const MS: &[&str] = &["0", "0", "0", "1", "1", "2", "3", "5", "10", "20", "0.5", "1e-9", "40"];

/// Durations that are short enough to sleep, and values that are refused.
const SOON: &[&str] = &["0", "0", "0", "0.1", "1e-9", "-1", "-0.0", "0/0", "1/0", "-1/0", "'1'", "{ }", "print"];

const BRIEF: &[&str] = &["1", "1", "1", "-1", "0/0", "1/0", "'x'", "{ }"];

const HOSTS: &[&str] = &[
    "'127.0.0.1'",
    "'::1'",
    "'@border'",
    "'/nowhere/x.sock'",
    "'fe80::1%lo'",
    "'0.0.0.0'",
    "'256.1.1.1'",
    "'lo'",
    "a[ 1 ]",
    "a[ 2 ]",
    "'default'",
];

const PORTS: &[&str] = &["0", "0", "1", "65535", "65536", "'0'", "'x'", "nil"];

const MAXIMA: &[&str] = &["nil", "0", "1", "10", "65536", "1e6", "-1", "0/0", "2^53", "2^63", "1/0", "'5'"];

const MESSAGES: &[&str] = &["'hello'", "''", "'a\\0b'", "('x'):rep( 100000 )", "5", "nil"];

pub(super) fn number(dice: &mut Dice) -> &'static str {
    dice.pick(NUMBERS)
}

pub(super) fn ms(dice: &mut Dice) -> &'static str {
    if dice.one_in(8) { number(dice) } else { dice.pick(MS) }
}

pub(super) fn period(dice: &mut Dice) -> String {
    if dice.one_in(3) {
        let mut fields = format!("ms = {}", ms(dice));
        for (name, values) in [
            ("first", MS),
            ("policy", &["'skip'", "'burst'", "'delay'", "'x'", "5"]),
            ("slack", &["0", "1", "5", "-1", "1e300"]),
            ("unknown", &["1"]),
        ] {
            if dice.one_in(4) {
                fields += &format!(", {name} = {}", dice.pick(values));
            }
        }
        return format!("{{ {fields} }}");
    }
    if dice.one_in(8) { number(dice).into() } else { dice.pick(&["1", "2", "3", "5", "7.5", "10", "30"]).into() }
}

pub(super) fn soon(dice: &mut Dice) -> &'static str {
    dice.pick(SOON)
}

pub(super) fn brief(dice: &mut Dice) -> &'static str {
    dice.pick(BRIEF)
}

pub(super) fn host(dice: &mut Dice) -> &'static str {
    dice.pick(HOSTS)
}

pub(super) fn port(dice: &mut Dice) -> &'static str {
    dice.pick(PORTS)
}

pub(super) fn max(dice: &mut Dice) -> &'static str {
    dice.pick(MAXIMA)
}

pub(super) fn message(dice: &mut Dice) -> &'static str {
    dice.pick(MESSAGES)
}

pub(super) fn direction(dice: &mut Dice) -> &'static str {
    dice.pick(&["'r'", "'r'", "'r'", "'w'", "'w'", "'rw'", "1", "2", "3", "4", "'x'", "nil", "1.0", "'read'"])
}

pub(super) fn signal(dice: &mut Dice) -> &'static str {
    dice.pick(&["'WINCH'", "'CHLD'", "'CONT'", "'USR1'", "'TERM'", "'KILL'", "'FOO'", "15"])
}

pub(super) fn flag(dice: &mut Dice) -> &'static str {
    dice.pick(&["true", "true", "false", "nil", "1"])
}

/// A descriptor by its number: open, closed, of another kind, or invalid.
pub(super) fn descriptor(dice: &mut Dice) -> &'static str {
    dice.pick(&["0", "1", "2", "900", "-1", "2^31", "1024", "0.5", "1/0", "'0'"])
}

pub(super) fn simple(dice: &mut Dice) -> String {
    match dice.below(10) {
        0 => "nil".into(),
        1 => dice.pick(&["true", "false"]).into(),
        2..5 => number(dice).into(),
        5..7 => dice.pick(STRINGS).into(),
        7 => dice.pick(&["{ }", "{ 1, 2, 3 }", "{ r = true }"]).into(),
        8 => dice.pick(&["print", "error", "pcall", "tostring", "collectgarbage", "coroutine.yield", "rawget"]).into(),
        _ => dice.pick(&["io.stdout", "cogloop", "mockit", "Loop", "Socket", "coroutine", "_G"]).into(),
    }
}

/// The options of a loop: of `cogloop` if `own` is true, otherwise of `t.Loop`.
pub(super) fn options(dice: &mut Dice, own: bool) -> String {
    let mut fields = Vec::new();
    if !dice.one_in(5) {
        fields.push("clock = 'virtual'".to_owned());
    }
    if !dice.one_in(3) {
        fields.push(format!("backend = '{}'", dice.pick(&["uring", "epoll", "epoll", "select", "portable"])));
    }
    if own && dice.one_in(6) {
        fields.push(format!("resolution = {}", dice.pick(&["1", "1e-6", "0.5", "0", "-1", "0/0", "1e9"])));
    }
    for limit in ["max_timers", "max_handles", "max_callbacks"] {
        if own && dice.one_in(10) {
            fields.push(format!("{limit} = {}", dice.pick(&["1", "2", "3", "5", "0", "2^31"])));
        }
    }
    if !own && dice.one_in(5) {
        fields.push("debug = true".into());
    }
    if own && dice.one_in(10) {
        let files = ["record = '/dev/null'", "record = '/dev/full'", "replay = '/dev/null'", "replay = '/dev/zero'"];
        fields.push(dice.pick(&files).into());
    }
    if dice.one_in(20) {
        fields.push(format!("{} = {}", dice.pick(&["backend", "clock", "debug", "replay", "x"]), simple(dice)));
    }
    format!("{{ {} }}", fields.join(", "))
}

pub(super) fn properties(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "'broadcast'",
        "'debug'",
        "'keepalive'",
        "'nodelay'",
        "'reuseaddr'",
        "'recvbuffer'",
        "'sendbuffer'",
        "'recvtimeout'",
        "'sendtimeout'",
        "'error'",
        "'descriptor'",
        "'family'",
        "'type'",
        "'protocol'",
        "'ip'",
        "'port'",
        "'scope'",
        "'onerror'",
        "'nothing'",
    ])
}
