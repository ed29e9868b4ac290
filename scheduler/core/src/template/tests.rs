use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::time::Timestamp;

fn map(json: &Json) -> serde_json::Map<String, Json> {
    json.as_object().expect("a test writes an object").clone()
}

fn facts() -> Facts {
    let at = |text| Timestamp::parse(text).unwrap();
    Facts {
        zone: crate::timetable::Zone::parse("Europe/Paris").unwrap(),
        logical_date: at("2026-11-20T23:30:00Z"),
        data_interval_start: at("2026-11-19T23:30:00Z"),
        data_interval_end: at("2026-11-20T23:30:00Z"),
        dag: map(&json!({"id": "nightly_sales"})),
        run: map(&json!({"id": 7, "type": "scheduled"})),
        task: map(&json!({"id": "load"})),
        try_number: 2,
        params: map(&json!({"region": "eu", "limit": 1000, "ratio": 1.0, "dry": false, "none": null})),
        env: map(&json!({"PGTZ": "UTC"})),
        vars: map(&json!({"bucket": "s3://sales"})),
        tasks: map(&json!({
            "extract": {"state": "success", "outputs": {"rows": 12, "files": ["a b.csv", "c.csv"], "return_value": "ok"}},
            "a-b": {"outputs": {"z": {"y": 1, "x": [true, null]}}},
        })),
        outputs: map(&json!({})),
        item: Some(Item { name: "file".into(), value: json!("a b.csv") }),
        secrets: None,
    }
}

fn shown(source: &str) -> String {
    render(source, &Scope::new(facts())).unwrap_or_else(|fault| panic!("{source}: {fault}"))
}

fn fault(source: &str) -> TemplateFault {
    render(source, &Scope::new(facts())).expect_err(source)
}

fn value(expression: &str) -> Json {
    evaluate(expression, &Scope::new(facts())).unwrap_or_else(|fault| panic!("{expression}: {fault}"))
}

fn uses(source: &str) -> Vec<String> {
    let found = check(source).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
    found
        .uses
        .iter()
        .map(|used| format!("{} @ {}", used.path.join("/"), &source[used.range.clone()]))
        .collect()
}

#[test]
fn dates_are_those_of_the_dags_zone() {
    assert_eq!(shown("{{ ds }} {{ ds_nodash }}"), "2026-11-21 20261121");
    assert_eq!(shown("{{ ts }} {{ ts_nodash }}"), "2026-11-21T00:30:00+01:00 20261121T003000");
    assert_eq!(shown("{{ logical_date }}"), "2026-11-21T00:30:00+01:00");
    assert_eq!(shown("{{ data_interval_start | date('%F') }}"), "2026-11-20");
    assert_eq!(shown("{{ logical_date | in_tz('UTC') }}"), "2026-11-20T23:30:00+00:00");
    assert_eq!(
        shown("{{ logical_date | in_tz('Asia/Tokyo') | date('%F %H:%M %Z') }}"),
        "2026-11-21 08:30 JST"
    );
    assert_eq!(shown("{{ ds | ds_add(-21) }} {{ logical_date | ds_add(10) }}"), "2026-10-31 2026-12-01");
    assert_eq!(shown("{{ '2026-02-28T10:00:00Z' | date('%d.%m.') }} {{ ts | date('%H') }}"), "28.02. 00");
    assert_eq!(shown("{{ ts | in_tz('UTC') | date('%F') }}"), "2026-11-20");
    assert_eq!(
        value("data_interval_start < data_interval_end and logical_date == data_interval_end"),
        json!(true)
    );
}

