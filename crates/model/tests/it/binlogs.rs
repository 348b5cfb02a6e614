//! Tests with binlogs and delta logs that Milvus 2.2 and 2.3 wrote.

use std::fs;

use milvus_backup_model as model;

use model::binlog::{BinlogError, delta_entries, insert_content};
use model::ids::PartitionScope;
use model::layout::backup::BackupLayout;
use proptest::prelude::*;

use crate::fixtures::{backup_dir, full};

/// Reads every delta log (`deletes`) or insert binlog of a fixture, with its collection and the rows of its segment.
fn read_files(backup: &str, deletes: bool) -> Vec<(String, u64, Vec<u8>)> {
    let layout = BackupLayout::new(&"".into(), &"b".parse().unwrap());
    let mut files = Vec::new();
    for c in full(backup).collections {
        for s in c.partitions.iter().flat_map(|p| &p.segments) {
            let PartitionScope::One(partition) = s.partition else { continue };
            let keys: Vec<_> = if deletes {
                s.delta_logs
                    .iter()
                    .map(|d| layout.delta_key(c.id, s.partition, s.group_id, s.id, d.log))
                    .collect()
            } else {
                s.binlogs
                    .iter()
                    .map(|b| layout.insert_key(c.id, partition, s.group_id, s.id, b.field, b.log))
                    .collect()
            };
            for key in keys {
                let path = backup_dir(backup).join(key.relative_to(layout.dir()).unwrap());
                files.push((c.name.to_string(), s.rows, fs::read(path).unwrap()));
            }
        }
    }
    files
}

#[test]
fn the_deletes_of_the_fixtures_are_counted() {
    for backup in ["full_v0415", "full_v0516", "m2216_v0516"] {
        let files = read_files(backup, true);
        let deletes = |name| {
            files
                .iter()
                .filter(|(c, ..)| c == name)
                .map(|(_, _, file)| delta_entries(file).unwrap())
                .sum::<u64>()
        };
        assert_eq!((deletes("default.books"), deletes("default.tenants")), (5, 2), "{backup}");
        assert_eq!(files.len(), 6);
    }
}

#[test]
fn an_insert_binlog_is_summarised_from_its_end() {
    for backup in ["some_v0415", "m2216_v0516"] {
        for (name, rows, file) in read_files(backup, false) {
            let whole = insert_content(&file).unwrap();
            assert_eq!(whole.rows, rows, "{name}");
            // Another time in the header of the descriptor, as if the same rows had been written again.
            let mut repeated = file.clone();
            repeated[4] ^= 1;
            assert_eq!(insert_content(&repeated), Some(whole), "{name}");
            assert_eq!(insert_content(&file[100..]).map(|content| content.rows), Some(rows), "{name}");
            assert_eq!(insert_content(&file[file.len() - 20..]), None, "{name}");
        }
    }
}

#[test]
fn an_insert_binlog_is_not_read_as_a_delta_log() {
    for (name, _, file) in read_files("some_v0415", false) {
        assert_eq!(delta_entries(&file), Err(BinlogError::Kind(1)), "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
        let _ = delta_entries(&bytes);
        let (_, _, mut file) = read_files("some_v0415", true).remove(0);
        let _ = delta_entries(&[&file[..4], &bytes].concat());
        let at = at.index(file.len());
        file[at] = byte;
        let _ = delta_entries(&file);
        let _ = delta_entries(&file[..at]);
        let _ = insert_content(&file[..at]);
    }
}
