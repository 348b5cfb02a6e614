//! Backups whose row counts differ from those that a simulated Milvus reports, as seen by a script.

use serde_json::{Value, json};
use testkit::fake::Fault;

use crate::serving::World;
use crate::tool::{Run, Tool};

const REASON: &str = "the flushed segments of default.books contain 5 rows, but Milvus counts 8";

/// Creates two collections; for one of them, Milvus always reports three rows more than its segments contain.
async fn world_with_missing_rows() -> World {
    let world = World::with_books().await;
    world.fake.inject(Fault::CountsMore { collection: "books".to_owned(), rows: 3, times: u32::MAX });
    world
}

/// Runs a command with a configuration for this world.
fn run(world: &World, arguments: &[&str]) -> Run {
    Tool::new(&world.config().to_string()).run(arguments)
}

#[tokio::test]
async fn the_collection_is_left_out_by_name_with_exit_code_6() {
    let world = world_with_missing_rows().await;
    let made = run(&world, &["create", "-n", "b"]).exits_with(6);
    assert!(made.stdout.starts_with("Backup b is complete: 1 collection, 4 rows"), "{}", made.stdout);
    assert!(
        made.stdout.contains(&format!("failed: default.books: {REASON} (exit code 6)")),
        "{}",
        made.stdout
    );
    assert!(made.stdout.contains("hint: inspect the logs of Milvus"), "{}", made.stdout);

    let got = run(&world, &["get", "-n", "b"]).exits_with(0).stdout;
    assert!(got.lines().any(|line| line.starts_with("Failed:") && line.ends_with("default.books")), "{got}");

    let json = run(&world, &["create", "-n", "c", "-o", "json"]).exits_with(6).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["failed"][0]["name"], &json["failed"][0]["reason"]),
        (&json!("default.books"), &json!(REASON))
    );
    assert_eq!((&json["collections"], &json["exit_code"]), (&json!(1), &json!(6)));
}

#[tokio::test]
async fn a_strict_backup_ends_with_exit_code_1() {
    let world = world_with_missing_rows().await;
    run(&world, &["create", "-n", "b", "--strict"])
        .exits_with(1)
        .prints_on_stderr(&[&format!("error: {REASON}")]);
    let list = run(&world, &["list"]).exits_with(0).stdout;
    assert!(list.contains("unfinished"), "{list}");
}

#[tokio::test]
async fn every_api_reports_the_left_out_collection() {
    let world = world_with_missing_rows().await;
    let serving = world.serve(json!({}), &[]);
    let there = |arguments: &[&str]| {
        Tool::without_config().run(&[arguments, &["--server", &serving.url("")]].concat())
    };
    let made = there(&["create", "-n", "b"]).exits_with(6);
    assert!(made.stdout.contains(REASON), "{}", made.stdout);
    let jobs = serving.get("/api/v2/jobs").await.json();
    let job = serving.get(&format!("/api/v2/jobs/{}", jobs["jobs"][0]["id"].as_str().unwrap())).await.json();
    assert_eq!(job["result"]["failed"][0]["reason"], REASON, "{job}");
    assert!(job["error"]["message"].as_str().unwrap().contains(REASON), "{job}");
}
