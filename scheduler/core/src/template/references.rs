//! The names a template uses, with their places.

use std::ops::Range;

use super::{NAMES, TemplateFault};

/// One use of a name: `params.region`, `tasks.extract.outputs.rows`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its parts as far as they are constant: `tasks['a-b'].outputs[x]` is `tasks`, `a-b`, `outputs`.
    /// `xcom_pull('a', 'rows')` is `tasks`, `a`, `outputs`, `rows`.
    pub path: Vec<String>,
    /// Where it stands, in bytes of the template's source.
    pub range: Range<usize>,
}

impl Reference {
    /// The parts, to be matched: `["tasks", task, "outputs", name, ..]`.
    pub fn parts(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }
}

/// Every use of a name in a template, in the order of the source; variables of its own do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// The uses.
    pub uses: Vec<Reference>,
}

impl References {
    /// A fault for each use whose first part is neither one of [`NAMES`] nor in `more` (the name of a `foreach`
    /// item). `secrets` and `item` are left to the caller, who knows where they hold.
    pub fn unknown_names(&self, more: &[&str]) -> Vec<TemplateFault> {
        let known = |name: &str| NAMES.contains(&name) || more.contains(&name);
        let fault = |used: &Reference| {
            let name = used.path[0].as_str();
            let range = used.range.start..used.range.start + name.len();
            match cure(name) {
                Some(cure) => TemplateFault::new(format!("unknown name `{name}`"), range).help(cure),
                None => TemplateFault::unknown("name", name, range, NAMES.iter().chain(more).copied()),
            }
        };
        self.uses.iter().filter(|used| !known(&used.path[0])).map(fault).collect()
    }
}

/// What to write for a name of another tool, Airflow's above all.
fn cure(name: &str) -> Option<&'static str> {
    Some(match name {
        "execution_date" => "Airflow's `execution_date` is `logical_date` here",
        "ti" | "task_instance" => "write `xcom_pull('task', 'key')` or `tasks.task.outputs.key`",
        "dag_run" => "Airflow's `dag_run` is `run` here, its `conf` is `params`",
        "conf" | "inputs" => "a run's input is `params`",
        "var" => "Airflow's `var.value.name` is `vars.name` here",
        "conn" => "name the connection in `with:`",
        "macros" => "filters do that: `{{ ds | ds_add(-7) }}`, `{{ logical_date | date('%F') }}`",
        "yesterday_ds" | "prev_ds" => {
            "write `{{ ds | ds_add(-1) }}` or `{{ data_interval_start | date('%F') }}`"
        }
        "tomorrow_ds" | "next_ds" => "write `{{ ds | ds_add(1) }}` or `{{ data_interval_end | date('%F') }}`",
        "matrix" => "the item of a `foreach` is `item`",
        _ => return None,
    })
}
