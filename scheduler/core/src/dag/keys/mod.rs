//! The keys of a DAG file, each once: what the reader knows, what it says about them, and the JSON
//! Schema all come from these tables.

pub(crate) mod dag;
pub(crate) mod deadline;
mod foreign;
pub(crate) mod hook;
pub(crate) mod param;
pub(crate) mod schedule;
pub(crate) mod task;
mod words;

pub(crate) use foreign::{cure, later};
pub(crate) use words::{Words, words};

/// Which map of the file a key stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Dag,
    Task,
    Defaults,
    Schedule,
    Param,
    Deadline,
    Hook,
    Notify,
}

impl Level {
    /// The keys that may stand there.
    pub(crate) fn keys(self) -> &'static [&'static Key] {
        match self {
            Self::Dag => dag::ALL,
            Self::Task | Self::Defaults => task::ALL,
            Self::Schedule => schedule::ALL,
            Self::Param => param::ALL,
            Self::Deadline => deadline::ALL,
            Self::Hook => hook::ALL,
            Self::Notify => hook::notify::ALL,
        }
    }

    /// True when this key may stand there.
    pub(crate) fn has(self, key: &str) -> bool {
        self.keys().iter().any(|known| known.name == key)
    }
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// What holds without it, as JSON; empty where nothing does.
    pub(crate) default: &'static str,
    /// A value, as YAML on one line.
    pub(crate) example: &'static str,
    /// One or two sentences for people.
    pub(crate) about: &'static str,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Text,
    Name,
    Boolean,
    Integer {
        min: i64,
        max: i64,
    },
    Number,
    Duration,
    Date,
    Zone,
    Cron,
    Pattern,
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
    Backoff,
    /// One of these words, or a boolean.
    Catchup(fn() -> Vec<&'static str>),
    Schedule,
    Deadline,
    /// A time of day, or a duration.
    FinishBy,
    /// Steps of a hook, or a single one.
    Hooks,
    Notify,
    /// Addresses of mail, or a single one.
    Recipients,
    /// Some of these words.
    Words(fn() -> Vec<&'static str>),
    TextList,
    /// Ids of tasks, or a single one.
    Ids,
    /// Names of outputs.
    Identifiers,
    ExitCodes,
    /// Names of environment variables and their values.
    Env,
    Params,
    Defaults,
    Tasks,
    /// A script for the shell, or a list of program and arguments.
    Run,
    /// A program with its options, as text or as a list.
    Command,
    /// An expression in braces, or a boolean.
    Condition,
    /// Arguments of an operator.
    Arguments,
    /// Any value.
    Any,
    /// A list of any values.
    AnyList,
}

impl Shape {
    /// What it takes, as a message calls it.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Text | Self::Name | Self::Zone | Self::Cron | Self::Pattern | Self::Word(_) => "text",
            Self::Boolean => "`true` or `false`",
            Self::Integer { .. } => "a whole number",
            Self::Number => "a number",
            Self::Duration => "a duration",
            Self::Date => "a date",
            Self::Backoff => "a word or a factor",
            Self::Catchup(_) => "a word or a boolean",
            Self::Schedule => "a cron expression or a map",
            Self::FinishBy => "a time of day or a duration",
            Self::Hooks => "a list of steps",
            Self::Recipients => "an address or a list of them",
            Self::Words(_) => "a list of words",
            Self::Ids => "a list of task ids",
            Self::Identifiers => "a list of names",
            Self::TextList => "a list of texts",
            Self::ExitCodes => "a list of exit codes",
            Self::Env => "a map of names and values",
            Self::Params | Self::Defaults | Self::Arguments | Self::Deadline | Self::Notify => "a map",
            Self::Tasks => "a list of tasks",
            Self::Run | Self::Command => "a command",
            Self::Condition => "an expression in braces",
            Self::Any => "a value",
            Self::AnyList => "a list",
        }
    }
}

/// Declares the keys of one kind of map, and the table of all of them.
macro_rules! keys {
    ($($key:ident $name:literal, $shape:expr, $default:literal, $example:literal, $about:literal;)*) => {
        $(pub(crate) static $key: Key =
            Key { name: $name, shape: $shape, default: $default, example: $example, about: $about };)*
        /// All of them, in the order in which people write them.
        pub(crate) static ALL: &[&Key] = &[$(&$key,)*];
    };
}
use keys;
