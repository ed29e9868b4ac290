//! What pages tell at a glance: what has no place is counted, dates stand in their order, drawings fit.

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
