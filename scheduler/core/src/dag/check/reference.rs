//! Templates: their language, and that every name in them will have a value.

use std::ops::Range;

use super::graph::Ids;
use crate::dag::read::{Draft, DraftTask, Text, TextKind};
use crate::dag::spec::{Fan, FanIndex, HookOn, Task};
use crate::dag::tree::{Kind, Node};
use crate::diag::{Code, Fault, Faults};
use crate::graph::Graph;
use crate::id::TaskIndex;
use crate::quoting;
use crate::template::{self, HOOK_NAMES, NAMES, Reference, TemplateFault, nearest};

/// What the names of templates are held against.
pub(super) struct Names<'d, 'n, 'a> {
    pub(super) draft: &'d Draft<'n, 'a>,
    pub(super) ids: &'d Ids<'d>,
    /// `None` where the dependencies have a cycle.
    pub(super) graph: Option<&'d Graph>,
    /// The text of the file.
    pub(super) file: &'d str,
    pub(super) fans: &'d [Fan],
    /// For each task the fan it belongs to.
    pub(super) fan_of: &'d [Option<FanIndex>],
}

/// The task whose texts are checked; none for the DAG's own.
struct User<'d> {
    task: Option<(TaskIndex, &'d Task)>,
    /// Everything upstream of it, found when it is first asked for.
    ancestors: Option<Vec<bool>>,
    /// For the texts of hooks, which are rendered when something has come to its end: the point.
    hook: Option<HookOn>,
}

