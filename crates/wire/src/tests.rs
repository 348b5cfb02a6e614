//! Documents survive a round trip through JSON, including those with an advice of a later version.

use std::fmt::Debug;
use std::time::Duration;

use engine::{
    Advice, BackupReport, CollectionFailure, CollectionOutcome, CollectionPhase, CollectionRestored, Event,
    FailedCollection, PartitionRows, Phase, Progress, RemainingRestore, RestoreReport, Setting,
};
use jobs::{EngineRequest, JobFailure, JobKind, JobOutcome, JobSnapshot, JobState, OtherPlace};
use model::name::{BackupName, CollectionRef};
use model::plan::backup::BackupRequest;
use model::plan::restore::{EzkMapping, RestoreRequest, RowRange};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    ApiTerms, Existing, Failure, FailureKind, FlushStrategy, NewBackup, NewRestore, Problem, RestoreMode,
    Reword,
};

/// Asserts that the document is the same after a round trip through JSON.
fn assert_round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(document: &T) {
    let text = serde_json::to_string(document).unwrap();
    let read: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(read, *document, "{text}");
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn word() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_]{0,8}"
}

fn collection() -> impl Strategy<Value = CollectionRef> {
    (word(), word()).prop_map(|(database, name)| CollectionRef::new(database, name))
}

fn duration() -> impl Strategy<Value = Duration> {
    (0..100_000_000_u64).prop_map(Duration::from_millis)
}

/// Milliseconds since 1970, in years that a calendar has and in others.
fn time_ms() -> impl Strategy<Value = i64> {
    prop_oneof![0..4_000_000_000_000_i64, any::<i64>()]
}

fn kind() -> impl Strategy<Value = engine::FailureKind> {
    use engine::FailureKind as K;
    select(vec![
        K::Failed,
        K::NotFound,
        K::AlreadyExists,
        K::Busy,
        K::Unreachable,
        K::Partial,
        K::Interrupted,
    ])
}

prop_compose! {
    fn backup_report()(
        name in word(), numbers in any::<[u32; 4]>(), times in [duration(), duration(), duration()],
        cut in option::of((any::<i64>(), any::<i64>())),
        cut_is_cluster_wide: bool,
        vanished in prop::collection::vec(collection(), 0..3),
        failed in prop::collection::vec((collection(), text(), option::of(advice())), 0..3),
        warnings in prop::collection::vec(text(), 0..3),
    ) -> BackupReport {
        let [rows, deletes, objects, bytes] = numbers.map(u64::from);
        let [elapsed, flush, copy] = times;
        let failed = failed
            .into_iter()
            .map(|(collection, reason, advice)| FailedCollection { collection, reason, advice })
            .collect();
        BackupReport { name, collections: vanished.len(), rows, deletes, objects, bytes, elapsed, flush, copy, cut, cut_is_cluster_wide, vanished, failed, warnings }
    }
}

prop_compose! {
    fn partition_rows()(partition in word(), [counted, min, max] in any::<[u32; 3]>()) -> PartitionRows {
        let expected = RowRange { min: min.into(), max: max.into() };
        PartitionRows { partition, counted: counted.into(), expected }
    }
}

fn advice() -> impl Strategy<Value = Advice> {
    prop_oneof![
        Just(Advice::ListBackups),
        word().prop_map(|backup| Advice::ChooseNameOrDelete { backup }),
        Just(Advice::CompareWithMilvus { settings: vec![Setting::MilvusBucket] }),
    ]
}

fn collection_outcome() -> impl Strategy<Value = CollectionOutcome> {
    let failure = (kind(), text(), option::of(advice()), option::of(partition_rows()))
        .prop_map(|(kind, message, advice, rows)| CollectionFailure { kind, message, advice, rows });
    prop_oneof![
        Just(CollectionOutcome::Done),
        Just(CollectionOutcome::NotBegun),
        failure.prop_map(CollectionOutcome::Failed),
    ]
}

prop_compose! {
    fn collection_restored()(
        source in collection(), target in collection(), created in any::<bool>(), outcome in collection_outcome(),
        partitions in prop::collection::vec(partition_rows(), 0..3), lacks in prop::collection::vec(text(), 0..2),
    ) -> CollectionRestored {
        CollectionRestored { source, target, created, outcome, lacks, partitions, dropped: false }
    }
}

fn restore_report() -> impl Strategy<Value = RestoreReport> {
    let remaining = option::of((restore_request(), collection(), collection()));
    (
        word(),
        prop::collection::vec(collection_restored(), 0..3),
        duration(),
        prop::collection::vec(text(), 0..2),
        remaining,
    )
        .prop_map(|(name, collections, elapsed, warnings, remaining)| {
            let remaining = remaining
                .map(|(request, source, target)| RemainingRestore::new(&request, [(&source, &target)], true));
            RestoreReport { name, collections, elapsed, warnings, meta_only: false, rbac: None, remaining }
        })
}

