//! Recorded requests to the REST servers of the Go tool 0.4.15 and 0.5.16, repeated with our server.
//!
//! The responses of our server have the same keys with the same types, the same codes and the same meaning. The tables
//! below list the exceptions and their reasons, as does `docs/compatibility.md`.

mod recorded;
mod shape;

use crate::serving::Serving;
use crate::tool::Tool;
use model::name::CollectionRef;
use recorded::{Exchange, Release};
use serde_json::Value;
use std::time::{Duration, Instant};
use testkit::seed::Library;
use testkit::servers;
use testkit::test_milvus::TestMilvus;
use tokio::sync::OnceCell;

/// The requests for which our status reports the failure, while the Go tool answers 200 or crashes with 500.
const STATUSES: &[(&str, u16)] = &[
    ("create, name taken", 409),
    ("create, bad name", 400),
    ("create, no such collection", 404),
    ("get_backup, missing", 404),
    ("get_backup, no argument", 400),
    ("restore, collection exists", 409),
    ("restore, missing backup", 404),
    ("get_restore, missing", 404),
    ("get_restore, no argument", 400),
    ("delete, missing", 404),
    ("delete, no argument", 400),
];

/// The requests for which our code differs from that of 0.5.16, with our code and the reason. The codes of 0.4.15 are all
/// the same as ours.
const CODES: &[(&str, i64, &str)] = &[
    ("list by collection", 0, "0.4.15 filters; 0.5.16 refuses the parameter"),
    ("get_backup by id", 0, "0.5.16 does not find what its answer had no id of"),
    ("get_backup, missing", 404, "0.5.16 shows an empty backup where there is none"),
    ("restore, missing backup", 3, "0.4.15 has 3, 0.5.16 has 400"),
    ("delete, missing", 404, "0.4.15 has 404, 0.5.16 has 3"),
    ("create, name taken", 400, "0.5.16 crashes"),
];

/// The requests for which 0.5.16 returns data of another form, or none, with the reason.
const OTHER_DATA: &[(&str, &str)] = &[
    ("check", "a JSON string, as in 0.4.15"),
    ("list by collection", "0.5.16 refuses the parameter"),
    ("create sync", "0.5.16 answers no data"),
    ("create, no such collection", "0.5.16 answers no data"),
    ("create async", "0.5.16 answers no data"),
    ("get_backup by id", "0.5.16 does not find what its answer had no id of"),
    ("get_backup, missing", "0.5.16 shows an empty backup where there is none"),
];

/// The requests that are not compared, with the reason.
const NOT_COMPARED: &[(&str, &str)] =
    &[("healthz", "ours has health checks"), ("metrics", "ours has metrics")];

/// The collections that existed when the exchanges were recorded; the first test creates them.
static LIBRARY: OnceCell<()> = OnceCell::const_new();

async fn create_library(milvus: &TestMilvus) {
    let library = Library::as_recorded();
    library.drop(milvus).await.unwrap();
    library.fill(milvus).await.unwrap();
}

/// Drops the collections that an earlier run restored.
async fn drop_restored(milvus: &TestMilvus, release: Release) {
    let suffix = release.suffix();
    for (database, name) in [
        ("default", format!("tenants_{suffix}rs")),
        ("shop", format!("books_{suffix}ra")),
        ("default", format!("renamed_{suffix}")),
    ] {
        let target = CollectionRef::new(database, name);
        if milvus.has_collection(&target).await.unwrap() {
            milvus.drop_collection(&target).await.unwrap();
        }
    }
}

#[tokio::test]
async fn recorded_requests_of_0_4_15_are_answered_alike() {
    replay(Release::V0415).await;
}

#[tokio::test]
async fn recorded_requests_of_0_5_16_are_answered_alike() {
    replay(Release::V0516).await;
}

async fn replay(release: Release) {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    LIBRARY.get_or_init(|| Box::pin(create_library(&milvus))).await;
    drop_restored(&milvus, release).await;
    let tool = Tool::on_disk(&server);
    // The recorded servers had a backup to list.
    tool.run("create -n before --filter default.books,default.tenants,shop.*").exits_with(0);
    let serving = Serving::start(&tool, "");
    let mut ids = recorded::Ids::default();
    for exchange in recorded::exchanges(release) {
        if NOT_COMPARED.iter().any(|(label, _)| *label == exchange.label) {
            continue;
        }
        let (status, reply) = send_until_final(&serving, &exchange, &ids).await;
        let seen = format!("{}: {} {status} {reply}", exchange.label, exchange.path);
        assert_eq!(status, expected_status(&exchange), "{seen}");
        assert_matches_recorded(release, &exchange, &reply, &seen);
        ids.learn(&exchange.label, &reply);
    }
    drop_restored(&milvus, release).await;
}

/// Sends a recorded request; if the recorded response shows a final state, repeats it until ours does.
async fn send_until_final(serving: &Serving, exchange: &Exchange, ids: &recorded::Ids) -> (u16, Value) {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let path = ids.path_of(exchange);
        let reply = serving
            .send(exchange.method.clone(), &path, exchange.headers.clone(), exchange.body.clone())
            .await;
        let json = reply.json();
        let state = |json: &Value| json["data"]["state_code"].as_i64().unwrap_or_default();
        if !exchange.is_polled() || state(&json) >= state(&exchange.reply) && state(&json) != 1 {
            return (reply.status, json);
        }
        if state(&exchange.reply) < 2 {
            return (reply.status, json);
        }
        assert!(Instant::now() < deadline, "{}: no end: {json}", exchange.label);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn expected_status(exchange: &Exchange) -> u16 {
    let known = STATUSES.iter().find(|(label, _)| *label == exchange.label);
    known.map_or(exchange.status, |(_, status)| *status)
}

/// Asserts that a response matches the recorded one.
fn assert_matches_recorded(release: Release, exchange: &Exchange, reply: &Value, seen: &str) {
    let label = exchange.label.as_str();
    let code = |reply: &Value| reply["code"].as_i64().unwrap_or_default();
    let crashed = exchange.reply == Value::String(String::new());
    let other = CODES.iter().find(|(known, ..)| release == Release::V0516 && *known == label);
    match other {
        Some((_, wanted, _)) => assert_eq!(code(reply), *wanted, "{seen}"),
        None if crashed => assert_ne!(code(reply), 0, "{seen}"),
        None => assert_eq!(code(reply), code(&exchange.reply), "{seen}"),
    }
    if code(&exchange.reply) == 0 && exchange.reply["msg"].is_string() && other.is_none() {
        assert_eq!(reply["msg"], exchange.reply["msg"], "{seen}");
    }
    let has_other_data = release == Release::V0516 && OTHER_DATA.iter().any(|(known, _)| *known == label);
    if crashed || has_other_data {
        return;
    }
    let missing = shape::missing_paths(&exchange.reply, reply);
    assert!(missing.is_empty(), "{missing:?} of what was recorded: {seen}\nrecorded: {}", exchange.reply);
}
