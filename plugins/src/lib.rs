//! The built-in operators: what `type:` can name. Each is one file that turns arguments into work.

mod noop;
mod python;
mod shell;

use nightrun_engine::exec::Registry;

/// All built-in operators.
pub fn builtin() -> Registry {
    Registry::default().with(noop::Noop).with(python::Python).with(shell::Shell)
}
