//! The keys of a DAG file, each once: what the reader knows, what it says about them, and the JSON
//! Schema all come from these tables.

pub(crate) mod dag;
pub(crate) mod foreach;
mod foreign;
pub(crate) mod group;
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
    Group,
    Foreach,
}

impl Level {
    /// The keys that may stand there.
    pub(crate) fn keys(self) -> &'static [&'static Key] {
        match self {
            Self::Dag => dag::ALL,
            Self::Task | Self::Defaults => task::ALL,
            Self::Schedule => schedule::ALL,
            Self::Param => param::ALL,
            Self::Group => group::ALL,
            Self::Foreach => foreach::ALL,
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
    TextList,
    /// Ids of tasks, or a single one.
    Ids,
    /// A list of groups.
    Groups,
    /// What a task or a group is done for.
    Foreach,
    /// Where the items of a `foreach` come from.
    Items,
    /// A name in templates.
    Identifier,
    /// So many, or so many per cent.
    Share,
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
            Self::Groups => "a list of groups",
            Self::Foreach => "a map with `items`",
            Self::Items => "a list, a map or an expression",
            Self::Identifier => "a name",
            Self::Share => "a number or a percentage",
            Self::Number => "a number",
            Self::Duration => "a duration",
            Self::Date => "a date",
            Self::Backoff => "a word or a factor",
            Self::Catchup(_) => "a word or a boolean",
            Self::Schedule => "a cron expression or a map",
            Self::Ids => "a list of task ids",
            Self::Identifiers => "a list of names",
            Self::TextList => "a list of texts",
            Self::ExitCodes => "a list of exit codes",
            Self::Env => "a map of names and values",
            Self::Params | Self::Defaults | Self::Arguments => "a map",
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
pub(crate) use keys;
