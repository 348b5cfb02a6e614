//! Import jobs that import no rows, fail, stall or are interrupted (simulated Milvus).

use std::sync::Arc;
use std::time::Duration;

use engine::{
    Advice, CollectionFailure, CollectionOutcome, CollectionRestored, Event, FailureKind, JobCtx, Phase,
    RestoreReport, Setting,
};
use model::ids::CollectionId;
use model::plan::restore::{ExistingTargetPolicy, RestoreOptions, RestoreRequest};
use model::selection::Selection;
use testkit::fake::Fault;

use crate::samples::{self, collection};
use crate::watch::{WatchedJob, on_first_event};
use crate::world::{World, backup_request, nonzero, restore_copy_request, restore_options, restore_request};

/// Creates a world with a backup of `books` and `tags`, whose restores process one collection at a time.
async fn world_with_backup() -> Arc<World> {
    let mut world = World::with_books().await;
    world.config.limits.restore_collections = nonzero(1);
    world.config.limits.import_jobs = nonzero(1);
    world.back_up(&backup_request("nightly")).await.unwrap();
    Arc::new(world)
}

async fn collection_ids(world: &World) -> Vec<CollectionId> {
    let listed = world.connect().await.list_collections("default").await.unwrap();
    listed.into_iter().map(|(_, id)| id).collect()
}

fn failure(restored: &CollectionRestored) -> &CollectionFailure {
    match &restored.outcome {
        CollectionOutcome::Failed(failure) => failure,
        other => panic!("{}: {other:?}", restored.source),
    }
}

fn result_of<'a>(report: &'a RestoreReport, name: &str) -> &'a CollectionRestored {
    report.collections.iter().find(|c| c.source == collection(name)).unwrap()
}

/// Returns whether an event reports this number of completed jobs for a collection.
fn is_import_event(event: &Event, name: &str, jobs: usize) -> bool {
    matches!(event, Event::Import { collection, done, .. } if collection.collection == name && *done == jobs)
}

#[tokio::test]
async fn if_the_first_job_imports_no_rows_no_other_target_is_changed() {
    for at_once in [1, 2] {
        let mut world = World::with_books().await;
        world.config.limits.restore_collections = nonzero(at_once);
        world.back_up(&backup_request("nightly")).await.unwrap();
        let before = collection_ids(&world).await;
        world.fake.inject(Fault::ImportEmpty);
        let request = RestoreRequest {
            options: RestoreOptions { existing: ExistingTargetPolicy::Drop, ..restore_options() },
            ..restore_request("nightly")
        };
        let report = world.restore(&request).await.unwrap();

        let books = failure(result_of(&report, "books"));
        let expected =
            "default.books/_default: 0 of 3 rows, although Milvus reported the import as completed";
        assert_eq!(
            (books.message.as_str(), books.kind, books.rows.is_some()),
            (expected, FailureKind::Partial, true)
        );
        let settings = vec![Setting::MilvusBucket, Setting::MilvusRootPath];
        assert_eq!(books.advice, Some(Advice::CompareWithMilvus { settings }));
        assert!(result_of(&report, "books").created, "the incomplete one is told");
        let tags = result_of(&report, "tags");
        if at_once == 1 {
            assert_eq!(tags.outcome, CollectionOutcome::NotBegun);
        } else {
            let expected =
                "default.tags was not imported because the first import job of this restore failed";
            assert_eq!(failure(tags).message, expected);
        }
        assert!(!tags.created);
        assert_eq!(report.kind(), Some(FailureKind::Partial));
        assert_eq!((world.count_calls("Import"), world.count_calls("DropCollection")), (1, 1));
        let after = collection_ids(&world).await;
        assert_eq!((after.len(), after[1]), (2, before[1]), "tags is the one it was");
        assert_ne!(after[0], before[0]);
    }
}

#[tokio::test]
async fn if_the_first_job_fails_no_other_collection_is_started() {
    let world = world_with_backup().await;
    world.fake.inject(Fault::ImportFails("AccessDenied".to_owned()));
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!(report.kind(), Some(FailureKind::Failed), "nothing at all is restored");
    assert_eq!(result_of(&report, "tags").outcome, CollectionOutcome::NotBegun);
    assert_eq!(world.collection_names("default").await, ["books", "books_copy", "tags"]);
}

