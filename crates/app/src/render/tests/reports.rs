//! Every text report, rendered from fixed documents.

use insta::assert_snapshot;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wire::{
    BackupDetail, BackupFormat, BackupList, BackupPlan, BackupReport, CheckReport, DeletionReport, Job,
    JobPage, RestorePlan, RestoreReport,
};

use super::super::CommandTerms;
use super::super::text::{
    backup_plan, backup_report, cancelled, delete_plan, delete_question, deleted, detail, job, jobs, list,
    restore_failure, restore_plan, restore_question, restore_report,
};
use crate::cli::report::describe_result;

fn document<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn report_of_backup() -> Value {
    json!({
        "dry_run": false, "name": "nightly", "state": "complete", "collections": 2, "rows": 1_234_567, "deletes": 12,
        "objects": 4096, "bytes": 5_368_709_120_u64, "seconds": 185.4, "flush_seconds": 12.25, "copy_seconds": 160.0,
        "cut_from": "2026-11-22T14:58:20Z", "cut_to": "2026-11-22T14:58:31Z",
        "vanished": [], "failed": [], "warnings": [], "exit_code": 0,
    })
}

#[test]
fn backup_plans() {
    let plan: BackupPlan = document(json!({
        "dry_run": true, "name": "nightly", "strategy": "serial_flush", "copy": "copied on the server",
        "databases": ["default", "shop"], "rows": 1_010_001, "objects": 4097, "bytes": 5_368_709_120_u64,
        "collections": [
            {"name": "default.books", "partitions": 1, "segments": 1, "rows": 1, "objects": 1, "bytes": 1023},
            {"name": "shop.orders", "partitions": 12, "segments": 100, "rows": 1_010_000, "objects": 4096, "bytes": 5_368_708_097_u64},
        ],
        "warnings": ["garbage collection is not paused"],
    }));
    assert_snapshot!("backup_plan", backup_plan(&plan));
}

#[test]
fn backup_reports() {
    let report: BackupReport = document(report_of_backup());
    assert_snapshot!("backup_report", backup_report(&report, &CommandTerms::default()));
    let mut partial = report_of_backup();
    partial["cut_to"] = partial["cut_from"].clone();
    partial["vanished"] = json!(["shop.old"]);
    partial["failed"] =
        json!([{"name": "default.books", "reason": "rows are missing", "hint": "back it up again"}]);
    partial["exit_code"] = json!(6);
    assert_snapshot!("backup_report_partial", backup_report(&document(partial), &CommandTerms::default()));
}

#[test]
fn lists_of_backups() {
    let backups: BackupList = document(json!({"backups": [
        {"name": "nightly", "state": "complete", "taken": "2026-11-22T14:58:20Z", "bytes": 5_368_709_120_u64, "collections": 2, "rows": 9, "milvus": "v2.3.5", "tool": "milvus-backup 0.1.0"},
        {"name": "from_go", "state": "damaged", "taken": null, "bytes": null, "collections": null, "rows": null, "milvus": null, "tool": null, "problem": "backup_meta.json is damaged"},
    ]}));
    assert_snapshot!("list", list(&backups, usize::MAX));
    assert_snapshot!("list_in_80_columns", list(&backups, 80));
    assert_snapshot!("list_in_60_columns", list(&backups, 60));
    assert_snapshot!("list_empty", list(&document(json!({"backups": []})), 80));
}

fn detail_document(deep: bool) -> BackupDetail {
    let segment = |id| json!({"id": id, "rows": 5000, "bytes": 2_097_152, "objects": 14, "binlogs": 12, "delete_logs": 1});
    let mut books = json!({
        "name": "default.books", "id": 1, "rows": 10_000, "bytes": 4_194_304, "objects": 28, "shards": 2,
        "load_state": "Loaded", "aliases": ["b"], "properties": {}, "partition_count": 2, "segment_count": 2,
        "indexes": [{"name": "vector", "field": "vector", "type": "HNSW", "params": {}}],
    });
    if deep {
        books["partitions"] = json!([
            {"name": "_default", "id": 1, "load_state": "Loaded", "deletes": 12, "segments": [segment(449), segment(450)]},
            {"name": "empty", "id": 2, "load_state": "Loaded", "deletes": 0, "segments": []},
        ]);
        books["l0_segments"] = json!([segment(451)]);
    }
    document(json!({
        "name": "nightly", "state": "complete", "taken": "2026-11-22T14:58:20Z", "bytes": 4_194_304, "objects": 28,
        "rows": 10_000, "deletes": 12, "milvus": "v2.3.5", "tool": "milvus-backup 0.1.0",
        "source": {
            "address": "db:19530", "storage": "s3://a-bucket/files", "selection": "*.*", "strategy": "serial_flush",
            "started": null, "ended": null, "vanished": ["shop.old"], "failed": ["shop.bad"],
        },
        "databases": ["default"], "collections": [books],
    }))
}

