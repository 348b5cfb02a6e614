//! Backups and restores of every line of releases, on the simulated Milvus.

use std::sync::Arc;

use engine::{CheckPurpose, CheckState, Event, JobCtx};
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use milvus::Auth;
use model::manifest::{DataType, Field, KeyValue};
use model::mapping::Mapping;
use model::name::CollectionRef;
use model::plan::backup::BackupRequest;
use model::plan::restore::{ExistingTargetPolicy, RestoreOptions, RestoreRequest};
use model::selection::Selection;
use model::version::{Release, ServerVersion};
use serde_json::{Value, json};

use testkit::all_types::{self, DATABASE};

use crate::watch::on_first_event;
use crate::world::{World, backup_request, restore, restore_options, restore_request, within_deadline};
use crate::{disk, samples};

/// Releases from 2.2 to 3.0, among them the first and the last of a behaviour.
const VERSIONS: [&str; 16] = [
    "2.2.16", "2.3.5", "2.4.3", "2.4.5", "2.4.17", "2.4.24", "2.5.4", "2.5.8", "2.5.27", "2.6.0", "2.6.5",
    "2.6.12", "2.6.19", "2.6.22", "3.0.0", "3.0.1",
];

/// Creates `shop.books` with 12 rows in two partitions, of which 3 are deleted and 1 is inserted again, an index, an
/// alias and a property.
async fn fill_shop(world: &World) {
    let milvus = world.connect().await;
    milvus.create_database("shop").await.unwrap();
    samples::create_with_rows(&milvus, "shop.books", &[("_default", 8), ("old", 4)]).await;
    let books = samples::collection("shop.books");
    milvus.create_index(&books, &samples::vector_index()).await.unwrap();
    milvus.create_alias(&books, "library").await.unwrap();
    milvus.flush(&books).await.unwrap();
    assert_eq!(milvus.delete(&books, "id in [1, 2, 7]").await, 3);
    milvus.flush(&books).await.unwrap();
    samples::insert_rows(&milvus, "shop.books", "old", 2).await;
}

fn rows(world: &World) -> Vec<Value> {
    world.fake.rows("shop", "books")
}

fn release(version: &str) -> ServerVersion {
    ServerVersion::parse(version)
}

/// Returns the live rows in the order of their texts: rows with the same key have no order.
fn sorted_rows(world: &World, name: &CollectionRef) -> Vec<Value> {
    let mut rows = world.fake.rows(&name.database, &name.collection);
    rows.sort_by_cached_key(ToString::to_string);
    rows
}

/// Returns whether a target can hold what a source of another release has written.
fn can_hold(source: &str, target: &str) -> bool {
    let writes_groups = |version: &str| release(version).at_least((2, 6, 0));
    !writes_groups(source) || writes_groups(target)
}

/// Backs up a source and restores the backup into every release.
async fn check_source(source: &'static str) {
    let from = World::with_version(source, |config| config);
    fill_shop(&from).await;
    let milvus = from.connect().await;
    milvus.create_database(DATABASE).await.unwrap();
    for sample in all_types::samples(&release(source)) {
        sample.fill(&milvus, &from.fake).await;
    }
    if !release(source).at_least((2, 3, 0)) {
        // A flush of 2.2 does not write them.
        from.fake.sync_deletes("shop", "books");
    }
    let report = from.back_up(&backup_request("nightly")).await.unwrap();
    assert_eq!(report.failed.len() + report.vanished.len(), 0, "{source}: {report:?}");
    let expected = ["shop.books"].into_iter().map(samples::collection);
    let expected =
        expected.chain(all_types::samples(&release(source)).into_iter().map(|sample| sample.target()));
    let expected: Vec<_> = expected.map(|name| (sorted_rows(&from, &name), name)).collect();
    assert!(expected.iter().all(|(rows, _)| rows.len() >= 7), "{source}: {expected:?}");
    let restores = VERSIONS.map(|target| check_restore(&from, source, target, &expected).boxed());
    futures::future::join_all(restores).await;
}

/// Returns what a target cannot hold of the collections of a source, as texts of the refusal, by collection.
fn refusals(source: &str, target: &str) -> Vec<(CollectionRef, Vec<String>)> {
    let to = release(target);
    let refusals = all_types::samples(&release(source)).into_iter().map(|sample| {
        let lacks = sample.needs.iter().filter(|(_, since)| !to.at_least(*since));
        let mut texts: Vec<String> = lacks.map(|(text, _)| text.clone()).collect();
        let is_faulty = |(from, mended): &&(Release, Release)| to.at_least(*from) && !to.at_least(*mended);
        if sample.faults.iter().any(|fault| is_faulty(&fault)) {
            texts.push("imports of the outputs of functions".to_owned());
        }
        (sample.target(), texts)
    });
    refusals.filter(|(_, texts)| !texts.is_empty()).collect()
}