#[tokio::test]
async fn if_the_first_collection_cannot_be_created_the_next_one_gives_the_proof() {
    let mut world = World::with_books().await;
    world.config.limits.restore_collections = nonzero(1);
    world.config.milvus.limits.outage = Duration::from_millis(1);
    world.back_up(&backup_request("nightly")).await.unwrap();
    world.fake.inject(Fault::Unavailable { call: "CreateCollection", times: 1 });
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    let books = failure(result_of(&report, "books"));
    assert_eq!(books.kind, FailureKind::Unreachable);
    assert!(books.message.starts_with("cannot create collection default.books_copy: "), "{books:?}");
    assert_eq!(result_of(&report, "tags").outcome, CollectionOutcome::Done);
    assert_eq!((report.kind(), report.rows()), (Some(FailureKind::Partial), 4));
}

#[tokio::test]
async fn a_failed_job_is_reported_with_the_reason_of_milvus_its_cause_and_a_step() {
    let world = world_with_backup().await;
    let reason = "disk quota exceeded";
    world.fake.inject(Fault::ImportFails(reason.to_owned()));
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    let failure = failure(&report.collections[0]);
    let (job, rest) = failure.message.strip_prefix("import job ").unwrap().split_once(' ').unwrap();
    assert!(job.parse::<i64>().is_ok(), "{failure:?}");
    assert_eq!(rest, format!("of default.books_copy/_default failed: {reason}"));
    let (cause, step) = cause_and_step(failure);
    assert_eq!((cause, step), ("the disk quota of Milvus is exhausted", &Advice::FreeQuota));
    assert_eq!((failure.kind, report.kind()), (FailureKind::Failed, Some(FailureKind::Failed)));
}

fn cause_and_step(failure: &CollectionFailure) -> (&str, &Advice) {
    match &failure.advice {
        Some(Advice::MendImport { cause, step }) => (cause, step),
        other => panic!("{failure:?}: {other:?}"),
    }
}

#[tokio::test]
async fn a_refused_import_is_reported_with_its_cause_and_a_step() {
    for version in ["2.5.27", "3.0.0"] {
        let world = World::with_version(version, |config| config);
        world.fill_books().await;
        world.back_up(&backup_request("nightly")).await.unwrap();
        let prepared = world.plan_restore(&restore_copy_request("nightly")).await.unwrap();
        // Milvus cannot list the files of another bucket either.
        std::fs::remove_dir_all(world.backup_path("nightly/binlogs/insert_log")).unwrap();
        let report = world.engine().restore(prepared, &JobCtx::detached()).await.unwrap();
        let failure = failure(&report.collections[0]);
        assert!(failure.message.starts_with("cannot import into partition _default of "), "{failure:?}");
        assert!(failure.message.contains("no binlog to import, input=["), "{failure:?}");
        let (cause, step) = cause_and_step(failure);
        assert!(cause.starts_with("Milvus finds no files of the backup: "), "{version}: {cause}");
        let settings = vec![Setting::MilvusBucket, Setting::MilvusRootPath];
        assert_eq!(step, &Advice::CompareWithMilvus { settings }, "{version}");
    }
}

#[tokio::test]
async fn a_job_that_milvus_forgets_is_reported_with_its_cause() {
    let world = world_with_backup().await;
    world.fake.inject(Fault::NotFound { call: "GetImportState", times: u32::MAX });
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    let failure = failure(&report.collections[0]);
    let (cause, step) = cause_and_step(failure);
    assert!(cause.starts_with("Milvus does not know the job any more: "), "{cause}");
    assert_eq!(step, &Advice::RestoreCollectionAgain);
}

#[tokio::test]
async fn a_job_without_progress_fails_after_the_stall_limit() {
    let mut world = World::with_books().await;
    world.config.limits.restore_collections = nonzero(1);
    world.config.limits.stall = Duration::from_secs(1);
    world.back_up(&backup_request("nightly")).await.unwrap();
    world.fake.inject(Fault::ImportStuck);
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    let failure = failure(result_of(&report, "books"));
    let (job, rest) = failure.message.strip_prefix("import job ").unwrap().split_once(' ').unwrap();
    assert!(job.parse::<i64>().is_ok(), "{failure:?}");
    assert_eq!(rest, "of default.books_copy/_default made no progress for 1 s");
    assert_eq!(failure.advice, Some(Advice::ReplaceCollection { when_milvus_answers: false }));
    assert_eq!(report.kind(), Some(FailureKind::Failed));
}