#[test]
fn details_of_a_backup() {
    assert_snapshot!("get", detail(&detail_document(false), usize::MAX));
    assert_snapshot!("get_detail", detail(&detail_document(true), usize::MAX));
    let snapshot = BackupDetail { format: BackupFormat::Snapshot, ..detail_document(false) };
    let text = detail(&snapshot, usize::MAX);
    assert!(text.lines().any(|line| line.starts_with("Format:") && line.ends_with(" snapshot")), "{text}");
}

#[test]
fn deletions() {
    let plan: DeletionReport = document(json!({
        "dry_run": true, "name": "nightly", "state": "unfinished", "place": "s3://a-bucket/backup/nightly/",
        "objects": 4096, "bytes": 5_368_709_120_u64,
    }));
    assert_snapshot!("delete", [delete_plan(&plan), delete_question(&plan) + "\n", deleted(&plan)].concat());
}

#[test]
fn restore_plans() {
    let plan = |staging: Option<&str>| -> RestorePlan {
        let partition = json!({"name": "_default", "rows_min": 9988, "rows_max": 10_000, "jobs": [{
            "staged": staging.is_some(), "objects": 28, "bytes": 4_194_304,
            "segments_with_folded_deletes": staging.map_or(0, |_| 2),
            "rewritten_segments": staging.map_or(0, |_| 1),
        }]});
        let collection = |source: &str, target: &str, action: &str| {
            json!({
                "source": source, "target": target, "action": action, "rows_min": 9988, "rows_max": 10_000,
                "load": true, "aliases": ["b"], "indexes": ["vector"], "partitions": [partition],
            })
        };
        document(json!({
            "dry_run": true, "name": "nightly", "milvus": "v2.3.5", "address": "db:19530", "collections_in_backup": 4,
            "databases_to_create": ["shop2"], "staging": staging, "staged_objects": staging.map_or(0, |_| 5), "jobs": 3, "objects": 84, "bytes": 12_582_912,
            "collections": [
                collection("default.books", "default.books", "create"),
                collection("shop.orders", "shop2.orders", "drop_and_create"),
                collection("shop.items", "shop2.items", "use"),
            ],
            "rbac": staging.is_none().then(|| json!({
                "users": ["ann", "bob"], "roles": ["reader"], "privilege_groups": [], "user_roles": 3, "grants": 1,
                "kept": ["role writer"],
            })),
            "warnings": ["an alias is taken"],
        }))
    };
    assert_snapshot!("restore_plan", restore_plan(&plan(None)));
    let mut destroying = plan(None);
    assert_eq!(
        restore_question(&destroying).unwrap(),
        "Drop 1 collection of Milvus (shop2.orders) and restore backup nightly?"
    );
    destroying.collections[1].destroyed_snapshots = vec!["monday".to_owned(), "friday".to_owned()];
    assert_eq!(
        restore_question(&destroying).unwrap(),
        "Drop 1 collection of Milvus (shop2.orders), which destroys 2 snapshots for good (monday of shop2.orders, friday \
         of shop2.orders), and restore backup nightly?"
    );
    let lines = restore_plan(&destroying);
    assert!(lines.contains("drops what is there and its snapshots monday, friday"), "{lines}");
    assert_snapshot!("restore_plan_staged", restore_plan(&plan(Some("the backup is in another bucket"))));
}

