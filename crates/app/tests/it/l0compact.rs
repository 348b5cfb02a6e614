//! `l0compact`: a copy of a backup without L0 segments.

use serde_json::Value;

use crate::documents::root_with_l0;
use crate::tool::Tool;

/// Returns the numbers of L0 segments and delta logs of a collection.
fn count_deletes(tool: &Tool, backup: &str, collection: &str) -> (usize, usize) {
    let detail = tool.run(&["get", backup, "--detail", "--output", "json"]).exits_with(0).stdout;
    let detail: Value = serde_json::from_str(&detail).unwrap();
    let collections = detail["collections"].as_array().unwrap();
    let collection = collections.iter().find(|it| it["name"] == collection).unwrap();
    let of_partitions = collection["partitions"].as_array().unwrap().iter();
    let segments: Vec<&Value> = of_partitions
        .flat_map(|partition| partition["segments"].as_array().unwrap())
        .chain(collection["l0_segments"].as_array().unwrap())
        .collect();
    let is_l0 = |segment: &&&Value| segment["binlogs"] == 0;
    let logs = segments.iter().map(|segment| segment["delete_logs"].as_u64().unwrap());
    (segments.iter().filter(is_l0).count(), usize::try_from(logs.sum::<u64>()).unwrap())
}

#[test]
fn a_backup_is_copied_with_its_deletes_folded() {
    let tool = root_with_l0();
    let plan = tool.run(&["l0compact", "nightly", "--dry-run", "-o", "json"]).exits_with(0).stdout;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!((&plan["dry_run"], &plan["into"]), (&true.into(), &"nightly_l0compacted".into()));
    assert!(!tool.path("backup/nightly_l0compacted").exists());

    let report = tool.run(&["l0compact", "nightly", "-o", "json"]).exits_with(0).stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    for (key, expected) in [("l0_segments", 6), ("folded_segments", 5), ("deleted_rows", 13)] {
        assert_eq!((&report[key], &plan[key]), (&expected.into(), &expected.into()), "{key}");
    }
    assert_eq!(count_deletes(&tool, "nightly", "default.del").0, 5, "it is not changed");
    assert_eq!(count_deletes(&tool, "nightly_l0compacted", "default.del"), (0, 4));
    let list = tool.run(&["list", "--output", "json"]).exits_with(0).stdout;
    let list: Value = serde_json::from_str(&list).unwrap();
    let taken: Vec<_> = list["backups"].as_array().unwrap().iter().map(|it| &it["taken_ms"]).collect();
    assert_eq!(taken[0], taken[1], "the new backup has the time of the old one");
}

#[test]
fn the_new_backup_replaces_another_only_by_force() {
    let tool = root_with_l0();
    let report = tool.run(&["l0compact", "-n", "nightly", "-o", "folded"]).exits_with(0).stdout;
    assert!(report.starts_with("Copied nightly to folded in "), "{report}");
    let taken = tool.run(&["l0compact", "-n", "nightly", "--output", "folded"]).exits_with(4);
    taken.prints_on_stderr(&["backup folded exists already (complete)", "--into", "--force"]);
    let plan = tool.run(&["l0compact", "nightly", "--into", "folded", "--force", "--dry-run"]).exits_with(0);
    assert!(plan.stdout.contains("deleting the present backup of this name first"), "{}", plan.stdout);
    tool.run(&["l0compact", "nightly", "--into", "folded", "--force"]).exits_with(0);
    tool.run(&["l0compact", "nightly", "--into", "nightly", "--force"]).exits_with(4);
    assert_eq!(count_deletes(&tool, "nightly", "default.del").0, 5);

    let again = tool.run(&["l0compact", "folded"]).exits_with(0);
    again.prints_on_stderr(&["folded has no L0 segments, so folded_l0compacted is a copy of it"]);
}

#[test]
fn deletes_for_all_partitions_that_the_metadata_does_not_list_are_not_lost() {
    let tool = root_with_l0();
    // The level files do not list such segments.
    std::fs::remove_file(tool.path("backup/nightly/meta/full_meta.json")).unwrap();
    let refused = tool.run(&["l0compact", "nightly"]).exits_with(7);
    refused.prints_on_stderr(&["/-1/", "has deletes for all partitions, but the metadata does not list it"]);
    assert!(!tool.path("backup/nightly_l0compacted").exists());
}

#[test]
fn a_damaged_backup_is_refused_before_anything_is_written() {
    let tool = root_with_l0();
    let damage = |content: fn(u64) -> Vec<u8>| {
        let mut dirs = vec![tool.path("backup/nightly/binlogs/delta_log")];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()) {
                if entry.path().is_dir() {
                    dirs.push(entry.path());
                } else {
                    std::fs::write(entry.path(), content(entry.metadata().unwrap().len())).unwrap();
                }
            }
        }
        tool.run(&["l0compact", "nightly"]).exits_with(7)
    };
    let zeros = damage(|size| vec![0; usize::try_from(size).unwrap()]);
    zeros.prints_on_stderr(&["cannot read segment", "the file is damaged"]);
    damage(|_| vec![0; 7]).prints_on_stderr(&["has 7 bytes instead of"]);
    assert!(!tool.path("backup/nightly_l0compacted").exists());
}
