//! `config show`, `config migrate`, and the errors of invalid configurations.

use insta::assert_snapshot;
use serde_json::Value;

use crate::tool::Tool;

const V1: &str = "milvus:\n  address: db\n  user: root\n  password: hunter2-secret\nminio:\n  address: store\n  secretAccessKey: mini-secret\n  backupBucketName: bak\n";

/// Returns the lines of a table that begin with one of these keys, with single spaces.
fn lines_of(table: &str, keys: &[&str]) -> String {
    let wanted = table.lines().filter(|line| keys.iter().any(|key| line.starts_with(key)));
    wanted.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[test]
fn show_prints_values_and_sources_but_no_secrets() {
    let tool = Tool::new(V1);
    let environment = [("MINIO_BACKUP_SECRET_KEY", "env-secret"), ("MILVUS_PORT", "19531")];
    let arguments = ["config", "show", "--set", "minio.token=set-secret,minio.rootPath=data"];
    let shown = tool.run_with(&arguments, &environment).exits_with(0);
    assert_eq!(shown.stderr, "");
    for secret in ["hunter2", "mini-secret", "env-secret", "set-secret"] {
        assert!(!shown.stdout.contains(secret), "{}", shown.stdout);
    }
    let keys = [
        "KEY",
        "configVersion",
        "milvus.user",
        "milvus.password",
        "milvus.grpc.port",
        "milvus.storage.address",
        "milvus.storage.rootPath",
        "milvus.storage.auth.s",
        "backup.storage.address",
        "backup.storage.bucketName",
        "backup.storage.rootPath",
        "backup.storage.auth.s",
        "transfer.concurrency",
    ];
    assert_snapshot!(lines_of(&shown.stdout, &keys), @"
    KEY VALUE SOURCE
    configVersion v1 default
    milvus.user root backup.yaml:3
    milvus.password **** backup.yaml:4
    milvus.grpc.port 19531 env MILVUS_PORT
    milvus.storage.address store backup.yaml:6 (minio.address)
    milvus.storage.addressing auto default
    milvus.storage.rootPath data --set (minio.rootPath)
    milvus.storage.auth.secretAccessKey **** backup.yaml:7 (minio.secretAccessKey)
    milvus.storage.auth.sessionToken **** --set (minio.token)
    backup.storage.address store backup.yaml:6 (minio.address)
    backup.storage.addressing auto default
    backup.storage.bucketName bak backup.yaml:8 (minio.backupBucketName)
    backup.storage.rootPath data --set (minio.rootPath)
    backup.storage.auth.secretAccessKey **** env MINIO_BACKUP_SECRET_KEY
    backup.storage.auth.sessionToken **** --set (minio.token)
    transfer.concurrency 128 default
    ");
}

#[test]
fn show_prints_a_json_document() {
    let tool = Tool::new(V1);
    let run = tool.run(&["config", "show", "--output", "json"]).exits_with(0);
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&document["schema"], &document["file"]), (&"v1".into(), &"backup.yaml".into()));
    let value = |key: &str| {
        document["values"].as_array().unwrap().iter().find(|row| row["key"] == key).unwrap().to_string()
    };
    assert_snapshot!(value("milvus.password"), @r#"{"key":"milvus.password","secret":true,"source":"backup.yaml:4","value":"****"}"#);
    assert_snapshot!(value("backup.storage.address"), @r#"{"inherited_from":"minio.address","key":"backup.storage.address","source":"backup.yaml:6","source_key":"minio.address","value":"store"}"#);
    assert!(!run.stdout.contains("hunter2"), "{}", run.stdout);
}

#[test]
fn both_old_names_of_show_still_work() {
    let tool = Tool::new(V1);
    let table = tool.run(&["config", "show"]).stdout;
    for old in ["config", "backup_yaml"] {
        let run = tool
            .run(&["check", old])
            .exits_with(0)
            .prints_on_stderr(&[&format!("`check {old}` is now `config show`")]);
        assert_eq!(run.stdout, table);
    }
}

#[test]
fn errors_of_the_configuration_name_line_and_key() {
    let tells = |config: &str, text: &str| {
        let run = Tool::new(config).run(&["check"]).exits_with(2);
        assert_eq!(run.stdout, "");
        assert!(run.stderr.starts_with(&format!("error: {text}")), "{}", run.stderr);
    };
    tells(
        "milvus:\n  port: nineteen\n",
        "backup.yaml line 2: milvus.port: expected a port (1 to 65535), not \"nineteen\"\n  hint: ",
    );
    tells(
        "minio:\n  useIAM: maybe\n",
        "backup.yaml line 2: minio.useIAM: expected true or false, not \"maybe\"\n",
    );
    tells("milvus:\n  port: 1\n   address: x\n", "backup.yaml line 3: ");
    tells(
        "configVersion: v2\nmilvus:\n  grpc:\n    tlsMode: server\n    caCertPath: none.pem\n",
        "backup.yaml line 5: milvus.grpc.caCertPath: cannot read none.pem: No such file or directory",
    );
    tells(
        "storage:\n  storageType: azure\nminio: {accessKeyID: acc}\n",
        "backup.yaml line 2: storage.storageType: azure is not supported yet",
    );
    tells("configVersion: v9\n", "backup.yaml line 1: configVersion: expected v1 or v2, not \"v9\"");
}

#[test]
fn a_certificate_of_milvus_that_is_missing_does_not_stop_commands_that_use_backups_only() {
    let tool = Tool::new(
        "configVersion: v2\nmilvus:\n  grpc: {tlsMode: server, caCertPath: none.pem}\n  storage: {caCertPath: none.pem}\n\
         backup: {storage: {provider: local, rootPath: backup, caCertPath: ''}}\n",
    );
    tool.run(&["list"]).exits_with(0);
    tool.run(&["get", "nightly"]).exits_with(3);
    tool.run(&["delete", "nightly", "--yes"]).exits_with(3);
    tool.run(&["create", "nightly"]).exits_with(2);
}

#[test]
fn the_error_of_a_missing_file_names_the_searched_paths() {
    let tool = Tool::without_config();
    let run = tool.run_with(&["list"], &[("MILVUSCONF", "/etc/mb")]).exits_with(2);
    assert_snapshot!(run.stderr, @r#"
    error: there is no configuration file backup.yaml
      hint: tried backup.yaml, /etc/mb/backup.yaml, configs/backup.yaml; name a file with --config FILE, or use --config "" to run with the defaults
    "#);
    let run = tool.run(&["list", "--output", "json", "--config", "x.yml"]).exits_with(2);
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document["error"]["kind"], "usage");
    assert_eq!(document["error"]["exit_code"], 2);
}

#[test]
fn the_configuration_may_be_given_before_and_after_the_command() {
    let tool = Tool::new("x: [");
    tool.write("conf/other.yaml", "milvus: {port: 7}\n");
    let port =
        |arguments: &[&str]| lines_of(&tool.run(arguments).exits_with(0).stdout, &["milvus.grpc.port"]);
    let from_file = "milvus.grpc.port 7 conf/other.yaml:1 (milvus.port)\n";
    assert_eq!(port(&["--config", "conf/other.yaml", "config", "show"]), from_file);
    assert_eq!(port(&["config", "--config=conf/other.yaml", "show"]), from_file);
    assert_eq!(port(&["--config", "no", "config", "show", "--config", "conf/other.yaml"]), from_file);
    let set =
        ["--set", "milvus.grpc.port=1", "config", "show", "--config", "", "--set", "milvus.grpc.port=2"];
    assert_eq!(port(&set), "milvus.grpc.port 2 --set\n");
}

#[test]
fn unknown_keys_cause_a_warning_that_quiet_suppresses() {
    let tool = Tool::new("milvus:\n  adress: x\n");
    let stderr =
        "warning: backup.yaml line 2: unknown key milvus.adress is ignored; did you mean milvus.address?\n";
    assert_eq!(tool.run(&["config", "show"]).exits_with(0).stderr, stderr);
    assert_eq!(tool.run(&["config", "show", "-q"]).exits_with(0).stderr, "");
}

#[test]
fn migrate_writes_a_file_that_only_its_owner_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let tool = Tool::new(V1);
    let environment = [("MINIO_SECRET_KEY", "env-secret"), ("MILVUS_PORT", "19531")];
    let run = tool.run_with(&["config", "migrate", "--output", "v2.yaml"], &environment).exits_with(0);
    assert_snapshot!(run.stderr, @"
    note: MILVUS_PORT -> milvus.grpc.port (in the file)
    note: MINIO_SECRET_KEY -> MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY
    note: wrote v2.yaml, migrated from backup.yaml
    ");
    assert_eq!(run.stdout, "");
    let text = tool.read("v2.yaml");
    assert!(text.contains("hunter2-secret") && !text.contains("env-secret"), "{text}");
    assert_eq!(std::fs::metadata(tool.path("v2.yaml")).unwrap().permissions().mode() & 0o777, 0o600);

    let before = tool.run(&["config", "show"]).stdout;
    let values = |table: &str| {
        table.lines().skip(2).map(|l| l.split("  ").take(2).collect::<String>()).collect::<Vec<_>>()
    };
    let after = tool
        .run_with(&["config", "show", "--config", "v2.yaml", "--set", "milvus.grpc.port=19530"], &[])
        .stdout;
    assert_eq!(values(&before), values(&after));

    tool.run(&["config", "migrate", "-o", "v2.yaml"])
        .exits_with(2)
        .prints_on_stderr(&["v2.yaml already exists", "--force"]);
    tool.run(&["config", "migrate", "-o", "v2.yaml", "--force"]).exits_with(0);
    tool.run(&["config", "migrate", "--config", "v2.yaml"])
        .exits_with(2)
        .prints_on_stderr(&["v2.yaml is already a v2 configuration"]);
    let printed = tool.run(&["config", "migrate", "-o", "-"]).exits_with(0).stdout;
    assert_eq!(printed, tool.read("v2.yaml"));
}

#[test]
fn strict_migration_writes_nothing_that_v2_rejects() {
    let tool = Tool::new("storage: {storageType: gcpnative}\nhttp: {enabled: true}\n");
    tool.run(&["config", "migrate", "-o", "v2.yaml"]).exits_with(0).prints_on_stderr(&[
        "warning: v2 rejects",
        "note: wrote v2.yaml, migrated from backup.yaml\n",
        "note: not migrated, because v2 has no such keys: http.enabled\n",
    ]);
    tool.run(&["config", "migrate", "-o", "strict.yaml", "--strict"])
        .exits_with(2)
        .prints_on_stderr(&["auth.credentialsFile"]);
    assert!(!tool.path("strict.yaml").exists());
}

#[test]
fn the_log_file_is_written_to_the_configured_path() {
    let tool = Tool::new(
        "configVersion: v2\nlog: {file: {path: logs/b.log}, level: debug}\nmilvus: {storage: {provider: local, rootPath: data}}\n",
    );
    tool.run(&["list"]).exits_with(0).prints_on_stderr(&["note: no backups below DIR/backup\n"]);
    assert!(tool.path("logs/b.log").is_file());
    let tool = Tool::new("configVersion: v2\nlog: {file: {path: /proc/b.log}}\n");
    tool.run(&["list"])
        .exits_with(2)
        .prints_on_stderr(&["cannot write the log file /proc/b.log", "log.file.path"]);
}

#[test]
fn the_printed_sample_is_a_valid_configuration() {
    let tool = Tool::without_config();
    let sample = tool.run(&["config", "sample"]).exits_with(0).stdout;
    assert!(sample.contains("# "), "it is commented");
    tool.write("sample.yaml", &sample);
    let shown = tool.run(&["config", "show", "--config", "sample.yaml"]).exits_with(0);
    assert!(!shown.stderr.contains("warning"), "{}", shown.stderr);
}
