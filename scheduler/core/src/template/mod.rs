//! `{{ }}`: the one template language of a DAG file. minijinja, strict, with bounded steps and output, without
//! files, includes or macros; a DAG's text is checked when it is read and rendered when an attempt starts.
//!
//! The statements are `if`, `for`, `set`, `with` and `raw`. Nothing captures rendered text: that keeps the marks
//! of [`crate::quoting`] apart from values.

mod fault;
mod language;
mod moment;
mod references;
mod scope;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

use std::io;
use std::ops::Range;

use minijinja::Environment;
use serde_json::Value as Json;

pub use fault::{TemplateFault, nearest};
pub(crate) use language::MARK;
pub use references::{Reference, References};
pub use scope::{Facts, HOOK_NAMES, Item, NAMES, Scope};
pub(crate) use tree::Tree;

/// Longest source of one template, in bytes.
pub const MAX_SOURCE: usize = 1024 * 1024;
/// Longest rendered text, in bytes.
pub const MAX_TEXT: usize = 1024 * 1024;
/// Most steps one template may take, in minijinja's instructions.
pub const FUEL: u64 = 1_000_000;

/// Checks a text with `{{ }}` in it without rendering it; all faults in one pass.
pub fn check(source: &str) -> Result<References, Vec<TemplateFault>> {
    Tree::text(source).map_err(|fault| vec![fault])?.check()
}

/// Checks an expression, which stands without its braces; all faults in one pass.
pub fn check_expression(source: &str) -> Result<References, Vec<TemplateFault>> {
    Tree::expression(source).map_err(|fault| vec![fault])?.check()
}

/// Renders a text: environment values, folders, elements of an argv, text in `with`. Text goes in as it is, an
/// instant as RFC 3339, every other value as JSON.
pub fn render(source: &str, scope: &Scope) -> Result<String, TemplateFault> {
    if !source.contains('{') {
        return bounded(source);
    }
    Ok(run(&language::TEXT, source, scope)?.0)
}

/// Renders a text of `with`: one whole expression, as in `"{{ tasks.a.outputs.list }}"`, keeps its JSON type;
/// everything else becomes text.
pub fn render_value(source: &str, scope: &Scope) -> Result<Json, TemplateFault> {
    match expression_of(source) {
        Some(range) => evaluate(&source[range.clone()], scope).map_err(|fault| TemplateFault {
            range: range.start + fault.range.start..range.start + fault.range.end,
            ..fault
        }),
        None => render(source, scope).map(Json::String),
    }
}

/// Evaluates an expression, which stands without its braces: `when`, `foreach.items`.
pub fn evaluate(expression: &str, scope: &Scope) -> Result<Json, TemplateFault> {
    let tree = Tree::expression(expression)?;
    tree.check().map_err(first)?;
    let at = |error| TemplateFault::of_engine(&error, expression);
    let compiled = language::TEXT.compile_expression(expression).map_err(at)?;
    let value = compiled.eval(scope.root(tree.missing())).map_err(at)?;
    scope::json_of(&value).map_err(at)
}

/// Whether a value counts as true: not `null`, `false`, 0, nor empty.
pub fn holds(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(yes) => *yes,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(map) => !map.is_empty(),
    }
}

/// Where the expression stands when a text is nothing but one expression in its braces: the range inside them.
pub fn expression_of(source: &str) -> Option<Range<usize>> {
    let body = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    Tree::text(source.trim()).ok()?.is_one_expression().then_some(())?;
    let body = body.strip_prefix(['-', '+']).unwrap_or(body);
    let body = body.strip_suffix(['-', '+']).unwrap_or(body).trim();
    let start = body.as_ptr() as usize - source.as_ptr() as usize;
    Some(start..start + body.len())
}

/// Renders a script with [`MARK`]s for its values, and those values in the order of the marks.
pub(crate) fn render_marked(source: &str, scope: &Scope) -> Result<(String, Vec<String>), TemplateFault> {
    run(&language::MARKED, source, scope)
}

fn run(env: &Environment<'_>, source: &str, scope: &Scope) -> Result<(String, Vec<String>), TemplateFault> {
    let tree = Tree::text(source)?;
    tree.check().map_err(first)?;
    let at = |error| TemplateFault::of_engine(&error, source);
    let mut text = Bounded(Vec::new());
    let template = env.template_from_str(source).map_err(at)?;
    let done = template.render_captured_to(scope.root(tree.missing()), &mut text).map_err(at)?;
    let values =
        done.state().get_extension::<language::Marks>().map(|marks| marks.0.clone()).unwrap_or_default();
    drop(done);
    Ok((String::from_utf8(text.0).expect("minijinja writes whole strings"), values))
}

fn bounded(source: &str) -> Result<String, TemplateFault> {
    if source.len() > MAX_SOURCE {
        return Err(TemplateFault::new(
            format!("a template has at most {MAX_SOURCE} bytes"),
            0..source.len(),
        ));
    }
    Ok(source.to_owned())
}

fn first(faults: Vec<TemplateFault>) -> TemplateFault {
    faults.into_iter().next().expect("a failed check has a fault")
}

/// Rendered text that refuses to grow beyond [`MAX_TEXT`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_TEXT {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