#[test]
fn values_print_as_text_or_json() {
    assert_eq!(
        shown("{{ dag.id }}/{{ run_id }}.{{ run.type }}/{{ task.id }}#{{ try_number }}"),
        "nightly_sales/7.scheduled/load#2"
    );
    assert_eq!(
        shown("{{ params.dry }} {{ params.none }} {{ params.ratio }} {{ params.limit + 1 }}"),
        "false null 1.0 1001"
    );
    assert_eq!(shown("{{ tasks['a-b'].outputs.z }}"), r#"{"y":1,"x":[true,null]}"#);
    assert_eq!(shown("{{ file }}={{ item | basename }} <{{ '<&>' | tojson }}>"), "a b.csv=a b.csv <\"<&>\">");
    assert_eq!(shown("{{ '/x/y/' | basename }} {{ ('[1]' | fromjson)[0] + 1 }}"), "y 2");
    assert_eq!(shown("${#a[@]} {{# a {{ note }} #}}{{ ds }} ${v#}"), "${#a[@]} 2026-11-21 ${v#}");
    assert_eq!(shown("no braces, {one} {\n"), "no braces, {one} {\n");
    assert_eq!(
        shown("{% for f in tasks.extract.outputs.files %}{{ loop.index }}:{{ f }} {% endfor %}\n"),
        "1:a b.csv 2:c.csv \n"
    );
}

#[test]
fn outputs_are_read_by_path_or_the_airflow_way() {
    assert_eq!(shown("{{ tasks.extract.outputs.rows }}{{ xcom_pull('extract', 'rows') }}"), "1212");
    assert_eq!(shown("{{ xcom_pull('extract') }} {{ xcom_pull(task_ids='extract', key='rows') }}"), "ok 12");
    assert_eq!(shown("{{ xcom_pull('a-b', 'z').y }}"), "1");
}

#[test]
fn a_whole_expression_keeps_its_type() {
    let typed = |source: &str| render_value(source, &Scope::new(facts())).unwrap();
    assert_eq!(typed("{{ tasks.extract.outputs.files }}"), json!(["a b.csv", "c.csv"]));
    assert_eq!(typed(" {{- params.limit -}}\n"), json!(1000));
    assert_eq!(typed("{{ params.limit }}{{ 1 }}"), json!("10001"));
    assert_eq!(typed("{{ '}}' }}"), json!("}}"));
    assert_eq!(typed("{{ logical_date }}"), json!("2026-11-21T00:30:00+01:00"));
    assert_eq!(typed("plain"), json!("plain"));
    assert_eq!(expression_of(" {{ a > 1 }} ").map(|range| &" {{ a > 1 }} "[range]), Some("a > 1"));
    assert_eq!(expression_of("{{ a }} {{ b }}"), None);
    let fault = render_value("{{ params.regoin }}", &Scope::new(facts())).unwrap_err();
    assert_eq!(fault.range, 3..16);
}

#[test]
fn conditions_hold_as_people_expect() {
    assert_eq!(value("tasks.extract.outputs.rows > 0 and params.region in ['eu', 'us']"), json!(true));
    for (expression, truth) in [
        ("0", false),
        ("0.0", false),
        ("''", false),
        ("'no'", true),
        ("[]", false),
        ("none", false),
        ("{'a': 1}", true),
        ("params.dry", false),
    ] {
        assert_eq!(holds(&value(expression)), truth, "{expression}");
    }
}

#[test]
fn a_missing_name_is_an_error_with_the_right_one() {
    let missing = fault("--region {{ params.regoin }}");
    assert_eq!(missing.message, "`params.regoin` is not defined");
    assert_eq!(missing.help.as_deref(), Some("did you mean `params.region`?"));
    assert_eq!(missing.range, 12..25);
    assert_eq!(
        fault("{{ tasks['a-b'].outputs.q }}").help.as_deref(),
        Some("did you mean `tasks.a-b.outputs.z`?")
    );
    assert!(fault("{{ env.HOME }}").help.unwrap().contains("env has PGTZ"));
    assert!(fault("{{ xcom_pull('extract', 'row') }}").to_string().contains("tasks.extract.outputs.rows"));
    assert!(fault("{{ [tasks] | map(attribute='extrac') | list }}").to_string().contains("tasks.extract"));
    assert!(fault("{{ tasks | attr('extrac') }}").to_string().contains("tasks.extract"));
    assert!(fault("{{ secrets.X }}").message.contains("`secrets`"));
}

#[test]
fn a_comparison_with_a_missing_name_is_not_just_false() {
    let error = evaluate("tasks.extract.outputs.row > 0", &Scope::new(facts())).unwrap_err();
    assert_eq!(error.message, "`tasks.extract.outputs.row` is not defined");
}

#[test]
fn a_template_may_ask_whether_a_name_exists() {
    assert_eq!(shown("{{ params.day | default(ds) }} {{ params.region | default('us') }}"), "2026-11-21 eu");
    assert_eq!(value("params.day is defined and params.day > 3"), json!(false));
    assert_eq!(
        fault("{% if params.x is defined %}{% endif %}{{ params.y }}").message,
        "`params.y` is not defined"
    );
}

#[test]
fn every_use_of_a_name_is_listed_with_its_place() {
    assert_eq!(
        uses("a {{ params.region }} {{ tasks.extract.outputs.files[0].name|upper }}"),
        [
            "params/region @ params.region",
            "tasks/extract/outputs/files @ tasks.extract.outputs.files[0].name"
        ]
    );
    assert_eq!(
        uses("{{ xcom_pull('a-b', key='rows') }}"),
        ["tasks/a-b/outputs/rows @ xcom_pull('a-b', key='rows')"]
    );
    assert_eq!(
        uses("{{ xcom_pull('a') }}{{ xcom_pull(item) }}"),
        ["tasks/a/outputs/return_value @ xcom_pull('a')", "item @ item"]
    );
    assert_eq!(
        uses("{{ tasks['a-b'].outputs[params.key] }}"),
        ["tasks/a-b/outputs @ tasks['a-b'].outputs[params.key]", "params/key @ params.key"]
    );
    assert_eq!(
        uses("{% for f in item if f %}{{ f ~ loop.index ~ g }}{% endfor %}{% set g = ds %}{{ g }}{{ f }}"),
        ["item @ item", "g @ g", "ds @ ds", "f @ f"]
    );
    assert_eq!(uses("{% with x = ts %}{{ x.y }}{% endwith %}{{ range(3) | list }}"), ["ts @ ts"]);
    assert_eq!(uses("é {{ ds }}"), ["ds @ ds"]);
}

#[test]
fn unknown_names_come_with_a_cure() {
    let found = check("{{ execution_date }} {{ logical_dat }} {{ file }} {{ ds }}").unwrap();
    let shown: Vec<String> = found.unknown_names(&["file"]).iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "unknown name `execution_date`; Airflow's `execution_date` is `logical_date` here",
            "unknown name `logical_dat`; did you mean `logical_date`?",
        ]
    );
}