#[tokio::test]
async fn a_failed_collection_does_not_stop_the_others() {
    let world = world_with_backup().await;
    let watched = on_first_event(|event| is_import_event(event, "books", 2), {
        let world = Arc::clone(&world);
        move || world.fake.inject(Fault::ImportFails("no reason".to_owned()))
    });
    let report = world.restore_watched(&restore_copy_request("nightly"), &watched).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (Some(FailureKind::Partial), 5));
    assert_eq!(result_of(&report, "books").outcome, CollectionOutcome::Done);
    let tags = result_of(&report, "tags");
    assert!(failure(tags).message.ends_with("of default.tags_copy/_default failed: no reason"));
    assert_eq!(failure(tags).advice, None, "nothing is known of it");
    assert!(tags.created);
    assert_eq!(world.collection_names("default").await, ["books", "books_copy", "tags", "tags_copy"]);
    let has_event = watched.events().into_iter().any(|event| {
        matches!(event, Event::Collection { collection, phase }
            if collection.collection == "tags" && phase.as_str() == "failed")
    });
    assert!(has_event);
}

#[tokio::test]
async fn the_error_names_a_partition_with_missing_rows() {
    let world = world_with_backup().await;
    let watched = on_first_event(|event| is_import_event(event, "books", 1), {
        let world = Arc::clone(&world);
        move || world.fake.inject(Fault::ImportEmpty)
    });
    let report = world.restore_watched(&restore_copy_request("nightly"), &watched).await.unwrap();
    let books = failure(result_of(&report, "books"));
    let expected = "default.books_copy/old: 0 of 2 rows, although Milvus reported the import as completed";
    assert_eq!((books.message.as_str(), books.rows.is_some()), (expected, true));
    let counted: Vec<_> =
        result_of(&report, "books").partitions.iter().map(|p| (p.partition.as_str(), p.counted)).collect();
    assert_eq!(counted, [("_default", 3), ("old", 0)]);
    assert_eq!(result_of(&report, "tags").outcome, CollectionOutcome::Done);
    assert_eq!(report.kind(), Some(FailureKind::Partial));
}

#[tokio::test]
async fn an_incomplete_collection_is_dropped_on_request() {
    let world = world_with_backup().await;
    let request = RestoreRequest {
        options: RestoreOptions { cleanup_on_failure: true, ..restore_options() },
        ..restore_copy_request("nightly")
    };
    world.fake.inject(Fault::ImportEmpty);
    let report = world.restore(&request).await.unwrap();
    assert!(failure(result_of(&report, "books")).rows.is_some());
    assert!(!result_of(&report, "books").created, "not any more");
    assert_eq!(world.collection_names("default").await, ["books", "tags"]);

    // Collections that existed before the restore are not dropped.
    samples::create_with_rows(&world.connect().await, "books_copy", &[("old", 1)]).await;
    samples::create_with_rows(&world.connect().await, "tags_copy", &[]).await;
    world.fake.inject(Fault::ImportEmpty);
    let report = world
        .restore(&RestoreRequest {
            options: RestoreOptions { existing: ExistingTargetPolicy::Use, ..request.options },
            ..request
        })
        .await
        .unwrap();
    assert!(failure(result_of(&report, "books")).rows.is_some());
    assert_eq!(world.collection_names("default").await, ["books", "books_copy", "tags", "tags_copy"]);
}

#[tokio::test]
async fn an_import_that_an_outage_interrupts_is_sent_again_unless_it_has_arrived() {
    for (fault, sent) in
        [(Fault::Unavailable { call: "Import", times: 1 }, 4), (Fault::AnswerLost { call: "Import" }, 3)]
    {
        let world = world_with_backup().await;
        world.fake.inject(fault.clone());
        let watched = WatchedJob::new(|_, _| {});
        let report = world.restore_watched(&restore_copy_request("nightly"), &watched).await.unwrap();
        assert_eq!((report.kind(), report.rows()), (None, 9), "{fault:?}: {report:?}");
        assert_eq!(world.count_calls("Import"), sent, "{fault:?}");
        let said = watched.messages();
        assert!(said.starts_with("Milvus does not answer; retrying for up to "), "{said}");
    }
}

#[tokio::test]
async fn an_import_request_that_gets_no_answer_is_sent_again() {
    let mut world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    world.config.milvus.limits.attempt = Duration::from_secs(10);
    world.fake.inject(Fault::Hangs { call: "Import" });
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9), "{report:?}");
    assert_eq!(world.count_calls("Import"), 4);
}

