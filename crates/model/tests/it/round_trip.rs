//! Property tests: every written manifest is read back, and any bytes are read without panic.

use milvus_backup_model as model;

use model::layout::backup::ManifestFile;
use model::manifest::{Manifest, json};
use proptest::prelude::*;

use crate::any_manifest::manifest;
use crate::fixtures::{BACKUPS, full, meta};

fn written(write: impl FnOnce(&mut Vec<u8>) -> Result<(), json::JsonError>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    bytes
}

fn read_everything(bytes: &[u8]) {
    let _ = json::read_full(bytes);
    let _ = json::read_backup_meta(bytes);
    let head = &b"{\"id\":\"a\"}"[..];
    for files in [[bytes, &b"{}"[..], &b"{}"[..]], [b"{}", bytes, b"{}"], [b"{}", b"{}", bytes]] {
        let [collections, partitions, segments] = files;
        let _ = json::read_levels(head, collections, partitions, segments);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn the_full_tree_reads_back(manifest in manifest(), root in "(/?[a-z]{1,3}){0,2}/?") {
        let bytes = written(|to| json::write_manifest_file(ManifestFile::Full, &manifest, &root, to));
        prop_assert_eq!(json::read_full(&bytes[..]).unwrap(), Manifest { summary: None, ..manifest });
    }

    #[test]
    fn the_head_reads_back(manifest in manifest()) {
        let bytes = written(|to| json::write_manifest_file(ManifestFile::Head, &manifest, "files", to));
        let head = Manifest { databases: Vec::new(), collections: Vec::new(), rbac: None, cluster_flush: None, ..manifest };
        prop_assert_eq!(json::read_backup_meta(&bytes[..]).unwrap(), head);
    }

    #[test]
    fn the_levels_read_back(manifest in manifest()) {
        let head = written(|to| json::write_manifest_file(ManifestFile::Head, &manifest, "files", to));
        let collections = written(|to| json::write_manifest_file(ManifestFile::Collections, &manifest, "files", to));
        let partitions = written(|to| json::write_manifest_file(ManifestFile::Partitions, &manifest, "files", to));
        let segments = written(|to| json::write_manifest_file(ManifestFile::Segments, &manifest, "files", to));
        let read = json::read_levels(&head[..], &collections[..], &partitions[..], &segments[..]).unwrap();
        prop_assert_eq!(read, Manifest { databases: Vec::new(), rbac: None, cluster_flush: None, ..manifest });
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, text: String) {
        read_everything(&bytes);
        read_everything(text.as_bytes());
    }

    #[test]
    fn damaged_files_are_read_without_panic(
        backup in prop::sample::select(&BACKUPS[..]),
        file in prop::sample::select(vec!["full_meta.json", "collection_meta.json", "segment_meta.json"]),
        at: prop::sample::Index, byte: u8, cut: bool,
    ) {
        let mut bytes = meta(backup, file);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        read_everything(&bytes);
    }
}

#[test]
fn a_truncated_file_is_an_error() {
    let bytes = written(|to| json::write_manifest_file(ManifestFile::Full, &full("some_v0415"), "files", to));
    for end in (0..bytes.len()).step_by(97) {
        assert!(json::read_full(&bytes[..end]).is_err(), "{end} of {} bytes", bytes.len());
    }
}