fn report_of_restore() -> RestoreReport {
    let restored = |name: &str, outcome: &str, error: Value| {
        let mut restored = json!({
            "source": name, "target": name, "outcome": outcome, "created": outcome != "not_begun",
            "partitions": [{"name": "_default", "rows": 9990, "rows_min": 9988, "rows_max": 10_000}],
        });
        if !error.is_null() {
            restored["error"] = error;
        }
        restored
    };
    let error = json!({"kind": "partial", "message": "default.orders: import job 7 failed", "hint": "see the log of Milvus"});
    document(json!({
        "dry_run": false, "name": "nightly", "rows": 9990, "rows_min": 9988, "rows_max": 10_000, "seconds": 21.4,
        "collections": [
            restored("default.books", "done", Value::Null),
            restored("default.orders", "failed", error),
            restored("default.items", "not_begun", Value::Null),
        ],
        "warnings": [], "exit_code": 6,
    }))
}

#[test]
fn restore_reports() {
    let report = report_of_restore();
    assert_snapshot!("restore_failure", restore_failure(&report));
    assert_snapshot!("restore_report", restore_report(&report));
}

fn shown_job(fields: Value) -> String {
    let shown: Job = document(fields);
    let result = shown.result.as_ref().map(|result| describe_result(result, &CommandTerms::default()));
    job(&shown, &result.unwrap_or_default())
}

fn job_document(state: &str) -> Value {
    let part = |done, all| json!({"done": done, "all": all});
    json!({
        "id": "0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55", "kind": "backup", "backup": "nightly", "state": state,
        "cancelling": false, "ahead": null, "by": "ci", "request": {"filter": "shop.*"},
        "created": "2026-11-22T14:58:20Z", "started": "2026-11-22T14:58:21Z", "ended": null,
        "progress": {
            "phase": "copy", "percent": 25, "objects": part(1, 4), "bytes": part(1024, 4096),
            "import_jobs": part(0, 0), "bytes_per_second": 512, "seconds_left": 6, "deleted": 0,
            "milvus": "v2.3.5", "address": "db:19530", "how": "serial_flush", "selected": 2, "databases": 1,
            "collections": [
                {"name": "shop.items", "phase": "failed", "reason": "rows are missing", "objects": part(0, 0), "bytes": part(0, 0), "import_jobs": part(0, 0), "rows": 0},
                {"name": "shop.orders", "phase": "copying", "objects": part(1, 4), "bytes": part(1024, 4096), "import_jobs": part(0, 0), "rows": 0},
            ],
            "warnings": ["garbage collection is not paused"], "notes": [],
        },
        "result": null, "error": null,
    })
}

#[test]
fn lists_of_jobs() {
    let mut ended = job_document("succeeded");
    ended["ended"] = json!("2026-11-22T15:08:21Z");
    let page: JobPage =
        document(json!({"jobs": [job_document("running"), ended], "next_page_token": "next"}));
    assert_snapshot!("jobs_list", jobs(&page));
}

#[test]
fn details_of_jobs() {
    assert_snapshot!("jobs_show_running", shown_job(job_document("running")));
    let mut failed = job_document("failed");
    failed["ended"] = json!("2026-11-22T15:08:21Z");
    failed["error"] = json!({"kind": "unreachable", "message": "cannot connect", "context": "while flushing", "hint": "check the address"});
    assert_snapshot!("jobs_show_failed", shown_job(failed));
    let mut partial = job_document("partial");
    partial["result"] = report_of_backup();
    assert_snapshot!("jobs_show_backup", shown_job(partial));
    let mut restore = job_document("partial");
    restore["kind"] = json!("restore");
    restore["result"] = serde_json::to_value(report_of_restore()).unwrap();
    assert_snapshot!("jobs_show_restore", shown_job(restore));
}

#[test]
fn positions_in_the_queue_and_cancellations() {
    let states = [(0, false), (1, false), (12, false), (0, true)].map(|(ahead, cancelling)| {
        let mut queued = job_document("queued");
        queued["ahead"] = json!(ahead);
        queued["cancelling"] = json!(cancelling);
        let queued: Job = document(queued);
        format!("{}: {}", super::super::text::state(&queued), cancelled(&queued))
    });
    assert_snapshot!("jobs_cancel", states.concat());
}

#[test]
fn checks() {
    let checks: CheckReport = document(json!({"ok": false, "checks": [
        {"state": "ok", "subject": "Milvus", "detail": "2.3.5 at db:19530"},
        {"state": "fail", "subject": "backup storage", "detail": "cannot write", "hint": "grant the permission"},
    ]}));
    assert_snapshot!("check", checks.to_string());
}
