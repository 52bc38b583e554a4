//! Tests that compare Cogloop with reference models, which are too simple to be wrong. This library has the models, and
//! the code of the state machines, simulations and exhaustive tests. The tests are in `tests/`.

#![forbid(unsafe_code)]

pub mod loop_model;
pub mod model_test;
pub mod scheduler_model;
pub mod script;
pub mod simulation;
pub mod turn_share;
pub mod wheel_lockstep;
pub mod wheel_model;
