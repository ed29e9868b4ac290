//! One task: what it is and does. How its upstreams and templates hang together is checked later.

use super::Reader;
use super::entry::{Owner, is_meant};
use super::foreach::DraftFan;
use super::hook::DraftHook;
use super::settings::{Settings, is_identifier};
use super::value::as_written;
use crate::dag::call::CALL;
use crate::dag::keys::{Key, Level, task as keys};
use crate::dag::spec::{Call, Chooser, Task, Teardown, TriggerRule, Work};
use crate::dag::tree::{Entry, Kind, Map, Node, Value};
use crate::diag::{Code, Fault, Span};
use crate::id::is_name;
use crate::template;

/// A task as it stands in the file, and the places of what is still to be checked.
pub(crate) struct DraftTask<'n, 'a> {
    pub(crate) task: Task,
    /// Its id, or what stands for it.
    pub(crate) at: Span,
    pub(crate) upstreams: Vec<(&'n str, Span)>,
    /// The group it belongs to.
    pub(crate) group: Option<(&'n str, Span)>,
    pub(crate) fan: Option<DraftFan<'n, 'a>>,
    pub(crate) rule_at: Option<Span>,
    pub(crate) pool_at: Option<Span>,
    pub(crate) slots_at: Span,
    pub(crate) type_at: Option<Span>,
    pub(crate) with: Option<&'n Map<'a>>,
    pub(crate) texts: Vec<Text<'n, 'a>>,
    pub(crate) hooks: Vec<DraftHook<'n, 'a>>,
}

impl DraftTask<'_, '_> {
    /// The task with its hooks.
    pub(super) fn finish(self) -> Task {
        Task { hooks: self.hooks.into_iter().map(|draft| draft.hook).collect(), ..self.task }
    }
}

/// A text of the file in which templates may stand.
#[derive(Clone, Copy)]
pub(crate) struct Text<'n, 'a> {
    pub(crate) node: &'n Node<'a>,
    pub(crate) kind: TextKind,
}

/// What becomes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKind {
    /// A script for a shell: values must reach it as data.
    Shell,
    /// A value of its own.
    Plain,
    /// An expression.
    When,
    /// A script in another language, where no template may stand.
    Script,
}

impl Reader<'_> {
    /// The task in one entry of `tasks`; `number` counts from 1.
    pub(super) fn task<'n, 'a>(
        &mut self,
        node: &'n Node<'a>,
        number: usize,
        defaults: &Settings<'n, 'a>,
    ) -> Option<DraftTask<'n, 'a>> {
        let Kind::Map(map) = &node.kind else {
            if !matches!(node.kind, Kind::Broken) {
                let message =
                    format!("a task is a map with an `id`, and entry {number} of `tasks` is {}", node.what());
                self.faults.add(
                    Fault::new(Code::WrongType, node.at, message)
                        .help("for example `- {id: extract, run: ./extract.sh}`"),
                );
            }
            return None;
        };
        let id = self.task_id(map, node, number);
        let name = id.map_or_else(|| format!("task {number}"), |id| format!("task `{id}`"));
        self.check_keys(map, Owner { level: Level::Task, name: &name });
        let settings = self.settings(map, defaults);
        self.check_retry_keys(map, defaults.retry.retries);
        if settings.deadline.is_none() && map.get(keys::DEADLINE.name).is_none() {
            self.no_effect(map, &keys::ON_LATE, "without a `deadline`");
        }
        if settings.pool.is_none() && map.get(keys::POOL.name).is_none() {
            self.no_effect(map, &keys::POOL_SLOTS, "without a `pool`");
        }
        let upstreams = self.read(map, &keys::DEPENDS_ON, Self::ids).unwrap_or_default();
        let (work, mut texts) = self.work(map, &settings, &name, node.at);
        texts.extend(setting_texts(&settings));
        let teardown = self.teardown(map);
        let task = Task {
            id: id.unwrap_or_default().to_owned(),
            description: self.read(map, &keys::DESCRIPTION, Self::owned_text),
            // A task without work was reported; the others are still checked against it.
            work: work.unwrap_or(Work::Argv(Vec::new())),
            fan: None,
            waits: self.all_waits(map, id.filter(|_| settings.wait_for_previous)),
            chooser: chooser(map),
            setup: self.read(map, &keys::SETUP, Self::boolean).unwrap_or(false),
            trigger_rule: rule(teardown, settings.trigger_rule),
            teardown,
            when: settings.when.and_then(|node| self.expression(node)),
            allow_failure: settings.allow_failure,
            env: settings.env,
            working_dir: settings.working_dir.and_then(as_written).map(str::to_owned),
            retry: settings.retry,
            skip_on_exit: settings.skip_on_exit,
            timeout: settings.timeout,
            grace: settings.grace,
            pool_slots: settings.pool_slots.0,
            priority: settings.priority,
            outputs: self.read(map, &keys::OUTPUTS, Self::identifiers).unwrap_or_default(),
            capture: settings.capture,
            deadline: settings.deadline,
            hooks: Vec::new(),
            pool: settings.pool.as_ref().map(|(pool, _)| pool.clone()),
        };
        Some(DraftTask {
            task,
            at: map.get(keys::ID.name).map_or(node.at, |id| id.at),
            upstreams,
            group: self.read(map, &keys::GROUP, |r, key, node| Some((r.name(key, node)?, node.at))),
            fan: self.read(map, &keys::FOREACH, Self::foreach),
            rule_at: map.get(keys::TRIGGER_RULE.name).map(|node| node.at),
            pool_at: settings.pool.map(|(_, at)| at),
            slots_at: settings.pool_slots.1,
            type_at: map.get(keys::TYPE.name).map(|node| node.at),
            with: match map.get(keys::WITH.name).map(|node| &node.kind) {
                Some(Kind::Map(with)) => Some(with),
                _ => None,
            },
            texts,
            hooks: settings.hooks,
        })
    }