fn event() -> impl Strategy<Value = Event> {
    use CollectionPhase as P;
    let phases = vec![P::Flushing, P::Copying, P::Importing, P::Done, P::Vanished, P::Failed("no".into())];
    prop_oneof![
        select(vec![Phase::Preflight, Phase::Copy, Phase::Import, Phase::Delete]).prop_map(Event::Phase),
        (text(), text(), 0..9_usize, text()).prop_map(|(server, address, collections, how)| {
            Event::Overview { server, address, collections, databases: 1, how }
        }),
        (collection(), select(phases))
            .prop_map(|(collection, phase)| Event::Collection { collection, phase }),
        (collection(), any::<u32>(), any::<u32>()).prop_map(|(collection, objects, bytes)| {
            Event::Planned { collection, objects: objects.into(), bytes: bytes.into() }
        }),
        (collection(), any::<u32>())
            .prop_map(|(collection, bytes)| Event::ObjectCopied { collection, bytes: bytes.into() }),
        text().prop_map(Event::Warning),
        text().prop_map(Event::Note),
    ]
}

fn progress() -> impl Strategy<Value = Progress> {
    prop::collection::vec((event(), 0..10_000_i64), 0..12).prop_map(|events| {
        let mut progress = Progress::default();
        for (event, at) in events {
            progress.take(&event, at);
        }
        progress
    })
}

fn backup_name() -> impl Strategy<Value = BackupName> {
    word().prop_map(|name| BackupName::for_create(&format!("b_{name}")).unwrap())
}

fn restore_request() -> impl Strategy<Value = RestoreRequest> {
    backup_name().prop_map(RestoreRequest::with_defaults)
}

fn request() -> impl Strategy<Value = EngineRequest> {
    prop_oneof![
        backup_name().prop_map(|name| EngineRequest::Backup(BackupRequest::with_defaults(name))),
        restore_request().prop_map(EngineRequest::Restore),
        (backup_name(), any::<bool>())
            .prop_map(|(name, force)| EngineRequest::Delete(engine::DeleteRequest { name, force })),
    ]
}

prop_compose! {
    fn job()(
        request in request(), state in select(JobState::ALL.to_vec()), cancelling in any::<bool>(),
        ahead in option::of(0..9_usize), names in [text(), text()], bucket in option::of(text()),
        times in (time_ms(), option::of(time_ms()), option::of(time_ms())),
        targets in prop::collection::vec((collection(), collection()), 0..3), progress in progress(),
        outcome in option::of(prop_oneof![
            backup_report().prop_map(JobOutcome::Backup), restore_report().prop_map(JobOutcome::Restore),
        ]),
        failure in option::of((kind(), text(), option::of(text()), option::of(advice()))),
    ) -> JobSnapshot {
        let [id, by] = names;
        let (created_ms, started_ms, ended_ms) = times;
        let failure = failure.map(|(kind, message, context, advice)| JobFailure { kind, message, context, advice });
        JobSnapshot {
            id, kind: request.kind(), backup: request.backup().to_owned(), request: Some(request),
            place: OtherPlace { bucket, root: None }, by, state, cancelling, ahead, waits_for: Vec::new(), created_ms, started_ms,
            ended_ms, milvus_version: None, targets, progress, outcome, failure,
        }
    }
}

prop_compose! {
    fn new_restore()(
        backup in option::of(text()), filter in option::of(text()), rename in prop::collection::btree_map(text(), text(), 0..3),
        suffix in option::of(text()), flags in any::<[bool; 10]>(),
        ezk_mapping in prop::collection::btree_map(text(), text(), 0..3),
        existing in select(vec![Existing::Refuse, Existing::Drop, Existing::Use]),
        mode in select(vec![RestoreMode::Auto, RestoreMode::Import, RestoreMode::Insert]),
        partitions in prop::collection::vec(text(), 0..3), limit in option::of(any::<u64>()),
        columns in prop::collection::vec(text(), 0..3),
    ) -> NewRestore {
        let [meta_only, indexes, auto_index, drop_indexes, load, aliases, cleanup_on_failure, rbac, truncate_by_ts, dry_run] = flags;
        NewRestore {
            backup, filter, rename, suffix, mode, partitions, limit, columns, meta_only, indexes, auto_index, existing, drop_indexes, load, aliases,
            cleanup_on_failure, rbac, truncate_by_ts, ezk_mapping: EzkMapping(ezk_mapping), dry_run,
        }
    }
}