async fn check_restore(from: &World, source: &str, target: &str, expected: &[(Vec<Value>, CollectionRef)]) {
    let into = World::with_version(target, |config| config);
    let engine = from.engine_with_target(&into);
    let refusals = refusals(source, target);
    let refused = |name: &CollectionRef| refusals.iter().any(|(refused, _)| refused == name);
    if !refusals.is_empty() || !can_hold(source, target) {
        let restored = restore(&engine, &restore_request("nightly"), &JobCtx::detached()).await;
        let error = restored.unwrap_err().to_string();
        for (name, texts) in &refusals {
            let line = error.lines().find(|line| line.contains(&format!(" cannot hold {name}: ")));
            let line = line.unwrap_or_else(|| panic!("{source} into {target}: {name} in {error}"));
            for text in texts {
                assert!(line.contains(text.as_str()), "{source} into {target}: {text} in {line}");
            }
        }
        assert_eq!(into.count_calls("CreateCollection") + into.count_calls("CreateDatabase"), 0);
        if !can_hold(source, target) {
            assert!(error.contains("storage version 2"), "{source} into {target}: {error}");
            return;
        }
    }
    let held: Vec<_> = expected.iter().filter(|(_, name)| !refused(name)).collect();
    let filter = held.iter().map(|(_, name)| name.to_string()).collect::<Vec<_>>().join(",");
    let request =
        RestoreRequest { selection: Selection::from_filter(&filter).unwrap(), ..restore_request("nightly") };
    let restored = restore(&engine, &request, &JobCtx::detached()).await.unwrap();
    assert_eq!(restored.kind(), None, "{source} into {target}: {restored:?}");
    for (rows, name) in held {
        assert_eq!(&sorted_rows(&into, name), rows, "{name} of {source} into {target}");
    }
    let milvus = into.connect().await;
    let alias = CollectionRef::new("shop", "library");
    assert_eq!(milvus.describe_collection(&alias).await.unwrap().name, "books");
    let indexes = milvus.list_indexes(&samples::collection("shop.books")).await.unwrap();
    assert_eq!(indexes.len(), 1, "{source} into {target}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_release_is_backed_up_and_restored_into_every_release_that_can_hold_it() {
    let sources: Vec<_> = VERSIONS.into_iter().map(|source| check_source(source).boxed()).collect();
    stream::iter(sources).buffer_unordered(4).collect::<Vec<()>>().await;
}

/// Creates `default.books` with or without a dynamic field, adds two fields to it and, from 3.0 on, drops the first of them.
async fn fill_evolved(world: &World, dynamic: bool) {
    let milvus = world.connect().await;
    let mut create = samples::small_collection("books");
    create.schema.enable_dynamic_field = dynamic;
    milvus.create_collection(&create).await.unwrap();
    samples::insert_rows(&milvus, "books", "_default", 3).await;
    let books = samples::collection("books");
    milvus.flush(&books).await.unwrap();
    for name in ["first", "second"] {
        let data_type = DataType::INT64;
        let field = Field { name: name.to_owned(), data_type, nullable: true, ..Field::default() };
        milvus.add_field(&books, &field).await.unwrap();
    }
    if milvus.server().version.at_least((3, 0, 0)) {
        milvus.drop_field(&books, "first").await.unwrap();
    }
    samples::insert_rows(&milvus, "books", "_default", 2).await;
}

/// Returns the ids and names of the fields of a collection.
async fn field_ids(world: &World, name: &str) -> Vec<(i64, String)> {
    let described = world.connect().await.describe_collection(&samples::collection(name)).await.unwrap();
    let mut fields: Vec<_> =
        described.schema.fields.into_iter().map(|field| (field.id, field.name)).collect();
    fields.sort();
    fields
}

#[tokio::test]
async fn fields_that_were_added_or_dropped_get_their_ids_in_the_target() {
    for (version, dynamic) in [("2.6.19", true), ("2.6.19", false), ("3.0.0", true), ("3.0.0", false)] {
        let world = World::with_version(version, |config| config);
        fill_evolved(&world, dynamic).await;
        world.back_up(&backup_request("nightly")).await.unwrap();
        let mapping = Mapping::new(None, Some("_copy")).unwrap();
        let request = RestoreRequest { mapping, ..restore_request("nightly") };
        let restored = world.restore(&request).await.unwrap();
        assert_eq!(restored.kind(), None, "{version}: {restored:?}");
        let ids = field_ids(&world, "books").await;
        assert_eq!(field_ids(&world, "books_copy").await, ids, "{version}");
        assert_eq!(ids.len(), if version == "3.0.0" { 4 } else { 5 }, "{version}: {ids:?}");
        assert_eq!(world.fake.rows("default", "books_copy"), world.fake.rows("default", "books"));

        let (older, problem) = match (version, dynamic) {
            ("3.0.0", _) => {
                ("2.6.19", "gaps in the field ids, because fields were dropped (since Milvus 3.0.0)")
            }
            (_, true) => ("2.5.27", "fields that were added later (since Milvus 2.6.0)"),
            // Without the hidden field, the ids are those of a collection that was created with these fields.
            (_, false) => ("2.5.27", "storage version 2"),
        };
        let into = World::with_version(older, |config| config);
        let engine = world.engine_with_target(&into);
        let refused = restore(&engine, &restore_request("nightly"), &JobCtx::detached()).await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(problem), "{version} into {older}: {error}");
        assert_eq!(into.count_calls("CreateCollection"), 0);
    }
}

