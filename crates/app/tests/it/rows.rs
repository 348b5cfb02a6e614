//! `rows`: the rows of a backup, read without a Milvus.

use serde_json::Value;

use crate::documents::root_with_l0;

fn parse_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the recorded rows of a collection, without the partition that the record adds, by their keys.
fn recorded(collection: &str, key: &str, partition: Option<&str>) -> Vec<Value> {
    let path = testkit::fixtures::path(&format!("rows/default.{collection}.jsonl"));
    let mut rows = parse_lines(&std::fs::read_to_string(path).unwrap());
    rows.retain(|row| partition.is_none_or(|only| row["$partition"] == only));
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("$partition");
    }
    sorted(rows, key)
}

fn sorted(mut rows: Vec<Value>, key: &str) -> Vec<Value> {
    rows.sort_by_cached_key(|row| row[key].to_string());
    rows
}

#[test]
fn the_live_rows_of_a_collection_are_one_json_object_each() {
    let tool = root_with_l0();
    for (collection, key, expected) in [("del", "id", 147), ("delstr", "pk", 20)] {
        let rows = parse_lines(&tool.run(&["rows", "nightly", collection]).exits_with(0).stdout);
        assert_eq!(rows.len(), expected);
        assert_eq!(sorted(rows, key), recorded(collection, key, None));
    }
    let latest = tool.run(&["rows", "latest", "default.del", "-o", "json"]).exits_with(0).stdout;
    assert_eq!(latest.lines().count(), 147);
    let named = tool.run(&["rows", "-n", "nightly", "del"]).exits_with(0).stdout;
    assert_eq!(named, latest);
}

#[test]
fn columns_partitions_and_numbers_of_rows_can_be_chosen() {
    let tool = root_with_l0();
    let chosen =
        tool.run(&["rows", "nightly", "del", "--columns", "n,id", "--limit", "3"]).exits_with(0).stdout;
    assert_eq!(chosen.lines().count(), 3);
    assert!(chosen.starts_with(r#"{"n":"#) && !chosen.contains(r#""v""#), "{chosen}");
    let all = recorded("del", "id", None);
    let partition = |name: &str| {
        let rows = tool.run(&["rows", "nightly", "del", "--partition", name]).exits_with(0).stdout;
        let rows = sorted(parse_lines(&rows), "id");
        assert_eq!(rows, recorded("del", "id", Some(name)));
        rows.len()
    };
    let detail = tool.run(&["get", "nightly", "--detail", "-o", "json"]).exits_with(0).stdout;
    let detail: Value = serde_json::from_str(&detail).unwrap();
    let collections = detail["collections"].as_array().unwrap();
    let del = collections.iter().find(|it| it["name"] == "default.del").unwrap();
    let names = del["partitions"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
    assert_eq!(names.map(partition).sum::<usize>(), all.len());
    assert_eq!(tool.run(&["rows", "nightly", "del", "--limit", "0"]).exits_with(0).stdout, "");
}

#[test]
fn a_filter_chooses_rows_by_fields_that_need_not_be_shown() {
    let tool = root_with_l0();
    let all = recorded("del", "id", None);
    let wanted = |row: &&Value| {
        let [id, n] = ["id", "n"].map(|key| row[key].as_i64().unwrap());
        (id > 20 && id <= 90) || n == 2
    };
    let expected: Vec<Value> = all.iter().filter(wanted).cloned().collect();
    assert!(!expected.is_empty() && expected.len() < all.len());
    let run = |arguments: &[&str]| {
        let base = ["rows", "nightly", "del", "--where", "20 < id <= 90 or n == 2"];
        parse_lines(&tool.run(&[&base[..], arguments].concat()).exits_with(0).stdout)
    };
    assert_eq!(sorted(run(&[]), "id"), expected);
    assert_eq!(run(&["--limit", "2"]).len(), 2);
    let ids = sorted(run(&["--columns", "id"]), "id");
    let expected: Vec<Value> = expected.iter().map(|row| serde_json::json!({"id": row["id"]})).collect();
    assert_eq!(ids, expected);
    assert_eq!(
        tool.run(&["rows", "nightly", "del", "--where", "id < 0 and id > 0"]).exits_with(0).stdout,
        ""
    );
    tool.run(&["rows", "nightly", "del", "--where", "idd > 5"])
        .exits_with(2)
        .prints_on_stderr(&["character 1 of the filter", "did you mean \"id\"?"]);
}

#[test]
fn what_does_not_exist_is_named_with_what_does() {
    let tool = root_with_l0();
    for (arguments, code, expected) in [
        (["rows", "nightly", "dell"].as_slice(), 3, "has no collection default.dell; it has default.del,"),
        (&["rows", "nightly", "del", "--columns", "nn"], 3, "has no field nn; it has "),
        (&["rows", "nightly", "del", "--partition", "new"], 3, "has no partition new; it has"),
        (&["rows", "nightli", "del"], 3, "did you mean nightly"),
        (&["rows", "nightly"], 2, "rows NAME COLLECTION"),
    ] {
        tool.run(arguments).exits_with(code).prints_on_stderr(&[expected]);
    }
    let damaged = tool.path("backup/nightly/binlogs/insert_log");
    std::fs::remove_dir_all(damaged).unwrap();
    tool.run(&["rows", "nightly", "del"]).exits_with(7).prints_on_stderr(&["collection"]);
}
