//! The flags of all releases: accepted, reported as deprecated, or recognised but not supported.

use crate::documents::backup_root;
use crate::tool::{NOWHERE, Tool};

/// Runs a command until it fails to reach Milvus, and returns its stderr.
fn stderr_without_milvus(arguments: &[&str]) -> String {
    Tool::new(NOWHERE).run(arguments).exits_with(5).stderr
}

#[test]
fn old_selection_flags_are_accepted_with_a_note() {
    let cases: [(&[&str], &str); 7] = [
        (&["create", "-c", "a,b.c"], "note: --colls is deprecated; use --filter 'db.coll,coll'\n"),
        (&["create", "--colls=a"], "note: --colls is deprecated; use --filter 'db.coll,coll'\n"),
        (&["create", "-d", "db"], "note: --databases is deprecated; use --filter 'db.*'\n"),
        (
            &["create", "-a", "{\"db\":[]}"],
            "note: --database_collections is deprecated; use --filter 'db.*,db.coll'\n",
        ),
        (
            &["create", "--database_collections", "{\"db\":null}"],
            "note: --database_collections is deprecated",
        ),
        (&["create", "-f"], "note: --force is deprecated; use --strategy skip_flush\n"),
        (&["create", "--meta_only"], "note: --meta_only is deprecated; use --strategy meta_only\n"),
    ];
    for (arguments, note) in cases {
        let stderr = stderr_without_milvus(arguments);
        assert!(stderr.starts_with(note), "{arguments:?}: {stderr}");
    }
    assert!(stderr_without_milvus(&["create", "--filter", "a", "-c", ""]).starts_with("error: "));
}

#[test]
fn create_uses_the_first_of_several_selection_flags_with_a_note() {
    let stderr = stderr_without_milvus(&["create", "-c", "a", "--filter", "db.*", "-d", "x"]);
    assert!(stderr.contains("note: --colls is ignored, because --filter is given\n"), "{stderr}");
    assert!(stderr.contains("note: --databases is ignored, because --filter is given\n"), "{stderr}");
    let stderr = stderr_without_milvus(&["create", "--strategy", "skip_flush", "--force", "--meta_only"]);
    assert!(stderr.contains("note: --force is ignored, because --strategy is given\n"), "{stderr}");
    let tool = Tool::new(NOWHERE);
    tool.run(&["restore", "-n", "x", "-c", "a", "--filter", "b"])
        .exits_with(2)
        .prints_on_stderr(&["--filter and --collections exclude each other"]);
    let stderr = stderr_without_milvus(&["create", "--force", "--meta_only"]);
    assert_eq!(stderr.lines().filter(|line| line.starts_with("note: ")).count(), 1, "{stderr}");
}

#[test]
fn the_name_of_a_backup_may_be_an_argument_and_other_words_are_errors() {
    let tool = Tool::new(NOWHERE);
    for command in ["get", "restore", "delete"] {
        tool.run(&[command, "x"]).exits_with(3).prints_on_stderr(&["there is no backup x "]);
        tool.run(&[command]).exits_with(2).prints_on_stderr(&["names no backup"]);
    }
    tool.run(&["get", "-n", "x", "y"]).exits_with(2).prints_on_stderr(&["unexpected word \"y\""]);
    tool.run(&["create", "x", "y"]).exits_with(2).prints_on_stderr(&["unexpected argument 'y'"]);
    tool.run(&["create", "-n", "x", "y"]).exits_with(2).prints_on_stderr(&["unexpected word \"y\""]);
    tool.run(&["list", "x"]).exits_with(2).prints_on_stderr(&["unexpected argument 'x'"]);
    tool.run(&["check", "x"]).exits_with(2);
}

#[test]
fn several_backups_are_deleted_one_after_the_other() {
    let tool = backup_root();
    let planned = tool.run(&["delete", "older", "-n", "newer", "--dry-run"]).exits_with(0).stdout;
    assert!(planned.contains("newer") && planned.contains("older"), "{planned}");
    // Nothing is deleted if one of the names is wrong.
    tool.run(&["delete", "older", "none", "newer", "--yes"]).exits_with(3).prints_on_stderr(&["none"]);
    tool.run(&["delete", "older", "latest", "--yes"]).exits_with(2).prints_on_stderr(&["latest means"]);
    assert!(tool.path("backup/older").exists() && tool.path("backup/newer").exists());
    tool.run(&["delete", "older", "newer", "older", "--yes"]).exits_with(0);
    assert!(!tool.path("backup/older").exists() && !tool.path("backup/newer").exists());
}

