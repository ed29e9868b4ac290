//! The pages and the API of Nightrun. This room reads the store and asks the engine; it writes nothing
//! itself.
//!
//! ```text
//! route    every route as data: method, path, who may come in how     guard   checks before any handler
//! access   who asks, and how they prove it
//! page     what people see: one file a page, its template beside it   api     the same for programs
//! acts     requests to the engine, shared by both                     live    what changed, as it changes
//! why      what things wait for, and what would unblock them
//! draw     layouts of graph, grid and Gantt: numbers, no markup       words   times and lengths for people
//! ```

mod access;
mod acts;
mod ahead;
mod api;
mod app;
mod assets;
mod draw;
mod guard;
mod hub;
mod lines;
mod live;
mod logs;
mod once;
mod page;
mod problem;
mod route;
mod sentence;
mod source;
mod specs;
mod template;
mod theirs;
mod turns;
mod why;
mod words;
mod yaml;

pub use access::{ACTS_AS, Access, Owner};
pub use app::App;
pub use route::{Auth, Reach, Route, router, routes};
