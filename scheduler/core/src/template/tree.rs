//! A parsed template: what the other files of this room and the quoting rules read.

use minijinja::machinery::{Token, ast, parse, parse_expr, tokenize};

use super::references::References;
use super::scope::Missing;
use super::walk::Walk;
use super::{MAX_SOURCE, TemplateFault, language};

/// Most tokens between one pair of braces; keeps the parser's recursion off the end of the stack.
const MAX_TOKENS: usize = 1_000;
/// Most `elif`s of one template, for the same reason.
const MAX_ELIFS: usize = 200;

/// The syntax tree of a text or of an expression.
pub(crate) struct Tree<'s> {
    source: &'s str,
    root: ast::Stmt<'s>,
}

impl<'s> Tree<'s> {
    /// Parses a text with `{{ }}` in it.
    pub(crate) fn text(source: &'s str) -> Result<Self, TemplateFault> {
        bounded(source, false)?;
        let root = parse(source, "", language::syntax()).map_err(|e| TemplateFault::of_engine(&e, source))?;
        Ok(Self { source, root })
    }

    /// Parses an expression.
    pub(super) fn expression(source: &'s str) -> Result<Self, TemplateFault> {
        bounded(source, true)?;
        let expr = parse_expr(source).map_err(|e| TemplateFault::of_engine(&e, source))?;
        let span = expr.span();
        Ok(Self { source, root: ast::Stmt::EmitExpr(ast::Spanned::new(ast::EmitExpr { expr }, span)) })
    }

    /// Its statements, in order.
    pub(crate) fn statements(&self) -> &[ast::Stmt<'s>] {
        match &self.root {
            ast::Stmt::Template(template) => &template.children,
            other => std::slice::from_ref(other),
        }
    }

    /// True when there is nothing but one `{{ }}`.
    pub(super) fn is_one_expression(&self) -> bool {
        matches!(self.statements(), [ast::Stmt::EmitExpr(_)])
    }

    /// All names it uses, or all its faults.
    pub(crate) fn check(&self) -> Result<References, Vec<TemplateFault>> {
        self.walk().finish()
    }

    /// A template that asks whether a name exists may see a missing one.
    pub(super) fn missing(&self) -> Missing {
        if self.walk().asks { Missing::Undefined } else { Missing::Fails }
    }

    fn walk(&self) -> Walk<'s> {
        let mut walk = Walk::new(self.source);
        walk.statements(self.statements());
        walk
    }
}

fn bounded(source: &str, in_expression: bool) -> Result<(), TemplateFault> {
    let all = 0..source.len();
    if source.len() > MAX_SOURCE {
        return Err(TemplateFault::new(format!("a template has at most {MAX_SOURCE} bytes"), all));
    }
    let (mut tokens, mut elifs) = (0, 0);
    // A token that cannot be read is the parser's to report.
    for (token, span) in tokenize(source, in_expression, language::syntax()).map_while(Result::ok) {
        match token {
            Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => tokens = 0,
            Token::Ident("elif") if tokens == 0 => elifs += 1,
            _ => tokens += 1,
        }
        if tokens > MAX_TOKENS || elifs > MAX_ELIFS {
            let limit =
                format!("an expression has at most {MAX_TOKENS} words, a template {MAX_ELIFS} `elif`");
            return Err(TemplateFault::new(limit, span.start_offset as usize..span.end_offset as usize));
        }
    }
    Ok(())
}
