//! The language of templates: minijinja's expressions with an explicit list of filters, tests and functions,
//! so that no build feature of another crate changes what a DAG file may say.

use std::sync::{Arc, LazyLock};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Object, ObjectRepr, Value};
use minijinja::{
    Environment, Error, ErrorKind, Output, State, UndefinedBehavior, filters as f, functions, tests as t,
};
use serde_json::Value as Json;

use super::scope::{json_of, valid, value_of_json};
use super::{FUEL, TemplateFault, moment};

/// Declares a table of words: their names for diagnostics, and a function that adds them.
macro_rules! words {
    ($(#[$doc:meta])* $names:ident, $add:ident by $method:ident: $($name:literal => $function:expr,)*) => {
        $(#[$doc])*
        pub(super) const $names: &[&str] = &[$($name),*];

        fn $add(env: &mut Environment<'static>) {
            $(env.$method($name, $function);)*
        }
    };
}

words! {
    /// Every filter.
    FILTERS, add_filters by add_filter:
    "abs" => f::abs, "attr" => attr, "basename" => basename, "batch" => f::batch, "bool" => f::bool,
    "capitalize" => f::capitalize, "chain" => f::chain, "count" => f::length, "d" => f::default,
    "date" => moment::date, "default" => f::default, "dictsort" => f::dictsort, "ds_add" => moment::ds_add,
    "first" => f::first, "float" => f::float, "format" => f::format, "fromjson" => fromjson,
    "groupby" => f::groupby, "in_tz" => moment::in_tz, "int" => f::int, "items" => f::items, "join" => f::join,
    "last" => f::last, "length" => f::length, "lines" => f::lines, "list" => f::list, "lower" => f::lower,
    "map" => f::map, "max" => f::max, "min" => f::min, "raw" => raw, "reject" => f::reject,
    "rejectattr" => f::rejectattr, "replace" => f::replace, "reverse" => f::reverse, "round" => f::round,
    "select" => f::select, "selectattr" => f::selectattr, "slice" => f::slice, "sort" => f::sort,
    "split" => f::split, "string" => f::string, "sum" => f::sum, "title" => f::title, "tojson" => tojson,
    "trim" => f::trim, "unique" => f::unique, "upper" => f::upper, "zip" => f::zip,
}

words! {
    /// Every test, as in `x is defined`.
    TESTS, add_tests by add_test:
    "boolean" => t::is_boolean, "defined" => t::is_defined, "divisibleby" => t::is_divisibleby,
    "endingwith" => t::is_endingwith, "eq" => t::is_eq, "even" => t::is_even, "false" => t::is_false,
    "float" => t::is_float, "ge" => t::is_ge, "gt" => t::is_gt, "in" => t::is_in, "integer" => t::is_integer,
    "iterable" => t::is_iterable, "le" => t::is_le, "lower" => t::is_lower, "lt" => t::is_lt,
    "mapping" => t::is_mapping, "ne" => t::is_ne, "none" => t::is_none, "number" => t::is_number,
    "odd" => t::is_odd, "sequence" => t::is_sequence, "startingwith" => t::is_startingwith,
    "string" => t::is_string, "true" => t::is_true, "undefined" => t::is_undefined, "upper" => t::is_upper,
}

words! {
    /// Every function.
    FUNCTIONS, add_functions by add_function:
    "dict" => functions::dict, "range" => functions::range, "xcom_pull" => xcom_pull,
}

/// The syntax: minijinja's, with the text's last line end kept as it is, and with comments written `{{# … #}}`:
/// a shell's `${#list[@]}` must not begin one.
pub(super) fn syntax() -> SyntaxConfig {
    static SYNTAX: LazyLock<SyntaxConfig> = LazyLock::new(|| {
        SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .comment_delimiters("{{#", "#}}")
            .build()
            .expect("the delimiters differ from each other")
    });
    SYNTAX.clone()
}

/// Renders every value as text.
pub(super) static TEXT: LazyLock<Environment<'static>> =
    LazyLock::new(|| environment(|out, _, value| Ok(out.write_str(&text_of(value)?)?)));

/// Renders every value but a [`Raw`] one as [`MARK`] and keeps it apart, in [`Marks`].
pub(super) static MARKED: LazyLock<Environment<'static>> = LazyLock::new(|| {
    environment(|out, state, value| {
        let text = text_of(value)?;
        if text.contains(MARK) {
            return Err(
                TemplateFault::new("the value contains a NUL, which no argument can carry", 0..0).into()
            );
        }
        if value.downcast_object_ref::<Raw>().is_some() {
            return Ok(out.write_str(&text)?);
        }
        state.get_or_insert_extension_with(Marks::default).0.push(text);
        Ok(out.write_fmt(format_args!("{MARK}"))?)
    })
});

/// Stands for a value in the text of a script. No script can contain a NUL, so a mark cannot be forged.
pub(crate) const MARK: char = '\0';

/// The values of a marked text, in the order of their marks.
#[derive(Debug, Default)]
pub(super) struct Marks(pub(super) Vec<String>);

fn environment<F>(formatter: F) -> Environment<'static>
where
    F: Fn(&mut Output<'_>, &mut State<'_, '_>, &Value) -> Result<(), Error> + Send + Sync + 'static,
{
    let mut env = Environment::empty();
    add_filters(&mut env);
    add_tests(&mut env);
    add_functions(&mut env);
    env.set_syntax(syntax());
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_formatter(formatter);
    env
}

/// A value as text: text as it is, an instant as RFC 3339, everything else as JSON.
fn text_of(value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    Ok(match json_of(value)? {
        Json::String(text) => text,
        json => json.to_string(),
    })
}

/// Text that is inserted into a script as it is.
#[derive(Debug)]
struct Raw(String);

impl Object for Raw {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn attr(value: &Value, key: &Value) -> Result<Value, Error> {
    valid(value.get_item(key)?)
}

fn raw(value: &Value) -> Result<Value, Error> {
    Ok(Value::from_object(Raw(text_of(value)?)))
}

fn tojson(value: &Value) -> Result<String, Error> {
    Ok(json_of(value)?.to_string())
}

fn fromjson(text: &str) -> Result<Value, Error> {
    let json: Json = serde_json::from_str(text)
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("this is no JSON: {error}")))?;
    Ok(value_of_json(&json))
}

/// The last part of a path: `file.csv` of `/data/file.csv`.
fn basename(path: &str) -> String {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

/// Airflow's way to an upstream's output: `xcom_pull('extract', 'rows')`, also with `task_ids=` and `key=`.
#[expect(clippy::needless_pass_by_value, reason = "minijinja hands options over by value")]
fn xcom_pull(
    state: &State<'_, '_>,
    task: Option<&str>,
    key: Option<&str>,
    options: Kwargs,
) -> Result<Value, Error> {
    let task = match task {
        Some(task) => task,
        None => options.get("task_ids")?,
    };
    let key = key.or(options.get("key")?).unwrap_or("return_value");
    options.assert_all_used()?;
    let mut found = state.lookup("tasks").unwrap_or_default();
    for part in [task, "outputs", key] {
        found = valid(found.get_item(&Value::from(part))?)?;
    }
    Ok(found)
}
