//! Backups of Milvus 2.5 with L0 segments, whose deletes are folded for releases that do not import such segments.

use crate::go_backups::copy_directory;
use crate::source::Content;
use crate::tool::Tool;
use model::name::CollectionRef;
use serde_json::Value;
use testkit::rows::Rows;
use testkit::servers::{self, MilvusServer};
use testkit::{fixtures, names};

/// The collections that are restored, with their keys.
const DEL: (&str, &str) = ("del", "id");
const DELSTR: (&str, &str) = ("delstr", "pk");

/// Restores a collection of a backup, compares it with the recorded rows, and returns its plan.
async fn restore_and_compare(
    tool: &Tool,
    server: &MilvusServer,
    backup: &str,
    (collection, key): (&str, &str),
) -> Value {
    let suffix = format!("_{}", names::unique("l0"));
    let restore = format!("restore -n {backup} --filter {collection} --suffix {suffix}");
    let plan = tool.run(&format!("{restore} --dry-run --output json")).exits_with(0);
    let mut plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let plan = plan["collections"][0].take();
    let recorded = Rows::recorded(&format!("default.{collection}.jsonl"), key);
    let expected = recorded.len() as u64;
    assert_eq!([&plan["rows_min"], &plan["rows_max"]], [expected; 2]);
    let counted = format!("{expected} rows counted in the target, as expected");
    tool.run(&restore).exits_with(0).prints(&[&counted]);
    let milvus = server.connect().await;
    let target = CollectionRef::new("default", format!("{collection}{suffix}"));
    let none: [&str; 0] = [];
    assert_eq!(recorded.differences(&Content::read(&milvus, &target).await.rows), none);
    milvus.drop_collection(&target).await.unwrap();
    plan
}

/// Returns how many segments of a plan have this number.
fn sum(plan: &Value, number: &str) -> u64 {
    let partitions = plan["partitions"].as_array().unwrap();
    let jobs = partitions.iter().flat_map(|partition| partition["jobs"].as_array().unwrap());
    jobs.map(|job| job[number].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn deletes_of_three_kinds_of_l0_segments_are_folded_for_2_3_and_2_2() {
    let (Some(new), Some(old)) = (servers::milvus_target(), servers::milvus_2216()) else { return };
    for (server, rewrites) in [(new, false), (old, true)] {
        let tool = Tool::on_disk(&server);
        for backup in ["m2527_l0", "m2527_compacted"] {
            copy_directory(&fixtures::path("backups").join(backup), &tool.backup_dir(backup));
            let plan = restore_and_compare(&tool, &server, backup, DEL).await;
            let has_l0 = backup == "m2527_l0";
            assert_eq!(sum(&plan, "segments_with_folded_deletes") > 0, has_l0, "{plan}");
            assert_eq!(sum(&plan, "rewritten_segments") > 0, has_l0 && rewrites, "{plan}");
            restore_and_compare(&tool, &server, backup, DELSTR).await;
        }
    }
}

#[tokio::test]
async fn deletes_are_folded_for_a_milvus_on_another_store() {
    let Some(server) = servers::milvus_s3() else { return };
    let tool = Tool::on_disk(&server);
    copy_directory(&fixtures::path("backups").join("m2527_l0"), &tool.backup_dir("m2527_l0"));
    restore_and_compare(&tool, &server, "m2527_l0", DEL).await;
}

#[tokio::test]
async fn a_compacted_backup_is_restored_in_place_with_the_same_rows() {
    let Some(server) = servers::milvus_target() else { return };
    let tool = Tool::on_disk(&server);
    copy_directory(&fixtures::path("backups").join("m2527_l0"), &tool.backup_dir("m2527_l0"));
    tool.run("l0compact m2527_l0").exits_with(0);
    for collection in [DEL, DELSTR] {
        let plan = restore_and_compare(&tool, &server, "m2527_l0_l0compacted", collection).await;
        assert_eq!(sum(&plan, "segments_with_folded_deletes"), 0);
        let partitions = plan["partitions"].as_array().unwrap().iter();
        let mut jobs = partitions.flat_map(|partition| partition["jobs"].as_array().unwrap());
        assert!(jobs.all(|job| job["staged"] == false), "{plan}");
    }
}
