//! The items of a `foreach`: its list, map, range, matrix or expression, evaluated for one run.

use nightrun_core::dag::spec::{Fan, Items};
use nightrun_core::decide::Item;
use nightrun_core::template::Scope;
use serde_json::{Map, Value as Json};

use super::render::{collect_texts, render, render_json};
use super::scope::ScopeOf;

/// Items whose text is longer are shown by their number only.
const LONGEST_KEY: usize = 60;

/// The items, at most `most`; the error says what is wrong with them.
pub(super) fn items(fan: &Fan, scope: &ScopeOf<'_>, most: usize) -> Result<Vec<Item>, String> {
    let templates = templates(&fan.items);
    let texts: Vec<&str> = templates.iter().map(String::as_str).collect();
    let mut items = evaluate(&fan.items, &scope.build(&texts)?, most)?;
    if let Some(key) = &fan.key {
        for item in &mut items {
            let scope = ScopeOf { item: Some(item), ..*scope }.build(&[key])?;
            item.key = Some(render(key, &scope).map_err(|fault| format!("`key`: {fault}"))?);
        }
    }
    Ok(items)
}

/// Every text that is rendered to find the items out.
fn templates(items: &Items) -> Vec<String> {
    match items {
        Items::Given(value) => {
            let mut texts = Vec::new();
            collect_texts(value, &mut texts);
            texts.into_iter().map(str::to_owned).collect()
        }
        Items::Expression(expression) => vec![as_template(expression)],
        Items::Range(..) => Vec::new(),
        Items::Matrix(axes) => axes.iter().flat_map(|(_, axis)| templates(axis)).collect(),
    }
}

fn as_template(expression: &str) -> String {
    format!("{{{{ {expression} }}}}")
}

fn evaluate(items: &Items, scope: &Scope, most: usize) -> Result<Vec<Item>, String> {
    let found = match items {
        Items::Given(value) => listed(render_json(value, scope)?)?,
        Items::Expression(expression) => {
            let value = render_json(&Json::String(as_template(expression)), scope)?;
            listed(value).map_err(|fault| format!("`{expression}` {fault}"))?
        }
        Items::Range(first, end, step) => range(*first, *end, *step, most)?,
        Items::Matrix(axes) => matrix(axes, scope, most)?,
    };
    if found.len() > most { Err(too_many(found.len(), most)) } else { Ok(found) }
}

fn too_many(count: usize, most: usize) -> String {
    format!("{count} items, and at most {most} are allowed (`max_items` of the configuration)")
}

/// The elements of a list, or the entries of a map as `{key, value}`.
fn listed(value: Json) -> Result<Vec<Item>, String> {
    match value {
        Json::Array(values) => {
            Ok(values.into_iter().map(|value| Item { key: shown(&value), value }).collect())
        }
        Json::Object(map) => {
            let entry = |(key, value): (String, Json)| {
                let both = [("key".to_owned(), Json::String(key.clone())), ("value".to_owned(), value)];
                Item { key: Some(key), value: Json::Object(both.into_iter().collect()) }
            };
            Ok(map.into_iter().map(entry).collect())
        }
        Json::String(_) => Err("is text and no list: hand it on as JSON, `files:=[\"a\", \"b\"]`".into()),
        Json::Null => Err("is null and no list".into()),
        Json::Bool(_) | Json::Number(_) => Err(format!("is {value} and no list")),
    }
}

/// What people see of an item that names no key: itself, where it is short.
fn shown(value: &Json) -> Option<String> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        Json::Bool(yes) => yes.to_string(),
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    };
    (text.len() <= LONGEST_KEY && !text.contains('\n')).then_some(text)
}

fn range(first: i64, end: i64, step: i64, most: usize) -> Result<Vec<Item>, String> {
    let (distance, step_size) = (i128::from(end) - i128::from(first), i128::from(step));
    let steps = if step == 0 { 0 } else { (distance + step_size - step_size.signum()) / step_size };
    let count = usize::try_from(steps.max(0)).unwrap_or(usize::MAX);
    if count > most {
        return Err(too_many(count, most));
    }
    let numbers = std::iter::successors(Some(first), |number| number.checked_add(step)).take(count);
    Ok(numbers.map(|number| Item { key: Some(number.to_string()), value: number.into() }).collect())
}

/// Every combination, the last axis fastest.
fn matrix(axes: &[(String, Items)], scope: &Scope, most: usize) -> Result<Vec<Item>, String> {
    let mut rows = vec![Map::new()];
    for (name, axis) in axes {
        let values = evaluate(axis, scope, most).map_err(|fault| format!("axis `{name}`: {fault}"))?;
        let count = rows.len().saturating_mul(values.len());
        if count > most {
            return Err(too_many(count, most));
        }
        let with = |row: &Map<String, Json>, value: &Json| {
            row.iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .chain([(name.clone(), value.clone())])
                .collect()
        };
        rows = rows.iter().flat_map(|row| values.iter().map(|item| with(row, &item.value))).collect();
    }
    let key = |row: &Map<String, Json>| {
        let parts: Option<Vec<String>> = row.values().map(shown).collect();
        parts.map(|parts| parts.join(", "))
    };
    Ok(rows.into_iter().map(|row| Item { key: key(&row), value: Json::Object(row) }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_counts_up_or_down_and_ends_before_its_end() {
        let numbers = |first, end, step| -> Vec<i64> {
            range(first, end, step, 100).unwrap().iter().map(|item| item.value.as_i64().unwrap()).collect()
        };
        assert_eq!(numbers(0, 3, 1), [0, 1, 2]);
        assert_eq!(numbers(0, 5, 2), [0, 2, 4]);
        assert_eq!(numbers(3, 0, -1), [3, 2, 1]);
        assert_eq!(numbers(5, 0, -2), [5, 3, 1]);
        assert!(numbers(3, 0, 1).is_empty() && numbers(0, 0, 1).is_empty());
        assert!(range(0, i64::MAX, 1, 100).is_err() && range(i64::MIN, i64::MAX, 1, 100).is_err());
    }
}
