//! Users with few privileges, on servers with authorization: what `check` names is what a verb needs.

use std::fmt::Display;

use milvus::{Auth, ConnectConfig};
use model::name::CollectionRef;
use testkit::milvus_server::{self, Options};
use testkit::seed;
use testkit::test_milvus::TestMilvus;

use crate::tool::{Run, Tool};

const PASSWORD: &str = "keeper-of-backups";

/// A server with authorization and one collection, and the tool that logs in as `keeper`, who has nothing.
struct Guarded {
    tool: Tool,
    root: TestMilvus,
    _server: milvus_server::Guard,
}

impl Guarded {
    async fn start(version: &str) -> Option<Self> {
        let server = milvus_server::start(&Options::default().version(version).login())?;
        let auth = Auth::Password { user: "root".to_owned(), password: "Milvus".into() };
        let root = TestMilvus::connect(&ConnectConfig { auth, ..server.server().config() }).await.unwrap();
        seed::hundred_rows(&root, &CollectionRef::new("default", "apple")).await.unwrap();
        root.create_user("keeper", PASSWORD).await;
        Some(Self { tool: Tool::on_disk(server.server()), root, _server: server })
    }

    fn run(&self, arguments: &str) -> Run {
        let login: [(&str, &dyn Display); 2] = [("milvus.user", &"keeper"), ("milvus.password", &PASSWORD)];
        self.tool.run_with(arguments, &login)
    }

    /// Grants everything that one line of a check names, on all objects; returns how many privileges those were.
    async fn grant_all_named(&self, check: &Run, subject: &str) -> usize {
        let line = check.stdout.lines().find(|line| line.contains(subject)).unwrap();
        let mut granted = 0;
        for named in line.split(',') {
            for object_type in ["Global", "Collection"] {
                let Some((name, _)) = named.split_once(&format!(" ({object_type})")) else { continue };
                let name = name.rsplit(' ').next().unwrap();
                self.root.grant("keeper", object_type, "*", name).await;
                granted += 1;
            }
        }
        granted
    }
}

#[tokio::test]
async fn check_names_the_missing_privileges_of_each_verb() {
    let Some(guarded) = Guarded::start("2.3.5").await else { return };
    guarded.run("create -n early").exits_with(5);
    let backup = guarded.run("check --for backup").exits_with(5).prints(&[
        "FAIL  backup privileges",
        "user keeper lacks ListDatabases (Global)",
        "Flush (Collection)",
        "hint: grant the missing privilege to the user",
    ]);
    assert!(!backup.stdout.contains("CreateCollection"), "{}", backup.stdout);
    assert!(guarded.grant_all_named(&backup, "backup privileges").await > 5);
    guarded.run("check --for backup").exits_with(0).prints(&["backup privileges", "user keeper has all"]);
    guarded.run("create -n fruit").exits_with(0);

    // What only restores lack is a warning for both purposes, and a failure for restores.
    guarded.run("check").exits_with(0).prints(&["warn  restore privileges", "CreateCollection (Global)"]);
    let restore = guarded.run("check --for restore").exits_with(5);
    assert!(guarded.grant_all_named(&restore, "restore privileges").await > 5);
    guarded.run("check --for restore").exits_with(0).prints(&["restore privileges", "user keeper has all"]);
    guarded.run("restore -n fruit --suffix _copy").exits_with(0);
    guarded.run("restore -n fruit --suffix _copy --drop-exist-collection --yes").exits_with(0);
}

#[tokio::test]
async fn privileges_on_single_collections_are_told_apart() {
    let Some(guarded) = Guarded::start("2.3.5").await else { return };
    let pear = CollectionRef::new("default", "pear");
    seed::hundred_rows(&guarded.root, &pear).await.unwrap();
    let missing = guarded.run("check --for backup").exits_with(5);
    for name in ["ListDatabases", "ListAliases"] {
        guarded.root.grant("keeper", "Global", "*", name).await;
    }
    guarded.root.grant("keeper", "Collection", "apple", "*").await;
    let partial = guarded.run("check --for backup").exits_with(0);
    partial.prints(&["warn  backup privileges", "Flush (Collection) on default.pear"]);
    assert!(missing.stdout.contains("Flush (Collection),"), "{}", missing.stdout);
    guarded.run("create -n apples --filter apple").exits_with(0);
}

#[tokio::test]
async fn privileges_are_tried_where_they_cannot_be_read() {
    let Some(guarded) = Guarded::start("2.2.16").await else { return };
    let backup = guarded
        .run("check --for backup")
        .exits_with(5)
        .prints(&["user keeper lacks ListDatabases (Global)", "Flush (Collection) on all collections"]);
    assert!(guarded.grant_all_named(&backup, "backup privileges").await > 2);
    guarded.run("check --for backup").exits_with(0).prints(&["user keeper has all"]);
    guarded.run("create -n fruit").exits_with(0);
    let restore = guarded.run("check --for restore").exits_with(0);
    restore.prints(&["unknown: ", "CreateCollection (Global)"]);
}
