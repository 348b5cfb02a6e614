//! Files that are shipped with the program refer only to commands, metrics, keys and files that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::{Value, json};

use crate::serving::{DEADLINE, Serving, World};
use crate::tool::Tool;

/// The labels that Prometheus adds itself, and that of the buckets of a histogram.
const PROMETHEUS_LABELS: [&str; 3] = ["job", "instance", "le"];

/// Returns the path of a file of the repository.
fn repository_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read_text(path: &str) -> String {
    std::fs::read_to_string(repository_path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn read_yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read_text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The labels of each metric, by the name of the metric.
type Metrics = BTreeMap<String, BTreeSet<String>>;

/// Parses the response of `/metrics`.
fn parse_metrics(scrape: &str) -> Metrics {
    let mut metrics = Metrics::new();
    for line in scrape.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        metrics.entry(name.to_owned()).or_default().extend(labels_in_braces(line));
    }
    metrics
}

/// Returns the names of our metrics in a query.
fn metrics_in(query: &str) -> impl Iterator<Item = &str> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("milvus_backup_") || word.starts_with("process_"))
}

/// Returns the labels between braces: the selectors of a query, or the labels of a sample.
fn labels_in_braces(query: &str) -> impl Iterator<Item = String> {
    let braces = query.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let labels = braces.flat_map(|labels| labels.split(", ").flat_map(|label| label.split("\",")));
    labels.filter_map(|label| label.split(['=', '!']).next().map(|name| name.trim().to_owned()))
}

/// Returns the labels by which a query groups, those in the parentheses after `by`.
fn grouping_labels(query: &str) -> impl Iterator<Item = String> {
    let lists = query.split(" by (").skip(1).filter_map(|rest| rest.split(')').next());
    lists.flat_map(|labels| labels.split(',').map(|label| label.trim().to_owned()))
}

/// Collects the texts of a key at every depth of a document.
fn collect_values<'a>(document: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match document {
        Value::Object(members) => {
            found.extend(members.get(key).and_then(Value::as_str));
            members.values().for_each(|value| collect_values(value, key, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_values(value, key, found)),
        _ => {}
    }
}

