//! Every kind of error that the program itself prints, with its hint, as recorded.

use std::fmt::Write;

use insta::assert_snapshot;
use serde_json::json;
use testkit::fake::Fault;

use crate::serving::World;
use crate::tool::{NOWHERE, Tool};

/// Runs command lines that fail, and returns what each prints.
fn printed(tool: &Tool, command_lines: &[&str]) -> String {
    let mut text = String::new();
    for line in command_lines {
        let run = tool.run(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(run.stdout, "", "{line}");
        // Writing to a String cannot fail.
        let _ = write!(text, "$ milvus-backup {line}\n{}[exit code {}]\n\n", run.stderr, run.code.unwrap());
    }
    text
}

#[test]
fn requests_that_are_invalid() {
    let tool = Tool::new(NOWHERE);
    tool.write("file", "");
    let lines = [
        "create -n a+b",
        "create --filter a..b",
        "create -a []",
        "create --backup_index_extra",
        "create --format tar",
        "create --strategy snapshot",
        "create --strategy none",
        "create --detach",
        "list --collection books",
        "list --state lost",
        "get",
        "get --detail=perhaps -n x",
        "get -n nothing",
        "delete -n nothing",
        "restore -n x -c a --filter b",
        "restore -n x --rename a",
        "restore -n x --suffix -",
        "restore secondary",
        "migrate",
        "l0compact -n nothing",
        "l0compact -n x --into a --output b",
        "l0compact -n x --into a/b",
        "jobs show ..",
        "jobs list --limit 0",
        "server --port x",
        "server token a:b read",
        "server token ci boss",
        "server password ops admin",
        "man file",
    ];
    assert_snapshot!("requests", printed(&tool, &lines));
}

#[test]
fn servers_that_cannot_be_used() {
    let tool = Tool::without_config();
    tool.write("empty", "");
    let lines = [
        "list --config= --token-file empty",
        "list --server ftp://h",
        "list --server http://user:secret@h",
        "list --server http://127.0.0.1:1",
        "list --server http://127.0.0.1:1 --token-file none",
        "list --server http://127.0.0.1:1 --token-file empty",
        "list --server https://127.0.0.1:1 --server-ca none.pem",
        "list --server https://127.0.0.1:1 --server-ca empty",
    ];
    assert_snapshot!("servers", printed(&tool, &lines));
}

#[test]
fn milvus_and_stores_that_cannot_be_reached() {
    let tool = Tool::new(NOWHERE);
    assert_snapshot!("unreachable_milvus", printed(&tool, &["create -n x --progress none"]));
    let store = "configVersion: v2\nmilvus:\n  storage: {address: 127.0.0.1, port: 1}\n";
    assert_snapshot!("unreachable_store", printed(&Tool::new(store), &["list"]));
}

#[tokio::test]
async fn calls_that_milvus_rejects() {
    let with_login = World::with_login("root:right");
    let denied = World::new();
    // One collection, because several are backed up at the same time.
    denied.create_collection("books", 5).await;
    denied.fake.inject(Fault::Denied { call: "Flush" });
    let mut text = String::new();
    for world in [with_login, denied] {
        let config = json!({
            "configVersion": "v2",
            "milvus": {
                "user": "root",
                "password": "wrong",
                "grpc": { "address": world.fake.host(), "port": world.fake.port() },
                "management": { "endpoint": "" },
                "storage": { "provider": "local", "rootPath": world.path("milvus") },
            },
        });
        // JSON is YAML.
        text += &printed(&Tool::new(&config.to_string()), &["create -n x --progress none"]);
        text = text.replace(&world.fake.port().to_string(), "PORT");
    }
    assert_snapshot!("rejected_calls", text);
}
