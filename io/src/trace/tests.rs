//! Traces that are written to memory: their events, their names, and a file that refuses to get longer.

use super::*;
use std::cell::RefCell;
use std::rc::Rc;

/// A file in memory. It refuses to get longer than the second field.
#[derive(Clone, Default)]
struct Sink(Rc<RefCell<Vec<u8>>>, Option<usize>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1.is_some_and(|most| self.0.borrow().len() + bytes.len() > most) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("JSON is UTF-8")
    }
}

fn begin(sink: &Sink, limit: u64) -> Trace {
    Trace::to(Box::new(sink.clone()), limit, 3, "loop 3 on epoll").unwrap()
}

#[test]
fn an_event_is_a_line_and_the_file_is_a_list() {
    let sink = Sink::default();
    let mut trace = begin(&sink, DEFAULT_LIMIT);
    trace.span(Kind::Timer, Name(b"a.lua", Some(12)), 1_234_567, 1_240_068, Detail::Late(90));
    trace.span(Kind::Descriptor, Name(b"b.lua:1", None), 0, u64::MAX, Detail::Number(7));
    trace.begin_turn(5, 6);
    trace.end_turn(7);
    trace.end_turn(8);
    trace.finish().unwrap();
    assert!(sink.text().as_bytes().starts_with(BEGINNING));
    let ids = format!(r#""pid":{},"tid":4"#, std::process::id());
    let expected = [
        "[".to_owned(),
        format!(r#"{{"ph":"M",{ids},"name":"thread_name","args":{{"name":"loop 3 on epoll"}}}},"#),
        format!(
            r#"{{"ph":"X","ts":1234.567,"dur":5.501,{ids},"cat":"timer","name":"a.lua:12","args":{{"late_us":0.090}}}},"#
        ),
        format!(
            r#"{{"ph":"X","ts":0.000,"dur":18446744073709551.615,{ids},"cat":"descriptor","name":"b.lua:1","args":{{"descriptor":7}}}},"#
        ),
        format!(r#"{{"ph":"X","ts":0.005,"dur":0.002,{ids},"cat":"turn","name":"turn"}},"#),
        format!(r#"{{"ph":"X","ts":0.005,"dur":0.001,{ids},"cat":"wait","name":"wait"}},"#),
        format!(r#"{{"ph":"M",{ids},"name":"process_name","args":{{"name":"cogloop"}}}}"#),
        "]".to_owned(),
    ];
    assert_eq!(sink.text().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_name_may_have_any_bytes() {
    let sink = Sink::default();
    let mut trace = begin(&sink, DEFAULT_LIMIT);
    trace.span(Kind::Other, Name(b"a\"b\\c\n\x01\xff\xc3\xa9", None), 0, 0, Detail::None);
    trace.span(Kind::Other, Name(&[0; 500], None), 0, 0, Detail::None);
    trace.finish().unwrap();
    assert!(sink.text().contains("\"name\":\"a\\\"b\\\\c\\u000a\\u0001\u{fffd}\u{e9}\""), "{}", sink.text());
    assert!(sink.text().contains(&"\\u0000".repeat(120)));
    assert!(sink.text().lines().all(|line| line.len() < LINE_MAX));
}

/// Short, middle and long names are copied in pieces of different lengths.
#[test]
fn a_name_of_any_length_is_whole_and_is_escaped_at_any_place() {
    for length in (0..=40).chain([119, 120]) {
        for odd in (0..length).map(Some).chain([None]) {
            let mut name: Vec<u8> = (0..length).map(|n| b'a' + (n % 26) as u8).collect();
            let mut expected = name.clone();
            if let Some(odd) = odd {
                name[odd] = b'"';
                expected[odd] = b'"';
                expected.insert(odd, b'\\');
            }
            let mut room = [b'?'; LINE_MAX];
            let written = LINE_MAX - Line(&mut room).text(&name).0.len();
            assert_eq!(room[..written].escape_ascii().to_string(), expected.escape_ascii().to_string());
        }
    }
}

#[test]
fn numbers_are_those_of_fmt() {
    // Numbers of every length, and numbers in which each digit differs from its neighbours.
    let powers = (0..20).map(|n| 10_u64.pow(n)).flat_map(|power| [power - 1, power, power + 1]);
    for number in powers.chain([42, 99, 100, 101, 1999, 12_345_678, 98_765_432, 1_234_567_890_123_456_789, u64::MAX]) {
        let mut room = [0; 64];
        let rest = Line(&mut room).number(number).raw(b" ").microseconds(number).0.len();
        let length = 64 - rest;
        let expected = format!("{number} {}.{:03}", number / 1000, number % 1000);
        assert_eq!(std::str::from_utf8(&room[..length]), Ok(&*expected));
    }
}

#[test]
fn a_full_trace_ends_with_a_note_below_its_limit() {
    let sink = Sink::default();
    let mut trace = begin(&sink, 0);
    for n in 0..1000 {
        trace.span(Kind::Timer, Name(b"a.lua:12", None), n, n + 1, Detail::None);
    }
    assert!(!trace.is_open());
    let text = sink.text();
    assert!(text.len() as u64 <= LEAST_LIMIT && text.len() as u64 > LEAST_LIMIT - 2 * END_MAX, "{}", text.len());
    assert_eq!(text.matches("the trace is full").count(), 1);
    assert!(text.ends_with("]\n"));
    trace.finish().unwrap();
    assert_eq!(sink.text(), text, "nothing is written after the end");
}

#[test]
fn an_error_of_writing_ends_the_trace_and_is_returned_at_the_end() {
    let sink = Sink(Rc::default(), Some(100_000));
    let mut trace = begin(&sink, DEFAULT_LIMIT);
    let mut written = 0;
    while trace.is_open() && written < 10_000 {
        trace.span(Kind::Timer, Name(b"a.lua:12", None), 0, 1, Detail::None);
        written += 1;
    }
    assert!(written < 10_000, "the trace goes on");
    assert_eq!(trace.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn lines_are_written_when_they_are_a_second_old() {
    let sink = Sink::default();
    let mut trace = begin(&sink, DEFAULT_LIMIT);
    trace.begin_turn(0, 1);
    trace.begin_turn(2, 3);
    assert_eq!(sink.text(), "");
    trace.begin_turn(FLUSH_NS + 1, FLUSH_NS + 2);
    assert_eq!(sink.text().matches("turn").count(), 4, "two turns, each by kind and name");
}

#[test]
fn dropping_a_trace_completes_the_file() {
    let sink = Sink::default();
    let mut trace = begin(&sink, DEFAULT_LIMIT);
    trace.begin_turn(1000, 2000);
    trace.span(Kind::Other, Name(b"x", None), 3000, 4000, Detail::None);
    drop(trace);
    assert!(sink.text().contains(r#""ts":1.000,"dur":3.000,"#), "the turn ends with its last event: {}", sink.text());
    assert!(sink.text().ends_with("]\n"));
}
