//! `/api/v2`, with every response validated against the description.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use testkit::fake::Fault;

use crate::api_descriptions::Described;
use crate::serving::{DEADLINE, Reply, Serving, World};

/// A client of a server, which validates every response against the description of the server.
pub(crate) struct Api {
    pub(crate) serving: Serving,
    pub(crate) described: Described,
}

impl Api {
    /// Starts a server and fetches its description.
    pub(crate) async fn start(world: &World) -> Self {
        let serving = world.serve(json!({}), &[]);
        let described = Described::v2(&serving).await;
        Self { serving, described }
    }

    /// Sends a request, and validates the response against the description.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let path = format!("/api/v2{path}");
        let mut request = self.serving.request(method.parse::<Method>().unwrap(), &path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let reply = Reply::read(request.send().await.unwrap()).await;
        self.described.answers(method, &path, &reply);
        reply
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, Some(body), &[]).await
    }

    /// Waits until the job of an accepted request is finished, and returns it.
    async fn wait_for_end(&self, accepted: &Reply) -> Value {
        assert_eq!(accepted.status, 202, "{accepted:?}");
        let location = accepted.header("location").to_owned();
        let location = location.strip_prefix("/api/v2").unwrap();
        assert_eq!(location, format!("/jobs/{}", accepted.json()["id"].as_str().unwrap()));
        let deadline = Instant::now() + DEADLINE;
        loop {
            let job = self.get(location).await.has_status(200).json();
            if !matches!(job["state"].as_str(), Some("queued" | "running")) {
                return job;
            }
            assert!(Instant::now() < deadline, "{job:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn backup(&self, name: &str) -> Value {
        let accepted = self.post("/backups", &json!({ "name": name })).await;
        let job = self.wait_for_end(&accepted).await;
        assert_eq!(job["state"], "succeeded", "{job:#}");
        job
    }
}

#[tokio::test]
async fn a_backup_is_planned_created_shown_restored_and_deleted() {
    let world = World::with_books().await;
    let api = Api::start(&world).await;
    let plan = api.post("/backups", &json!({ "name": "b", "dry_run": true })).await.has_status(200).json();
    assert_eq!((&plan["dry_run"], plan["collections"].as_array().map(Vec::len)), (&json!(true), Some(2)));
    assert_eq!(api.get("/backups").await.json()["backups"], json!([]));

    let job = api.backup("b").await;
    assert_eq!(
        (&job["kind"], &job["backup"], &job["by"]),
        (&json!("backup"), &json!("b"), &json!("anonymous"))
    );
    assert_eq!((&job["result"]["rows"], &job["progress"]["percent"]), (&json!(9), &json!(100)), "{job:#}");
    let listed = api.get("/backups").await.has_status(200).json();
    assert_eq!(
        (&listed["backups"][0]["name"], &listed["backups"][0]["state"]),
        (&json!("b"), &json!("complete"))
    );

    let shallow = api.get("/backups/b").await.has_status(200).json();
    let deep = api.get("/backups/b?detail=true").await.has_status(200).json();
    assert!(shallow["collections"][0].get("partitions").is_none());
    assert_eq!(deep["collections"][0]["partitions"][0]["name"], "_default");

    let plan = api.get("/backups/b/plan").await.json();
    assert_eq!(plan["kind"], "already_exists", "the source is the target: {plan:#}");
    let plan = api.get("/backups/b/plan?suffix=_2&filter=books").await.has_status(200).json();
    assert_eq!(plan["collections"].as_array().map(Vec::len), Some(1), "{plan:#}");
    assert_eq!(plan["collections"][0]["target"], "default.books_2", "{plan:#}");
    let plan = api.get("/backups/b/plan?existing=drop").await.has_status(200).json();
    assert_eq!(plan["collections"][0]["action"], "drop_and_create", "{plan:#}");
    api.get("/backups/b/plan?existing=burn").await.has_status(400);
    let plan = api.post("/backups/b/plan", &json!({ "suffix": "_2" })).await.has_status(200).json();
    assert_eq!(plan["collections"][0]["target"], "default.books_2", "{plan:#}");
    let renamed = json!({ "rename": { "books": "novels" }, "filter": "books" });
    let plan = api.post("/backups/b/plan", &renamed).await.has_status(200).json();
    assert_eq!(plan["collections"][0]["target"], "default.novels", "{plan:#}");
    api.post("/backups/b/plan", &json!({ "backup": "other" })).await.has_status(400);

    let accepted = api.post("/restores", &json!({ "backup": "b", "suffix": "_2" })).await;
    let restored = api.wait_for_end(&accepted).await;
    assert_eq!(
        (&restored["state"], &restored["result"]["rows"]),
        (&json!("succeeded"), &json!(9)),
        "{restored:#}"
    );
    assert_eq!(restored["request"]["targets"][0]["target"], "default.books_2");
    assert_eq!(api.get("/restores").await.json()["jobs"][0]["id"], restored["id"]);

    let would = api.send("DELETE", "/backups/b?dry_run=true", None, &[]).await.has_status(200).json();
    assert_eq!(would["dry_run"], true);
    let accepted = api.send("DELETE", "/backups/b", None, &[]).await;
    let deleted = api.wait_for_end(&accepted).await;
    assert_eq!((&deleted["state"], &deleted["result"]["name"]), (&json!("succeeded"), &json!("b")));
    let gone = api.get("/backups/b").await.has_status(404).json();
    assert_eq!((&gone["kind"], &gone["status"]), (&json!("not_found"), &json!(404)));
    assert!(gone["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{gone}");

    let jobs = api.get("/jobs").await.has_status(200).json();
    let kinds: Vec<_> = jobs["jobs"].as_array().unwrap().iter().map(|job| job["kind"].clone()).collect();
    assert_eq!(kinds, ["delete", "restore", "backup"], "newest first");
    let one =
        api.get("/jobs?kind=restore,delete&state=succeeded&backup=b&limit=1").await.has_status(200).json();
    assert_eq!(one["jobs"][0]["kind"], "delete");
    let token = one["next_page_token"].as_str().unwrap();
    let next = api
        .get(&format!("/jobs?kind=restore,delete&limit=1&page_token={token}"))
        .await
        .has_status(200)
        .json();
    assert_eq!((&next["jobs"][0]["kind"], &next["next_page_token"]), (&json!("restore"), &Value::Null));
}

#[tokio::test]
async fn backups_are_listed_in_pages_and_filtered() {
    let world = World::with_books().await;
    let api = Api::start(&world).await;
    for name in ["night_1", "night_2", "noon"] {
        api.backup(name).await;
    }
    let names = |page: &Value| {
        let backups = page["backups"].as_array().unwrap();
        backups.iter().map(|backup| backup["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = api.get("/backups?limit=2").await.has_status(200).json();
    assert_eq!(names(&first), ["night_1", "night_2"]);
    let token = first["next_page_token"].as_str().unwrap();
    let last = api.get(&format!("/backups?limit=2&page_token={token}")).await.has_status(200).json();
    assert_eq!((names(&last), &last["next_page_token"]), (vec!["noon".to_owned()], &Value::Null));
    for (query, expected) in [
        ("name=night*", vec!["night_1", "night_2"]),
        ("name=n??n", vec!["noon"]),
        ("state=complete&collection=books&name=*_2", vec!["night_2"]),
        ("collection=default.nothing", vec![]),
        ("state=unfinished,damaged", vec![]),
        ("page_token=&limit=1", vec!["night_1"]),
    ] {
        assert_eq!(
            names(&api.get(&format!("/backups?{query}")).await.has_status(200).json()),
            expected,
            "{query}"
        );
    }
    for query in
        ["limit=0", "limit=-1", "limit=", "limit=1001", "limit=x", "page_token=%20", "state=gone", "filter=x"]
    {
        let problem = api.get(&format!("/backups?{query}")).await.has_status(400);
        assert_eq!(problem.header("content-type"), "application/problem+json");
        let name = query.split('=').next().unwrap();
        let detail = problem.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(name), "{query}: {detail}");
        assert!(name != "limit" || detail.contains("1 to 1000"), "{query}: {detail}");
    }
    let jobs = api.get("/jobs?limit=1&page_token=").await.has_status(200).json();
    assert_eq!(jobs["jobs"][0]["backup"], "noon", "an empty token is none");
    // A list reads only the heads of backups; it reads their manifests only for a filter on collections.
    for file in ["full_meta.json", "collection_meta.json"] {
        std::fs::write(world.path(&format!("backup/night_1/meta/{file}")), "{").unwrap();
    }
    let found = api.get("/backups?collection=books").await.has_status(200).json();
    assert_eq!(names(&found), ["night_2", "noon"], "a damaged one holds nothing to restore");
}

#[tokio::test]
async fn invalid_requests_are_rejected_by_name() {
    let world = World::new();
    let api = Api::start(&world).await;
    for (path, body, detail) in [
        ("/backups", json!({ "nmae": "b" }), "unknown field `nmae`"),
        ("/backups", json!({ "name": "../b" }), "../b"),
        ("/backups", json!({ "name": "insert_log" }), "insert_log"),
        ("/backups", json!({ "strategy": "fast" }), "fast"),
        ("/backups", json!({ "filter": "a.b.c," }), "cannot parse the filter"),
        ("/restores", json!({}), "the request names no backup"),
        ("/restores", json!({ "backup": "b", "existing": "burn" }), "burn"),
        ("/restores", json!({ "backup": "b", "rename": { "a.*": "b" } }), "a.*:b"),
        ("/restores", json!({ "backup": "a/b" }), "a/b"),
    ] {
        let problem = api.post(path, &body).await.has_status(400).json();
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
        assert_eq!((&problem["kind"], &problem["title"]), (&json!("usage"), &json!("Bad Request")));
    }
    let broken =
        api.serving.request(Method::POST, "/api/v2/backups").header("content-type", "application/json");
    let broken = Reply::read(broken.body("{\n  \"name\": }").send().await.unwrap()).await.has_status(400);
    api.described.answers("POST", "/api/v2/backups", &broken);
    assert!(broken.json()["detail"].as_str().unwrap().contains("line 2 column 11"), "{}", broken.text);
    let plain = api.serving.request(Method::POST, "/api/v2/backups").header("content-type", "text/plain");
    let plain = Reply::read(plain.body("{\"name\": \"b\"}").send().await.unwrap()).await.has_status(415);
    assert!(
        plain.json()["hint"].as_str().unwrap().contains("application/json"),
        "a form of a web page is no client"
    );
    for path in ["/backups", "/restores", "/backups/b/plan"] {
        let nothing = api.send("POST", path, None, &[]).await.has_status(400).json();
        assert_eq!(nothing["detail"], "the request has no body", "it is not a wish for everything");
    }
    api.get("/jobs/none").await.has_status(404);
    api.send("POST", "/jobs/none:cancel", None, &[]).await.has_status(404);
    let unknown = api.serving.post("/api/v2/jobs/none:pause", &json!({})).await.has_status(404).json();
    assert!(unknown["hint"].as_str().unwrap().contains(":cancel"), "{unknown}");
    api.get("/backups/b/plan").await.has_status(404);
    api.get("/backups/..%2Fb").await.has_status(400);
}

#[tokio::test]
async fn unknown_parameters_are_rejected() {
    let world = World::with_books().await;
    let api = Api::start(&world).await;
    // If the parameter were ignored, the first two would execute what was meant as a dry run.
    for (path, body) in [
        ("/backups?dry_run=true", json!({ "name": "b" })),
        ("/restores?dry_run=true", json!({ "backup": "b", "suffix": "_2" })),
        ("/backups/b/plan?suffix=_2", json!({})),
        ("/jobs/none:cancel?force=1", json!({})),
    ] {
        let problem = api.post(path, &body).await.has_status(400).json();
        let (_, query) = path.split_once('?').unwrap();
        let name = query.split('=').next().unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(name), "{problem}");
    }
    for path in ["/backups/b/plan?rename=_2", "/jobs/none?deep=1", "/jobs/none/events?x", "/check?x=1"] {
        let problem = api.get(path).await.has_status(400).json();
        let (_, query) = path.split_once('?').unwrap();
        let name = query.split('=').next().unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(name), "{problem}");
    }
    api.send("DELETE", "/backups/b?dryrun=true", None, &[]).await.has_status(400);
    assert_eq!(api.get("/jobs").await.json()["jobs"], json!([]), "nothing was begun");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let problem = |reply: Reply| {
        assert_eq!(reply.header("content-type"), "application/problem+json", "{reply:?}");
        let problem = reply.json();
        assert_eq!(problem["status"], reply.status);
        assert!(problem["detail"].as_str().unwrap().contains("/api/v2"), "{problem}");
    };
    for path in ["/api/v2", "/api/v2/", "/api/v2/nothing", "/api/v2/backups/", "/api/v2/restores/x"] {
        problem(serving.get(path).await.has_status(404));
    }
    for (method, path) in
        [("PUT", "/api/v2/backups"), ("DELETE", "/api/v2/jobs/x"), ("POST", "/api/v2/check")]
    {
        let reply = serving.request(method.parse().unwrap(), path).send().await.unwrap();
        let reply = Reply::read(reply).await.has_status(405);
        assert!(reply.header("allow").contains("GET"), "{reply:?}");
        problem(reply);
    }
    // The routes of the Go tool answer in its form.
    assert_eq!(serving.get("/api/v1/nothing").await.has_status(404).text, "404 page not found");
    let put = serving.request(Method::PUT, "/api/v1/create").send().await.unwrap();
    assert_eq!(Reply::read(put).await.has_status(404).text, "404 page not found");
}

#[tokio::test]
async fn a_repeated_request_with_the_same_key_is_one_job() {
    let world = World::with_books().await;
    let api = Api::start(&world).await;
    let body = json!({ "name": "once" });
    let key = [("Idempotency-Key", "night of the 22nd")];
    let first = api.send("POST", "/backups", Some(&body), &key).await.has_status(202);
    let second = api.send("POST", "/backups", Some(&body), &key).await.has_status(202);
    assert_eq!(first.json()["id"], second.json()["id"]);
    api.wait_for_end(&first).await;
    let later = api.send("POST", "/backups", Some(&body), &key).await.has_status(202).json();
    assert_eq!(later["id"], first.json()["id"], "also once it is over");
    api.send("POST", "/backups", Some(&json!({ "name": "other" })), &key).await;
    let other = api.send("POST", "/backups", Some(&json!({ "name": "other" })), &key).await;
    assert!((400..500).contains(&other.status), "{other:?}");
    let taken = api.post("/backups", &body).await.has_status(409).json();
    assert_eq!(taken["kind"], "already_exists", "{taken}");
    let longest = "k".repeat(128);
    api.send("POST", "/backups", Some(&json!({ "name": "third" })), &[("Idempotency-Key", &longest)])
        .await
        .has_status(202);
    let long = "k".repeat(129);
    api.send("POST", "/backups", Some(&body), &[("Idempotency-Key", &long)]).await.has_status(400);
}

#[tokio::test]
async fn a_job_is_followed_with_events() {
    let world = World::with_books().await;
    let api = Api::start(&world).await;
    let accepted = api.post("/backups", &json!({ "name": "b" })).await.has_status(202).json();
    let path = format!("/jobs/{}/events", accepted["id"].as_str().unwrap());
    // The stream ends with the job, so it can be read completely.
    let stream = api.get(&path).await.has_status(200);
    assert_eq!(stream.header("content-type"), "text/event-stream");
    let events: Vec<Vec<(&str, &str)>> = stream
        .text
        .split("\n\n")
        .map(|event| event.lines().filter_map(|line| line.split_once(": ")).collect::<Vec<_>>())
        .filter(|event| event.iter().any(|(name, _)| *name == "data"))
        .collect();
    let field = |event: &[(&str, &str)], name: &str| {
        event.iter().find(|(field, _)| *field == name).map(|(_, value)| (*value).to_owned()).unwrap()
    };
    let names: Vec<_> = events.iter().map(|event| field(event, "event")).collect();
    assert_eq!(names.last().map(String::as_str), Some("end"), "{names:?}");
    assert!(names[..names.len() - 1].iter().all(|name| name == "progress"), "{names:?}");
    for (number, event) in events.iter().enumerate() {
        let last = number + 1 == events.len();
        assert_eq!(field(event, "id"), if last { "end".to_owned() } else { number.to_string() });
        let job: Value = serde_json::from_str(&field(event, "data")).unwrap();
        api.described.validates(&json!({ "$ref": "#/components/schemas/Job" }), &job, "event");
    }
    let last: Value = serde_json::from_str(&field(events.last().unwrap(), "data")).unwrap();
    assert_eq!((&last["state"], &last["result"]["rows"]), (&json!("succeeded"), &json!(9)));
    let again = api.get(&path).await.has_status(200);
    assert!(again.text.contains("event: end") && !again.text.contains("event: progress"), "{}", again.text);
    let seen = api.send("GET", &path, None, &[("Last-Event-ID", "end")]).await.has_status(204);
    assert_eq!(seen.text, "", "a browser asks until it is stderr that there is no more");
    api.send("GET", &path, None, &[("Last-Event-ID", "0")]).await.has_status(200);
    let over =
        api.send("POST", &format!("/jobs/{}:cancel", accepted["id"].as_str().unwrap()), None, &[]).await;
    assert!((400..500).contains(&over.status), "a job that is over cannot be cancelled: {over:?}");
}

#[tokio::test]
async fn event_ids_continue_from_the_last_event_id() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    let accepted = serving.post("/api/v2/backups", &json!({ "name": "b" })).await.has_status(202).json();
    let path = format!("/api/v2/jobs/{}/events", accepted["id"].as_str().unwrap());
    for (last, first) in [("6", "7"), ("nonsense", "0"), ("18446744073709551615", "18446744073709551615")] {
        let request = serving.request(Method::GET, &path).header("Last-Event-ID", last);
        let mut events = request.send().await.unwrap();
        let mut text = String::new();
        while !text.contains("\n\n") {
            text += std::str::from_utf8(&events.chunk().await.unwrap().unwrap()).unwrap();
        }
        assert!(text.lines().any(|line| line == format!("id: {first}")), "{last}: {text}");
    }
}

#[tokio::test]
async fn check_reports_problems() {
    let world = World::with_books().await;
    let api = Api::start(&world).await;
    let checks = api.get("/check").await.has_status(200).json();
    assert_eq!(checks["ok"], true, "{checks:#}");
    assert!(
        checks["checks"].as_array().unwrap().iter().any(|line| line["subject"] == "milvus"),
        "{checks:#}"
    );
}
