//! Behaviour of the Go tool's routes on which existing clients rely.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::fake::Fault;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::api_descriptions::Described;
use crate::serving::{DEADLINE, Reply, Serving, World};

/// Starts a server over `default.books` and `default.tags`, with the backup `nightly` of both.
async fn serve_backup(server: Value) -> (World, Serving) {
    let world = World::with_books().await;
    let serving = world.serve(server, &["--no-auth"]);
    serving.post("/api/v1/create", &json!({"backup_name": "nightly"})).await.has_status(200);
    (world, serving)
}

fn names(reply: &Value, key: &str) -> Vec<String> {
    let items = reply.as_array().unwrap().iter();
    items.map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn renames_of_unknown_collections_are_ignored() {
    let (_world, serving) = serve_backup(json!({})).await;
    let renames = json!({"tags": "tags_a", "shop.books": "shop.books_a", "shop.*": "mall.*"});
    let plan = json!({"mapping": [
        {"source": "default", "target": "default", "colls": [
            {"source": "tags", "target": "tags_b"}, {"source": "books", "target": "books_b"},
        ]},
        {"source": "shop", "target": "mall"},
    ]});
    for (key, rules, target) in [("collection_renames", renames, "tags_a"), ("restorePlan", plan, "tags_b")] {
        let body =
            json!({"backup_name": "nightly", "metaOnly": true, "collection_names": ["tags"], key: rules});
        let done = serving.post("/api/v1/restore", &body).await.has_status(200).json();
        let tasks = &done["data"]["collection_restore_tasks"];
        assert_eq!(names(tasks, "target_collection_name"), [target], "{done}");
    }
    serving.logs("no collection matches the rename rule shop.*:mall.*, shop.books:shop.books_a").await;
    serving.logs("no collection matches the rename rule shop.*:mall.*, default.books:default.books_b").await;

    let strict = json!({"backup": "nightly", "filter": "tags", "rename": "tags:tags_c,books:books_c"});
    serving.post("/api/v2/restores", &strict).await.has_status(400);
}

/// Sends a request, and disconnects when the server has called `ListDatabases` of Milvus for it.
async fn send_and_disconnect(world: &World, serving: &Serving, path: &str, body: &Value) {
    let asked = || world.fake.calls().iter().filter(|call| *call == "ListDatabases").count();
    let before = asked();
    // Retries after the rate limit delay the response.
    world.fake.inject(Fault::RateLimited { call: "ListDatabases", times: 3 });
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nrequest_id: left\r\ncontent-length:");
    let mut stream = TcpStream::connect(serving.address()).await.unwrap();
    stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    let deadline = Instant::now() + DEADLINE;
    while asked() == before {
        assert!(Instant::now() < deadline, "{}", serving.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_job_continues_when_its_caller_disconnects() {
    let (world, serving) = serve_backup(json!({})).await;
    let create = json!({"backup_name": "later", "meta_only": true});
    let restore = json!({"backup_name": "nightly", "collection_suffix": "_x", "id": "mine"});
    for (path, body, found) in [
        ("/api/v1/create", create, "/api/v1/get_backup?backup_name=later"),
        ("/api/v1/restore", restore, "/api/v1/get_restore?id=mine"),
    ] {
        send_and_disconnect(&world, &serving, path, &body).await;
        let deadline = Instant::now() + DEADLINE;
        loop {
            let reply = serving.get(found).await;
            if reply.status == 200 && reply.json()["data"]["state_code"] == 2 {
                break;
            }
            assert!(Instant::now() < deadline, "{path}: {reply:?}\n{}", serving.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    // Accepted and rejected requests have one audit line each, with the id of the request.
    let taken = serving.request(Method::POST, "/api/v1/create").header("request_id", "taken");
    taken.body(r#"{"backup_name": "later"}"#).send().await.unwrap();
    serving.delete("/api/v1/delete?backup_name=none").await.has_status(404);
    serving.logs("path=/api/v1/delete").await;
    let log = serving.log();
    let lines = |words: &[&str]| {
        let audit = log.lines().filter(|line| line.contains(" audit: "));
        audit.filter(|line| words.iter().all(|word| line.contains(word))).count()
    };
    for path in ["path=/api/v1/create", "path=/api/v1/restore"] {
        assert_eq!(lines(&[path, "id=left", "accepted"]), 1, "{path}: {log}");
        assert_eq!(lines(&[path, "id=left", "refused"]), 0, "{path}: {log}");
    }
    assert_eq!((lines(&["id=taken"]), lines(&["path=/api/v1/delete"])), (1, 1), "{log}");
}

#[tokio::test]
async fn concurrent_requests_with_the_same_id_do_not_disturb_each_other() {
    let (_world, serving) = serve_backup(json!({})).await;
    let made = join_all((0..6).map(|number| {
        let request = serving.request(Method::POST, "/api/v1/create").header("request_id", "same");
        let body = json!({"backup_name": format!("b{number}"), "meta_only": true});
        async move {
            Reply::read(request.body(body.to_string()).send().await.unwrap()).await.has_status(200).json()
        }
    }));
    let made = made.await;
    assert!(made.iter().all(|reply| reply["requestId"] == "same"), "{made:?}");
    let with_it = made.iter().filter(|reply| reply["data"]["id"] == "same").count();
    assert_eq!(with_it, 1, "{made:?}");
}

#[tokio::test]
async fn the_first_of_repeated_parameters_counts() {
    let (_world, serving) = serve_backup(json!({})).await;
    let list = serving.get("/api/v1/list?collection_name=books&collection_name=none&x=1&x=2").await;
    assert_eq!(names(&list.has_status(200).json()["data"], "name"), ["nightly"]);
    let list = serving.get("/api/v1/list?collection_name=none&collection_name=books").await;
    assert_eq!(list.has_status(200).json()["data"], json!([]));
    serving.get("/api/v1/get_backup?backup_name=nightly&backup_name=none").await.has_status(200);
    serving.get("/api/v1/get_restore?id=none&id=other").await.has_status(404);
    serving.delete("/api/v1/delete?backup_name=none&backup_name=nightly").await.has_status(404);
    serving.delete("/api/v1/delete?backup_name=nightly&backup_name=none").await.has_status(200);
}

#[tokio::test]
async fn short_responses_also_apply_to_one_collection() {
    let (_world, serving) = serve_backup(json!({"simpleResponse": true})).await;
    let all = serving.get("/api/v1/list").await.has_status(200).json();
    assert!(all["data"][0].get("collection_backups").is_none(), "{all}");
    let some = serving.get("/api/v1/list?collection_name=books").await.has_status(200).json();
    assert_eq!(some["data"], all["data"]);
    assert_eq!(
        serving.get("/api/v1/list?collection_name=none").await.has_status(200).json()["data"],
        json!([])
    );
}

#[tokio::test]
async fn unknown_routes_are_404_in_plain_text() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for (method, path) in [
        (Method::GET, "/api/v1/nothing"),
        (Method::GET, "/api/v1/nothing/"),
        (Method::GET, "/api/v1/create/"),
        (Method::POST, "/api/v1/list/"),
        (Method::GET, "/nothing/"),
    ] {
        let reply = Reply::read(client.request(method, serving.url(path)).send().await.unwrap())
            .await
            .has_status(404);
        assert_eq!((reply.text.as_str(), reply.header("content-type")), ("404 page not found", "text/plain"));
    }
    for path in ["/api/v1/docs/", "/api/v1/docs/index.html"] {
        assert_eq!(
            serving.get(path).await.has_status(200).header("content-type"),
            "text/html; charset=utf-8"
        );
    }
}

#[tokio::test]
async fn errors_of_a_body_are_explained_to_authorised_callers_only() {
    let (reads, may_read) = crate::server_access::create_token("read");
    let (backs_up, may_back_up) = crate::server_access::create_token("backup");
    let world = World::new();
    let serving = world.serve(json!({"tokens": [may_read, may_back_up]}), &[]);
    let ask = async |token: &str, path: &str, body: &str| {
        let request = serving.request(Method::POST, path).bearer_auth(token).body(body.to_owned());
        Reply::read(request.send().await.unwrap()).await
    };
    let described = Described::v1(&serving).await;
    for body in ["", "[1", r#"{"backup_name": "../x"}"#] {
        for (token, path) in
            [(&reads, "/api/v1/create"), (&reads, "/api/v1/restore"), (&backs_up, "/api/v1/restore")]
        {
            let reply = ask(token, path, body).await.has_status(403);
            assert_eq!(reply.json()["code"], 2, "{reply:?}");
            described.answers("POST", path, &reply);
        }
        ask(&backs_up, "/api/v1/create", body).await.has_status(400);
    }
}

/// Every route of the description, with a path to request.
const ROUTES: [(&str, &str); 9] = [
    ("GET", "/api/v1/hello"),
    ("GET", "/api/v1/check"),
    ("POST", "/api/v1/create"),
    ("GET", "/api/v1/list"),
    ("GET", "/api/v1/get_backup"),
    ("DELETE", "/api/v1/delete"),
    ("POST", "/api/v1/restore"),
    ("POST", "/api/v1/restore_secondary"),
    ("GET", "/api/v1/get_restore"),
];

#[tokio::test]
async fn responses_to_unauthenticated_requests_match_the_description() {
    let (_, item) = crate::server_access::create_token("read");
    let world = World::new();
    let named = world.serve(json!({"tokens": [item]}), &[]);
    let described = Described::v1(&named).await;
    let ask = async |serving: &Serving, method: &str, path: &str, host: &str| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Reply::read(serving.request(method, path).header("host", host).send().await.unwrap()).await
    };
    for (method, path) in ROUTES.into_iter().filter(|(_, path)| *path != "/api/v1/hello") {
        described.answers(method, path, &ask(&named, method, path, "localhost").await.has_status(401));
    }
    drop(named);
    let alone = world.serve(json!({}), &[]);
    for (method, path) in ROUTES {
        described.answers(
            method,
            path,
            &ask(&alone, method, path, "elsewhere.example").await.has_status(403),
        );
    }
}
