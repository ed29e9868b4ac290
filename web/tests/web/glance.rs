//! What pages tell at a glance: what has no place is counted, dates stand in their order, drawings fit.

use std::time::Duration;

use nightrun_core::decide::{Reason, TaskState, Transition};
use nightrun_core::id::{InstanceId, TaskIndex};
use nightrun_core::time::Timestamp;

use crate::history::{History, Story};
use crate::scenes::NOW;
use crate::visit::Visit;
use crate::{crowded, pages};

async fn crowd() -> Visit {
    let root = tempfile::tempdir().unwrap();
    crowded::write(root.path()).await;
    Visit::over(root)
}

#[tokio::test]
async fn tonight_says_how_many_more_failed_than_it_shows() {
    let visit = crowd().await;
    let hidden = crowded::IN_TROUBLE + 1 - 30;
    let more = format!("<a href=\"/runs?state=failed\">{hidden} more DAGs with failed runs</a>");
    pages::says(&visit.page("/").await, &[&more]);
    let usual = Visit::usual().await.page("/").await.text;
    assert!(usual.contains("Failed or late") && !usual.contains("Not shown"), "{usual}");
}

#[tokio::test]
async fn a_rule_above_the_top_row_lies_within_the_drawing() {
    let visit = crowd().await;
    let page = visit.page("/dags/rules/graph").await.text;
    let rule = page.split("<text class=\"rule\"").nth(1).unwrap();
    let y: f64 = rule.split("y=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
    assert!(y >= 9.0, "nine pixels of text stand on {y}");
}

#[tokio::test]
async fn a_grid_stands_by_date_whenever_its_runs_were_made() {
    let root = tempfile::tempdir().unwrap();
    let ago = |days: u64| Timestamp::parse(NOW).unwrap().minus(Duration::from_hours(24 * days));
    let mut past = History::new(root.path());
    past.dag(ago(90), "gaps.yaml", "id: gaps\nschedule: '@daily'\ntasks: [{id: a, run: 'true'}]\n");
    // The even days, and later the odd ones, as a backfill makes them.
    let days = (0..40).filter(|day| day % 2 == 0).chain((0..40).filter(|day| day % 2 == 1));
    let made: Vec<u64> = days.collect();
    for day in &made {
        past.run("gaps", ago(*day), true, |_| Story::well(9));
    }
    past.write().await;
    let visit = Visit::over(root);
    let run_of = |day: u64| made.iter().position(|it| *it == day).unwrap() + 1;
    let columns = |page: &str| -> Vec<usize> {
        let heads = page.split("<th scope=\"col\"><a href=\"/runs/").skip(1);
        heads.map(|head| head.split('"').next().unwrap().parse().unwrap()).collect()
    };
    let first = visit.page("/dags/gaps").await.text;
    assert_eq!(columns(&first), (0..30).rev().map(run_of).collect::<Vec<_>>());
    let older = format!("before={}", run_of(29));
    assert!(first.contains(&older), "no {older}");
    let second = visit.page(&format!("/dags/gaps?{older}")).await.text;
    assert_eq!(columns(&second), (30..40).rev().map(run_of).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_tasks_of_a_run_fold_by_group_and_say_how_each_group_stands() {
    let visit = crowd().await;
    let whole = visit.page("/runs/1").await.text;
    let headings = whole.matches("<tr class=\"group\">").count();
    assert_eq!((headings, whole.contains("id=\"task-press_00\"")), (5, false), "a hundred tasks open folded");
    for words in ["20 success", "1 failed</span>", "19 success", "20 upstream failed"] {
        assert!(whole.contains(words), "no `{words}` in {whole}");
    }
    let opened = visit.page("/runs/1?folded=press,dry,check,ship").await.text;
    let tasks = opened.matches("id=\"task-").count();
    assert_eq!(tasks, 20, "one group is open");
    assert!(opened.contains("id=\"task-paint_07\"") && opened.contains("?folded=check%2Cdry%2Cpaint"));
    // By state there are no groups: only what was asked for.
    let failed = visit.page("/runs/1?state=failed").await.text;
    assert_eq!((failed.matches("id=\"task-").count(), failed.contains("class=\"group\"")), (1, false));
}

#[tokio::test]
async fn a_long_list_of_open_groups_goes_on_where_its_page_ended() {
    let root = tempfile::tempdir().unwrap();
    let at = Timestamp::parse(NOW).unwrap().minus(Duration::from_hours(3));
    let mut past = History::new(root.path());
    let tasks = (0..300).map(|task| format!("  - {{id: t{task:03}, group: g{}, run: x}}\n", task % 2));
    let text = format!("id: long\ngroups: [{{id: g0}}, {{id: g1}}]\ntasks:\n{}", tasks.collect::<String>());
    past.dag(at, "long.yaml", &text);
    past.run("long", at, false, |_| Story::well(9));
    past.write().await;
    let visit = Visit::over(root);
    let ids = |page: &str| -> Vec<String> {
        page.split("id=\"task-t").skip(1).map(|rest| rest[..3].to_owned()).collect()
    };
    let first = visit.page("/runs/1?folded=").await.text;
    let next = first.split("class=\"button\" href=\"").find(|it| it.contains("after=")).unwrap();
    let next = next.split('"').next().unwrap().replace("&amp;", "&");
    let second = visit.page(next.split('#').next().unwrap()).await.text;
    let seen: Vec<String> = ids(&first).into_iter().chain(ids(&second)).collect();
    let ordered = (0..300).step_by(2).chain((1..300).step_by(2)).map(|task| format!("{task:03}"));
    assert_eq!(seen, ordered.collect::<Vec<_>>());
}

/// A run whose tasks are at work, or each waits as told.
async fn waiting(tasks: &[(&str, TaskState, Reason)]) -> Visit {
    let root = tempfile::tempdir().unwrap();
    let at = Timestamp::parse(NOW).unwrap().minus(Duration::from_mins(9));
    let mut past = History::new(root.path());
    let lines = tasks.iter().map(|(id, ..)| format!("  - {{id: {id}, depends_on: [gate], run: x}}\n"));
    let text = format!("id: night\ntasks:\n  - {{id: gate, run: x}}\n{}", lines.collect::<String>());
    past.dag(at, "night.yaml", &text);
    let run = past.run("night", at, false, |_| Story { attempts: vec![], ..Story::well(0) });
    let mut moved = |place: usize, from, to, reason| {
        let instance = InstanceId { run, task: TaskIndex(u32::try_from(place).unwrap()), item: 0 };
        past.say(at.plus(Duration::from_secs(1)), Transition::TaskMoved { instance, from, to, reason });
    };
    moved(0, TaskState::Queued, TaskState::Canceled, Reason::Canceled { by: "ana".into() });
    for (place, (_, state, reason)) in tasks.iter().enumerate() {
        moved(place + 1, TaskState::Waiting, *state, reason.clone());
    }
    past.write().await;
    Visit::over(root)
}

#[tokio::test]
async fn a_run_of_which_nothing_is_at_work_says_what_it_waits_for() {
    let wait = Reason::Waits { what: "file /in/orders.csv".into(), run: None };
    let visit = waiting(&[("look", TaskState::Deferred, wait)]).await;
    let said =
        "Running, but nothing is at work now: <code>look</code> waits for file &#x2f;in&#x2f;orders.csv";
    pages::says(&visit.page("/runs/1").await, &[said]);
    for path in ["/", "/runs"] {
        pages::says(&visit.page(path).await, &["waits for file"]);
    }
    let why = visit.get("/api/v1/runs/1/why").await.text;
    assert!(why.contains("nothing is at work now"), "{why}");
}

#[tokio::test]
async fn what_a_dag_bounds_itself_does_not_wait_for_the_executor() {
    let visit = waiting(&[
        ("a", TaskState::Queued, Reason::MaxParallel { limit: 2 }),
        ("b", TaskState::Queued, Reason::MaxActiveTasks { limit: 1 }),
        ("c", TaskState::Queued, Reason::MaxParallel { limit: 2 }),
        ("d", TaskState::Queued, Reason::Slots),
    ])
    .await;
    let page = visit.page("/pools").await.text;
    let waiting = |name: &str| {
        let row = page.split("<tr").find(|row| row.contains(&format!(">{name}<"))).unwrap();
        row.rsplit("<b>").next().unwrap().split('<').next().unwrap().to_owned()
    };
    assert_eq!(["executor", "max_parallel", "max_active_tasks"].map(waiting), ["1", "2", "1"]);
}