    fn teardown(&mut self, map: &Map<'_>) -> Option<Teardown> {
        let is_one = self.read(map, &keys::TEARDOWN, Self::boolean).unwrap_or(false);
        let fails_run = self.read(map, &keys::FAIL_RUN, Self::boolean).unwrap_or(false);
        if !is_one {
            self.no_effect(map, &keys::FAIL_RUN, "without `teardown`");
        }
        is_one.then_some(Teardown { fails_run })
    }

    fn task_id<'n>(&mut self, map: &'n Map<'_>, node: &Node<'_>, number: usize) -> Option<&'n str> {
        let Some(id) = map.get(keys::ID.name) else {
            if is_meant(map, Level::Task, &keys::ID) {
                return None;
            }
            let fault =
                Fault::new(Code::MissingKey, node.at, format!("entry {number} of `tasks` has no `id`"));
            self.faults.add(fault.help("give it one: `id: extract`"));
            return None;
        };
        self.name(&keys::ID, id)
    }

    /// The expression in the braces of `when`; `true` and `false` need none.
    fn expression(&mut self, node: &Node<'_>) -> Option<String> {
        let text = as_written(node)?;
        if matches!(text, "true" | "false") {
            return Some(text.to_owned());
        }
        let inside = template::expression_of(text);
        // A text with a fault in its template is reported with the other templates.
        if inside.is_none() && template::check(text).is_ok() {
            let fault = Fault::new(
                Code::TemplateSyntax,
                node.at,
                "`when` is one expression in braces, and nothing else",
            );
            let help = if text.contains(['{', '"']) {
                format!("for example `when: {}`", keys::WHEN.example)
            } else {
                format!("write \"{{{{ {text} }}}}\"")
            };
            self.faults.add(fault.help(help));
        }
        inside.map(|range| text[range].to_owned())
    }

    /// The name of a DAG or a task.
    pub(super) fn name<'n>(&mut self, key: &Key, node: &'n Node<'_>) -> Option<&'n str> {
        let text = self.some_text(key, node)?;
        if !is_name(text) {
            let message = format!("`{text}` is no id");
            let help = "an id has letters, digits, `.`, `_` and `-`, begins with a letter or a digit, and is at most 128 long";
            self.faults.add(Fault::new(Code::BadName, node.at, message).help(help));
        }
        Some(text)
    }

    /// Ids of tasks: a list, or a single one.
    pub(super) fn ids<'n>(&mut self, key: &Key, node: &'n Node<'_>) -> Option<Vec<(&'n str, Span)>> {
        match &node.kind {
            Kind::List(items) => {
                Some(items.iter().filter_map(|item| Some((self.item_text(key, item)?, item.at))).collect())
            }
            Kind::Scalar(_) => self.some_text(key, node).map(|id| vec![(id, node.at)]),
            _ => self.wrong_type(key, node),
        }
    }

    /// Names of outputs, each once.
    fn identifiers(&mut self, key: &Key, node: &Node<'_>) -> Option<Vec<String>> {
        let items = self.list(key, node)?;
        let mut names: Vec<String> = Vec::with_capacity(items.len());
        for item in items {
            let Some(name) = self.item_text(key, item) else { continue };
            if !is_identifier(name) {
                let message = format!("`{name}` is no name of an output");
                let help = "write letters, digits and `_`, not beginning with a digit";
                self.faults.add(Fault::new(Code::BadName, item.at, message).help(help));
            } else if names.iter().any(|known| known == name) {
                let message = format!("the output `{name}` is named twice");
                self.faults.add(Fault::new(Code::BadName, item.at, message).help("remove one of them"));
            } else {
                names.push(name.to_owned());
            }
        }
        Some(names)
    }

    /// What the task does, and the texts in it.
    fn work<'n, 'a>(
        &mut self,
        map: &'n Map<'a>,
        settings: &Settings<'n, 'a>,
        name: &str,
        at: Span,
    ) -> (Option<Work>, Vec<Text<'n, 'a>>) {
        let chooses = chooser(map).is_some();
        let mut ways: Vec<&Entry<'_>> =
            [&keys::RUN, &keys::SCRIPT, &keys::TYPE].iter().filter_map(|key| map.entry(key.name)).collect();
        // The process of a branch may choose by its outputs: then `type` says what they mean.
        if chooses && ways.len() > 1 && map.get(keys::WITH.name).is_none_or(is_for_process) {
            ways.pop();
        }
        if let [first, second, ..] = ways[..] {
            let message =
                format!("{name} has `{}` and `{}`: it can do only one thing", first.key, second.key);
            self.faults
                .add(Fault::new(Code::Work, second.key_at, message).note(first.key_at, "the other is here"));
        }
        self.check_companions(map);
        let mut texts = Vec::new();
        let work = match ways.first().map(|entry| (&*entry.key, &entry.value)) {
            Some(("run", node)) => self.run(node, settings, &mut texts),
            Some(("type", node)) => self.operator(node, map, &mut texts),
            Some((_, node)) => self.script(node, settings, name, &mut texts),
            None if [&keys::RUN, &keys::TYPE, &keys::SCRIPT]
                .iter()
                .any(|key| is_meant(map, Level::Task, key)) =>
            {
                None
            }
            None => {
                let at = map.get(keys::ID.name).map_or(at, |id| id.at);
                self.faults.add(
                    Fault::new(Code::Work, at, format!("{name} has nothing to do"))
                        .help("give it `run:`, or `script:` with `interpreter:`, or `type:` with `with:`"),
                );
                None
            }
        };
        (work, texts)
    }

    /// Keys of the task itself about tries that it never makes.
    fn check_retry_keys(&mut self, map: &Map<'_>, default: u32) {
        let about = [
            &keys::RETRY_DELAY,
            &keys::RETRY_BACKOFF,
            &keys::MAX_RETRY_DELAY,
            &keys::RETRY_JITTER,
            &keys::RETRY_ON_EXIT,
            &keys::ON_RETRY,
        ];
        let none = map.get(keys::RETRIES.name).map_or(default == 0, |node| as_written(node) == Some("0"));
        if none {
            for key in about {
                self.no_effect(map, key, "without `retries`");
            }
        }
    }

    /// Keys that say something only beside another one.
    fn check_companions(&mut self, map: &Map<'_>) {
        let needs =
            [(&keys::WITH, &keys::TYPE), (&keys::INTERPRETER, &keys::SCRIPT), (&keys::SHELL, &keys::RUN)];
        for (key, needed) in needs {
            if let (Some(entry), None) = (map.entry(key.name), map.entry(needed.name)) {
                let message = format!("`{}` means nothing without `{}`", key.name, needed.name);
                let help = format!("add `{}:`, or remove it", needed.name);
                self.faults.add(Fault::new(Code::KeysClash, entry.key_at, message).help(help));
            }
        }
    }

    pub(super) fn run<'n, 'a>(
        &mut self,
        node: &'n Node<'a>,
        settings: &Settings<'n, 'a>,
        texts: &mut Vec<Text<'n, 'a>>,
    ) -> Option<Work> {
        match &node.kind {
            Kind::List(items) if items.is_empty() => {
                self.faults.add(
                    Fault::new(Code::Empty, node.at, "`run` is empty")
                        .help("for example `run: [./extract.sh]`"),
                );
                None
            }
            Kind::List(items) => {
                texts.extend(items.iter().map(|node| Text { node, kind: TextKind::Plain }));
                self.arguments(&keys::RUN, items).map(Work::Argv)
            }
            // `true` and `false` are commands before they are anything else.
            Kind::Scalar(scalar) if matches!(scalar.value(), Value::Bool(_)) => {
                Some(Work::Shell { script: scalar.text.to_string(), shell: settings.shell.clone() })
            }
            _ => {
                let script = self.some_text(&keys::RUN, node)?.to_owned();
                texts.push(Text { node, kind: TextKind::Shell });
                Some(Work::Shell { script, shell: settings.shell.clone() })
            }
        }
    }

    fn script<'n, 'a>(
        &mut self,
        node: &'n Node<'a>,
        settings: &Settings<'n, 'a>,
        name: &str,
        texts: &mut Vec<Text<'n, 'a>>,
    ) -> Option<Work> {
        let text = self.some_text(&keys::SCRIPT, node)?.to_owned();
        texts.push(Text { node, kind: TextKind::Script });
        let Some(mut interpreter) = settings.interpreter.clone() else {
            let fault =
                Fault::new(Code::MissingKey, node.at, format!("{name} has a `script` and no `interpreter`"));
            self.faults.add(fault.help("say what runs it: `interpreter: python`"));
            return None;
        };
        if interpreter[0] == "python" {
            "python3".clone_into(&mut interpreter[0]);
        }
        Some(Work::Script { text, interpreter })
    }

    fn operator<'n, 'a>(
        &mut self,
        node: &Node<'_>,
        map: &'n Map<'a>,
        texts: &mut Vec<Text<'n, 'a>>,
    ) -> Option<Work> {
        let name = self.some_text(&keys::TYPE, node)?.to_owned();
        let mut with = serde_json::Map::new();
        if let Some(node) = map.get(keys::WITH.name) {
            for entry in &self.map(&keys::WITH, node)?.entries {
                with.insert(entry.key.to_string(), entry.value.to_json());
                texts_of(&entry.value, texts);
            }
        }
        if name == CALL {
            for key in [&keys::CAPTURE, &keys::SKIP_ON_EXIT, &keys::WORKING_DIR, &keys::GRACE] {
                self.no_effect(map, key, "on a task that calls a DAG: it has no process");
            }
            return Some(Work::Call(Call::of(&with)));
        }
        Some(Work::Operator { name, with })
    }
}

