//! Runs the fuzzer's bytes as a script of operations on the wheel. The corpus also runs as a plain test:
//! `proptests/tests/corpus.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    cogloop_proptests::script::run(script);
});
