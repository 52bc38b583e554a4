//! Tests that compare Cogloop with reference models, which are simple enough to be checked by reading. This library has
//! models of the wheel, the scheduler and the event loop. It also has the simulation, the common part of the model
//! tests, and the lockstep of the wheel and its model, in which each operation is applied to both. The tests and the
//! other models are in `tests/`.

#![forbid(unsafe_code)]

pub mod loop_model;
pub mod model_test;
pub mod scheduler_model;
pub mod script;
pub mod simulation;
pub mod turn_share;
pub mod wheel_lockstep;
pub mod wheel_model;
