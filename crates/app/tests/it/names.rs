//! Names of backups: which are accepted, what `latest` means, and suggestions for near misses (simulated Milvus).

use serde_json::json;

use crate::serving::World;
use crate::tool::Tool;

fn write_file(world: &World, path: &str, content: &str) {
    let path = world.path(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// Creates backups one after the other, in a world with two collections.
async fn world_with_backups(names: &[&str]) -> (World, Tool) {
    let world = World::with_books().await;
    let tool = Tool::new(&world.config().to_string());
    for name in names {
        tool.run(&["create", name]).exits_with(0);
    }
    (world, tool)
}

#[tokio::test]
async fn a_new_name_may_have_digits_dots_and_dashes() {
    let (_world, tool) = world_with_backups(&["2026-11-29", "prod.v1-2"]).await;
    let list = tool.run(&["list"]).exits_with(0).stdout;
    assert!(list.contains("2026-11-29") && list.contains("prod.v1-2"), "{list}");
    tool.run(&["restore", "prod.v1-2", "--suffix", "_copy"]).exits_with(0);
    tool.run(&["delete", "2026-11-29", "prod.v1-2", "--yes"]).exits_with(0);
    let refused = tool.run(&["create", "my backup"]).exits_with(2);
    assert!(refused.stderr.contains("; for example my_backup"), "{}", refused.stderr);
}

#[tokio::test]
async fn the_api_of_the_go_tool_refuses_such_names_with_an_allowed_spelling() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let refused = serving.post("/api/v1/create", &json!({"backup_name": "2026-11.29"})).await;
    assert!(refused.text.contains("; for example _2026_11_29"), "{}", refused.text);
    let created = serving.post("/api/v2/backups", &json!({"name": "2026-11.29"})).await;
    assert_eq!(created.status, 202, "{}", created.text);
}

#[tokio::test]
async fn latest_is_the_newest_complete_backup() {
    let (world, tool) = world_with_backups(&["b-1", "a-1", "b-2", "z-1"]).await;
    write_file(&world, "backup/z-2/binlogs/insert_log/1/2/3/3/100/4", "unfinished");
    let got = |word: &str| tool.run(&["get", word]).exits_with(0).stdout;
    assert!(got("latest").contains("z-1"), "{}", got("latest"));
    assert!(got("latest(b-*)").contains("b-2"), "{}", got("latest(b-*)"));
    let restored = tool.run(&["restore", "latest(a*)", "--suffix", "_copy"]).exits_with(0).stdout;
    assert!(restored.contains("from a-1 in "), "{restored}");
    let missing = tool.run(&["get", "latest(c*)"]).exits_with(3).stderr;
    assert!(missing.contains("there is no complete backup whose name matches \"c*\""), "{missing}");

    for verb in
        [&["create", "latest"][..], &["delete", "latest", "--yes"], &["delete", "latest(z*)", "--yes"]]
    {
        let refused = tool.run(verb).exits_with(2).stderr;
        assert!(refused.contains("means the newest backup"), "{refused}");
    }
    assert_eq!(tool.run(&["list", "-o", "json"]).exits_with(0).stdout.matches("\"name\"").count(), 5);
}

#[tokio::test]
async fn a_backup_that_is_called_latest_is_meant_first() {
    let (world, tool) = world_with_backups(&["newest"]).await;
    write_file(&world, "backup/latest/meta/full_meta.json", r#"{"id":"1","name":"latest"}"#);
    write_file(&world, "backup/latest/meta/backup_meta.json", r#"{"id":"1","name":"latest"}"#);
    let got = tool.run(&["get", "latest"]).exits_with(0);
    assert!(got.stdout.contains("latest") && !got.stdout.contains("newest"), "{}", got.stdout);
    assert!(got.stderr.contains("latest is the backup of this name, not the newest one"), "{}", got.stderr);
    tool.run(&["delete", "latest", "--yes"]).exits_with(0);
    assert!(tool.run(&["get", "latest"]).exits_with(0).stdout.contains("newest"));
}

#[tokio::test]
async fn a_server_understands_latest() {
    let (world, tool) = world_with_backups(&["b-1", "b-2"]).await;
    let serving = world.serve(json!({}), &[]);
    assert_eq!(serving.get("/api/v2/backups/latest").await.json()["name"], "b-2");
    let restored =
        serving.post("/api/v2/restores", &json!({"backup": "latest(b-1*)", "suffix": "_copy"})).await;
    assert_eq!(restored.json()["backup"], "b-1");
    let url = serving.url("");
    let got = tool.run(&["get", "latest", "--server", &url]).exits_with(0).stdout;
    assert!(got.contains("b-2"), "{got}");
    assert_eq!(serving.delete("/api/v2/backups/latest").await.status, 400);
}

#[tokio::test]
async fn near_misses_are_suggested_in_the_words_of_the_request() {
    let (_world, tool) = world_with_backups(&["nightly"]).await;
    let stderr = |arguments: &[&str], code| tool.run(arguments).exits_with(code).stderr;
    for verb in ["get", "restore"] {
        let error = stderr(&[verb, "nigthly"], 3);
        assert!(
            error.contains("there is no backup nigthly below ") && error.contains("; did you mean nightly?"),
            "{error}"
        );
    }
    let error = stderr(&["delete", "nightl", "--yes"], 3);
    assert!(error.contains("; did you mean nightly?"), "{error}");
    let error = stderr(&["create", "--filter", "boks"], 3);
    assert!(error.contains("nothing matches boks (did you mean default.books?)"), "{error}");
    let error = stderr(&["restore", "nightly", "--filter", "tgas,defalt.*"], 3);
    assert!(
        error.contains(
            "nothing matches tgas (did you mean default.tags?), defalt.* (did you mean default.*?)"
        ),
        "{error}"
    );
}