#[tokio::test]
async fn a_request_that_is_executed_after_it_was_sent_again_fails_its_collection() {
    let world = world_with_backup().await;
    world.fake.inject(Fault::ImportArrivesLate);
    world.fake.inject(Fault::AnswerLost { call: "Import" });
    let request = RestoreRequest {
        selection: Selection::from_filter("books").unwrap(),
        ..restore_copy_request("nightly")
    };
    let report = world.restore(&request).await.unwrap();
    assert_eq!(report.kind(), Some(FailureKind::Partial));
    let books = failure(result_of(&report, "books"));
    assert!(books.message.contains("a request was executed late, after its connection broke"), "{books:?}");
}

#[tokio::test]
async fn an_unavailable_server_is_asked_again_with_one_warning() {
    let mut world = World::with_books().await;
    world.config.milvus.limits.outage = Duration::from_millis(1);
    world.config.limits.import_jobs = nonzero(1);
    world.back_up(&backup_request("nightly")).await.unwrap();
    world.fake.inject(Fault::Unavailable { call: "GetImportState", times: 3 });
    let watched = WatchedJob::new(|_, _| {});
    let request = RestoreRequest {
        selection: Selection::from_filter("tags").unwrap(),
        ..restore_copy_request("nightly")
    };
    let report = world.restore_watched(&request, &watched).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 4));
    let words = watched.messages();
    assert!(words.starts_with("Milvus does not answer; retrying for up to 1"), "{words}");
    assert_eq!(words.lines().count(), 1, "{words}");
}

#[tokio::test]
async fn two_restores_into_one_target_do_not_both_succeed() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let request = restore_copy_request("nightly");
    let (one, other) = tokio::join!(world.restore(&request), world.restore(&request));
    let succeeded = |done: &Result<RestoreReport, engine::Error>| {
        done.as_ref().is_ok_and(|report| report.kind().is_none())
    };
    assert!(!(succeeded(&one) && succeeded(&other)), "{one:?} {other:?}");
    for done in [one, other] {
        let words = match done {
            Err(error) => vec![error.to_string()],
            Ok(report) => report
                .collections
                .iter()
                .filter(|c| c.outcome != CollectionOutcome::Done)
                .map(|c| failure(c).message.clone())
                .collect(),
        };
        let known = ["target collections exist already: ", "another restore imports into it"];
        assert!(words.iter().all(|text| known.iter().any(|part| text.contains(part))), "{words:?}");
    }
}

#[tokio::test]
async fn an_interrupted_restore_reports_the_outcome_of_each_collection() {
    let world = world_with_backup().await;
    let watched = WatchedJob::cancelled_at(|event| is_import_event(event, "books", 1));
    let report = world.restore_watched(&restore_copy_request("nightly"), &watched).await.unwrap();
    assert_eq!(report.kind(), Some(FailureKind::Interrupted));
    let books = failure(result_of(&report, "books"));
    assert_eq!((books.kind, books.message.as_str()), (FailureKind::Interrupted, "interrupted"));
    assert!(result_of(&report, "books").created);
    assert_eq!(result_of(&report, "tags").outcome, CollectionOutcome::NotBegun);
    assert_eq!(world.collection_names("default").await, ["books", "books_copy", "tags"]);
}

#[tokio::test]
async fn an_interrupted_restore_drops_incomplete_collections_on_request() {
    let world = world_with_backup().await;
    let watched = WatchedJob::cancelled_at(|event| is_import_event(event, "books", 1));
    let request = RestoreRequest {
        options: RestoreOptions { cleanup_on_failure: true, ..restore_options() },
        ..restore_copy_request("nightly")
    };
    let report = world.restore_watched(&request, &watched).await.unwrap();
    assert_eq!(
        (report.kind(), result_of(&report, "books").created),
        (Some(FailureKind::Interrupted), false),
        "{report:?}"
    );
    assert_eq!(world.collection_names("default").await, ["books", "tags"]);
}

#[tokio::test]
async fn a_restore_that_is_interrupted_before_its_first_change_changes_nothing() {
    let world = world_with_backup().await;
    for phase in [Phase::Preflight, Phase::Create] {
        let watched = WatchedJob::cancelled_at(move |event| *event == Event::Phase(phase));
        let error = world.restore_watched(&restore_copy_request("nightly"), &watched).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Interrupted);
        assert_eq!(world.collection_names("default").await, ["books", "tags"]);
    }
}

#[tokio::test]
async fn the_import_uses_the_path_under_which_the_server_sees_the_disk() {
    let mut world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let mounted = world.source_path("../mounted");
    std::os::unix::fs::symlink(&world.config.backup.root_text, &mounted).unwrap();
    world.config.backup.seen_as = Some(mounted.to_str().unwrap().to_owned());
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));

    world.config.backup.seen_as = Some("/nonexistent/backup".to_owned());
    let request = RestoreRequest {
        options: RestoreOptions { existing: ExistingTargetPolicy::Drop, ..restore_options() },
        ..restore_copy_request("nightly")
    };
    let report = world.restore(&request).await.unwrap();
    let books = result_of(&report, "books");
    assert!(failure(books).rows.is_some(), "nothing is read there: {books:?}");
}

