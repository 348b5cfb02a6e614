//! `inspect`: what a backup holds according to its files, without a Milvus.

use reqwest::Method;
use serde_json::{Value, json};

use crate::documents::{copy_fixture, root_with_l0};
use crate::rest_v2::Api;
use crate::serving::World;
use crate::tool::Tool;

fn inspect(tool: &Tool, arguments: &[&str]) -> Value {
    let arguments = [&["inspect"], arguments, &["-o", "json"]].concat();
    serde_json::from_str(&tool.run(&arguments).exits_with(0).stdout).unwrap()
}

#[test]
fn live_rows_and_ranges_are_read_from_the_files() {
    let tool = root_with_l0();
    let all = inspect(&tool, &["nightly"]);
    let collections = all["collections"].as_array().unwrap();
    let counts: Vec<_> = collections
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["live_rows"].as_u64().unwrap()))
        .collect();
    let expected =
        [("default.del", 147), ("default.alltypes", 300), ("default.delstr", 20), ("default.sparse", 200)];
    assert_eq!(counts, expected);
    let del = inspect(&tool, &["latest", "del"]);
    let del = &del["collections"][0];
    assert_eq!((&del["rows"], &del["l0_segments"]), (&155.into(), &5.into()));
    let partitions = del["partitions"].as_array().unwrap();
    let segments: Vec<&Value> = partitions.iter().flat_map(|it| it["segments"].as_array().unwrap()).collect();
    let sum = |key: &str| segments.iter().map(|segment| segment[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("rows"), sum("live_rows")), (155, 147));
    let highest = segments.iter().map(|segment| segment["last_key"].as_i64().unwrap()).max();
    assert_eq!(highest, Some(1000));
    for segment in segments {
        assert_eq!(segment["format"], "v1");
        assert!(segment["bytes"]["v"].as_u64().unwrap() > 0, "{segment}");
        assert!(segment["first_time"].as_str().unwrap().starts_with("2026-"), "{segment}");
    }
    let text = tool.run(&["inspect", "nightly", "delstr"]).exits_with(0).stdout;
    assert!(
        text.contains("PARTITION") && text.contains("\"k9\"") && text.contains("L0 segments: 1"),
        "{text}"
    );
}

#[test]
fn a_segment_that_cannot_be_read_is_odd_and_hides_no_other() {
    let tool = root_with_l0();
    let del = inspect(&tool, &["nightly", "del"]);
    let partition = del["collections"][0]["partitions"].as_array().unwrap()[0].clone();
    let broken = partition["segments"][0]["id"].to_string();
    let mut directories = vec![tool.path("backup/nightly/binlogs/insert_log")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().unwrap() == broken.as_str() {
                std::fs::remove_dir_all(path).unwrap();
            } else if path.is_dir() {
                directories.push(path);
            }
        }
    }
    let del = inspect(&tool, &["nightly", "del"]);
    let del = &del["collections"][0];
    assert_eq!(del["live_rows"], Value::Null);
    let segments = del["partitions"][0]["segments"].as_array().unwrap();
    let odd: Vec<bool> =
        segments.iter().map(|segment| !segment["odd"].as_array().unwrap().is_empty()).collect();
    assert_eq!(odd, [true, false, false, false]);
    assert!(segments[0]["odd"][0].as_str().unwrap().contains(&broken), "{}", segments[0]);
    let text = tool.run(&["inspect", "nightly", "del"]).exits_with(0).stdout;
    assert!(text.contains("unreadable") && text.contains(&format!("Odd: segment {broken}")), "{text}");
}

#[test]
fn missing_and_surplus_files_of_any_column_are_odd() {
    let tool = root_with_l0();
    let whole = inspect(&tool, &["nightly"]);
    for collection in whole["collections"].as_array().unwrap() {
        assert_eq!(collection["odd"], json!([]), "{collection}");
    }
    let segments = &whole["collections"][0]["partitions"][0]["segments"];
    let id = segments[0]["id"].to_string();
    // The files of the vectors: the largest directory of the segment.
    let mut directories = vec![tool.path("backup/nightly/binlogs/insert_log")];
    let mut of_segment = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                directories.push(entry);
            } else if entry.components().any(|part| part.as_os_str() == id.as_str()) {
                of_segment.push(entry);
            }
        }
    }
    let vectors = of_segment.iter().max_by_key(|file| std::fs::metadata(file).unwrap().len()).unwrap();
    std::fs::rename(vectors, vectors.with_file_name("999999")).unwrap();
    let del = inspect(&tool, &["nightly", "del"])["collections"][0].take();
    assert_eq!(del["live_rows"], 147, "the keys can be read");
    let odd: Vec<&str> = del["odd"].as_array().unwrap().iter().map(|odd| odd.as_str().unwrap()).collect();
    assert!(odd.len() == 2 && odd[0].contains(&id) && odd[0].ends_with("is missing"), "{odd:?}");
    assert!(odd[1].contains("has files that the manifest does not list"), "{odd:?}");
    let text = tool.run(&["inspect", "nightly"]).exits_with(0).stdout;
    assert!(text.contains("Odd: default.del: ") && text.contains("is missing"), "{text}");
}

#[tokio::test]
async fn the_server_answers_what_the_command_prints() {
    let world = World::new();
    copy_fixture("m2527_l0", &world.path("backup/nightly"));
    let api = Api::start(&world).await;
    let printed = inspect(&root_with_l0(), &["nightly", "delstr"]);
    let path = "/backups/latest/inspect?collection=delstr";
    let answered = api.send("GET", path, None, &[]).await.has_status(200).json();
    assert_eq!(answered, printed);
    assert_eq!(answered["collections"][0]["live_rows"], 20);
    api.serving.logs(r#"action="inspect" subject="latest default.delstr" result="accepted""#).await;
    let all = api.send("GET", "/backups/nightly/inspect", None, &[]).await.has_status(200).json();
    assert_eq!(all["collections"].as_array().unwrap().len(), 4);
    let missing = api.send("GET", "/backups/nightly/inspect?collection=none", None, &[]).await;
    assert!(missing.has_status(404).json()["detail"].as_str().unwrap().contains("default.none"));
    api.serving.logs(r#"action="inspect" subject="nightly default.none" result="not_found""#).await;
}

#[tokio::test]
async fn keys_of_rows_are_shown_to_callers_that_may_restore() {
    let world = World::new();
    let (token, item) = crate::server_access::create_token("backup");
    let serving = world.serve(json!({ "tokens": [item] }), &[]);
    for name in ["nightly", "..%2Fx"] {
        let request = serving.request(Method::GET, &format!("/api/v2/backups/{name}/inspect"));
        let response = request.bearer_auth(&token).send().await.unwrap();
        assert_eq!(response.status(), 403, "{name}");
    }
    serving.logs(r#"who="backup" role="backup" action="inspect" subject="nightly" result="forbidden""#).await;
}
