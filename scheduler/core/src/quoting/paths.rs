//! The texts a script can render to, as far as its quoting is concerned: each branch of an `if` is taken once,
//! each loop is run not at all, once and twice. Rendering reads the real text again, so this only has to find
//! faults early, not all of them.

use std::ops::Range;

use minijinja::machinery::ast;

use crate::template::MARK;

/// Most paths that are looked at.
const MAX_PATHS: usize = 64;

/// One way through a script.
#[derive(Debug, Clone, Default)]
pub(super) struct Path {
    /// Its text, with a mark for each value.
    pub(super) text: String,
    /// Where the expression of each mark stands in the source.
    pub(super) values: Vec<Range<usize>>,
}

impl Path {
    fn push(&mut self, other: &Self) {
        self.text += &other.text;
        self.values.extend_from_slice(&other.values);
    }
}

/// Ways through the statements that together pass each of them: one that takes the first way everywhere, and one
/// for each other way of each statement.
pub(super) fn of(statements: &[ast::Stmt<'_>], source: &str) -> Vec<Path> {
    let ways: Vec<Vec<Path>> = statements.iter().map(|statement| ways(statement, source)).collect();
    let through = |special: usize, way: usize| {
        let mut path = Path::default();
        for (at, ways) in ways.iter().enumerate() {
            path.push(&ways[if at == special { way } else { 0 }]);
        }
        path
    };
    let others = ways.iter().enumerate().flat_map(|(at, ways)| (1..ways.len()).map(move |way| (at, way)));
    std::iter::once((0, 0)).chain(others).take(MAX_PATHS).map(|(at, way)| through(at, way)).collect()
}

/// The ways through one statement, at least one.
fn ways(statement: &ast::Stmt<'_>, source: &str) -> Vec<Path> {
    match statement {
        ast::Stmt::EmitRaw(raw) => vec![Path { text: raw.raw.to_owned(), values: Vec::new() }],
        ast::Stmt::EmitExpr(emit) => vec![value(emit, source)],
        ast::Stmt::IfCond(cond) => {
            let mut found = of(&cond.true_body, source);
            found.extend(of(&cond.false_body, source));
            found
        }
        ast::Stmt::ForLoop(each) => {
            let mut found = of(&each.body, source);
            let mut twice = found[0].clone();
            twice.push(&found[0]);
            found.push(twice);
            found.extend(of(&each.else_body, source));
            found
        }
        ast::Stmt::WithBlock(with) => of(&with.body, source),
        // `set` prints nothing; the template's check refuses the rest.
        _ => vec![Path::default()],
    }
}

fn value(emit: &ast::Spanned<ast::EmitExpr<'_>>, source: &str) -> Path {
    if matches!(&emit.expr, ast::Expr::Filter(filter) if filter.name == "raw") {
        return Path::default();
    }
    let span = emit.span();
    let (start, end) = (span.start_offset as usize, span.end_offset as usize);
    let closing = source[end..].find("}}").map_or(0, |blank| blank + 2);
    Path { text: MARK.to_string(), values: std::iter::once(start..end + closing).collect() }
}
