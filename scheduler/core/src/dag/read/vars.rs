//! Vars: the named values of the deployment that a DAG uses.

use super::Reader;
use super::settings::is_identifier;
use crate::dag::keys::Key;
use crate::dag::spec::Var;
use crate::dag::tree::{Kind, Node};
use crate::diag::{Code, Fault, Span};
use crate::id::MAX_NAME;

/// True when a var may have this name.
pub fn is_var_name(name: &str) -> bool {
    is_identifier(name) && name.len() <= MAX_NAME
}

impl Reader<'_> {
    /// A list of names, or a map of names and defaults.
    pub(super) fn vars(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<Var>> {
        let mut vars: Vec<Var> = Vec::new();
        match &node.kind {
            Kind::Map(map) => {
                for entry in &map.entries {
                    let default = Some(entry.value.to_json()).filter(|value| !value.is_null());
                    self.var(&mut vars, &entry.key, default, entry.key_at);
                }
            }
            Kind::List(items) => {
                for item in items {
                    let Some(name) = self.item_text(key, item) else { continue };
                    self.var(&mut vars, name, None, item.at);
                }
            }
            Kind::Scalar(_) | Kind::Broken => return self.wrong_type(key, node),
        }
        Some(vars)
    }

    fn var(&mut self, vars: &mut Vec<Var>, name: &str, default: Option<serde_json::Value>, at: Span) {
        let fault = if !is_var_name(name) {
            let help = "write letters, digits and `_`, so that `{{ vars.name }}` can be read";
            Fault::new(Code::BadName, at, format!("`{name}` is no name of a var")).help(help)
        } else if vars.iter().any(|known| known.name == name) {
            Fault::new(Code::BadName, at, format!("the var `{name}` is named twice"))
                .help("remove one of them")
        } else {
            return vars.push(Var { name: name.to_owned(), default });
        };
        self.faults.add(fault);
    }
}
