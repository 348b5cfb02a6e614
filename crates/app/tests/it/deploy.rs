//! What is shipped beside the program names only what the program has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::{Value, json};

use crate::serving::{DEADLINE, Serving, World};
use crate::tool::Tool;

/// Labels that Prometheus gives, or that a histogram has of itself.
const GIVEN: [&str; 3] = ["job", "instance", "le"];

/// A path of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The labels of each metric of a scrape.
type Metrics = BTreeMap<String, BTreeSet<String>>;

/// What a scrape holds.
fn metrics(scrape: &str) -> Metrics {
    let mut metrics = Metrics::new();
    for line in scrape.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        metrics.entry(name.to_owned()).or_default().extend(selected(line));
    }
    metrics
}

/// The words of a query that are names of metrics of ours.
fn named(query: &str) -> impl Iterator<Item = &str> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("milvus_backup_") || word.starts_with("process_"))
}

/// The labels between braces: of a query those that choose, of a scrape those that are there.
fn selected(query: &str) -> impl Iterator<Item = String> {
    let braces = query.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let labels = braces.flat_map(|labels| labels.split(", ").flat_map(|label| label.split("\",")));
    labels.filter_map(|label| label.split(['=', '!']).next().map(|name| name.trim().to_owned()))
}

/// The labels in the parentheses behind `by`.
fn grouped(query: &str) -> impl Iterator<Item = String> {
    let lists = query.split(" by (").skip(1).filter_map(|rest| rest.split(')').next());
    lists.flat_map(|labels| labels.split(',').map(|label| label.trim().to_owned()))
}

/// Every value of a key, however deep.
fn values<'a>(document: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match document {
        Value::Object(members) => {
            found.extend(members.get(key).and_then(Value::as_str));
            members.values().for_each(|value| values(value, key, found));
        }
        Value::Array(items) => items.iter().for_each(|value| values(value, key, found)),
        _ => {}
    }
}

