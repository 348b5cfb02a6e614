//! Who may come in, and what they may do.

use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};

use crate::serving::{Reply, Serving, World};
use crate::tool::Tool;

/// A token of each role, as the tool makes them, with the configuration that knows them.
fn tokens(roles: &[&str]) -> (Vec<String>, Vec<String>) {
    let made = roles.iter().map(|role| {
        let run = Tool::without_config().run(&["server", "token", role, role, "-o", "json"]).ends_with(0);
        let made: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(made["key"], "server.tokens");
        (made["token"].as_str().unwrap().to_owned(), made["item"].as_str().unwrap().to_owned())
    });
    made.unzip()
}

async fn with(serving: &Serving, method: Method, path: &str, authorization: &str) -> Reply {
    let request = serving.request(method, path).header("authorization", authorization);
    Reply::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn without_a_name_only_greetings_and_health_are_answered() {
    let (_, items) = tokens(&["read"]);
    let world = World::new();
    let serving = world.serve(json!({ "tokens": items }), &[]);
    for open in ["/", "/api/v1/hello", "/healthz", "/readyz", "/api/v1/docs/"] {
        serving.get(open).await.is(200);
    }
    for closed in ["/api/v1/list", "/api/v2/backups", "/api/v2/jobs", "/metrics", "/nothing/here"] {
        let refused = serving.get(closed).await.is(401);
        assert!(refused.header("www-authenticate").starts_with("Bearer"), "{refused:?}");
        assert_ne!(refused.header("x-request-id"), "");
    }
    let envelope = serving.get("/api/v1/list").await.json();
    assert_eq!((&envelope["code"], &envelope["data"]), (&json!(2), &Value::Null), "{envelope}");
    let problem = serving.get("/api/v2/backups").await;
    assert_eq!(problem.header("content-type"), "application/problem+json");
    assert_eq!(problem.json()["kind"], "unauthenticated");
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    for (site, status) in [("cross-site", 403), ("same-origin", 200)] {
        let request = serving.request(Method::POST, "/api/v1/create").header("sec-fetch-site", site);
        let reply = Reply::of(request.body(r#"{"backup_name": "forged"}"#).send().await.unwrap()).await;
        assert_eq!(reply.status, status, "{site}: {reply:?}");
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_slow_to_guess() {
    let (good, items) = tokens(&["read"]);
    let world = World::new();
    let serving = world.serve(json!({ "tokens": items }), &[]);
    let mut statuses = Vec::new();
    for guess in 0..12 {
        let refused = with(&serving, Method::GET, "/api/v2/jobs", &format!("Bearer mb_{guess}")).await;
        statuses.push(refused.status);
        if refused.status == 429 {
            assert_ne!(refused.header("retry-after"), "");
        }
    }
    assert_eq!((statuses[0], statuses[11]), (401, 429), "{statuses:?}");
    with(&serving, Method::GET, "/api/v2/jobs", &format!("Bearer {}", good[0])).await.is(200);
    assert!(!serving.log().contains(&good[0]), "{}", serving.log());
}

#[tokio::test]
async fn a_role_may_no_more_than_it_says() {
    let (tokens, items) = tokens(&["read", "backup", "admin"]);
    let world = World::with_books().await;
    let serving = world.serve(json!({ "tokens": items }), &[]);
    let [read, backup, admin] = [0, 1, 2].map(|at| format!("Bearer {}", tokens[at]));
    with(&serving, Method::GET, "/api/v2/backups", &read).await.is(200);
    let create = |who: &str| {
        let request = serving.request(Method::POST, "/api/v1/create").header("authorization", who);
        request.body(json!({ "backup_name": "nightly" }).to_string()).send()
    };
    let refused = Reply::of(create(&read).await.unwrap()).await.is(403);
    assert!(refused.json()["msg"].as_str().unwrap().contains("has the role read"), "{refused:?}");
    Reply::of(create(&backup).await.unwrap()).await.is(200);
    with(&serving, Method::DELETE, "/api/v1/delete?backup_name=nightly", &backup).await.is(403);
    with(&serving, Method::DELETE, "/api/v1/delete?backup_name=nightly", &admin).await.is(200);
    for line in ["forbidden", "accepted", "succeeded"] {
        serving.logs(line).await;
    }
    let audit: Vec<String> =
        serving.log().lines().filter(|line| line.contains(" audit: ")).map(str::to_owned).collect();
    assert!(audit.iter().all(|line| line.contains("who=") && line.contains("nightly")), "{audit:#?}");
    assert!(
        audit.iter().any(|line| line.contains("request{id=") && line.contains("from=127.0.0.1")),
        "{audit:#?}"
    );
}

#[tokio::test]
async fn users_log_in_with_their_passwords() {
    let mut made = std::process::Command::new(env!("CARGO_BIN_EXE_milvus-backup"))
        .args(["server", "password", "ops", "read", "-o", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut made.stdin.take().unwrap(), b"correct horse\n").unwrap();
    let made: Value = serde_json::from_slice(&made.wait_with_output().unwrap().stdout).unwrap();
    let world = World::new();
    let serving = world.serve(json!({ "users": [made["item"]] }), &[]);
    let login = async |user: &str, password: &str| {
        let request = serving.request(Method::GET, "/api/v2/jobs").basic_auth(user, Some(password));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(login("ops", "correct horse").await, 200);
    assert_eq!(login("ops", "correct horse").await, 200);
    assert_eq!(login("ops", "wrong").await, 401);
    assert_eq!(login("nobody", "correct horse").await, 401);
    assert!(!serving.log().contains("correct horse"));
}

#[test]
fn other_addresses_than_loopback_need_tokens_or_a_clear_word() {
    let world = World::new();
    let (status, log) = world.try_serve(json!({ "listen": "0.0.0.0:0" }), &[]).err().unwrap();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("0.0.0.0") && log.contains("server token") && log.contains("--no-auth"), "{log}");
    let serving = world.serve(json!({ "listen": "0.0.0.0:0" }), &["--no-auth"]);
    assert!(serving.log().contains("(REST and gRPC, no authentication)"), "{}", serving.log());
    let (_, items) = tokens(&["read"]);
    let serving =
        world.serve(json!({ "listen": "0.0.0.0:0", "tokens": items, "data_dir": world.path("more") }), &[]);
    assert!(serving.log().contains("(REST and gRPC)"), "{}", serving.log());
    let serving = world.serve(json!({ "data_dir": world.path("other") }), &["-p", ":0"]);
    assert!(serving.log().contains("no authentication: loopback only"), "{}", serving.log());
    assert!(serving.address().starts_with("127.0.0.1:"), "{}", serving.address());
}

#[test]
fn what_cannot_be_listened_at_is_told() {
    let world = World::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (status, log) = world.try_serve(json!({ "listen": "127.0.0.1:0" }), &["-p", &port]).err().unwrap();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains(&format!("cannot listen at :{port}: another process listens there")), "{log}");
    let (status, log) = world.try_serve(json!({ "listen": "nowhere" }), &[]).err().unwrap();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("server.listen: expected PORT, :PORT or HOST:PORT, not \"nowhere\""), "{log}");
    let (status, log) = world.try_serve(json!({ "tokens": ["a secret"] }), &[]).err().unwrap();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(
        log.contains("server.tokens: item 1 is not NAME:ROLE:sha256:HEX") && !log.contains("a secret"),
        "{log}"
    );
}