impl Names<'_, '_, '_> {
    /// Checks all texts of the DAG.
    pub(super) fn check(&self, faults: &mut Faults) {
        let mut dag = User { task: None, ancestors: None, hook: None };
        for node in self.draft.env.into_iter().flat_map(values) {
            self.text(Text { node, kind: TextKind::Plain }, &mut dag, faults);
        }
        for hook in &self.draft.hooks {
            dag.hook = Some(hook.hook.on);
            hook.texts.iter().for_each(|text| self.text(*text, &mut dag, faults));
        }
        for (at, DraftTask { task, texts, hooks, fan, .. }) in (0..).map(TaskIndex).zip(&self.draft.tasks) {
            if faults.is_full() {
                return;
            }
            let mut user = User { task: Some((at, task)), ancestors: None, hook: None };
            for text in texts.iter().chain(fan.iter().flat_map(|fan| &fan.texts)) {
                self.text(*text, &mut user, faults);
            }
            for hook in hooks {
                user.hook = Some(hook.hook.on);
                hook.texts.iter().for_each(|text| self.text(*text, &mut user, faults));
            }
        }
    }

    fn text(&self, text: Text<'_, '_>, user: &mut User<'_>, faults: &mut Faults) {
        let Kind::Scalar(scalar) = &text.node.kind else { return };
        let source = &*scalar.text;
        let place = |range: Range<usize>| text.node.part(self.file, range);
        if !source.contains("{{") && !source.contains("{%") {
            return;
        }
        if text.kind == TextKind::Script {
            if let Some(range) = template_in_script(source) {
                let fault = Fault::new(
                    Code::TemplateInScript,
                    place(range),
                    "a `script` is no template: this stays as it is",
                );
                faults.add(fault.help("pass the value by `env`, or read the file `$NIGHTRUN_CONTEXT`"));
            }
            return;
        }
        let mut add = |code, found: Vec<TemplateFault>| {
            for fault in found {
                faults.add(Fault::new(code, place(fault.range), fault.message).maybe_help(fault.help));
            }
        };
        let references = match text.kind {
            TextKind::Shell => quoting::check_shell(source),
            _ => template::check(source),
        };
        let references = match references.map_err(|found| (found, template::check(source))) {
            Ok(references) => references,
            Err((found, Err(_))) => return add(Code::TemplateSyntax, found),
            // The template is right, and stands where a shell cannot take a value.
            Err((found, Ok(references))) => {
                add(Code::UnsafeInShell, found);
                references
            }
        };
        let fan = user.task.and_then(|(at, _)| self.fan_of[at.at()]).map(|at| &self.fans[at.at()]);
        let mut names: Vec<&str> = fan.and_then(|fan| fan.name.as_deref()).into_iter().collect();
        if user.hook.is_some() {
            names.extend(HOOK_NAMES);
        }
        add(Code::UnknownName, references.unknown_names(&names));
        for used in &references.uses {
            if let Some((code, message, help)) = self.wrong(used, user) {
                faults.add(Fault::new(code, place(used.range.clone()), message).maybe_help(help));
            }
        }
    }

    /// What is wrong with the use of a name, and the cure.
    fn wrong(&self, used: &Reference, user: &mut User<'_>) -> Option<(Code, String, Option<String>)> {
        if let Some(fault) = self.item_of_whole(used, user) {
            return Some(fault);
        }
        match used.parts()[..] {
            ["params", name, ..] => self.param(name),
            ["tasks", task, ref rest @ ..] => self.task(task, rest, user),
            ["outputs", ..] if user.hook.is_some() && user.task.is_some() => None,
            ["outputs", ..] => {
                let help = "the outputs of another task are `tasks.extract.outputs.rows`";
                Some((Code::UnknownName, "a task has no outputs before it has run".into(), Some(help.into())))
            }
            ["item", ..] if user.task.is_some_and(|(at, _)| self.fan_of[at.at()].is_some()) => None,
            ["item", ..] => Some((
                Code::UnknownName,
                "`item` belongs to a `foreach`, which this task has not".into(),
                None,
            )),
            ["vars", name, ..] => self.var(name),
            ["secrets", ..] => Some((
                Code::NotSupportedYet,
                "`secrets` in templates is known, but not supported yet".into(),
                None,
            )),
            _ => None,
        }
    }

    /// The item of a `foreach` in a hook that is about the task as a whole.
    fn item_of_whole(&self, used: &Reference, user: &User<'_>) -> Option<(Code, String, Option<String>)> {
        let on = user.hook.filter(|on| *on != HookOn::OnRetry)?;
        let (at, _) = user.task?;
        let fan = &self.fans[self.fan_of[at.at()]?.at()];
        let name = used.path.first().filter(|name| *name == "item" || Some(*name) == fan.name.as_ref())?;
        let message = format!("`{on}` is about the task as a whole, so it has no `{name}`");
        let help = "only `on_retry` is about one item";
        Some((Code::UnknownName, message, Some(help.into())))
    }

    fn param(&self, name: &str) -> Option<(Code, String, Option<String>)> {
        let names = || self.draft.params.iter().map(|param| param.name.as_str());
        if names().any(|known| known == name) {
            return None;
        }
        let help = match nearest(name, names()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("declare it: `params: {{{name}: …}}`"),
        };
        Some((Code::UnknownParam, format!("there is no param `{name}`"), Some(help)))
    }

    fn var(&self, name: &str) -> Option<(Code, String, Option<String>)> {
        let names = || self.draft.vars.iter().map(|var| var.name.as_str());
        if names().any(|known| known == name) {
            return None;
        }
        let help = match nearest(name, names()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("declare it: `vars: [{name}]`"),
        };
        Some((Code::UnknownVar, format!("the DAG declares no var `{name}`"), Some(help)))
    }

    fn task(&self, id: &str, rest: &[&str], user: &mut User<'_>) -> Option<(Code, String, Option<String>)> {
        let Some(at) = self.ids.get(id).copied() else {
            let help = nearest(id, self.draft.ids()).map(|name| format!("did you mean `{name}`?"));
            return Some((Code::UnknownOutputTask, format!("there is no task `{id}`"), help));
        };
        if user.hook.is_some() {
            return self.part_of_task(id, at, rest);
        }
        let Some((reader, reading)) = user.task else {
            let message = format!(
                "the DAG's `env` cannot read task `{id}`: it holds for every task, also those before `{id}`"
            );
            return Some((Code::NotUpstream, message, Some("move it into the `env` of a task".into())));
        };
        if reader == at || !self.is_upstream(at, reader, user) {
            let (message, help) = if reader == at {
                (format!("task `{id}` cannot read itself: it has not run yet"), None)
            } else {
                let help = format!("add `{id}` to `depends_on`");
                (format!("task `{}` reads `{id}`, which does not run before it", reading.id), Some(help))
            };
            return Some((Code::NotUpstream, message, help));
        }
        self.part_of_task(id, at, rest)
    }

    /// What a template asks of a task that it may read.
    fn part_of_task(&self, id: &str, at: TaskIndex, rest: &[&str]) -> Option<(Code, String, Option<String>)> {
        match rest {
            [] | ["state" | "outputs"] => None,
            ["outputs", name, ..] => self.output(at, name),
            [other, ..] => {
                let message = format!("a task has `outputs` and `state`, not `{other}`");
                Some((Code::UnknownName, message, Some(format!("write `tasks.{id}.outputs.{other}`"))))
            }
        }
    }

    fn is_upstream(&self, at: TaskIndex, of: TaskIndex, user: &mut User<'_>) -> bool {
        let Some(graph) = self.graph else { return true };
        graph.upstream(of).any(|direct| direct == at)
            || user.ancestors.get_or_insert_with(|| graph.ancestors(&[of]))[at.at()]
    }

    fn output(&self, at: TaskIndex, name: &str) -> Option<(Code, String, Option<String>)> {
        let task = &self.draft.tasks[at.at()].task;
        let captured = task.capture.map(|_| "return_value");
        let mut declared = task.outputs.iter().map(String::as_str).chain(captured);
        if task.outputs.is_empty() || declared.clone().any(|known| known == name) {
            return None;
        }
        let help = match nearest(name, declared.by_ref()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("add `{name}` to the `outputs` of `{}`", task.id),
        };
        Some((Code::UndeclaredOutput, format!("task `{}` declares no output `{name}`", task.id), Some(help)))
    }
}

/// Where a script of another language has what looks like one of our templates. Its own braces (an
/// f-string's, say) are left alone: only `{{` before one of our names counts.
fn template_in_script(source: &str) -> Option<Range<usize>> {
    source.match_indices("{{").find_map(|(at, braces)| {
        let inside = source[at + braces.len()..].trim_start_matches([' ', '-']);
        let name = inside.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
        let end = at + source[at..].find("}}")? + 2;
        (NAMES.contains(&name) && !source[at..end].contains('\n')).then_some(at..end)
    })
}

/// The values of a map.
fn values<'n, 'a>(node: &'n Node<'a>) -> impl Iterator<Item = &'n Node<'a>> {
    let entries = match &node.kind {
        Kind::Map(map) => map.entries.as_slice(),
        _ => &[],
    };
    entries.iter().map(|entry| &entry.value)
}
