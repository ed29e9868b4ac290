//! Operators: that they exist, and that their arguments are theirs.

use super::call;
use crate::dag::call::CALL;
use crate::dag::known::{Argument, ArgumentKind, Known, OperatorSignature};
use crate::dag::read::DraftTask;
use crate::dag::spec::Work;
use crate::dag::tree::{Kind, Map, Node, Value};
use crate::diag::{Code, Fault, Faults, Span};
use crate::template::nearest;
use crate::time::parse_duration;

/// Checks the operator of a task.
pub(super) fn check(draft: &DraftTask<'_, '_>, known: &Known, faults: &mut Faults) {
    let Some(at) = draft.type_at else { return };
    let name = match &draft.task.work {
        Work::Operator { name, .. } => name,
        Work::Call(call) => return call::check(call, draft, at, faults),
        Work::Shell { .. } | Work::Argv(_) | Work::Script { .. } => return,
    };
    let Some(operator) = known.operators.iter().find(|operator| operator.name == *name) else {
        let names = known.operators.iter().map(|operator| operator.name.as_str()).chain([CALL]);
        let help = match nearest(name, names.clone()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("the operators are: {}", names.collect::<Vec<_>>().join(", ")),
        };
        faults
            .add(Fault::new(Code::UnknownOperator, at, format!("there is no operator `{name}`")).help(help));
        return;
    };
    let none = Map::default();
    arguments(operator, draft.with.unwrap_or(&none), at, faults);
}

pub(super) fn arguments(operator: &OperatorSignature, with: &Map<'_>, at: Span, faults: &mut Faults) {
    for entry in &with.entries {
        match operator.args.iter().find(|argument| argument.name == entry.key) {
            None => faults.add(unknown_argument(operator, &entry.key, entry.key_at)),
            Some(argument) if !fits(argument.kind, &entry.value) => {
                let message = format!(
                    "`{}` of `{}` takes {}, and this is {}",
                    entry.key,
                    operator.name,
                    what(argument.kind),
                    entry.value.what()
                );
                faults.add(Fault::new(Code::WrongArgument, entry.value.at, message));
            }
            Some(_) => {}
        }
    }
    for Argument { name, kind, .. } in operator.args.iter().filter(|argument| argument.required) {
        if with.get(name).is_none() {
            let message = format!("the operator `{}` needs `{name}`", operator.name);
            let help = format!("add `{name}:` to `with`; it takes {}", what(*kind));
            faults.add(Fault::new(Code::MissingArgument, at, message).help(help));
        }
    }
}

fn unknown_argument(operator: &OperatorSignature, key: &str, at: Span) -> Fault {
    let names = operator.args.iter().map(|argument| argument.name.as_str());
    let help = match nearest(key, names.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if operator.args.is_empty() => "it takes none".into(),
        None => format!("its arguments are: {}", names.collect::<Vec<_>>().join(", ")),
    };
    Fault::new(Code::UnknownArgument, at, format!("the operator `{}` has no argument `{key}`", operator.name))
        .help(help)
}

/// Text with a template in it may become anything.
fn fits(kind: ArgumentKind, node: &Node<'_>) -> bool {
    let value = match &node.kind {
        Kind::Broken => return true,
        Kind::List(_) => return matches!(kind, ArgumentKind::List | ArgumentKind::Any),
        Kind::Map(_) => return matches!(kind, ArgumentKind::Map | ArgumentKind::Any),
        Kind::Scalar(scalar) => scalar.value(),
    };
    match (kind, value) {
        (ArgumentKind::Code, Value::Text(text)) => !text.contains("{{") && !text.contains("{%"),
        (_, Value::Text(text)) if text.contains("{{") => true,
        (ArgumentKind::Any, _)
        | (ArgumentKind::Text, Value::Text(_))
        | (ArgumentKind::Integer, Value::Integer(_))
        | (ArgumentKind::Number, Value::Integer(_) | Value::Float(_))
        | (ArgumentKind::Boolean, Value::Bool(_)) => true,
        (ArgumentKind::Duration, Value::Text(text)) => parse_duration(text).is_ok(),
        _ => false,
    }
}

fn what(kind: ArgumentKind) -> &'static str {
    match kind {
        ArgumentKind::Text => "text",
        ArgumentKind::Code => {
            "a program without templates (hand values over as `args`, or read `$NIGHTRUN_CONTEXT`)"
        }
        ArgumentKind::Integer => "a whole number",
        ArgumentKind::Number => "a number",
        ArgumentKind::Boolean => "`true` or `false`",
        ArgumentKind::Duration => "a duration such as `90s`",
        ArgumentKind::List => "a list",
        ArgumentKind::Map => "a map",
        ArgumentKind::Any => "any value",
    }
}