/// The rule a task says itself, or the one of its kind.
fn rule(teardown: Option<Teardown>, said: (TriggerRule, Option<Span>)) -> TriggerRule {
    match (teardown, said) {
        (Some(_), (_, None)) => TriggerRule::AllDoneSetupSuccess,
        (_, (rule, _)) => rule,
    }
}

/// What `type` says of the tasks after this one.
fn chooser(map: &Map<'_>) -> Option<Chooser> {
    match as_written(map.get(keys::TYPE.name)?)? {
        "branch" => Some(Chooser::Branch),
        "short_circuit" => {
            let ignores = match map.get(keys::WITH.name).map(|node| &node.kind) {
                Some(Kind::Map(with)) => with.get(IGNORE_RULES).and_then(as_written) != Some("false"),
                _ => true,
            };
            Some(Chooser::ShortCircuit { direct: !ignores })
        }
        _ => None,
    }
}

/// Airflow's word for a short-circuit that skips all tasks after it, whatever their rules.
const IGNORE_RULES: &str = "ignore_downstream_trigger_rules";

/// True when `with` holds nothing that says what the process of the task says.
fn is_for_process(with: &Node<'_>) -> bool {
    matches!(&with.kind, Kind::Map(with) if with.entries.iter().all(|entry| entry.key == IGNORE_RULES))
}

/// Every text in a value, however deep.
pub(super) fn texts_of<'n, 'a>(node: &'n Node<'a>, texts: &mut Vec<Text<'n, 'a>>) {
    match &node.kind {
        Kind::Scalar(_) => texts.push(Text { node, kind: TextKind::Plain }),
        Kind::List(items) => items.iter().for_each(|item| texts_of(item, texts)),
        Kind::Map(map) => map.entries.iter().for_each(|entry| texts_of(&entry.value, texts)),
        Kind::Broken => {}
    }
}

fn setting_texts<'n, 'a>(settings: &Settings<'n, 'a>) -> Vec<Text<'n, 'a>> {
    let mut texts = Vec::new();
    texts.extend(settings.when.map(|node| Text { node, kind: TextKind::When }));
    texts.extend(settings.working_dir.map(|node| Text { node, kind: TextKind::Plain }));
    if let Some(env) = settings.env_node {
        texts_of(env, &mut texts);
    }
    texts
}