#[test]
fn unsupported_features_are_rejected_by_name() {
    let tool = Tool::new(NOWHERE);
    let cases: [(&[&str], &str); 7] = [
        (&["migrate", "-n", "x", "-c", "in01"], "migrate (to Zilliz Cloud)"),
        (&["create", "--backup_index_extra"], "create --backup_index_extra"),
        (
            &["restore", "secondary", "-n", "x", "--source_cluster_id", "a", "--target_cluster_id", "b"],
            "restore secondary",
        ),
        (&["create", "--strategy", "snapshot"], "snapshot is a format, not a strategy"),
        (
            &["create", "--strategy", "Auto"],
            "expected one of auto, serial_flush, bulk_flush, skip_flush, meta_only",
        ),
        (&["create", "--format", "tar"], "expected auto, binlog or snapshot"),
        (&["list", "-c", "books"], "list --collection was removed in 0.5"),
    ];
    for (arguments, text) in cases {
        let run = tool.run(arguments).exits_with(2).prints_on_stderr(&["error: ", text]);
        assert_eq!(run.stdout, "");
    }
    Tool::without_config()
        .run(&["restore", "secondary", "-n", "x", "-o", "json"])
        .exits_with(2)
        .prints_on_stderr(&["restore secondary (the standby of a cluster pair) is not supported"]);
    for fine in [
        &["create", "--rbac=false", "--format=binlog"][..],
        &["create", "--rbac"],
        &["create", "--format", "auto", "--backup-index-extra=0"],
    ] {
        stderr_without_milvus(fine);
    }
}

#[test]
fn flags_may_be_written_as_in_the_go_tool() {
    let tool = Tool::new(NOWHERE);
    for get in [
        &["get", "-n=x"][..],
        &["get", "-nx"],
        &["get", "--name=y", "-n", "x"],
        &["get", "--detail=false", "-dn", "x"],
    ] {
        tool.run(get).exits_with(3).prints_on_stderr(&["there is no backup x "]);
    }
    tool.run(&["get", "--detail=perhaps", "-n", "x"])
        .exits_with(2)
        .prints_on_stderr(&["expected true or false"]);
    for old in [
        "--meta_only",
        "--restore_index",
        "--use_auto_index",
        "--drop_exist_collection",
        "--drop_exist_index",
        "--skip_create_collection",
        "--use_v2_restore",
    ] {
        tool.run(&["restore", "-n", "x", old]).exits_with(3);
        tool.run(&["restore", "-n", "x", &format!("{}=false", old.replace('_', "-"))]).exits_with(3);
    }
    tool.run(&["restore", "--nam", "x"]).exits_with(2).prints_on_stderr(&["unexpected argument '--nam'"]);
    let run = tool.run(&["restore", "--nam", "x", "-o", "json"]).exits_with(2);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document["error"]["kind"], "usage");
    assert_eq!(document["error"]["message"], "unexpected argument '--nam' found");
}

#[test]
fn both_drop_flags_of_0_4_mean_drop() {
    let run = Tool::new(NOWHERE).run(&[
        "restore",
        "-n",
        "x",
        "--drop_exist_collection",
        "--skip_create_collection",
    ]);
    run.exits_with(3).prints_on_stderr(&[
        "note: --skip-create-collection is ignored, because --drop-exist-collection is given\n",
    ]);
}

#[test]
fn names_and_rules_are_validated_before_milvus_is_contacted() {
    let tool = Tool::new(NOWHERE);
    let cases: [(&[&str], &str); 8] = [
        (
            &["create", "-n", "a b"],
            "begins with a letter, a digit or `_`, continues with letters, digits, `_`, `-` or `.`",
        ),
        (&["create", "-n", "insert_log"], "one of Milvus's own directories"),
        (&["get"], "the request names no backup"),
        (&["delete", "-n", ".."], "cannot name a backup"),
        (&["restore", "-n", "x", "--rename", "a"], "cannot parse the rename rule"),
        (&["restore", "-n", "x", "--suffix", "-"], "suffix"),
        (&["create", "--filter", "a b"], "cannot parse the filter"),
        (&["create", "-a", "[]"], r#"hint: for example -a '{"default": ["books"]"#),
    ];
    for (arguments, text) in cases {
        tool.run(arguments).exits_with(2).prints_on_stderr(&[text]);
    }
}

#[test]
fn the_error_of_an_unreachable_milvus_names_its_address() {
    let stderr = stderr_without_milvus(&["create", "-n", "x"]);
    for part in ["error: cannot connect to Milvus at 127.0.0.1:1", "hint: "] {
        assert!(stderr.contains(part), "no {part:?} in {stderr}");
    }
    assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{stderr}");
}
