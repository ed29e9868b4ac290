use nightrun_core::decide::Output;
use serde_json::json;

use super::*;
use crate::store::{DATABASE, Writer, fetch, spill};

const DAY: i64 = 86_400_000_000_000;

fn sweep_after(data: &Path, days: i64) -> Swept {
    let reader = Reader::open(&data.join(DATABASE)).unwrap();
    let now = crate::clock::system_clock()();
    sweep(&reader, data, Timestamp::from_nanos(now.nanos() + days * DAY)).unwrap()
}

#[test]
fn a_value_that_nothing_names_goes_when_it_is_old() {
    let data = tempfile::tempdir().unwrap();
    let _writer = Writer::open(&data.path().join(DATABASE)).unwrap();
    let output = spill(data.path(), &json!("x".repeat(100_000))).unwrap();
    assert_eq!(sweep_after(data.path(), 0), Swept::default(), "it is fresh");
    assert!(fetch(data.path(), &output).is_ok());
    assert_eq!(sweep_after(data.path(), 2), Swept { folders: 0, values: 1, bytes: 100_002 });
    assert!(fetch(data.path(), &output).is_err());
}

#[test]
fn a_value_that_is_put_out_again_is_fresh_again() {
    let data = tempfile::tempdir().unwrap();
    let value = json!("x".repeat(100_000));
    let Output::Spilled { sha256, .. } = spill(data.path(), &value).unwrap() else { panic!("it is large") };
    let file = data.path().join("values").join(&sha256[..2]).join(&sha256);
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
    let now = crate::clock::system_clock()();
    assert!(is_old(&file, now));
    spill(data.path(), &value).unwrap();
    assert!(!is_old(&file, now));
}

#[test]
fn folders_of_runs_that_never_were_are_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let _writer = Writer::open(&data.path().join(DATABASE)).unwrap();
    for folder in ["7", "notes"] {
        fs::create_dir_all(data.path().join("runs").join(folder)).unwrap();
    }
    assert_eq!(sweep_after(data.path(), 0).folders, 0, "the store may be an older copy");
}
