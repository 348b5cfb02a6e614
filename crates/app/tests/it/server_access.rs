//! Authentication, authorization, and the addresses at which a server may listen.

use std::process::Stdio;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::serving::{DEADLINE, Reply, Serving, World};
use crate::tool::Tool;

/// Creates a token of a role with `server token`; returns the token and its entry in the configuration.
pub(crate) fn create_token(role: &str) -> (String, String) {
    let run = Tool::without_config().run(&["server", "token", role, role, "-o", "json"]).exits_with(0);
    let made: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(made["key"], "server.tokens");
    (made["token"].as_str().unwrap().to_owned(), made["item"].as_str().unwrap().to_owned())
}

fn create_tokens(roles: &[&str]) -> (Vec<String>, Vec<String>) {
    roles.iter().map(|role| create_token(role)).unzip()
}

/// Returns the entry of a user in the configuration, with a hash that is computed quickly.
fn user_entry(name: &str, password: &str) -> String {
    let quick = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    format!("{name}:read:{}", quick.hash_password(password.as_bytes()).unwrap())
}

async fn send_with_authorization(
    serving: &Serving,
    method: Method,
    path: &str,
    authorization: &str,
) -> Reply {
    let request = serving.request(method, path).header("authorization", authorization);
    Reply::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn without_credentials_only_greeting_health_and_documentation_are_served() {
    let (_, items) = create_tokens(&["read"]);
    let world = World::new();
    let serving = world.serve(json!({ "tokens": items }), &[]);
    for open in ["/", "/api/v1/hello", "/healthz", "/readyz", "/api/v1/docs/"] {
        serving.get(open).await.has_status(200);
    }
    for closed in ["/api/v1/list", "/api/v2/backups", "/api/v2/jobs", "/metrics", "/nothing/here"] {
        let refused = serving.get(closed).await.has_status(401);
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
async fn requests_of_other_sites_are_rejected() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let here = serving.urls[0].clone();
    let create = async |header: &str, value: &str| {
        let request = serving.request(Method::POST, "/api/v1/create").header(header, value);
        Reply::read(request.body(r#"{"backup_name": "forged"}"#).send().await.unwrap()).await
    };
    create("sec-fetch-site", "cross-site").await.has_status(403);
    create("sec-fetch-site", "same-site").await.has_status(403);
    create("origin", "http://evil.example").await.has_status(403);
    create("origin", "null").await.has_status(403);
    serving.get("/api/v2/backups/forged").await.has_status(404);
    create("origin", &here).await.has_status(200);
    // The response has no CORS headers, so the browser does not show it to the other site.
    let look = serving.request(Method::GET, "/api/v1/list").header("origin", "http://evil.example");
    let look = Reply::read(look.send().await.unwrap()).await.has_status(200);
    assert!(look.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{look:?}");
}

#[tokio::test]
async fn foreign_host_names_are_rejected_without_authentication() {
    let world = World::new();
    let ask = async |serving: &Serving, host: &str| {
        let request = serving.request(Method::GET, "/api/v2/jobs").header("host", host);
        Reply::read(request.send().await.unwrap()).await
    };
    let serving = world.serve(json!({}), &[]);
    let refused = ask(&serving, "evil.example:8080").await.has_status(403);
    assert!(refused.text.contains("local names only"), "{refused:?}");
    for fine in ["localhost:1", "127.0.0.1", "[::1]:2", "backup"] {
        ask(&serving, fine).await.has_status(200);
    }
    drop(serving);
    // With --no-auth or with credentials, every host name is accepted.
    let serving = world.serve(json!({}), &["--no-auth"]);
    ask(&serving, "backup.example").await.has_status(200);
    drop(serving);
    let (tokens, items) = create_tokens(&["read"]);
    let serving = world.serve(json!({ "tokens": items }), &[]);
    ask(&serving, "backup.example").await.has_status(401);
    let known = serving.request(Method::GET, "/api/v2/jobs").bearer_auth(&tokens[0]);
    assert_eq!(known.header("host", "backup.example").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_wrong_token_is_rejected_every_time() {
    let (good, items) = create_tokens(&["read"]);
    let world = World::new();
    let serving = world.serve(json!({ "tokens": items }), &[]);
    for guess in 0..20 {
        send_with_authorization(&serving, Method::GET, "/api/v2/jobs", &format!("Bearer mb_{guess}"))
            .await
            .has_status(401);
    }
    send_with_authorization(&serving, Method::GET, "/api/v2/jobs", &format!("Bearer {}", good[0]))
        .await
        .has_status(200);
    assert!(!serving.log().contains(&good[0]), "{}", serving.log());
}

#[tokio::test]
async fn wrong_passwords_are_limited_and_do_not_delay_valid_callers() {
    let (tokens, items) = create_tokens(&["read"]);
    let world = World::new();
    let serving = world.serve(json!({ "tokens": items, "users": [user_entry("ops", "right")] }), &[]);
    let login = async |password: String| {
        let request = serving.request(Method::GET, "/api/v2/jobs").basic_auth("ops", Some(password));
        Reply::read(request.send().await.unwrap()).await
    };
    // Concurrent logins with the right password are not limited.
    for reply in join_all((0..50).map(|_| login("right".to_owned()))).await {
        reply.has_status(200);
    }
    let begun = Instant::now();
    let replies = join_all((0..200).map(|guess| login(format!("wrong {guess}")))).await;
    let (refused, waiting): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 401);
    // One attempt is refilled every three seconds.
    let most = 11 + usize::try_from(begun.elapsed().as_secs() / 3).unwrap();
    assert!((1..=most).contains(&refused.len()), "{} were tried", refused.len());
    for reply in waiting {
        assert_eq!((reply.status, reply.header("retry-after").is_empty()), (429, false), "{reply:?}");
    }
    // Valid credentials are accepted in the meantime.
    send_with_authorization(&serving, Method::GET, "/api/v2/jobs", &format!("Bearer {}", tokens[0]))
        .await
        .has_status(200);
    login("right".to_owned()).await.has_status(200);
    let deadline = Instant::now() + DEADLINE;
    while login("wrong again".to_owned()).await.status == 429 {
        assert!(Instant::now() < deadline, "it never ends");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let metrics =
        send_with_authorization(&serving, Method::GET, "/metrics", &format!("Bearer {}", tokens[0]))
            .await
            .has_status(200)
            .text;
    let counted = metrics.lines().find_map(|line| line.strip_prefix("milvus_backup_refused_logins_total "));
    assert!(counted.unwrap().parse::<u32>().unwrap() >= 200, "{counted:?}");
}

#[tokio::test]
async fn rejected_requests_are_audited() {
    let (tokens, items) = create_tokens(&["read", "backup"]);
    let world = World::new();
    // At every log level.
    let settings = json!({ "tokens": items, "legacy_status": true });
    let serving = world.serve(settings, &["--set", "log.level=error"]);
    let [reader, maker] = [0, 1].map(|at| format!("Bearer {}", tokens[at]));
    let post = async |authorization: &str, path: &str, body: &'static str| {
        let request = serving.request(Method::POST, path).header("authorization", authorization);
        Reply::read(request.header("content-type", "application/json").body(body).send().await.unwrap()).await
    };
    post("Bearer nobody", "/api/v1/create", "{}").await.has_status(401);
    post(&maker, "/api/v1/create", "{").await.has_status(400);
    let elsewhere = r#"{"backup_name":"x","bucket_name":"y","path":"/z"}"#;
    post(&reader, "/api/v1/restore", elsewhere).await.has_status(200);
    send_with_authorization(&serving, Method::GET, "/api/v2/backups", "Bearer nobody").await.has_status(401);
    serving.logs("path=/api/v1/restore").await;
    let log = serving.log();
    let audit: Vec<&str> = log.lines().filter(|line| line.contains(" audit: ")).collect();
    let expected = [("unknown", "/api/v1/create"), ("backup", "/api/v1/create"), ("read", "/api/v1/restore")];
    assert_eq!(audit.len(), expected.len(), "{audit:#?}");
    for (line, (who, path)) in audit.iter().zip(expected) {
        let stderr = [format!("who=\"{who}\""), format!("path={path}"), "result=".to_owned()];
        assert!(stderr.iter().all(|stderr| line.contains(stderr.as_str())), "{line}");
    }
    assert!(!log.contains("nobody"), "{log}");
}

#[tokio::test]
async fn a_role_has_only_its_permissions() {
    let (tokens, items) = create_tokens(&["read", "backup", "admin"]);
    let world = World::with_books().await;
    let serving = world.serve(json!({ "tokens": items }), &[]);
    let [read, backup, admin] = [0, 1, 2].map(|at| format!("Bearer {}", tokens[at]));
    send_with_authorization(&serving, Method::GET, "/api/v2/backups", &read).await.has_status(200);
    let create = |who: &str| {
        let request = serving.request(Method::POST, "/api/v1/create").header("authorization", who);
        request.body(json!({ "backup_name": "nightly" }).to_string()).send()
    };
    let refused = Reply::read(create(&read).await.unwrap()).await.has_status(403);
    assert!(refused.json()["msg"].as_str().unwrap().contains("has role read"), "{refused:?}");
    Reply::read(create(&backup).await.unwrap()).await.has_status(200);
    send_with_authorization(&serving, Method::DELETE, "/api/v1/delete?backup_name=nightly", &backup)
        .await
        .has_status(403);
    send_with_authorization(&serving, Method::DELETE, "/api/v1/delete?backup_name=nightly", &admin)
        .await
        .has_status(200);
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
async fn users_authenticate_with_their_passwords() {
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
fn addresses_other_than_loopback_require_credentials_or_no_auth() {
    let world = World::new();
    let (status, log) = world.try_serve(json!({ "listen": "0.0.0.0:0" }), &[]).err().unwrap();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("0.0.0.0") && log.contains("server token") && log.contains("--no-auth"), "{log}");
    let serving = world.serve(json!({ "listen": "0.0.0.0:0" }), &["--no-auth"]);
    assert!(serving.log().contains("(REST and gRPC, no authentication)"), "{}", serving.log());
    let (_, items) = create_tokens(&["read"]);
    let serving =
        world.serve(json!({ "listen": "0.0.0.0:0", "tokens": items, "data_dir": world.path("more") }), &[]);
    assert!(serving.log().contains("(REST and gRPC)"), "{}", serving.log());
    let serving = world.serve(json!({ "data_dir": world.path("other") }), &["-p", ":0"]);
    assert!(serving.log().contains("no authentication: loopback only"), "{}", serving.log());
    assert!(serving.address().starts_with("127.0.0.1:"), "{}", serving.address());
}

#[test]
fn invalid_addresses_and_credentials_stop_the_start() {
    let world = World::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (status, log) = world.try_serve(json!({ "listen": "127.0.0.1:0" }), &["-p", &port]).err().unwrap();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains(&format!("cannot listen on :{port}: another process uses the address")), "{log}");
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