/// Returns the metrics of a server that has created a backup.
async fn metrics_after_a_backup() -> Metrics {
    let world = World::with_books().await;
    let server = world.serve(json!({}), &[]);
    let job = server.post("/api/v2/backups", &json!({ "name": "nightly" })).await.has_status(202).json();
    let job = format!("/api/v2/jobs/{}", job["id"].as_str().unwrap());
    let deadline = Instant::now() + DEADLINE;
    loop {
        let now = server.get(&job).await.has_status(200).json();
        match now["state"].as_str().unwrap() {
            "succeeded" => break,
            "queued" | "running" => assert!(Instant::now() < deadline, "{now}"),
            _ => panic!("{now}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    parse_metrics(&server.get("/metrics").await.has_status(200).text)
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_query_existing_metrics_and_labels() {
    let board: Value = serde_json::from_str(&read_text("deploy/grafana/milvus-backup.json")).unwrap();
    let alerts = read_yaml("deploy/prometheus/alerts.yaml");
    let mut queries = Vec::new();
    collect_values(&board, "expr", &mut queries);
    collect_values(&alerts, "expr", &mut queries);
    assert!(queries.len() > 20, "{queries:?}");

    let served = metrics_after_a_backup().await;
    for query in queries {
        let mut labels: BTreeSet<&str> = PROMETHEUS_LABELS.into();
        for name in metrics_in(query) {
            let of = served.get(name).unwrap_or_else(|| panic!("no {name}, which is asked for in {query}"));
            labels.extend(of.iter().map(String::as_str));
        }
        for label in labels_in_braces(query).chain(grouping_labels(query)) {
            assert!(labels.contains(label.as_str()), "no label {label:?} for {query}, only {labels:?}");
        }
    }
}

#[tokio::test]
async fn the_command_of_the_systemd_unit_starts_the_server() {
    let unit = read_text("deploy/systemd/milvus-backup.service");
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let arguments = command.strip_prefix("/usr/bin/milvus-backup server ").unwrap();
    let world = World::new();
    // This start writes the configuration; the second one below is that of the unit.
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
    server.get("/healthz").await.has_status(200);
    assert!(world.path("state").read_dir().unwrap().next().is_some(), "no jobs in {data}");
}

/// systemd ignores a group of system calls that it does not know. In a list of allowed calls, nothing would then remain.
#[test]
fn the_systemd_unit_lists_forbidden_system_calls_only() {
    let unit = read_text("deploy/systemd/milvus-backup.service");
    let mut filters = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")).peekable();
    assert!(filters.peek().is_some());
    assert!(filters.all(|filter| filter.starts_with('~')));
}

#[test]
fn the_shipped_configurations_are_valid() {
    let compose = read_yaml("deploy/compose/compose.yaml");
    let environment = compose["services"]["backup"]["environment"].as_object().unwrap();
    let variables: Vec<&str> = environment.keys().map(String::as_str).collect();
    let environment: Vec<(&str, &str)> = variables.iter().map(|name| (*name, "some-thing")).collect();
    for file in ["configs/backup.yaml", "deploy/compose/backup.yaml"] {
        let tool = Tool::new(&read_text(file));
        let shown = tool.run_with(&["config", "show"], &environment).exits_with(0);
        assert_eq!(shown.stderr, "", "{file}");
        // The token of the client is not a key of the configuration.
        for name in variables.iter().filter(|name| **name != "MILVUS_BACKUP_TOKEN") {
            assert!(shown.stdout.contains(&format!("env {name}")), "{name} in {file}:\n{}", shown.stdout);
        }
    }
    let probe = &compose["services"]["backup"]["healthcheck"]["test"];
    let probe: Vec<&str> = probe.as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
    let (program, arguments) = (probe[1], &probe[2..]);
    assert_eq!(program, "/usr/bin/milvus-backup");
    // Exit code 5 (unreachable) shows that the command line was parsed: nothing listens at this port.
    let nowhere = [arguments, &["--server", "http://127.0.0.1:1"]].concat();
    Tool::without_config().run(&nowhere).exits_with(5);
}

/// Returns the path and the text of each document of the repository.
fn documents() -> Vec<(String, String)> {
    let mut paths = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "clients/go/README.md"]
        .map(String::from)
        .to_vec();
    for file in repository_path("docs").read_dir().unwrap() {
        paths.push(format!("docs/{}", file.unwrap().file_name().into_string().unwrap()));
    }
    paths.into_iter().map(|path| (path.clone(), read_text(&path))).collect()
}

#[test]
fn commands_in_documents_are_valid() {
    let tool = Tool::without_config();
    let mut found = 0;
    for (path, document) in documents() {
        // Every second part is inside a code block.
        for line in document.split("```").skip(1).step_by(2).flat_map(str::lines) {
            let Some(command) = line.trim_start_matches("$ ").strip_prefix("milvus-backup ") else {
                continue;
            };
            let command = command.split(" #").next().unwrap();
            assert!(!command.contains(['\'', '"', '|']), "this test splits at blanks alone: {path}: {line}");
            // The help is printed only if the arguments before it are valid.
            let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
            let run = tool.run(&arguments);
            assert_eq!(run.code, Some(0), "{path}: {line}\n{}", run.stderr);
            found += 1;
        }
    }
    assert!(found > 10, "only {found}");
}

#[test]
fn links_in_documents_lead_to_existing_files() {
    for (path, document) in documents() {
        let here = repository_path(&path);
        for link in document.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let there = here.parent().unwrap().join(link);
            assert!(link.contains("://") || there.exists(), "{path} links to {link}");
        }
    }
}

#[test]
fn the_configuration_in_the_readme_is_valid() {
    let readme = read_text("README.md");
    let config = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let shown = Tool::new(config).run(&["config", "show"]).exits_with(0);
    assert_eq!(shown.stderr, "");
    assert!(shown.stdout.contains("milvus-backups"), "{}", shown.stdout);
}

#[test]
fn the_files_of_the_packages_exist() {
    let package = read_yaml("deploy/package/nfpm.yaml");
    let mut files: Vec<String> = Vec::new();
    for script in package["scripts"].as_object().unwrap().values() {
        files.push(script.as_str().unwrap().to_owned());
    }
    let mut sources = Vec::new();
    collect_values(&package["contents"], "src", &mut sources);
    files.extend(
        sources.iter().filter_map(|source| Some(format!("deploy/{}", source.split_once("/deploy/")?.1))),
    );
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        assert!(repository_path(&file).is_file(), "no {file}");
    }
}

#[test]
fn the_release_scripts_check_glibc_and_architecture() {
    let script = |name: &str, arguments: &[&str]| -> Output {
        Command::new(repository_path(&format!("scripts/{name}"))).args(arguments).output().unwrap()
    };
    let program = env!("CARGO_BIN_EXE_milvus-backup");
    let fine = script("glibc_needed.py", &["--max", "2.999", program]);
    let newest = String::from_utf8(fine.stdout).unwrap();
    assert!(fine.status.success() && newest.contains(": GLIBC_2."), "{newest}");
    let too_new = script("glibc_needed.py", &["--max", "2.2", program]);
    assert_eq!(too_new.status.code(), Some(1));
    assert!(String::from_utf8(too_new.stdout).unwrap().ends_with(", newer than 2.2\n"));
    let no_program = script("glibc_needed.py", &[repository_path("README.md").to_str().unwrap()]);
    assert_eq!(no_program.status.code(), Some(1));

    let help = script("release", &["--help"]);
    assert!(help.status.success());
    let unknown = script("release", &["sparc"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8(unknown.stderr).unwrap().starts_with("error: no such architecture: sparc"));
}

#[test]
fn the_licences_of_dependencies_are_complete_and_reproducible() {
    let [one, two] = ["1", "2"].map(|seed| {
        let mut script = Command::new(repository_path("scripts/third_party.py"));
        let output = script.arg("x86_64-unknown-linux-gnu").env("PYTHONHASHSEED", seed).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    });
    assert!(one == two, "the order is left to chance");
    // A crate, a crate that contains code of others, and an embedded asset.
    for name in ["\ntokio 1.", "Permission is hereby granted", "SmartBear"] {
        assert!(one.contains(name), "no {name:?}");
    }
    assert!(!one.contains("\ntempfile "), "tests are not shipped");
}