/// What a server tells Prometheus that has made a backup and refused a wrong token.
async fn scrape_of_a_busy_server() -> Metrics {
    let world = World::with_books().await;
    let server = world.serve(json!({}), &[]);
    let job = server.post("/api/v2/backups", &json!({ "name": "nightly" })).await.is(202).json();
    let job = format!("/api/v2/jobs/{}", job["id"].as_str().unwrap());
    let deadline = Instant::now() + DEADLINE;
    loop {
        let now = server.get(&job).await.is(200).json();
        match now["state"].as_str().unwrap() {
            "succeeded" => break,
            "queued" | "running" => assert!(Instant::now() < deadline, "{now}"),
            _ => panic!("{now}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    metrics(&server.get("/metrics").await.is(200).text)
}

#[tokio::test]
async fn the_board_and_the_alerts_ask_for_what_the_server_tells() {
    let board: Value = serde_json::from_str(&text("deploy/grafana/milvus-backup.json")).unwrap();
    let alerts = yaml("deploy/prometheus/alerts.yaml");
    let mut queries = Vec::new();
    values(&board, "expr", &mut queries);
    values(&alerts, "expr", &mut queries);
    assert!(queries.len() > 20, "{queries:?}");

    let there = scrape_of_a_busy_server().await;
    for query in queries {
        let mut labels: BTreeSet<&str> = GIVEN.into();
        for name in named(query) {
            let of = there.get(name).unwrap_or_else(|| panic!("no {name}, which is asked for in {query}"));
            labels.extend(of.iter().map(String::as_str));
        }
        for label in selected(query).chain(grouped(query)) {
            assert!(labels.contains(label.as_str()), "no label {label:?} for {query}, only {labels:?}");
        }
    }
}

#[tokio::test]
async fn the_unit_starts_the_server() {
    let unit = text("deploy/systemd/milvus-backup.service");
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let arguments = command.strip_prefix("/usr/bin/milvus-backup server ").unwrap();
    let world = World::new();
    // Written here, and started anew as the unit does.
    drop(world.serve(json!({ "data_dir": "elsewhere" }), &[]));
    let config = world.path("backup.yaml").display().to_string();
    let data = world.path("state").display().to_string();
    let arguments: Vec<String> = arguments
        .split(' ')
        .map(|part| part.replace("/etc/milvus-backup/backup.yaml", &config))
        .map(|part| part.replace("/var/lib/milvus-backup", &data))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = Serving::start(&world.path("."), &arguments).map_err(|(_, log)| log).unwrap();
    server.get("/healthz").await.is(200);
    assert!(world.path("state").read_dir().unwrap().next().is_some(), "no jobs in {data}");
}

/// A systemd that does not know a group of system calls leaves it out: of a list of what is allowed nothing remains.
#[test]
fn the_unit_forbids_system_calls_and_does_not_list_the_allowed() {
    let unit = text("deploy/systemd/milvus-backup.service");
    let mut filters = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")).peekable();
    assert!(filters.peek().is_some());
    assert!(filters.all(|filter| filter.starts_with('~')));
}

#[test]
fn the_shipped_configurations_are_understood() {
    let compose = yaml("deploy/compose/compose.yaml");
    let environment = compose["services"]["backup"]["environment"].as_object().unwrap();
    let variables: Vec<&str> = environment.keys().map(String::as_str).collect();
    let environment: Vec<(&str, &str)> = variables.iter().map(|name| (*name, "some-thing")).collect();
    for file in ["configs/backup.yaml", "deploy/compose/backup.yaml"] {
        let tool = Tool::new(&text(file));
        let shown = tool.run_with(&["config", "show"], &environment).ends_with(0);
        assert_eq!(shown.stderr, "", "{file}");
        // The client's own is no part of the configuration.
        for name in variables.iter().filter(|name| **name != "MILVUS_BACKUP_TOKEN") {
            assert!(shown.stdout.contains(&format!("env {name}")), "{name} in {file}:\n{}", shown.stdout);
        }
    }
    let probe = &compose["services"]["backup"]["healthcheck"]["test"];
    let probe: Vec<&str> = probe.as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
    let (program, arguments) = (probe[1], &probe[2..]);
    assert_eq!(program, "/usr/bin/milvus-backup");
    // Nothing listens there, which is told only once the command line is understood.
    let nowhere = [arguments, &["--server", "http://127.0.0.1:1"]].concat();
    Tool::without_config().run(&nowhere).ends_with(5);
}

/// The documents of the repository, by path.
fn documents() -> Vec<(String, String)> {
    let mut paths = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "clients/go/README.md"]
        .map(String::from)
        .to_vec();
    for file in repository("docs").read_dir().unwrap() {
        paths.push(format!("docs/{}", file.unwrap().file_name().into_string().unwrap()));
    }
    paths.into_iter().map(|path| (path.clone(), text(&path))).collect()
}

#[test]
fn documents_name_commands_that_are_understood() {
    let tool = Tool::without_config();
    let mut found = 0;
    for (path, document) in documents() {
        // Every second part lies between fences.
        for line in document.split("```").skip(1).step_by(2).flat_map(str::lines) {
            let Some(command) = line.trim_start_matches("$ ").strip_prefix("milvus-backup ") else {
                continue;
            };
            let command = command.split(" #").next().unwrap();
            assert!(!command.contains(['\'', '"', '|']), "this test splits at blanks alone: {path}: {line}");
            // The help is shown only if all before it was understood.
            let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
            let run = tool.run(&arguments);
            assert_eq!(run.code, Some(0), "{path}: {line}\n{}", run.stderr);
            found += 1;
        }
    }
    assert!(found > 10, "only {found}");
}

#[test]
fn documents_link_to_what_is_there() {
    for (path, document) in documents() {
        let here = repository(&path);
        for link in document.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let there = here.parent().unwrap().join(link);
            assert!(link.contains("://") || there.exists(), "{path} links to {link}");
        }
    }
}

#[test]
fn the_configuration_of_the_readme_is_understood() {
    let readme = text("README.md");
    let config = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let shown = Tool::new(config).run(&["config", "show"]).ends_with(0);
    assert_eq!(shown.stderr, "");
    assert!(shown.stdout.contains("milvus-backups"), "{}", shown.stdout);
}

#[test]
fn packages_are_made_of_what_is_there() {
    let package = yaml("deploy/package/nfpm.yaml");
    let mut files: Vec<String> = Vec::new();
    for script in package["scripts"].as_object().unwrap().values() {
        files.push(script.as_str().unwrap().to_owned());
    }
    let mut sources = Vec::new();
    values(&package["contents"], "src", &mut sources);
    files.extend(
        sources.iter().filter_map(|source| Some(format!("deploy/{}", source.split_once("/deploy/")?.1))),
    );
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        assert!(repository(&file).is_file(), "no {file}");
    }
}

#[test]
fn a_release_is_asked_for_what_the_oldest_system_has() {
    let script = |name: &str, arguments: &[&str]| -> Output {
        Command::new(repository(&format!("scripts/{name}"))).args(arguments).output().unwrap()
    };
    let program = env!("CARGO_BIN_EXE_milvus-backup");
    let fine = script("glibc_needed.py", &["--max", "2.999", program]);
    let newest = String::from_utf8(fine.stdout).unwrap();
    assert!(fine.status.success() && newest.contains(": GLIBC_2."), "{newest}");
    let too_new = script("glibc_needed.py", &["--max", "2.2", program]);
    assert_eq!(too_new.status.code(), Some(1));
    assert!(String::from_utf8(too_new.stdout).unwrap().ends_with(", newer than 2.2\n"));
    let no_program = script("glibc_needed.py", &[repository("README.md").to_str().unwrap()]);
    assert_eq!(no_program.status.code(), Some(1));

    let help = script("release", &["--help"]);
    assert!(help.status.success());
    let unknown = script("release", &["sparc"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8(unknown.stderr).unwrap().starts_with("error: no such architecture: sparc"));
}

#[test]
fn the_licences_of_what_is_linked_come_along_the_same_each_time() {
    let [one, two] = ["1", "2"].map(|seed| {
        let mut script = Command::new(repository("scripts/third_party.py"));
        let output = script.arg("x86_64-unknown-linux-gnu").env("PYTHONHASHSEED", seed).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    });
    assert!(one == two, "the order is left to chance");
    // A crate, one that holds parts of others, and what is embedded.
    for name in ["\ntokio 1.", "Permission is hereby granted", "SmartBear"] {
        assert!(one.contains(name), "no {name:?}");
    }
    assert!(!one.contains("\ntempfile "), "tests are not shipped");
}