#[test]
fn all_faults_are_found_in_one_pass() {
    let source = "{{ a | uper }} {{ b is defind }} {{ xcom_pul('x') }} {{ ti.xcom_pull('x') }}";
    let faults = check(source).unwrap_err();
    let shown: Vec<_> = faults.iter().map(|f| (&source[f.range.clone()], f.to_string())).collect();
    assert_eq!(shown[0], ("uper", "unknown filter `uper`; did you mean `upper`?".into()));
    assert_eq!(shown[1], ("defind", "unknown test `defind`; did you mean `defined`?".into()));
    assert_eq!(shown[2], ("xcom_pul", "unknown function `xcom_pul`; did you mean `xcom_pull`?".into()));
    assert_eq!(shown[3].0, "ti.xcom_pull('x')");
}

#[test]
fn broken_syntax_is_found_at_its_place() {
    let faults = check("ab {{ ds").unwrap_err();
    assert!(faults[0].range.start >= 3, "{faults:?}");
    assert!(check("{% if ds %}").is_err());
    assert!(check_expression("ds >").is_err());
    for captures in [
        "{% set a %}x{% endset %}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% filter upper %}x{% endfilter %}",
        "{% for a in [] recursive %}{% endfor %}",
        "{% set ns.a = 1 %}",
        "{% block a %}{% endblock %}",
        "{% call range(1) %}{% endcall %}",
    ] {
        assert!(check(captures).is_err(), "{captures}");
        assert!(render(captures, &Scope::new(facts())).is_err(), "{captures}");
    }
}

#[test]
fn work_and_output_are_bounded() {
    assert!(
        fault("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}")
            .message
            .contains("steps")
    );
    assert!(
        fault(&format!("{{% for a in range(20000) %}}{}{{% endfor %}}", "x".repeat(100)))
            .message
            .contains("longer")
    );
    assert!(fault(&format!("{{{{# {} #}}}}", "x".repeat(MAX_SOURCE))).message.contains("at most"));
}

#[test]
fn deep_nesting_ends_in_a_fault_not_a_crash() {
    let in_small_stack = |source: String| {
        std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || check(&source).map(|_| ()).is_err())
            .unwrap()
            .join()
            .unwrap()
    };
    assert!(in_small_stack(format!("{{{{ {}a }}}}", "a+".repeat(100_000))));
    assert!(in_small_stack(format!("{{{{ {}a }}}}", "not ".repeat(100_000))));
    assert!(in_small_stack(format!("{{{{ {}a }}}}", "(".repeat(100_000))));
    assert!(in_small_stack(format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(10_000))));
    assert!(in_small_stack("{% if a %}".repeat(10_000)));
    for near_the_limit in ["a+".repeat(480), "-".repeat(480), "a.".repeat(480)] {
        let source = format!("{{{{ {near_the_limit}1 }}}}");
        std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || render(&source, &Scope::new(facts())).is_ok())
            .unwrap()
            .join()
            .unwrap();
    }
    let elifs = format!("{{% if not ds %}}{}{{% endif %}}", "{% elif not ds %}".repeat(150));
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || render(&elifs, &Scope::new(facts())).unwrap())
        .unwrap()
        .join()
        .unwrap();
}

proptest! {
    #[test]
    fn json_goes_through_a_template_unchanged(text in ".*", number in any::<i64>(), float in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
        let whole = json!({"z": text, "a": [number, float, null, {"b": true}], "big": u64::MAX});
        let mut facts = facts();
        facts.params.insert("whole".into(), whole.clone());
        facts.params.insert("text".into(), json!(text));
        let scope = Scope::new(facts);
        prop_assert_eq!(evaluate("params.whole", &scope).unwrap(), whole.clone());
        prop_assert_eq!(render("{{ params.whole }}", &scope).unwrap(), whole.to_string());
        prop_assert_eq!(render("{{ params.text }}", &scope).unwrap(), text);
    }

    #[test]
    fn any_source_gets_an_answer(source in "(\\{\\{|\\}\\}|\\{%|%\\}|[a-z .'|()\\[\\]0-9\n-]|if|endif|for|in|é){0,40}") {
        let _ = check(&source);
        let _ = render(&source, &Scope::new(facts()));
        let _ = render_value(&source, &Scope::new(facts()));
    }
}
