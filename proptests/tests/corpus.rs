//! Runs the fuzzer's corpus as a plain test.

use std::path::Path;

use cogloop_proptests::script;

#[test]
fn every_script_of_the_corpus_does_what_the_model_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/wheel");
    let mut operations = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus") {
        let path = entry.expect("an entry of the corpus").path();
        println!("{}", path.display()); // shown if the test fails
        operations += script::run(&std::fs::read(path).expect("a script"));
    }
    assert!(operations > 5_000, "{operations} operations are too few for a corpus");
}
