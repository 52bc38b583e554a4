//! Runs the fuzzer's corpus as a plain test.

use std::path::Path;

use cogloop_proptests::script;

#[test]
fn the_wheel_agrees_with_its_model_in_every_script_of_the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/wheel");
    let mut operations = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus") {
        let path = entry.expect("an entry of the corpus").path();
        println!("{}", path.display()); // shown if the test fails
        operations += script::run(&std::fs::read(path).expect("a script"));
    }
    assert!(operations > 5_000, "{operations} operations are too few for a corpus");
}