#[tokio::test]
async fn files_that_milvus_does_not_name_are_left_out() {
    let world = World::with_version("2.5.27", |config| config);
    fill_shop(&world).await;
    let orphan = world.fake.add_orphan_file("shop", "books");
    let report = world.back_up(&backup_request("nightly")).await.unwrap();
    let left_out = "shop.books: files that do not belong to the segments are left out: 1";
    assert!(report.warnings.iter().any(|warning| warning == left_out), "{:?}", report.warnings);
    let name = orphan.file_name().unwrap().to_str().unwrap().to_owned();
    let files = disk::list_files(&world.backup_path("nightly"));
    assert!(!files.keys().any(|file| file.ends_with(&name)), "{name} in {files:?}");
}

#[tokio::test]
async fn a_compaction_between_the_list_and_the_copy_costs_no_row() {
    for version in ["2.5.27", "2.6.19"] {
        let world = Arc::new(World::with_version(version, |config| config));
        fill_shop(&world).await;
        let watched = on_first_event(|event| matches!(event, Event::ObjectCopied { .. }), {
            let world = Arc::clone(&world);
            move || world.fake.compact("shop", "books")
        });
        world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
        let mapping = Mapping::new(None, Some("_copy")).unwrap();
        let request = RestoreRequest { mapping, ..restore_request("nightly") };
        assert_eq!(world.restore(&request).await.unwrap().kind(), None, "{version}");
        assert_eq!(world.fake.rows("shop", "books_copy"), rows(&world), "{version}");
    }
}

#[tokio::test]
async fn pauses_of_garbage_collection_are_lifted_by_their_tickets() {
    for version in ["2.5.27", "2.6.19", "3.0.0"] {
        let world = World::with_version(version, |config| config);
        fill_shop(&world).await;
        let request = BackupRequest { pause_gc: true, ..backup_request("nightly") };
        let report = world.back_up(&request).await.unwrap();
        assert_eq!(report.kind(), None, "{version}");
        assert!(!report.warnings.iter().any(|w| w.contains("garbage")), "{:?}", report.warnings);
        assert!(world.fake.calls().iter().any(|call| call.contains("pause_seconds=600")), "{version}");
        assert_eq!(world.fake.garbage_collection_pauses(), 0, "{version}");
    }
}

#[tokio::test]
async fn a_user_who_does_not_see_all_is_warned() {
    let mut world = World::with_version("2.6.19", |config| config.login("root:Milvus"));
    let login = |user: &str, password: &str| Auth::Password {
        user: user.to_owned(),
        password: password.to_owned().into(),
    };
    world.config.milvus.auth = login("root", "Milvus");
    world.fill_books().await;
    world.connect().await.create_user("ann", "Secret-1").await;
    let warnings = async |world: &World| -> String {
        let lines = world.engine().check(CheckPurpose::Backup, &JobCtx::detached()).await.unwrap();
        lines.into_iter().map(|line| line.detail).collect::<Vec<_>>().join("\n")
    };
    let hidden = "Milvus lists only the databases and collections on which user ann has a privilege";
    assert!(!warnings(&world).await.contains("Milvus lists only"));
    world.config.milvus.auth = login("ann", "Secret-1");
    assert!(warnings(&world).await.contains(hidden), "{}", warnings(&world).await);
}