/// Rows that an application writes to `books_copy` just before a call.
fn written_by_application(before: &'static str) -> Fault {
    Fault::Written { collection: "books_copy".to_owned(), rows: 3, before }
}

#[tokio::test]
async fn an_application_that_writes_to_a_target_costs_a_warning() {
    let world = world_with_backup().await;
    world.fake.inject(written_by_application("GetCollectionStatistics"));
    let report = world.restore(&restore_copy_request("nightly")).await.unwrap();
    let expected =
        "default.books_copy contains 8 rows, but this restore brought 5: an application writes to it";
    assert_eq!((report.kind(), report.warnings), (None, vec![expected.to_owned()]));
}

#[tokio::test]
async fn rows_of_an_application_are_not_dropped_with_an_incomplete_collection() {
    let world = world_with_backup().await;
    world.fake.inject(written_by_application("GetImportState"));
    world.fake.inject(Fault::ImportFails("no reason".to_owned()));
    let request = RestoreRequest {
        options: RestoreOptions { cleanup_on_failure: true, ..restore_options() },
        ..restore_copy_request("nightly")
    };
    let report = world.restore(&request).await.unwrap();
    assert!(result_of(&report, "books").created);
    let expected = "default.books_copy is not dropped: it contains 3 rows that this restore did not bring";
    assert_eq!(report.warnings, [expected]);
    assert_eq!(world.connect().await.flushed_rows(&collection("books_copy")).await.unwrap(), 3);
}

/// Restores three collections; an outage loses the job that is sent after the first one.
async fn restore_with_lost_job(
    mut world: World,
    request: &RestoreRequest,
) -> (Arc<World>, RestoreReport, WatchedJob) {
    let milvus = world.connect().await;
    samples::create_with_rows(&milvus, "zebras", &[("_default", 6)]).await;
    world.config.limits.stall = Duration::from_mins(10);
    world.back_up(&backup_request("nightly")).await.unwrap();
    let world = Arc::new(world);
    let watched = on_first_event(|event| is_import_event(event, "books", 1), {
        let world = Arc::clone(&world);
        move || {
            world.fake.inject(Fault::ImportStuck);
            world.fake.inject(Fault::Unavailable { call: "GetImportState", times: 3 });
        }
    });
    let report = world.restore_watched(request, &watched).await.unwrap();
    (world, report, watched)
}

#[tokio::test]
async fn a_job_that_an_outage_lost_is_imported_again_into_a_new_collection() {
    let (world, report, watched) =
        restore_with_lost_job(World::with_books().await, &restore_copy_request("nightly")).await;
    assert_eq!((report.kind(), report.rows()), (None, 15), "{report:?}");
    let said = watched.messages();
    assert!(said.starts_with("Milvus does not answer; retrying for up to "), "{said}");
    let [warning] = &report.warnings[..] else { panic!("{:?}", report.warnings) };
    assert!(warning.starts_with("import job "), "{warning}");
    assert!(
        warning.contains(" was lost in an outage of Milvus: its state has not changed for "),
        "{warning}"
    );
    assert!(warning.ends_with("_copy is created anew and imported again"), "{warning}");
    let milvus = world.connect().await;
    for (name, rows) in [("books_copy", 5), ("tags_copy", 4), ("zebras_copy", 6)] {
        assert_eq!(milvus.flushed_rows(&collection(name)).await.unwrap(), rows, "{name}");
    }
}

#[tokio::test]
async fn a_lost_job_of_an_existing_target_is_reported() {
    let world = World::with_books().await;
    let request = RestoreRequest {
        options: RestoreOptions { existing: ExistingTargetPolicy::Use, ..restore_options() },
        ..restore_request("nightly")
    };
    let (_, report, _) = restore_with_lost_job(world, &request).await;
    assert_eq!(report.kind(), Some(FailureKind::Partial));
    let failed: Vec<&CollectionRestored> =
        report.collections.iter().filter(|c| c.outcome != CollectionOutcome::Done).collect();
    assert!(failed.len() == 1 && failure(failed[0]).message.contains("was lost in an outage"), "{failed:?}");
    assert_eq!(failure(failed[0]).kind, FailureKind::Partial);
}
