//! Several DAGs in a file, and what DAGs take over from the folders they are in.

use std::time::Duration;

use nightrun_core::dag::spec::Dag;
use nightrun_core::dag::{DefaultsFile, Known, Reading, Source, read, read_defaults};
use nightrun_core::diag::Code;
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;

fn known() -> Known {
    Known::new(Zone::utc(), Timestamp::parse("2026-11-21T00:00:00Z").unwrap())
}

/// Reads a file below folders with these defaults, the farthest first.
fn below(folders: &[&str], text: &str) -> Reading {
    let file = |(at, text): (usize, &&str)| DefaultsFile {
        path: format!("{}_defaults.yaml", "a/".repeat(at)),
        text: (*text).to_owned(),
    };
    let folders: Vec<_> = folders.iter().enumerate().map(file).collect();
    read(&Source::new("a/b.yaml", text).with(&folders), &known())
}

#[track_caller]
fn dag(folders: &[&str], text: &str) -> Dag {
    let reading = below(folders, text);
    assert_eq!(reading.diagnostics, [], "{text}");
    reading.dags.into_iter().next().unwrap()
}

fn told(reading: &Reading) -> Vec<(Code, String)> {
    let one = |fault: &nightrun_core::diag::Diagnostic| {
        (fault.code, format!("{}:{} {}", fault.place.line, fault.place.column, fault.message))
    };
    reading.diagnostics.iter().map(one).collect()
}

const TASK: &str = "tasks: [{id: a, run: x}]\n";

#[test]
fn each_document_is_a_dag_and_its_piece_gives_the_same_one() {
    let text = format!(
        "# first\nid: one\n{TASK}---\nid: two # é\nenv: {{A: b}}\n{TASK}...\n---\nid: three\n{TASK}---\n"
    );
    let whole = read(&Source::new("b.yaml", &text), &known());
    assert_eq!(whole.dags.iter().map(|dag| dag.id.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    for (dag, piece) in whole.dags.iter().zip(&whole.pieces) {
        let alone = read(&Source::new("b.yaml", &text[piece.clone()]), &known());
        assert_eq!(
            (alone.dags.as_slice(), alone.diagnostics.as_slice()),
            (std::slice::from_ref(dag), &[][..])
        );
    }
    assert_eq!(whole.pieces[0].start, 0);
    assert_eq!(whole.pieces[2].end, text.len());
}

#[test]
fn a_directive_belongs_to_the_document_after_it() {
    let text = format!("%YAML 1.2\n---\nid: one\n{TASK}...\n%YAML 1.2\n---\nid: two\n{TASK}");
    let whole = read(&Source::new("b.yaml", &text), &known());
    assert_eq!(whole.dags.len(), 2, "{:?}", whole.diagnostics);
    for (dag, piece) in whole.dags.iter().zip(&whole.pieces) {
        let alone = read(&Source::new("b.yaml", &text[piece.clone()]), &known());
        assert_eq!(alone.dags.as_slice(), std::slice::from_ref(dag), "{:?}", alone.diagnostics);
    }
}

#[test]
fn one_dag_is_called_after_its_file_though_documents_without_content_stand_around_it() {
    let text = format!("---\n# nothing\n---\n{TASK}---\n");
    let reading = read(&Source::new("dags/load.yaml", &text), &known());
    assert_eq!(reading.dags[0].id.as_str(), "load");
    assert_eq!((reading.pieces[0].start, reading.pieces[0].end), (0, text.len()));
}

#[test]
fn one_faulty_document_holds_the_file_back_and_faults_of_all_are_told() {
    let text = format!("id: a\n{TASK}---\nid: b\ntasks: [{{id: x}}]\n---\nid: a\nowne: me\n{TASK}");
    let reading = read(&Source::new("b.yaml", &text), &known());
    assert!(reading.dags.is_empty());
    let codes: Vec<Code> = reading.diagnostics.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, [Code::Work, Code::DuplicateDag, Code::UnknownKey]);
}

#[test]
fn the_nearest_word_holds_key_by_key() {
    let far = "owner: far\ntags: [far]\ntimezone: Europe/Paris\nenv: {A: far, B: far, C: far}\n\
               defaults: {retries: 1, retry_delay: 1m, timeout: 1h}\n";
    let near = "owner: near\nenv: {B: near, C: near}\ndefaults: {retries: 2, timeout: 2h}\n";
    let own = "env: {C: own}\ndefaults: {timeout: 3h}\n\
               tasks: [{id: a, run: x, retries: 4}, {id: b, run: x}]\n";
    let dag = dag(&[far, near], own);
    assert_eq!((dag.owner.as_deref(), dag.tags.as_slice()), (Some("near"), &["far".to_owned()][..]));
    assert_eq!(dag.zone.name(), "Europe/Paris");
    let mut env = dag.env.clone();
    env.sort();
    let pairs = [("A", "far"), ("B", "near"), ("C", "own")].map(|(name, text)| (name.into(), text.into()));
    assert_eq!(env, pairs);
    let [a, b] = &dag.tasks[..] else { panic!() };
    assert_eq!((a.retry.retries, b.retry.retries), (4, 2));
    assert_eq!((b.retry.delay, b.timeout), (Duration::from_mins(1), Some(Duration::from_hours(3))));
}

#[test]
fn a_key_of_the_dag_is_nearer_than_the_same_key_in_defaults_of_a_folder() {
    let far = "defaults: {shell: sh -e, working_dir: far}\ntimezone: Europe/Paris\n";
    let dag = dag(
        &[far],
        &format!("shell: bash\nworking_dir: own\nschedule: {{cron: '@daily', timezone: UTC}}\n{TASK}"),
    );
    assert_eq!(dag.tasks[0].working_dir.as_deref(), Some("own"));
    assert!(format!("{:?}", dag.tasks[0].work).contains("bash"));
    assert_eq!(dag.zone.name(), "UTC");
}

#[test]
fn faults_of_a_folder_are_told_at_their_own_place() {
    let text =
        "owner: me\nschedule: '@daily'\ndefaults:\n  retries: many\n  run: x\nretries: 2\ncatchup: all\n";
    let source = Source::new("a/_defaults.yaml", text);
    let faults = read_defaults(&source, &known());
    let codes: Vec<(Code, usize)> = faults.iter().map(|fault| (fault.code, fault.place.line)).collect();
    let expected = [(Code::UnknownKey, 2), (Code::WrongType, 4), (Code::NoDefault, 5), (Code::UnknownKey, 6)];
    assert_eq!(codes, expected);
    assert!(read_defaults(&Source::new("a/_defaults.yaml", "# nothing yet\n"), &known()).is_empty());
    let below = below(&[text], TASK);
    assert!(below.dags.is_empty());
    let message = "1:1 _defaults.yaml has errors, so nothing below it can be read";
    assert_eq!(told(&below), [(Code::BrokenDefaults, message.to_owned())]);
}

#[test]
fn what_is_wrong_with_an_inherited_value_only_here_names_the_file_it_came_from() {
    let folder = "defaults:\n  env: {REGION: '{{ params.region }}'}\n  pool: gone\n";
    let reading = below(&[folder], TASK);
    assert!(reading.dags.is_empty());
    let expected = [
        (
            Code::UnknownParam,
            "1:1 there is no param `region` (inherited from _defaults.yaml:2:17)".to_owned(),
        ),
        (Code::UnknownPool, "1:1 there is no pool `gone` (inherited from _defaults.yaml:3:9)".to_owned()),
    ];
    assert_eq!(told(&reading), expected);
}
