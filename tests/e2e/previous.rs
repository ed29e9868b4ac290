//! Dates that wait for the one before, with a real server.

use crate::town::{Town, wait_for};

/// Fires each second; each date fails while there is a file `bad`.
fn dag(max_active_runs: u32) -> String {
    format!(
        "schedule: '* * * * * *'\nwait_for_previous: true\nmax_active_runs: {max_active_runs}\ncatchup: all\n\
         tasks:\n  - id: close\n    run: test ! -e \"$FLAG\"\n    env: {{FLAG: '{{{{ vars.flag }}}}'}}\nvars: [flag]\n"
    )
}

#[test]
fn a_failed_date_holds_up_the_next_until_it_is_run_again_also_in_a_full_house_and_over_a_crash() {
    for limit in [1, 3] {
        let town = Town::with("daily", &dag(limit));
        town.write("bad", "");
        town.does(&format!("vars set flag {}", town.path("bad").display()));
        let server = town.serve();
        town.wait_for_run("1", "failed");
        wait_for("the wait", || {
            let said = town.nightrun("why 2 close");
            said.out.contains("waits for run 1, the one before, which is failed").then_some(())
        });
        server.kill();
        std::fs::remove_file(town.path("bad")).unwrap();
        let server = town.serve();
        assert_eq!(town.wait_for_run("2", "running")["tasks"][0]["state"], "deferred");
        town.does("pause daily");
        town.does("rerun 1");
        town.does("unpause daily");
        town.wait_for_run("2", "success");
        wait_for("all runs", || town.runs().iter().all(|run| run["state"] == "success").then_some(()));
        assert_eq!(server.stop(), 0);
        town.nightrun("db check").prints(".nightrun/nightrun.db is sound, and agrees with its log");
    }
}

#[test]
fn what_the_run_before_blocks_is_told_with_place_and_cure() {
    let town = Town::new();
    town.write("dags/a.yaml", "overlap: replace\nwait_for_previous: true\ntasks: [{id: a, run: echo}]\n");
    let said = town.nightrun("validate");
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("`overlap: replace` cancels the run that `wait_for_previous` waits for"),
        "{said:?}"
    );
}
