//! Reads a syntax tree: which names it uses, and what in it is no part of the language.

use std::collections::HashSet;
use std::ops::Range;

use minijinja::machinery::{Span, ast};

use super::TemplateFault;
use super::language::{FILTERS, FUNCTIONS, TESTS};
use super::references::{Reference, References};

/// One walk over a tree.
pub(super) struct Walk<'s> {
    source: &'s str,
    uses: Vec<Reference>,
    faults: Vec<TemplateFault>,
    /// Whether it asks if a name exists: `is defined`, `default`.
    pub(super) asks: bool,
    locals: Vec<HashSet<&'s str>>,
}

impl<'s> Walk<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        let locals = vec![HashSet::new()];
        Self { source, uses: Vec::new(), faults: Vec::new(), asks: false, locals }
    }

    pub(super) fn finish(mut self) -> Result<References, Vec<TemplateFault>> {
        if !self.faults.is_empty() {
            self.faults.sort_by_key(|fault| fault.range.start);
            return Err(self.faults);
        }
        self.uses.sort_by_key(|used| used.range.start);
        Ok(References { uses: self.uses })
    }

    pub(super) fn statements(&mut self, statements: &[ast::Stmt<'s>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &ast::Stmt<'s>) {
        match statement {
            ast::Stmt::Template(template) => self.statements(&template.children),
            ast::Stmt::EmitRaw(_) => {}
            ast::Stmt::EmitExpr(emit) => self.expr(&emit.expr),
            ast::Stmt::IfCond(cond) => {
                self.expr(&cond.expr);
                self.statements(&cond.true_body);
                self.statements(&cond.false_body);
            }
            ast::Stmt::ForLoop(each) => self.for_loop(each),
            ast::Stmt::WithBlock(with) => {
                self.locals.push(HashSet::new());
                for (target, value) in &with.assignments {
                    self.expr(value);
                    self.assign(target);
                }
                self.statements(&with.body);
                self.locals.pop();
            }
            ast::Stmt::Set(set) => {
                self.expr(&set.expr);
                self.assign(&set.target);
            }
            // The engine has more of them, and its features may add some.
            other => self.refuse(other),
        }
    }

    fn for_loop(&mut self, each: &ast::Spanned<ast::ForLoop<'s>>) {
        self.expr(&each.iter);
        self.locals.push(HashSet::from(["loop"]));
        self.assign(&each.target);
        each.filter_expr.iter().for_each(|filter| self.expr(filter));
        self.statements(&each.body);
        self.locals.pop();
        self.statements(&each.else_body);
        if each.recursive {
            self.faults.push(TemplateFault::new("`for … recursive` is not available", range(each.span())));
        }
    }

    fn assign(&mut self, target: &ast::Expr<'s>) {
        match target {
            ast::Expr::Var(var) => {
                self.locals.last_mut().expect("the outermost frame stays").insert(var.id);
            }
            ast::Expr::List(list) => list.items.iter().for_each(|item| self.assign(item)),
            ast::Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.assign(item)),
            other => self.faults.push(TemplateFault::new("only a name can be set", range(other.span()))),
        }
    }

    fn refuse(&mut self, statement: &ast::Stmt<'_>) {
        let (word, span) = match statement {
            ast::Stmt::SetBlock(s) => ("{% set %}…{% endset %}", s.span()),
            ast::Stmt::AutoEscape(s) => ("{% autoescape %}", s.span()),
            ast::Stmt::FilterBlock(s) => ("{% filter %}", s.span()),
            ast::Stmt::Block(s) => ("{% block %}", s.span()),
            ast::Stmt::Import(s) => ("{% import %}", s.span()),
            ast::Stmt::FromImport(s) => ("{% from %}", s.span()),
            ast::Stmt::Extends(s) => ("{% extends %}", s.span()),
            ast::Stmt::Include(s) => ("{% include %}", s.span()),
            ast::Stmt::Macro(s) => ("{% macro %}", s.span()),
            ast::Stmt::CallBlock(s) => ("{% call %}", s.span()),
            ast::Stmt::Do(s) => ("{% do %}", s.span()),
            _ => ("this statement", Span::default()),
        };
        let fault = TemplateFault::new(format!("`{word}` is not available"), range(span));
        self.faults.push(fault.help("the statements are `if`, `for`, `set`, `with` and `raw`"));
    }

    fn expr(&mut self, expr: &ast::Expr<'s>) {
        match expr {
            ast::Expr::Const(_) => {}
            ast::Expr::Var(_) | ast::Expr::GetAttr(_) | ast::Expr::GetItem(_) => self.path(expr),
            ast::Expr::Slice(slice) => {
                self.expr(&slice.expr);
                [&slice.start, &slice.stop, &slice.step]
                    .into_iter()
                    .flatten()
                    .for_each(|part| self.expr(part));
            }
            ast::Expr::UnaryOp(op) => self.expr(&op.expr),
            ast::Expr::BinOp(op) => {
                self.expr(&op.left);
                self.expr(&op.right);
            }
            ast::Expr::Compare(compare) => {
                self.expr(&compare.expr);
                compare.ops.iter().for_each(|op| self.expr(&op.expr));
            }
            ast::Expr::IfExpr(cond) => {
                self.expr(&cond.test_expr);
                self.expr(&cond.true_expr);
                cond.false_expr.iter().for_each(|other| self.expr(other));
            }
            ast::Expr::Filter(filter) => {
                self.word("filter", filter.name, FILTERS);
                self.asks |= asks(filter);
                filter.expr.iter().for_each(|inner| self.expr(inner));
                self.arguments(&filter.args);
            }
            ast::Expr::Test(test) => {
                self.word("test", test.name, TESTS);
                self.asks |= matches!(test.name, "defined" | "undefined");
                self.expr(&test.expr);
                self.arguments(&test.args);
            }
            ast::Expr::Call(call) => self.call(call),
            ast::Expr::List(list) => list.items.iter().for_each(|item| self.expr(item)),
            ast::Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expr(item)),
            ast::Expr::Map(map) => map.keys.iter().chain(&map.values).for_each(|part| self.expr(part)),
        }
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'s>]) {
        for argument in arguments {
            match argument {
                ast::CallArg::Pos(expr)
                | ast::CallArg::Kwarg(_, expr)
                | ast::CallArg::PosSplat(expr)
                | ast::CallArg::KwargSplat(expr) => self.expr(expr),
            }
        }
    }

    /// A name with its constant parts; parts that are computed are expressions of their own.
    fn path(&mut self, expr: &ast::Expr<'s>) {
        let end = expr.span().end_offset as usize;
        let mut parts = Vec::new();
        let mut at = expr;
        let root = loop {
            match at {
                ast::Expr::GetAttr(attr) => {
                    parts.push(Some(attr.name.to_owned()));
                    at = &attr.expr;
                }
                ast::Expr::GetItem(item) => {
                    let constant = text_of(&item.subscript_expr);
                    if constant.is_none() {
                        self.expr(&item.subscript_expr);
                    }
                    parts.push(constant);
                    at = &item.expr;
                }
                ast::Expr::Var(var) => break var.id,
                other => return self.expr(other),
            }
        };
        if self.locals.iter().any(|names| names.contains(root)) {
            return;
        }
        let path =
            std::iter::once(root.to_owned()).chain(parts.into_iter().rev().map_while(|part| part)).collect();
        self.uses.push(Reference { path, range: self.place(root).start..end });
    }

    fn call(&mut self, call: &ast::Spanned<ast::Call<'s>>) {
        self.arguments(&call.args);
        match &call.expr {
            ast::Expr::Var(var) if FUNCTIONS.contains(&var.id) => self.pulled(var.id, call),
            ast::Expr::Var(var) => {
                let place = self.place(var.id);
                self.faults.push(TemplateFault::unknown(
                    "function",
                    var.id,
                    place,
                    FUNCTIONS.iter().copied(),
                ));
            }
            ast::Expr::GetAttr(attr) if is_loop(&attr.expr) => {}
            other => {
                // The engine's place of a chain begins at its last part.
                let start = root(other).map_or(range(call.span()).start, |name| self.place(name).start);
                let place = start..range(call.span()).end;
                let fault = TemplateFault::new("values have no methods", place);
                let help = match other {
                    ast::Expr::GetAttr(attr) => method_cure(attr.name),
                    _ => "use a filter, as in `{{ name | upper }}`",
                };
                self.faults.push(fault.help(help));
            }
        }
    }

    /// `xcom_pull('extract', 'rows')` uses `tasks.extract.outputs.rows`.
    fn pulled(&mut self, function: &'s str, call: &ast::Spanned<ast::Call<'s>>) {
        if function != "xcom_pull" {
            return;
        }
        let argument = |at: usize, name: &str| {
            let named = call.args.iter().find_map(|argument| match argument {
                ast::CallArg::Kwarg(key, expr) if *key == name => Some(expr),
                _ => None,
            });
            match call.args.get(at) {
                Some(ast::CallArg::Pos(expr)) => Some(expr),
                _ => named,
            }
        };
        let Some(task) = argument(0, "task_ids").and_then(text_of) else { return };
        let key = match argument(1, "key") {
            None => Some("return_value".to_owned()),
            Some(key) => text_of(key),
        };
        let path = ["tasks".to_owned(), task, "outputs".to_owned()].into_iter().chain(key).collect();
        let range = self.place(function).start..call.span().end_offset as usize;
        self.uses.push(Reference { path, range });
    }

    fn word(&mut self, what: &str, name: &'s str, known: &[&str]) {
        if !known.contains(&name) {
            let place = self.place(name);
            self.faults.push(TemplateFault::unknown(what, name, place, known.iter().copied()));
        }
    }

    /// Where a word of the tree stands: the tree's words are slices of the source.
    fn place(&self, word: &'s str) -> Range<usize> {
        let start = word.as_ptr() as usize - self.source.as_ptr() as usize;
        start..start + word.len()
    }
}

