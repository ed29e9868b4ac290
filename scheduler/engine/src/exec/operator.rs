//! The door for operators: what `type:` names. An operator turns its arguments into a process, or does
//! its work at once where that is nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use nightrun_core::dag::OperatorSignature;
use serde_json::{Map, Value as Json};

/// What an operator makes of its arguments.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// A process to run, with more environment.
    Process {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Added to the environment of the attempt.
        env: Vec<(String, String)>,
    },
    /// A program text for an interpreter, handed over as a file.
    Script {
        /// The text.
        text: String,
        /// The interpreter and its options; the file follows.
        interpreter: Vec<String>,
        /// Arguments after the file.
        args: Vec<String>,
    },
    /// Nothing to run: it is done.
    Done {
        /// Its outputs.
        outputs: Map<String, Json>,
    },
}

/// One kind of work.
pub trait Operator: Send + Sync {
    /// Its name and arguments, as `validate` checks them.
    fn signature(&self) -> OperatorSignature;

    /// What its arguments, already rendered and checked, come to. The error says what is wrong with them.
    fn prepare(&self, with: &Map<String, Json>) -> Result<Job, String>;
}

/// All operators by name.
#[derive(Clone, Default)]
pub struct Registry(BTreeMap<String, Arc<dyn Operator>>);

impl Registry {
    /// Adds an operator under the name of its signature.
    #[must_use]
    pub fn with(mut self, operator: impl Operator + 'static) -> Self {
        self.0.insert(operator.signature().name, Arc::new(operator));
        self
    }

    /// The operator of this name.
    pub fn get(&self, name: &str) -> Option<&dyn Operator> {
        self.0.get(name).map(AsRef::as_ref)
    }

    /// The signatures of all of them, by name.
    pub fn signatures(&self) -> Vec<OperatorSignature> {
        self.0.values().map(|operator| operator.signature()).collect()
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
