//! What holds Cogloop to its word: reference models that are too simple to be wrong, and the machinery of the state
//! machines, simulations and exhaustive tests that compare the real thing with them. The tests are in `tests/`.

#![forbid(unsafe_code)]

pub mod loop_model;
pub mod model_test;
pub mod scheduler_model;
pub mod script;
pub mod simulation;
pub mod wheel_lockstep;
pub mod wheel_model;
