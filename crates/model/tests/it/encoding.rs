//! Tests of each rule of the Go releases' JSON encoding.

use std::error::Error;
use std::io;

use milvus_backup_model as model;

use model::ids::{LogId, PartitionScope, Tso};
use model::layout::backup::ManifestFile;
use model::manifest::{
    BackupFormat, CollectionBackup, LoadState, Manifest, ManifestSummary, Rbac, User, json,
};
use model::segment::SegmentKind;

fn read_full(text: &str) -> Result<Manifest, json::JsonError> {
    json::read_full(text.as_bytes())
}

fn read_collection(keys: &str) -> CollectionBackup {
    let mut manifest = read_full(&format!(r#"{{"id":"a","collection_backups":[{{{keys}}}]}}"#)).unwrap();
    manifest.collections.remove(0)
}

fn written(manifest: &Manifest) -> String {
    let mut bytes = Vec::new();
    json::write_manifest_file(ManifestFile::Full, manifest, "files", &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn message(error: &json::JsonError) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

#[test]
fn keys_match_without_case_and_the_last_one_wins() {
    let manifest =
        read_full(r#"{"ID":"a","NAME":"x","name":"y","Milvus_Version":"v2","who":{"knows":[1,null]}}"#)
            .unwrap();
    assert_eq!((manifest.name.as_str(), manifest.milvus_version.as_str()), ("y", "v2"));
}

#[test]
fn null_is_a_missing_value() {
    let manifest =
        read_full(r#"{"id":"a","name":null,"size":null,"collection_backups":null,"rbac_meta":null}"#)
            .unwrap();
    assert_eq!(manifest, Manifest { id: "a".to_owned(), ..Manifest::default() });
    let c = read_collection(
        r#""schema":null,"partition_backups":[null],"load_state":null,"backup_timestamp":null"#,
    );
    assert_eq!((c.partitions.len(), c.load_state, c.backup_timestamp), (1, LoadState::NotLoad, None));
    assert_eq!(c.name.to_string(), "default.");
}

#[test]
fn numbers_are_exact_or_errors() {
    let c = read_collection(r#""collection_id":470642651402076409,"backup_timestamp":18446744073709551615"#);
    assert_eq!((c.id.0, c.backup_timestamp), (470_642_651_402_076_409, Some(Tso(u64::MAX))));
    for broken in [r#""5""#, "1.0", "1e3", "-1", "\"Strong\"", "true", "[]", "{}", "18446744073709551616"] {
        let error = read_full(&format!(r#"{{"id":"a","size":{broken}}}"#)).unwrap_err();
        assert!(matches!(error, json::JsonError::Damaged(_)), "{broken}");
    }
}

#[test]
fn json_without_a_backup_is_an_error_with_the_reason() {
    assert_eq!(message(&read_full("{}").unwrap_err()), "the JSON contains no backup name");
    let error = message(&read_full(r#"{"id":"a","collection_backups":[{"shards_num":"2"}]}"#).unwrap_err());
    assert!(error.starts_with("not the JSON of a backup: invalid type: string"), "{error}");
    assert!(error.contains("line 1 column"), "{error}");
    for text in ["", "null", "[]", "{\"id\":\"a\"} x", "{\"id\":\"a\"", "\u{feff}{}"] {
        assert!(read_full(text).is_err(), "{text}");
    }
}

#[test]
fn a_failing_reader_is_not_reported_as_a_damaged_file() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    impl io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("full"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    assert!(matches!(json::read_full(Broken), Err(json::JsonError::Io(_))));
    assert!(matches!(
        json::write_manifest_file(ManifestFile::Full, &Manifest::default(), "", Broken),
        Err(json::JsonError::Io(_))
    ));
}

#[test]
fn the_forms_of_a_delete_log() {
    for (logs, expected) in [
        ("", vec![]),
        (r#","deltalogs":null"#, vec![]),
        (r#","deltalogs":[]"#, vec![]),
        (r#","deltalogs":[{}]"#, vec![]),
        (
            r#","deltalogs":[{"fieldID":9,"binlogs":[{"log_path":"f/delta_log/1/2/3/9","log_size":7}]}]"#,
            vec![(9, 7)],
        ),
        (
            r#","deltalogs":[{"binlogs":[{"log_path":"x","log_size":7,"log_id":9},{"log_id":8}]}]"#,
            vec![(8, 0), (9, 7)],
        ),
    ] {
        let c = read_collection(&format!(
            r#""partition_backups":[{{"segment_backups":[{{"segment_id":3{logs}}}]}}]"#
        ));
        let found: Vec<_> =
            c.partitions[0].segments[0].delta_logs.iter().map(|d| (d.log.0, d.size)).collect();
        assert_eq!(found, expected, "{logs}");
    }
}

#[test]
fn a_file_without_any_id_is_an_error() {
    let text = r#"{"id":"a","collection_backups":[{"partition_backups":[{"segment_backups":[{"binlogs":
        [{"fieldID":100,"binlogs":[{"log_path":"files/insert_log/1/2/3/100/","log_size":5}]}]}]}]}]}"#;
    assert!(message(&read_full(text).unwrap_err()).contains("neither log_id nor"));
}

#[test]
fn ids_have_priority_over_paths() {
    let c = read_collection(
        r#""partition_backups":[{"partition_id":2,"segment_backups":[{"segment_id":3,"binlogs":[
            {"fieldID":101,"binlogs":[{"log_path":"a/b/6","log_size":1}]},
            {"binlogs":[{"log_path":"other/5","log_id":4}]}]}]}]"#,
    );
    let segment = &c.partitions[0].segments[0];
    let files: Vec<_> = segment.binlogs.iter().map(|b| (b.field.0, b.log)).collect();
    assert_eq!(files, [(0, LogId(4)), (101, LogId(6))]);
    assert_eq!((segment.partition.to_wire(), segment.group_id), (2, None));
}

#[test]
fn segments_of_all_partitions_are_l0() {
    let c = read_collection(r#""l0_segments":[{"segment_id":3,"partition_id":-1}]"#);
    assert_eq!(c.shared_segments[0].partition, PartitionScope::All);
    assert_eq!(c.shared_segments[0].kind, SegmentKind::Deletes);
}

#[test]
fn properties_are_united() {
    let c = read_collection(
        r#""properties":[{"key":"ttl","value":"1"}],
           "schema":{"properties":[{"key":"ttl","value":"2"},{"key":"mmap.enabled"}]}"#,
    );
    let found: Vec<_> = c.properties.iter().map(|p| (p.key.as_str(), p.value.as_str())).collect();
    assert_eq!(found, [("ttl", "1"), ("mmap.enabled", "")]);
    assert_eq!(c.schema.properties, c.properties);
}

#[test]
fn default_values_of_both_forms() {
    let default = |keys: &str| {
        read_collection(&format!(r#""schema":{{"fields":[{{{keys}}}]}}"#)).schema.fields[0]
            .default_value
            .clone()
    };
    assert_eq!(default(r#""default_value_base64":"GAc=""#), Some(vec![0x18, 7]));
    assert_eq!(default(r#""default_value_proto":"\u0018\u0007""#), Some(vec![0x18, 7]));
    assert_eq!(default(r#""default_value_proto":"x","default_value_base64":"GAc=""#), Some(vec![0x18, 7]));
    assert_eq!(default(r#""default_value_base64":"GAc=","default_value_proto":"x""#), Some(vec![0x18, 7]));
    assert_eq!(default(r#""name":"n""#), None);
    assert!(
        read_full(
            r#"{"id":"a","collection_backups":[{"schema":{"fields":[{"default_value_base64":"!"}]}}]}"#
        )
        .is_err()
    );
}

#[test]
fn formats_are_distinguished() {
    for (text, expected) in [
        (r#"{"id":"a"}"#, BackupFormat::Binlog),
        (r#"{"id":"a","format":"snapshot"}"#, BackupFormat::Snapshot),
        (r#"{"id":"a","format":"tape"}"#, BackupFormat::Other("tape".to_owned())),
    ] {
        assert_eq!(read_full(text).unwrap().format, expected);
    }
}

#[test]
fn level_files_that_do_not_belong_together_are_damaged() {
    let head = &br#"{"id":"a"}"#[..];
    let collections = &br#"{"infos":[{"collection_id":1}]}"#[..];
    let error = json::read_levels(
        head,
        collections,
        &br#"{"infos":[{"partition_id":2,"collection_id":9}]}"#[..],
        &b"{}"[..],
    );
    assert_eq!(
        message(&error.unwrap_err()),
        "partition_meta.json is damaged: partition 2 belongs to collection 9, which does not exist"
    );
    let partitions = &br#"{"infos":[{"partition_id":2,"collection_id":1}]}"#[..];
    let segments = &br#"{"infos":[{"segment_id":3,"partition_id":4,"collection_id":1}]}"#[..];
    assert_eq!(
        message(&json::read_levels(head, collections, partitions, segments).unwrap_err()),
        "segment_meta.json is damaged: segment 3 belongs to partition 4 of collection 1, which does not exist"
    );
    assert_eq!(
        message(&json::read_levels(head, &b"["[..], partitions, segments).unwrap_err()),
        "collection_meta.json is damaged: not the JSON of a backup"
    );
}

#[test]
fn a_summary_of_a_later_version_counts_as_missing() {
    let head = |summary| {
        json::read_backup_meta(format!(r#"{{"id":"a","mb_summary":{summary}}}"#).as_bytes()).unwrap()
    };
    assert_eq!(head("{\"format_version\":9}").summary, None);
    assert_eq!(head("5").summary, None);
    let ours = r#"{"format_version":1,"tool":"t","taken_ms":5,"collections":1,"rows":2,"deletes":3,"objects":4,"new":0}"#;
    let expected = ManifestSummary {
        format_version: 1,
        tool: "t".to_owned(),
        taken_ms: 5,
        collections: 1,
        rows: 2,
        deletes: 3,
        objects: 4,
        snapshot_bytes: 0,
    };
    assert_eq!(head(ours).summary, Some(expected));
}

#[test]
fn zero_values_are_omitted_except_for_a_few_keys() {
    assert_eq!(written(&Manifest::default()), r#"{"state_code":2,"size":0}"#);
    let c = read_collection(
        "\"collection_id\":1,\"partition_backups\":[{\"partition_id\":2,\"segment_backups\":[{\"segment_id\":3,\
        \"binlogs\":[{\"binlogs\":[{\"log_id\":5}]}]}]}]",
    );
    let manifest = Manifest { collections: vec![c], ..Manifest::default() };
    assert_eq!(
        written(&manifest),
        "{\"state_code\":2,\"collection_backups\":[{\"collection_id\":1,\"db_name\":\"default\",\"schema\":{},\
         \"partition_backups\":[{\"partition_id\":2,\"collection_id\":1,\"segment_backups\":[{\"segment_id\":3,\
         \"collection_id\":1,\"partition_id\":2,\"binlogs\":[{\"binlogs\":[{\"log_path\":\
         \"files/insert_log/1/2/3/0/5\",\"log_size\":0,\"log_id\":5}]}],\"deltalogs\":[{}],\"size\":0,\
         \"backuped\":true}],\"size\":0,\"load_state\":\"NotLoad\"}],\"size\":0,\"has_index\":false,\"load_state\":\"NotLoad\"}],\"size\":0}"
    );
}

#[test]
fn texts_are_escaped_as_in_go() {
    let manifest = Manifest { name: "<a&b>\u{2028}\u{2029}\"é\n".to_owned(), ..Manifest::default() };
    let expected = r#"{"state_code":2,"name":"\u003ca\u0026b\u003e\u2028\u2029\"é\n","size":0}"#;
    assert_eq!(written(&manifest), expected);
}

#[test]
fn secrets_are_only_in_the_full_file() {
    let rbac = Rbac {
        users: vec![User { name: "ann".into(), password_hash: "hush".into(), roles: vec![] }],
        ..Rbac::default()
    };
    let manifest = Manifest { id: "a".into(), rbac: Some(rbac), ..Manifest::default() };
    assert!(written(&manifest).contains("hush"));
    let mut head = Vec::new();
    json::write_manifest_file(ManifestFile::Head, &manifest, "files", &mut head).unwrap();
    assert!(!String::from_utf8(head).unwrap().contains("hush"));
    assert!(!format!("{manifest:?}").contains("hush"));
}