#[tokio::test]
async fn an_import_that_waits_for_its_commit_is_named() {
    let world = World::with_version("3.0.0", |config| config);
    fill_shop(&world).await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let files = disk::list_files(&world.backup_path("nightly/binlogs/insert_log"));
    let file = files.keys().next().unwrap();
    let group = file.split('/').take(3).collect::<Vec<_>>().join("/");
    let prefix = world.backup_path(&format!("nightly/binlogs/insert_log/{group}"));
    let base = format!("http://{}:{}/v2/vectordb/jobs/import", world.fake.host(), world.fake.port());
    let post = async |route: &str, body: Value| -> Value {
        let sent = reqwest::Client::new().post(format!("{base}/{route}")).json(&body).send().await;
        within_deadline(sent.unwrap().json()).await.unwrap()
    };
    let created = post(
        "create",
        json!({
            "dbName": "shop", "collectionName": "books", "partitionName": "_default",
            "files": [[format!("{}/", prefix.display())]],
            "options": {"backup": "true", "storage_version": "2", "auto_commit": "false"},
        }),
    )
    .await;
    let job = created["data"]["jobId"].as_str().unwrap_or_else(|| panic!("{created}")).to_owned();
    let waits = async {
        while post("describe", json!({"dbName": "shop", "jobId": job})).await["data"]["state"]
            != "Uncommitted"
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    within_deadline(waits).await;
    let warnings = world.preview(&backup_request("later")).await.unwrap().warnings;
    let expected = format!("import job {job} into books waits for its commit");
    assert!(warnings.iter().any(|warning| warning.starts_with(&expected)), "{warnings:?}");
}

#[tokio::test]
async fn a_property_that_the_target_refuses_costs_only_itself() {
    let from = World::with_version("2.5.27", |config| config);
    let milvus = from.connect().await;
    let mut create = samples::small_collection("books");
    let properties = [("query_mode", "fast"), ("collection.autocompaction.enabled", "false")];
    create.properties = properties.map(|(key, value)| KeyValue::new(key, value)).to_vec();
    milvus.create_collection(&create).await.unwrap();
    samples::insert_rows(&milvus, "books", "_default", 3).await;
    from.back_up(&backup_request("nightly")).await.unwrap();
    let into = World::with_version("3.0.0", |config| config);
    let engine = from.engine_with_target(&into);
    let restored = restore(&engine, &restore_request("nightly"), &JobCtx::detached()).await.unwrap();
    let lacks = &restored.collections[0].lacks;
    assert!(lacks.len() == 1 && lacks[0].contains("without its properties query_mode: "), "{restored:?}");
    assert_eq!(into.fake.rows("default", "books").len(), 3);
    let described = into.connect().await.describe_collection(&samples::collection("books")).await.unwrap();
    let kept = described.properties.iter().find(|property| property.key == properties[1].0);
    assert_eq!(kept.map(|property| property.value.as_str()), Some("false"));
}

#[tokio::test]
async fn the_aliases_of_a_replaced_collection_are_put_back() {
    for version in ["2.4.3", "2.5.4", "2.5.27", "3.0.0"] {
        let world = World::with_version(version, |config| config);
        fill_shop(&world).await;
        world.back_up(&backup_request("nightly")).await.unwrap();
        let (milvus, books) = (world.connect().await, samples::collection("shop.books"));
        milvus.create_alias(&books, "newer").await.unwrap();
        let options = RestoreOptions { existing: ExistingTargetPolicy::Drop, ..restore_options() };
        let request = RestoreRequest { options, ..restore_request("nightly") };
        let restored = world.restore(&request).await.unwrap();
        assert_eq!((restored.kind(), restored.collections[0].dropped), (None, true), "{version}");
        let mut aliases = milvus.aliases(&books).await.unwrap();
        aliases.sort();
        assert_eq!(aliases, ["library", "newer"], "{version}");
    }
}

#[tokio::test]
async fn what_hides_or_doubles_rows_in_an_existing_target_is_said() {
    let world = World::with_version("2.5.27", |config| config);
    fill_shop(&world).await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let options = RestoreOptions { existing: ExistingTargetPolicy::Use, ..restore_options() };
    let request = RestoreRequest { options, ..restore_request("nightly") };
    let warnings = world.plan_restore(&request).await.unwrap().plan().warnings.join("\n");
    assert!(warnings.contains("shop.books contains 14 rows already"), "{warnings}");
    assert!(warnings.contains("shop.books has deletes"), "{warnings}");
}

#[tokio::test]
async fn a_release_that_does_not_restore_fails_the_check() {
    let world = World::with_version("2.4.0", |config| config);
    let lines = world.engine().check(CheckPurpose::Restore, &JobCtx::detached()).await.unwrap();
    let line = lines.iter().find(|line| line.subject == "imports").unwrap();
    assert_eq!(line.state, CheckState::Fail);
    assert!(line.detail.contains("since Milvus 2.4.3"), "{}", line.detail);
}
