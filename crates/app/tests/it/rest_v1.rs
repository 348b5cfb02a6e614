//! The routes of the Go tool over a simulated Milvus: requests of its clients and the responses to them.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use testkit::fake::Fault;

use crate::serving::{DEADLINE, Reply, Serving, World};

/// Starts a server without authentication over `default.books` and `default.tags`.
async fn serve_books(server: Value) -> (World, Serving) {
    let world = World::with_books().await;
    let serving = world.serve(server, &["--no-auth"]);
    (world, serving)
}

async fn create(serving: &Serving, body: Value) -> Reply {
    serving.post("/api/v1/create", &body).await
}

async fn restore(serving: &Serving, body: Value) -> Reply {
    serving.post("/api/v1/restore", &body).await
}

/// Polls until the state is final, and returns the response.
async fn wait_for_end(serving: &Serving, path: &str) -> Value {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let reply = serving.get(path).await.has_status(200).json();
        if reply["data"]["state_code"].as_i64().unwrap() >= 2 {
            return reply["data"].clone();
        }
        assert!(Instant::now() < deadline, "{path}: {reply}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_root_answers_every_method_with_a_greeting() {
    let (_world, serving) = serve_books(json!({})).await;
    for method in ["GET", "POST", "PUT", "PATCH", "HEAD", "OPTIONS", "DELETE", "TRACE"] {
        let request = serving.request(Method::from_bytes(method.as_bytes()).unwrap(), "/");
        let reply = Reply::read(request.send().await.unwrap()).await.has_status(200);
        assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8", "{method}");
        if method != "HEAD" {
            assert_eq!(reply.text, "Hello, This is backup service", "{method}");
        }
    }
    assert_eq!(serving.get("/api/v1/hello").await.has_status(200).text, "Hello, This is backup service");
    serving.get("/api/v1/hallo").await.has_status(404);
    assert_eq!(serving.get("/api/v1/create").await.has_status(404).text, "404 page not found");
}

#[tokio::test]
async fn a_synchronous_backup_can_be_shown_in_every_form() {
    let (world, serving) = serve_books(json!({})).await;
    let request = serving.request(Method::POST, "/api/v1/create").header("request_id", "req-1");
    let body = json!({"BACKUP_NAME": "nightly", "collection_names": ["books"], "unknown": 1, "force": null});
    let made =
        Reply::read(request.body(format!("{body} trailing")).send().await.unwrap()).await.has_status(200);
    assert_eq!(made.header("content-type"), "application/json; charset=utf-8");
    let made = made.json();
    assert_eq!(
        (&made["requestId"], &made["msg"], &made["code"]),
        (&json!("req-1"), &json!("success"), &Value::Null)
    );
    let info = &made["data"];
    assert_eq!(
        (&info["id"], &info["name"], &info["state_code"]),
        (&json!("req-1"), &json!("nightly"), &json!(2))
    );
    let took = info["end_time"].as_i64().unwrap() - info["start_time"].as_i64().unwrap();
    assert!(info["start_time"].as_i64().unwrap() > 1_700_000_000_000 && took >= 0, "milliseconds: {info}");
    assert!(info["size"].as_u64().unwrap() > 0, "{info}");

    let by_name = serving.get("/api/v1/get_backup?backup_name=nightly").await.has_status(200).json();
    let books = &by_name["data"]["collection_backups"][0];
    assert_eq!((&books["collection_name"], &books["db_name"]), (&json!("books"), &json!("default")));
    let segment = &books["partition_backups"][0]["segment_backups"][0];
    assert_eq!(segment["num_of_rows"], 5, "{by_name}");
    assert_eq!(
        (&segment["backuped"], &segment["deltalogs"]),
        (&json!(true), &json!([{}])),
        "as 0.4.15 has it"
    );
    let meta = std::fs::read_dir(world.path("backup/nightly/meta")).unwrap();
    let meta: u64 = meta.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(by_name["data"]["meta_size"], meta, "as 0.5 has it");
    assert!(segment["binlogs"][0]["binlogs"][0]["log_path"].as_str().unwrap().contains("/insert_log/"));
    let by_id =
        serving.get("/api/v1/get_backup?backup_id=req-1&backup_name=other").await.has_status(200).json();
    assert_eq!(by_id["data"], by_name["data"], "the id goes before the name");
    let list = serving.get("/api/v1/list").await.has_status(200).json();
    let mut listed = by_name["data"].clone();
    listed.as_object_mut().unwrap().remove("meta_size");
    assert_eq!(list["data"], json!([listed]));

    let holds = |reply: &Value| reply["data"].as_array().unwrap().len();
    assert_eq!(holds(&serving.get("/api/v1/list?collection_name=books").await.json()), 1);
    assert_eq!(holds(&serving.get("/api/v1/list?collection_name=tags").await.json()), 0);
}

#[tokio::test]
async fn an_asynchronous_backup_is_found_immediately_and_after_a_restart() {
    let (world, mut serving) = serve_books(json!({})).await;
    let accepted =
        create(&serving, json!({"backup_name": "later", "async": true})).await.has_status(200).json();
    assert_eq!(accepted["msg"], "create backup is executing asynchronously");
    let id = accepted["data"]["id"].as_str().unwrap().to_owned();
    assert_eq!(accepted["requestId"], id.as_str());
    assert_eq!(accepted["data"]["milvus_version"], "v2.3.6");
    let (by_id, by_name) =
        (format!("/api/v1/get_backup?backup_id={id}"), "/api/v1/get_backup?backup_name=later");
    for path in [by_id.as_str(), by_name] {
        assert_eq!(serving.get(path).await.has_status(200).json()["data"]["id"], id.as_str());
    }
    let before = wait_for_end(&serving, &by_id).await;
    assert_eq!((&before["state_code"], &before["progress"]), (&json!(2), &json!(100)));

    serving.kill();
    let serving = world.serve(json!({}), &["--no-auth"]);
    for path in [by_id.as_str(), by_name] {
        assert_eq!(serving.get(path).await.has_status(200).json()["data"], before, "{path}");
    }
    drop(serving);
    // Without the job too, like a backup of another server.
    let serving = world.serve(json!({"data_dir": world.path("other jobs")}), &["--no-auth"]);
    assert_eq!(serving.get(&by_id).await.has_status(200).json()["data"], before);
}

#[tokio::test]
async fn the_name_of_a_deleted_backup_can_be_used_again() {
    let (_world, serving) = serve_books(json!({})).await;
    create(&serving, json!({"backup_name": "x", "meta_only": true})).await.has_status(200);
    let taken = create(&serving, json!({"backup_name": "x"})).await.has_status(409).json();
    assert_eq!((&taken["code"], &taken["data"]), (&json!(400), &Value::Null));
    let deleted = serving.delete("/api/v1/delete?backup_name=x").await.has_status(200).json();
    assert_eq!(deleted["msg"], "success");
    assert!(deleted.get("data").is_none() && deleted["requestId"].is_string());
    serving.get("/api/v1/get_backup?backup_name=x").await.has_status(404);
    create(&serving, json!({"backup_name": "x", "async": true})).await.has_status(200);
    wait_for_end(&serving, "/api/v1/get_backup?backup_name=x").await;
    let missing = serving.delete("/api/v1/delete?backup_name=y").await.has_status(404).json();
    assert_eq!(missing["code"], 404);
}

#[tokio::test]
async fn a_failed_backup_is_shown_until_it_is_deleted() {
    let (world, serving) = serve_books(json!({})).await;
    world.fake.inject(Fault::Denied { call: "Flush" });
    let failed = create(&serving, json!({"backup_name": "x"})).await.has_status(503).json();
    assert_eq!((&failed["code"], &failed["data"]["state_code"]), (&json!(3), &json!(3)), "{failed}");
    assert!(failed["msg"].as_str().unwrap().contains("; while backing up default."), "{failed}");
    let shown = serving.get("/api/v1/get_backup?backup_name=x").await.has_status(200).json();
    assert_eq!((&shown["data"]["state_code"], &shown["data"]["id"]), (&json!(3), &failed["data"]["id"]));
    assert!(!shown["data"]["errorMessage"].as_str().unwrap().is_empty(), "{shown}");
    serving.delete("/api/v1/delete?backup_name=x").await.has_status(200);
    serving.get("/api/v1/get_backup?backup_name=x").await.has_status(404);
}

#[tokio::test]
async fn a_repeated_request_id_creates_another_backup() {
    let (_world, serving) = serve_books(json!({})).await;
    for name in ["first", "second"] {
        let request = serving.request(Method::POST, "/api/v1/create").header("request_id", "same");
        let body = json!({"backup_name": name, "meta_only": true});
        let reply =
            Reply::read(request.body(body.to_string()).send().await.unwrap()).await.has_status(200).json();
        assert_eq!((&reply["requestId"], &reply["data"]["name"]), (&json!("same"), &json!(name)));
    }
}

#[tokio::test]
async fn a_request_id_may_be_any_text() {
    let (_world, serving) = serve_books(json!({})).await;
    let id = "nightly/2026 #1 \u{fc}";
    let request = serving.request(Method::POST, "/api/v1/create").header("request_id", id);
    let body = json!({"backup_name": "odd", "meta_only": true});
    let reply =
        Reply::read(request.body(body.to_string()).send().await.unwrap()).await.has_status(200).json();
    assert_eq!((&reply["requestId"], &reply["data"]["id"]), (&json!(id), &json!(id)));
    let path = "/api/v1/get_backup?backup_id=nightly%2F2026%20%231%20%C3%BC";
    assert_eq!(serving.get(path).await.has_status(200).json()["data"]["name"], "odd");
    let too_long = "x".repeat(129);
    let reply = serving.request(Method::GET, "/api/v1/list").header("request_id", &too_long);
    let reply = Reply::read(reply.send().await.unwrap()).await.has_status(200).json();
    assert_ne!(reply["requestId"], too_long.as_str());
}

#[tokio::test]
async fn invalid_requests_are_rejected_with_the_reason() {
    let (_world, serving) = serve_books(json!({})).await;
    for (body, word) in [
        ("", "EOF"),
        ("[]", "object"),
        (r#"{"backup_name": "#, "EOF"),
        (r#"{"async": "true"}"#, "async: "),
        (r#"{"gc_pause_seconds": 1.5}"#, "gc_pause_seconds: "),
    ] {
        for path in ["/api/v1/create", "/api/v1/restore", "/api/v1/restore_secondary"] {
            if path != "/api/v1/create" && body.contains("gc_") {
                continue;
            }
            let request = serving.request(Method::POST, path).body(body);
            let reply = Reply::read(request.send().await.unwrap()).await.has_status(400).json();
            assert_eq!(reply["error"], "Invalid request body", "{body}: {reply}");
            assert!(reply["detail"].as_str().unwrap().contains(word), "{body}: {reply}");
        }
    }
    for (body, status, code) in [
        (json!({"backup_name": "a b"}), 400, 400),
        (json!({"backup_name": "a", "strategy": "fast"}), 400, 400),
        (json!({"backup_name": "a", "db_collections": "{"}), 400, 400),
        (json!({"backup_name": "a", "collection_names": ["none"]}), 404, 3),
        (json!({"backup_name": "a", "with_index_extra": true}), 501, 1),
        (json!({"backup_name": "a", "rbac": true}), 400, 400),
        (json!({"backup_name": "a", "format": "snapshot"}), 400, 400),
        (json!({"backup_name": "a", "backup_root_path": "elsewhere"}), 403, 2),
    ] {
        let reply = create(&serving, body.clone()).await.has_status(status).json();
        assert_eq!(reply["code"], code, "{body}: {reply}");
        // Like 0.4.15, which begins the backup before it finds that the collection does not exist.
        let data = if status == 404 { json!("v2.3.6") } else { Value::Null };
        assert_eq!(reply["data"]["milvus_version"], data, "{body}: {reply}");
    }
    for (path, status, code) in [
        ("/api/v1/get_backup", 400, 400),
        ("/api/v1/get_backup?backup_name=none", 404, 404),
        ("/api/v1/get_backup?backup_id=none", 404, 404),
        ("/api/v1/get_restore", 400, 3),
        ("/api/v1/get_restore?id=none", 404, 3),
    ] {
        let reply = serving.get(path).await.has_status(status).json();
        assert_eq!((&reply["code"], &reply["data"]), (&json!(code), &Value::Null), "{path}");
    }
    serving.delete("/api/v1/delete").await.has_status(400);
    let secondary = json!({"backup_name": "a", "sourceClusterID": "s", "targetClusterID": "t"});
    let reply = serving.post("/api/v1/restore_secondary", &secondary).await.has_status(501).json();
    assert_eq!(reply["code"], 1);
}

#[tokio::test]
async fn a_large_body_is_read_up_to_the_configured_limit() {
    let (_world, serving) = serve_books(json!({"max_body": "4MiB"})).await;
    let body = json!({"backup_name": "a b", "unknown": "x".repeat(3 << 20)});
    assert_eq!(
        create(&serving, body).await.has_status(400).json()["code"],
        400,
        "it is read, and its name is wrong"
    );
}

#[tokio::test]
async fn requests_may_name_the_configured_location_and_other_ones_if_allowed() {
    let (world, serving) = serve_books(json!({})).await;
    let root = world.path("backup").display().to_string();
    create(&serving, json!({"backup_name": "a", "meta_only": true, "backup_root_path": root}))
        .await
        .has_status(200);
    serving.get(&format!("/api/v1/get_backup?backup_name=a&path={root}")).await.has_status(200);
    let both =
        json!({"backup_name": "a", "bucket_name": "a-bucket", "path": root, "collection_suffix": "_a"});
    restore(&serving, both).await.has_status(200);
    drop(serving);
    let serving = world.serve(json!({"allow_backup_root_path": true}), &["--no-auth"]);
    let other = world.path("elsewhere").display().to_string();
    let body = json!({"backup_name": "b", "meta_only": true, "backup_root_path": other});
    create(&serving, body).await.has_status(200);
    assert!(world.path("elsewhere/b/meta").is_dir());
    serving.get(&format!("/api/v1/get_backup?backup_name=b&path={other}")).await.has_status(200);
    restore(&serving, json!({"backup_name": "b", "path": other, "collection_suffix": "_b"}))
        .await
        .has_status(200);
    serving.get("/api/v1/get_backup?backup_name=b").await.has_status(404);
}

#[tokio::test]
async fn a_restore_is_shown_with_its_collections() {
    let (world, serving) = serve_books(json!({})).await;
    create(&serving, json!({"backup_name": "nightly"})).await.has_status(200);
    let done =
        restore(&serving, json!({"backup_name": "nightly", "collection_suffix": "_copy", "id": "mine"}));
    let done = done.await.has_status(200).json();
    assert_eq!((&done["msg"], &done["data"]["id"]), (&json!("success"), &json!("mine")));
    let task = &done["data"];
    assert_eq!((&task["state_code"], &task["progress"]), (&json!(2), &json!(100)));
    assert_eq!(task["restored_size"], task["to_restore_size"]);
    assert!(task["start_time"].as_i64().unwrap() < 10_000_000_000, "seconds: {task}");
    let tasks = task["collection_restore_tasks"].as_array().unwrap();
    let targets: Vec<_> = tasks.iter().map(|task| task["target_collection_name"].as_str().unwrap()).collect();
    assert_eq!(targets, ["books_copy", "tags_copy"]);
    assert_eq!(tasks[0]["coll_backup"]["collection_name"], "books");
    assert_eq!((&tasks[0]["state_code"], &tasks[0]["target_db_name"]), (&json!(2), &json!("default")));
    assert_eq!(serving.get("/api/v1/get_restore?id=mine").await.has_status(200).json()["data"], *task);

    let again = restore(&serving, json!({"backup_name": "nightly", "collection_suffix": "_copy"})).await;
    assert_eq!(again.has_status(409).json()["code"], 3);
    let missing = restore(&serving, json!({"backup_name": "none"})).await.has_status(404).json();
    assert_eq!((&missing["code"], &missing["data"]), (&json!(3), &Value::Null));

    let plan = json!({"mapping": [{"source": "default", "target": "default", "colls": [
        {"source": "books", "target": "books_a"}, {"source": "books", "target": "books_b"},
    ]}], "filter": {"default": {"colls": ["books_a", "books_b"]}}});
    let body = json!({"backup_name": "nightly", "restorePlan": plan, "async": true, "requestId": "body"});
    let accepted = restore(&serving, body).await.has_status(200).json();
    assert_eq!(accepted["msg"], "restore backup is executing asynchronously");
    assert_eq!(accepted["requestId"], "body");
    let id = accepted["data"]["id"].as_str().unwrap();
    assert!(id.starts_with("restore_20"), "{id}");
    let task = wait_for_end(&serving, &format!("/api/v1/get_restore?id={id}")).await;
    assert_eq!(task["state_code"], 2, "{task}");
    let names = world.client().await.list_collections("default").await.unwrap();
    assert!(
        ["books_a", "books_b"].iter().all(|name| names.iter().any(|(known, _)| known == name)),
        "{names:?}"
    );
}

#[tokio::test]
async fn polling_a_running_restore_reads_the_backup_once() {
    let (world, serving) = serve_books(json!({})).await;
    create(&serving, json!({"backup_name": "nightly", "collection_names": ["books"]})).await.has_status(200);
    world.fake.inject(Fault::ImportStuck);
    let body = json!({"backup_name": "nightly", "collection_suffix": "_x", "id": "long", "async": true});
    restore(&serving, body).await.has_status(200);
    let path = "/api/v1/get_restore?id=long";
    let content = |task: &Value| task["data"]["collection_restore_tasks"][0]["coll_backup"].clone();
    let deadline = Instant::now() + DEADLINE;
    // Before its imports, the restore itself looks for the backup.
    while serving.get("/api/v2/jobs/long").await.json()["progress"]["phase"] != "import" {
        assert!(Instant::now() < deadline, "it does not begin");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = content(&serving.get(path).await.has_status(200).json());
    assert_eq!(before["collection_name"], "books");
    std::fs::remove_dir_all(world.path("backup/nightly/meta")).unwrap();
    assert_eq!(content(&serving.get(path).await.has_status(200).json()), before, "it is not read again");
    serving.post("/api/v2/jobs/long:cancel", &Value::Null).await.has_status(200);
    assert_eq!(wait_for_end(&serving, path).await["state_code"], 3);
    let deadline = Instant::now() + DEADLINE;
    while content(&serving.get(path).await.has_status(200).json()) != Value::Null {
        assert!(Instant::now() < deadline, "it is kept for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_failed_restore_is_shown_as_failed() {
    let (world, serving) = serve_books(json!({})).await;
    create(&serving, json!({"backup_name": "nightly", "collection_names": ["books"]})).await.has_status(200);
    world.fake.inject(Fault::ImportFails("disk full".to_owned()));
    let body = json!({"backup_name": "nightly", "collection_suffix": "_x", "id": "bad"});
    let failed = restore(&serving, body).await.has_status(500).json();
    assert_eq!((&failed["code"], &failed["data"]["state_code"]), (&json!(3), &json!(3)), "{failed}");
    let shown = serving.get("/api/v1/get_restore?id=bad").await.has_status(200).json();
    assert_eq!(shown["msg"], "success");
    let (task, collection) = (&shown["data"], &shown["data"]["collection_restore_tasks"][0]);
    assert_eq!((&task["state_code"], &collection["state_code"]), (&json!(3), &json!(3)));
    assert!(collection["errorMessage"].as_str().unwrap().contains("disk full"), "{shown}");
    assert!(!task["errorMessage"].as_str().unwrap().is_empty(), "{shown}");
}

#[tokio::test]
async fn legacy_clients_can_have_status_200_and_short_responses() {
    let (_world, serving) = serve_books(json!({"legacy_status": true, "simpleResponse": true})).await;
    create(&serving, json!({"backup_name": "nightly"})).await.has_status(200);
    let refused = create(&serving, json!({"backup_name": "nightly"})).await.has_status(200).json();
    assert_eq!(refused["code"], 400);
    let missing = serving.get("/api/v1/get_backup?backup_name=none").await.has_status(200).json();
    assert_eq!(missing["code"], 404);
    serving.get("/api/v1/get_restore?id=none").await.has_status(200);
    let list = serving.get("/api/v1/list").await.has_status(200).json();
    let (first, keys) = (&list["data"][0], ["id", "name", "state_code", "size", "start_time", "end_time"]);
    assert!(keys.iter().all(|key| first.get(key).is_some()), "{list}");
    assert!(first.get("collection_backups").is_none(), "{list}");
    let backup = serving.get("/api/v1/get_backup?backup_name=nightly").await.has_status(200).json();
    let collection = &backup["data"]["collection_backups"][0];
    assert!(
        collection["schema"].is_object() && collection.get("partition_backups").is_none(),
        "{collection}"
    );
    let task =
        restore(&serving, json!({"backup_name": "nightly", "collection_suffix": "_x"})).await.has_status(200);
    let task = task.json();
    let collection = &task["data"]["collection_restore_tasks"][0];
    assert!(
        collection.get("coll_backup").is_none() && collection["to_restore_size"].as_u64() > Some(0),
        "{task}"
    );
}

#[tokio::test]
async fn a_check_returns_text_and_the_true_result() {
    let (world, serving) = serve_books(json!({})).await;
    let text = serving.get("/api/v1/check").await.has_status(200).json();
    assert!(text.as_str().unwrap().starts_with("Succeed to connect to milvus and storage.\n"), "{text}");
    std::fs::remove_dir_all(world.path("backup")).unwrap();
    std::fs::write(world.path("backup"), "in the way").unwrap();
    let text = serving.get("/api/v1/check").await.has_status(503).json();
    assert!(text.as_str().unwrap().contains("FAIL"), "{text}");
}

#[tokio::test]
async fn a_trailing_slash_redirects_to_the_path_without_it() {
    let (_world, serving) = serve_books(json!({})).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for (method, path, status) in [(Method::GET, "/api/v1/list", 301), (Method::POST, "/api/v1/create", 307)]
    {
        let reply = client.request(method, serving.url(&format!("{path}/?a=b"))).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), status);
        assert_eq!(reply.headers()["location"], format!("{path}?a=b"));
    }
}
