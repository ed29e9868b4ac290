//! The keys of a DAG file, each once: what the reader knows, what it says about them, and the JSON
//! Schema all come from these tables.

pub(crate) mod calendar;
pub(crate) mod dag;
pub(crate) mod deadline;
pub(crate) mod folder;
pub(crate) mod foreach;
mod foreign;
pub(crate) mod group;
pub(crate) mod hook;
pub(crate) mod param;
pub(crate) mod schedule;
pub(crate) mod task;
pub(crate) mod wait;
mod words;

pub(crate) use foreign::{cure, later};
pub(crate) use words::{Words, words};

/// Which map of the file a key stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Dag,
    /// A folder's `_defaults.yaml`.
    Folder,
    Task,
    Defaults,
    Schedule,
    Param,
    Group,
    Foreach,
    Wait,
    Calendar,
    Holiday,
    Deadline,
    Hook,
    Notify,
}

impl Level {
    /// The keys that may stand there.
    pub(crate) fn keys(self) -> &'static [&'static Key] {
        match self {
            Self::Dag => dag::ALL,
            Self::Folder => folder::ALL,
            Self::Task | Self::Defaults => task::ALL,
            Self::Schedule => schedule::ALL,
            Self::Param => param::ALL,
            Self::Group => group::ALL,
            Self::Foreach => foreach::ALL,
            Self::Wait => wait::ALL,
            Self::Calendar => calendar::ALL,
            Self::Holiday => calendar::holiday::ALL,
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
    /// An instant, or a list of them.
    Dates,
    /// `first`, `last` or a number.
    BusinessDay,
    /// A time of day, or a list of them.
    TimesOfDay,
    /// A day of the week.
    Weekday,
    /// Days of the week.
    Weekdays,
    /// A date, or a rule that gives one each year.
    Holiday,
    Holidays,
    /// Names of things outside of the file.
    Names,
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
    /// A list of runs of other DAGs.
    Waits,
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
    /// Names of vars, or a map of them and their defaults.
    Vars,
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
            Self::Waits => "a list of maps with `dag`",
            Self::Foreach => "a map with `items`",
            Self::Items => "a list, a map or an expression",
            Self::Identifier => "a name",
            Self::Share => "a number or a percentage",
            Self::Number => "a number",
            Self::Duration => "a duration",
            Self::Date => "a date",
            Self::Backoff => "a word or a factor",
            Self::Catchup(_) => "a word or a boolean",
            Self::Schedule => "a cron expression, a map, or a list of them",
            Self::Dates => "an instant or a list of instants",
            Self::BusinessDay => "`first`, `last` or a number",
            Self::TimesOfDay => "a time such as \"18:00\" or a list of times",
            Self::Weekday => "a day of the week",
            Self::Weekdays => "a list of days of the week",
            Self::Holiday => "a date or a yearly rule",
            Self::Holidays => "a list of holidays",
            Self::FinishBy => "a time of day or a duration",
            Self::Hooks => "a list of steps",
            Self::Recipients => "an address or a list of them",
            Self::Words(_) => "a list of words",
            Self::Ids => "a list of task ids",
            Self::Identifiers | Self::Names => "a list of names",
            Self::TextList => "a list of texts",
            Self::ExitCodes => "a list of exit codes",
            Self::Env => "a map of names and values",
            Self::Vars => "a list of names or a map of names and defaults",
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
pub(crate) use keys;