/// Whether a filter may meet a missing name without its being a fault.
fn asks(filter: &ast::Filter<'_>) -> bool {
    let defaults = |argument: &ast::CallArg<'_>| matches!(argument, ast::CallArg::Kwarg("default", _));
    matches!(filter.name, "default" | "d" | "selectattr" | "rejectattr") || filter.args.iter().any(defaults)
}

/// The name that a chain of parts, calls and filters begins with.
fn root<'s>(expr: &ast::Expr<'s>) -> Option<&'s str> {
    match expr {
        ast::Expr::Var(var) => Some(var.id),
        ast::Expr::GetAttr(attr) => root(&attr.expr),
        ast::Expr::GetItem(item) => root(&item.expr),
        ast::Expr::Call(call) => root(&call.expr),
        _ => None,
    }
}

fn range(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

fn text_of(expr: &ast::Expr<'_>) -> Option<String> {
    match expr {
        ast::Expr::Const(constant) => constant.value.as_str().map(str::to_owned),
        _ => None,
    }
}

fn is_loop(expr: &ast::Expr<'_>) -> bool {
    matches!(expr, ast::Expr::Var(var) if var.id == "loop")
}

/// What to write for the methods people try most.
fn method_cure(name: &str) -> &'static str {
    match name {
        "strftime" | "isoformat" | "format" => {
            "use the filter `date`, as in `{{ logical_date | date('%F') }}`"
        }
        "xcom_pull" => "write `xcom_pull('task', 'key')` without `ti.`",
        "get" => "write `{{ params.name | default('…') }}`",
        "items" => "use the filter `items`",
        _ => "use a filter, as in `{{ name | upper }}`",
    }
}
