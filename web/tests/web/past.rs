//! The past of a DAG in pictures, and the lists of the house: each says what matters, also when there is nothing.

use crate::pages::says;
use crate::visit::Visit;
use crate::{scenes, seasons};

async fn seasons() -> Visit {
    let root = tempfile::tempdir().unwrap();
    seasons::write(root.path()).await;
    Visit::over(root)
}

#[tokio::test]
async fn the_past_of_a_dag_is_told_in_pictures_and_in_words() {
    let visit = seasons().await;
    let pages: &[(&str, &[&str])] = &[
        ("/dags/ledger", &["▾ The books", "title=\"group books\"", "Older runs", "class=\"in1\""]),
        ("/dags/ledger?folded=books", &["▸ The books", "aria-expanded=\"false\"", "open all"]),
        ("/dags/ledger?before=200", &["run 199 ", "Newest"]),
        (
            "/dags/ledger/durations",
            &["A run takes <b>", "longer than a month ago", "class=\"trend\"", "Slowest tasks"],
        ),
        ("/dags/ledger/durations?days=365", &["<circle", "failed, 1m", "a year"]),
        ("/dags/ledger/calendar", &["Europe&#x2f;Paris", "November 2026", "1 run, failed", "from=2026-11-"]),
        ("/dags/ledger/calendar?year=2025", &["December 2025", "Until today"]),
        ("/dags/ledger/calendar?year=1999", &["No run in this time"]),
        (
            "/dags/ledger/versions",
            &["the DAG&#x27;s <code>deadline</code>", "new: <code>check</code>", "Compare old and new"],
        ),
        (
            "/dags/ledger/versions?old=1&new=3",
            &["class=\"d added\"", "class=\"d removed\"", "From <b>version 1</b>", "check.sh"],
        ),
        (
            "/dags/ledger/deadlines",
            &[
                "ends by 02:00 (Europe&#x2f;Paris)",
                "ends within 6m of its begin",
                "of 100",
                "had not ended in time",
            ],
        ),
        ("/dags/ledger/schedule", &["Older", "before=2026-"]),
        ("/dags/ledger/schedule?before=2026-01-01T00:00:00Z", &["Newest", "Dec 2025"]),
        ("/pools", &["warehouse", "1 of 1", "hold</a>"]),
        ("/pools?pool=warehouse", &["Who holds slots of warehouse"]),
        ("/calendars", &["banking", "Days on which banks are open", "Mon 29 Mar", "no DAG"]),
        ("/runs?late=1", &["late finish"]),
        ("/runs?dag=edge&state=failed", &["ledger"]),
        ("/runs?dag=ledger&from=2026-11-01&to=2026-11-07&type=scheduled", &["Nov 01:30:30"]),
        ("/dags?sort=next", &["ledger", "aria-current=\"true\">next run"]),
        ("/dags?sort=failure&q=finance", &["ledger", "All 2"]),
        ("/system", &["fired, half did so within", "Disk free"]),
    ];
    for (path, words) in pages {
        says(&visit.page(path).await, words);
    }
}

#[tokio::test]
async fn lists_are_turned_both_ways() {
    let visit = seasons().await;
    let first = visit.page("/runs?dag=ledger").await.text;
    assert!(!first.contains(">Newer<"), "{first}");
    let older = first.split('"').find(|it| it.contains("before=")).unwrap().replace("&amp;", "&");
    let second = visit.page(&older).await.text;
    let newer = second.split('"').find(|it| it.contains("after=")).unwrap().replace("&amp;", "&");
    let back = visit.page(&newer).await.text;
    let runs = |page: &str| -> Vec<String> {
        page.split("<a href=\"/runs/")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(runs(&back), runs(&first));
    assert!(runs(&second)[0] != runs(&first)[0]);
}

#[tokio::test]
async fn who_did_what_is_found() {
    let visit = Visit::usual().await;
    let all = visit.page("/audit").await;
    says(&all, &["vars set", "href=\"/vars\"", "href=\"/backfills/1\"", "href=\"/dags/monthly_report\""]);
    assert!(!all.text.contains("postgres:"), "values of vars are not told");
    says(&visit.page("/audit?by=ana&verb=pause").await, &["monthly_report"]);
    says(&visit.page("/audit?q=warehouse_url").await, &["vars set"]);
    says(&visit.page("/audit?by=nobody").await, &["No deed fits"]);
    says(&visit.page("/audit?from=noon").await, &["is no date"]);
    says(&visit.page("/runs?to=noon").await, &["is no date"]);
}

#[tokio::test]
async fn what_is_empty_teaches() {
    let visit = Visit::empty().await;
    says(&visit.page("/pools").await, &["All slots are free", "No run is queued"]);
    says(&visit.page("/calendars").await, &["No business calendar yet"]);
    says(&visit.page("/audit").await, &["Nobody has done anything yet"]);
    says(&visit.page("/system").await, &["No tick has fired yet", "never: nothing is old enough"]);
    let visit = Visit::usual().await;
    says(&visit.page("/dags/monthly_report/durations").await, &["No run began in this time"]);
    says(&visit.page("/dags/monthly_report/deadlines").await, &["No deadline is set"]);
    says(&visit.page("/dags/monthly_report/calendar").await, &["a tick will fire, once it is un-paused"]);
    says(&visit.page("/dags/monthly_report/versions").await, &["the first version"]);
    says(&visit.page("/dags/nightly_sales/versions?old=1&new=999").await, &["the first version"]);
}

#[tokio::test]
async fn pictures_of_a_huge_dag_stay_light() {
    let root = tempfile::tempdir().unwrap();
    scenes::huge(root.path()).await;
    let visit = Visit::over(root);
    for view in ["durations", "calendar", "versions", "deadlines", "schedule"] {
        let got = visit.get(&format!("/dags/huge/{view}")).await;
        assert_eq!(got.status, 200, "{view}");
        assert!(got.text.len() < 150_000, "{view}: {} bytes", got.text.len());
    }
}

#[tokio::test]
async fn two_runs_of_different_versions_show_what_their_files_say_otherwise() {
    let visit = seasons().await;
    let runs = visit.get("/api/v1/dags/ledger/runs?limit=400").await.json();
    let runs = runs["items"].as_array().unwrap();
    let id = |run: &serde_json::Value| run["run_id"].as_str().unwrap().to_owned();
    let (newest, oldest) = (id(&runs[0]), id(runs.last().unwrap()));
    let page = visit.page(&format!("/runs/{newest}/compare?with={oldest}")).await;
    says(&page, &["What the version of this run changed", "class=\"d added\"", "check.sh"]);
    let (params, files) = (page.text.find("<h2>Tasks"), page.text.find("What the version of this run"));
    assert!(params < files, "what was different in the runs comes first");
    let same = visit.page(&format!("/runs/{newest}/compare?with={}", id(&runs[1]))).await;
    assert!(!same.text.contains("class=\"diff\""));
}