proptest! {
    #[test]
    fn reports_survive_a_round_trip(backup in backup_report(), restore in restore_report()) {
        assert_round_trip(&crate::BackupReport::from(&backup));
        assert_round_trip(&crate::RestoreReport::from(&restore));
    }

    #[test]
    fn jobs_survive_a_round_trip(job in job()) {
        assert_round_trip(&crate::Job::from(&job));
        assert_round_trip(&crate::JobPage { jobs: vec![crate::Job::from(&job)], next_page_token: None });
    }

    #[test]
    fn requests_survive_a_round_trip(restore in new_restore(), name in option::of(text()), filter in option::of(text()), flags in any::<[bool; 5]>()) {
        assert_round_trip(&restore);
        let [strict, pause_gc, replace_unfinished, rbac, dry_run] = flags;
        let strategy = Some(FlushStrategy::Skip);
        let format = Some(crate::BackupFormat::Snapshot);
        assert_round_trip(&NewBackup { name, filter, strategy, format, strict, pause_gc, replace_unfinished, rbac, dry_run });
    }

    #[test]
    fn problems_survive_a_round_trip(message in text(), context in option::of(text()), hint in option::of(text()), kind in select(FailureKind::ALL.to_vec())) {
        let problem = Problem::new(Failure { kind, message: message.clone(), context, hint, advice: None }, kind.codes().http);
        assert_round_trip(&problem);
        let failure = Failure::from(problem);
        prop_assert_eq!((failure.kind, failure.message), (kind, message));
    }
}

#[test]
fn only_an_active_job_has_a_copy_rate_and_remaining_seconds() {
    let books = CollectionRef::new("", "books");
    let mut progress = Progress::default();
    progress.take(&Event::Collection { collection: books.clone(), phase: CollectionPhase::Copying }, 0);
    progress.take(&Event::Planned { collection: books.clone(), objects: 2, bytes: 9_000 }, 0);
    for at in [0, 1_000] {
        progress.take(&Event::ObjectCopied { collection: books.clone(), bytes: 1_000 }, at);
    }
    for state in JobState::ALL {
        let job = JobSnapshot {
            id: "j".to_owned(),
            kind: JobKind::Backup,
            backup: "b".to_owned(),
            request: Some(EngineRequest::Backup(BackupRequest::with_defaults(
                BackupName::for_create("b").unwrap(),
            ))),
            place: OtherPlace::default(),
            by: "ci".to_owned(),
            state,
            cancelling: false,
            ahead: None,
            waits_for: Vec::new(),
            created_ms: 0,
            started_ms: Some(0),
            ended_ms: None,
            milvus_version: None,
            targets: Vec::new(),
            progress: progress.clone(),
            outcome: None,
            failure: None,
        };
        let progress = crate::Job::from(&job).progress;
        let if_active = (!state.is_over()).then_some(());
        assert_eq!(progress.bytes_per_second, if_active.map(|()| 2_000), "{state:?}");
        assert_eq!(progress.seconds_left, if_active.map(|()| 3), "{state:?}");
    }
}

#[test]
fn requests_have_the_defaults_of_the_commands() {
    assert_eq!(serde_json::from_str::<NewRestore>("{}").unwrap(), NewRestore::default());
    let request =
        NewRestore { backup: Some("b".into()), ..NewRestore::default() }.to_engine_request(false).unwrap();
    assert_eq!(request, RestoreRequest::with_defaults("b".parse().unwrap()));
    let request = NewBackup { name: Some("b".into()), ..NewBackup::default() }.to_engine_request().unwrap();
    assert_eq!(request, BackupRequest::with_defaults("b".parse().unwrap()));
}

#[test]
fn a_kind_is_serialised_as_its_name_in_the_table() {
    for kind in FailureKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), crate::kind_name(kind));
    }
}

#[test]
fn an_unknown_advice_of_a_later_version_keeps_its_text() {
    let problem = serde_json::json!({
        "type": "about:blank", "title": "Conflict", "status": 409, "detail": "no", "kind": "busy", "context": null,
        "hint": "water the server", "advice": {"action": "water_server", "litres": 2},
    });
    let failure = Failure::from(serde_json::from_value::<Problem>(problem).unwrap());
    assert_eq!((failure.hint.as_deref(), failure.advice), (Some("water the server"), None));
}

#[test]
fn a_hint_replaces_the_advice_in_all_terms() {
    let mut failure =
        Failure::with_advice(FailureKind::Usage, "no", Advice::CorrectFilter).hint("write JSON");
    failure.reword(&ApiTerms);
    assert_eq!((failure.hint.as_deref(), failure.advice), (Some("write JSON"), None));
}
