//! Backups of the Go tool over its routes, which show them as their own files describe them. Milvus is simulated.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use testkit::fixtures;

use crate::serving::World;

#[tokio::test]
async fn backups_of_the_go_tool_are_shown_with_all_facts_of_their_files() {
    let world = World::new();
    let names = ["filter_v0516", "full_v0415", "full_v0516", "meta_only_v0516", "some_v0415"];
    for name in names {
        copy_directory(&fixtures::path(&format!("backups/{name}")), &world.path("backup").join(name));
    }
    let serving = world.serve(json!({}), &[]);
    let list = serving.get("/api/v1/list").await.has_status(200).json();
    let listed = list["data"].as_array().unwrap();
    assert_eq!(listed.iter().map(|backup| backup["name"].as_str().unwrap()).collect::<Vec<_>>(), names);
    for (name, listed) in names.iter().zip(listed) {
        let file = fixtures::path(&format!("backups/{name}/meta/full_meta.json"));
        let mut file: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        // Later releases write 0; the state of a complete backup is 2.
        file["state_code"] = json!(2);
        let id = file["id"].as_str().unwrap();
        let shown =
            serving.get(&format!("/api/v1/get_backup?backup_name={name}")).await.has_status(200).json();
        let by_id = serving.get(&format!("/api/v1/get_backup?backup_id={id}")).await.has_status(200).json();
        assert_eq!(by_id["data"], shown["data"], "{name}");
        for shown in [listed, &shown["data"]] {
            let (wanted, shown) = (collect_facts(&file), collect_facts(shown));
            let missing: Vec<_> = wanted.difference(&shown).take(20).collect();
            assert!(missing.is_empty(), "{name}: {missing:#?}");
        }
    }
}

/// Returns every value with its keys, without its position in lists. Paths of files are cut before the kind of log,
/// because the root path of Milvus differs here.
fn collect_facts(value: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                object.iter().for_each(|(key, value)| collect(value, &format!("{path}.{key}"), found));
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, path, found)),
            Value::String(text) if path.ends_with(".log_path") => {
                let kind = ["insert_log", "delta_log"].iter().find_map(|kind| text.find(kind));
                found.insert(format!("{path} {}", &text[kind.unwrap()..]));
            }
            value => {
                found.insert(format!("{path} {value}"));
            }
        }
    }
    let mut found = BTreeSet::new();
    collect(value, "", &mut found);
    found
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_directory(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
