//! What a page tells without being asked: signs, marks, folds, and what is meant by a time.

use crate::crowded;
use crate::pages::says;
use crate::visit::Visit;

#[tokio::test]
async fn a_grid_shows_only_what_is_not_green_if_asked() {
    let root = tempfile::tempdir().unwrap();
    crowded::write(root.path()).await;
    let visit = Visit::over(root);
    says(
        &visit.page("/dags/factory").await,
        &["Only the 61 of 100 tasks", "class=\"kind\" aria-hidden=\"true\">▶"],
    );
    let only = visit.page("/dags/factory?only=trouble").await.text;
    assert!(only.contains("title=\"paint_07\"") && !only.contains("title=\"paint_06\""), "{only}");
}

#[tokio::test]
async fn tonight_says_what_is_at_work_and_what_comes_after_the_night() {
    let tonight = Visit::usual().await.page("/").await;
    says(
        &tonight,
        &["22 runs</a>", "1 failed</a>", "copy_stock</a>, 3m, and 1 more", "in 22h42m", "till morning"],
    );
}

#[tokio::test]
async fn a_time_that_is_not_the_viewers_names_its_zone() {
    let visit = Visit::usual().await;
    for (path, words) in [
        ("/dags/nightly_sales", &["<span class=\"block\">UTC</span>", ">05 01:30<", "Nov 2026"][..]),
        ("/runs/17/compare", &["2026-11-20 01:30 UTC</option>"]),
        ("/holds", &["Times here are UTC", "data-utc"]),
    ] {
        says(&visit.page(path).await, words);
    }
}

#[tokio::test]
async fn what_is_to_come_is_drawn_before_it_was() {
    let visit = Visit::usual().await;
    let never = visit.page("/dags/monthly_report").await;
    says(&never, &["It has never run", "Trigger it now", "aria-label=\"Graph of 2 tasks\""]);
    says(&visit.page("/dags/nightly_sales/calendar").await, &["class=\"planned\"", "a tick will fire"]);
    let past = visit.page("/dags/nightly_sales/calendar?year=2026").await.text;
    assert!(!past.contains("class=\"planned\""));
}

#[tokio::test]
async fn events_are_those_of_one_task_to_the_millisecond() {
    let visit = Visit::usual().await;
    let events = visit.page("/runs/17/events?task=load_orders").await.text;
    assert!(events.contains("data-fine") && events.contains(".000</time>"), "{events}");
    assert!(events.contains("/tasks/load_orders\"") && !events.contains("/tasks/load_returns\""), "{events}");
}

#[tokio::test]
async fn what_is_alike_is_folded_and_what_went_wrong_is_tinted() {
    let visit = Visit::usual().await;
    says(&visit.page("/runs/17/compare").await, &["1 task alike</summary>"]);
    says(&visit.page("/runs/17/tasks/load_orders").await, &["class=\"l wrong\"", "CPU time"]);
    says(
        &visit.page("/dags/nightly_sales/file").await,
        &["<span class=\"yk\">schedule</span>", "<span class=\"ys\">&quot;30 1 * * *&quot;</span>"],
    );
}
