//! The prompt: a line editor in a thread of its own, while the thread of Lua runs the default loop.
//!
//! ```text
//!   thread of Lua                                         thread of the editor
//!   prompt.lua ◄── host ◄── requests ◄───────────────────  editor ◄── keys
//!      │  runs a line, completes a name, checks whether     │
//!      │  a chunk is complete; else turns of the loop       └── history, a file
//!      ▼
//!   standard output ──► the terminal itself, while a line runs
//!                  └──► screen: a pipe ──► the editor, which prints it above the line that is being typed
//! ```
//!
//! Ctrl-C is a key while a line is being typed, and a signal while a line runs. The threads of the prompt block the
//! signal, so that its handler always runs in the thread of Lua.

mod editor;
mod history;
mod host;
mod requests;
mod screen;

pub(crate) use host::run;
