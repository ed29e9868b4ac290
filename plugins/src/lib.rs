//! The built-in operators: what `type:` can name. Each is one file that turns arguments into work.

mod branch;
mod noop;
mod python;
mod shell;
mod short_circuit;

use nightrun_engine::exec::Registry;

/// All built-in operators.
pub fn builtin() -> Registry {
    Registry::default()
        .with(branch::Branch)
        .with(noop::Noop)
        .with(python::Python)
        .with(shell::Shell)
        .with(short_circuit::ShortCircuit)
}
