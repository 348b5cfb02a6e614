//! The errors of the lower crates as the command line prints them. Errors of calls to Milvus and to stores have no public
//! constructor: integration tests cover them.

use std::io;
use std::path::PathBuf;

use engine::{Activity, Advice, BackupState, Error, SnapshotStoreError};
use insta::assert_snapshot;
use jobs::{JobState, JobsError, StoreError};
use milvus::ImportJobId;
use model::mapping::MappingError;
use model::name::{CollectionRef, NameError};
use model::plan::backup::{FormatError, StrategyError};
use model::plan::restore::{PlanError, RowRange};
use model::selection::SelectionError;
use model::version::{ServerVersion, UnsupportedVersion};
use wire::{Failure, Reword, exit_code};

use super::super::CommandTerms;
use super::super::out::failure_text;
use crate::config::ConfigError;

/// The printed errors, each with its exit code.
fn printed(failures: impl IntoIterator<Item = Failure>) -> String {
    let texts = failures.into_iter().map(|mut failure| {
        failure.reword(&CommandTerms::default());
        format!("[exit code {}] error: {}\n", exit_code(failure.kind), failure_text(&failure))
    });
    texts.collect()
}

fn books() -> CollectionRef {
    CollectionRef::new("", "books")
}

#[test]
fn invalid_requests() {
    let name = || "nightly".to_owned();
    let errors = [
        Error::Name(NameError::NotOnePart("..".into())),
        Error::Name(NameError::NotAWord("a-b".into())),
        Error::Name(NameError::NotNew("a b".into())),
        Error::Name(NameError::MeansLatest("latest".into())),
        Error::Name(NameError::Reserved("insert_log".into())),
        Error::Name(NameError::NotQualified("books".into())),
        Error::Place { place: "a//b".into(), reason: "it has an empty part" },
        Error::Selection(
            SelectionError::InvalidRule { rule: "a b".into(), reason: "a name has no blanks" },
            None,
        ),
        Error::Selection(SelectionError::NoMatch { rules: vec!["shop.*".into()] }, None),
        Error::Selection(
            SelectionError::NoMatch { rules: vec!["shop.*".into()] },
            Some(Box::new(Advice::FilterBySourceNames { names: vec![books()] })),
        ),
        Error::Mapping(MappingError::InvalidRule { rule: "a".into(), reason: "it lacks a colon" }),
        Error::Mapping(MappingError::DuplicateRule("default.a".into())),
        Error::Mapping(MappingError::InvalidSuffix("-".into())),
        Error::Mapping(MappingError::NoMatch(vec!["a:b".into()])),
        Error::Mapping(MappingError::InvalidTarget { from: "a".into(), to: "1".into() }),
        Error::Mapping(MappingError::SameTarget {
            target: "c".into(),
            first: "a".into(),
            second: "b".into(),
        }),
        Error::Strategy(StrategyError::ServerTooOld),
        Error::RequestedFormat(FormatError::NoExport("3.0.0".into())),
        Error::SnapshotStore(SnapshotStoreError::SessionToken),
        Error::SnapshotSource(SnapshotStoreError::Disk("the backups are")),
        Error::SnapshotExists { snapshot: "mbk_nightly".into(), collection: books() },
        Error::NoSnapshotRestore("3.0.0".into()),
        Error::NoBinlogs("nightly".into()),
        Error::Plan(PlanError::InsertOptions(vec!["the truncation at checkpoints"])),
        Error::Plan(PlanError::SnapshotOptions(vec!["the restore without data"])),
        Error::Version(UnsupportedVersion(ServerVersion::parse("v2.1.4"))),
        Error::Plan(PlanError::NotInBackup(books())),
        Error::Plan(PlanError::TargetsExist(vec![books()])),
        Error::Plan(PlanError::DropsUnconfirmed(vec![books()])),
        Error::Plan(PlanError::TargetsMissing(vec![books()])),
        Error::Plan(PlanError::SchemaDiffers {
            target: books(),
            differences: vec!["field a is missing".into(), "field b has the id 101 instead of 100".into()],
        }),
        Error::Plan(PlanError::StorageVersion(books(), 2)),
        Error::TargetIsAlias("default.b".into()),
        Error::Impossible(vec![
            Error::Plan(PlanError::TargetsExist(vec![books()])),
            Error::Plan(PlanError::StorageVersion(books(), 2)),
            Error::Plan(PlanError::NotInBackup(books())),
        ]),
        Error::NameTaken { name: name(), state: BackupState::Complete },
        Error::NameTaken { name: name(), state: BackupState::Running },
    ];
    assert_snapshot!("errors_requests", printed(errors.map(Failure::from)));
}

#[test]
fn backups_that_cannot_be_used() {
    let (name, place) = (|| "nightly".to_owned(), || "s3://a-bucket/backup/nightly/".to_owned());
    let errors = [
        Error::Occupied { place: place() },
        Error::NoSuchBackup { name: name(), place: place(), similar: None },
        Error::NoSuchBackup { name: "nigthly".into(), place: place(), similar: Some(name()) },
        Error::NoSuchCollection {
            backup: name(),
            collection: "shop.boks".into(),
            collections: vec!["shop.books".into(), "default.tenants".into()],
        },
        Error::NoSuchPart {
            collection: "shop.books".into(),
            part: "field",
            name: "prise".into(),
            known: vec!["price".into(), "id".into()],
        },
        Error::Filter {
            collection: "shop.books".into(),
            error: engine::FilterError::Expression {
                column: 4,
                problem: "\"=\" is not an operator; compare with \"==\"".into(),
            },
        },
        Error::NotInsertable {
            collection: "shop.books".into(),
            target: "shop.books_copy".into(),
            problems: vec!["field price: it has type Int64 in the backup and VarChar in the target".into()],
        },
        Error::NoKey { backup: name(), collection: "shop.books".into() },
        Error::NoLatest { pattern: "prod-*".into(), place: place() },
        Error::DeletesLatest("latest".into()),
        Error::NotComplete { name: name(), state: BackupState::Unfinished },
        Error::NotComplete { name: name(), state: BackupState::Running },
        Error::Running {
            name: name(),
            usage: "being read by process 7 on db (last sign of life 12 s ago)".into(),
        },
        Error::LeaseLost { marker: "/backup/nightly/meta/mb_begin.json".into(), owner: None },
        Error::LeaseLost {
            marker: "/backup/nightly/meta/mb_begin.json".into(),
            owner: Some("process 7 on db".into()),
        },
        Error::NotABackup { place: place() },
        Error::Unreadable { name: name(), problem: "the object is archived".into() },
        Error::Damaged { name: name(), problems: vec!["a is missing".into(), "b has another size".into()] },
        Error::Format { name: name(), format: "snapshot".into() },
    ];
    assert_snapshot!("errors_backups", printed(errors.map(Failure::from)));
}

#[test]
fn failures_of_backup_and_restore() {
    let job = || ImportJobId("7".to_owned());
    let rows = |counted| Error::Rows {
        target: books(),
        partition: "_default".into(),
        counted,
        expected: RowRange { min: 6, max: 8 },
    };
    let (collection, place) = (|| "default.books".to_owned(), || "default.books/_default".to_owned());
    let errors = [
        Error::WrongRoot { collection: collection(), root: "s3://a-bucket/files/".into(), rows: 8 },
        Error::Schema {
            can_insert: false,
            version: "2.2.9".into(),
            collection: collection(),
            problems: vec!["JSON fields".into()],
        },
        Error::Segments { collection: collection(), problems: vec!["segment 7 lacks a file".into()] },
        Error::Vanished(collection()),
        Error::RowsDiffer { collection: collection(), listed: 5, counted: (8, 8) },
        Error::RowsDiffer { collection: collection(), listed: 5, counted: (8, 9) },
        Error::NotFlushed { collection: collection(), segments: vec!["7 (Flushing)".into()], seconds: 600 },
        Error::Unsteady { collection: collection(), rounds: 8 },
        Error::Import { job: job(), place: place(), reason: "the field 104 has no binlog file".into() },
        Error::Import { job: job(), place: place(), reason: "unknown".into() },
        Error::Stalled { job: job(), place: place(), seconds: 900 },
        rows(0),
        rows(7),
        Error::Copied { key: "backup/a".into(), found: "1 byte".into(), expected: "2 bytes".into() },
        Error::NotProven(collection()),
        Error::ImportedTwice {
            job: milvus::ImportJobId("446".into()),
            target: CollectionRef::new("default", "books"),
        },
        Error::JobLost {
            job: milvus::ImportJobId("450".into()),
            place: "default.books/_default".into(),
            seconds: 61,
        },
        Error::Foreign { target: collection(), found: 16, counted: 8 },
        Error::During {
            activity: Activity::BackUp(books()),
            source: Box::new(Error::TargetIsAlias(collection())),
        },
        Error::During {
            activity: Activity::Import { job: job(), place: place() },
            source: Box::new(Error::Cancelled),
        },
        Error::Cancelled,
        Error::Task("panicked".into()),
    ];
    assert_snapshot!("errors_runs", printed(errors.map(Failure::from)));
}

/// The words of Milvus about imports that failed or were refused, in the whole sentences of the releases.
const REASONS_OF_IMPORTS: [&str; 58] = [
    "no binlog to import, input=[paths:\"/files/nonsense/\"]: importing data failed",
    "error: no binlog for system fields: importing data failed, file: id:7 paths:\"/files/empty/7\"",
    "error: no binlog for field:RowID: importing data failed, file: id:7 paths:\"/files/no_rowid/7\"",
    "error: no binlog for field:Timestamp: importing data failed, file: id:7 paths:\"/files/7\"",
    "error: no binlog for field:id: importing data failed, file: id:7 paths:\"/files/empty/7\"",
    "error: misaligned binlog count, field1:1, field0:2: importing data failed, file: id:7 paths:\"/files/7\"",
    "binlog file count of each field must be equal",
    "error: parquet: file is smaller than indicated metadata size, file: id:7 paths:\"/files/cutoff/7\"",
    "error: parse magic number failed, expected: 7, actual: 8: service internal error, file: id:7",
    "error: failed to parse field id from log, error: strconv.ParseInt: parsing \"meta\": invalid syntax",
    "list binlogs failed, err=too many input paths for binlog import. Valid paths length should be one or two, but got \
     paths:[/a /b x]: importing data failed: importing data failed",
    "error: failed to parse field id from log, error: strconv.ParseInt: parsing \"stray\": invalid syntax",
    "error: internal error recovered: runtime error: invalid memory address or nil pointer dereference",
    "Missing field when appending row, got 4",
    "NoSuchBucket: the specified bucket does not exist",
    "list objects: AccessDenied",
    "list binlogs failed, err=Access Denied.",
    "PrivilegeNotPermitted[privilege=ImportBinlog]",
    "rpc error: code = PermissionDenied desc = PrivilegeImport: permission deny to ann in the `default` database",
    "quota exceeded[reason=disk quota exceeded, please allocate more resources]",
    "The max number of import files should not exceed 1024, but got 1025: importing data failed",
    "The number of jobs has reached the limit, please try again later. If your request is set to only import a single \
     file, please consider importing multiple files in one request for better efficiency.: importing data failed",
    "request resource exhausted[reason=no slots]",
    "quota exceeded[reason=memory quota exceeded, please allocate more resources]",
    "import job does not exist, jobID=7: importing data failed",
    "import task id doesn't exist",
    "key not found[key=by-dev/meta/importtask/7]",
    "the import task has timed out",
    "aborted by user",
    "job 7 is in state Failed, expected Uncommitted: importing data failed",
    "job 7 is in terminal/committed state Completed, abort not allowed: importing data failed",
    "collection 7 dropped",
    "for l0 import, collection cannot be loaded, please release it first: importing data failed",
    "l0 import is disabled (dataCoord.import.enableL0Import=false); fold L0 deletes into data segment deltalogs before \
     restore, or set the config to true to re-enable the legacy L0 import: importing data failed",
    "there should be one prefix for l0 import, but got [id:7 paths:\"/files/7/\" id:8 paths:\"/files/8/\"]",
    "partition not found[partition=old]",
    "partition ID not found for partition name 'old' in collection 'books'",
    "partition not specified: missing parameter",
    "partition name not specified when backup",
    "import request is empty: invalid parameter",
    "unexpected file type, files=[/files/7/ /deltas/7/]: importing data failed",
    "unsupported file type: '/files/7/'",
    "there should be one prefix, but got [/files/7/ /files/8/]: importing data failed",
    "parse timeout failed, err=time: invalid duration \"x\": importing data failed",
    "error: parse storage_version failed, value=x, err=strconv.ParseInt: parsing \"x\": invalid syntax",
    "error: failed to decode EZK: illegal base64 data at input byte 0, file: id:7 paths:\"/files/7\"",
    "error: end_ts is not a valid hybrid timestamp, value=0: importing data failed, file: id:7",
    "error: start_ts shouldn't be larger than end_ts, start_ts:8, end_ts:7: importing data failed, file: id:7",
    "enable_dynamic_field is true but the dynamic field doesn't exist",
    "the field 104 has no binlog file: importing data failed",
    "error: field not found[field=103], file: id:7 paths:\"/files/7\"",
    "error: Wrong rows type: invalid parameter[expected=[]string][actual=[0 1]], file: id:7 paths:\"/files/7\"",
    "error: deserialize error on type VarChar: expected *array.String, got *array.Int64: service internal error",
    "cannot find field 103",
    "could not read binlog file /files/7, error: the field ID 103 doesn't exist in collection schema",
    "binlog is int64 type, unequal to field 103: importing data failed",
    "field vector's dimension 4 is not equal to schema dimension 8",
    "could not read binlog file /files/7, error: unexpected EOF",
];

#[test]
fn reasons_of_failed_imports() {
    let failed = REASONS_OF_IMPORTS.map(|reason| Error::Import {
        job: ImportJobId("7".to_owned()),
        place: "default.books/_default".to_owned(),
        reason: reason.to_owned(),
    });
    assert!(failed.iter().all(|error| matches!(error.advice(), Some(Advice::MendImport { .. }))));
    assert_snapshot!("errors_imports", printed(failed.map(Failure::from)));
}

#[test]
fn errors_of_jobs() {
    let dir = || PathBuf::from("/var/lib/milvus-backup");
    let errors = [
        JobsError::NoSuchJob("j".into()),
        JobsError::Busy { claim: "backup nightly".into(), holder: "j".into() },
        JobsError::QueueFull(100),
        JobsError::IdTaken("j".into()),
        JobsError::KeyReused { key: "k".into(), job: "j".into() },
        JobsError::BadText { what: "the id of a job", problem: "must not be empty" },
        JobsError::Over { id: "j".into(), state: JobState::Succeeded },
        JobsError::BadPage("x".into()),
        JobsError::ShuttingDown,
        JobsError::Engine(Error::Cancelled),
        JobsError::Store(StoreError::Dir { path: dir(), source: io::ErrorKind::PermissionDenied.into() }),
        JobsError::Store(StoreError::Locked { dir: dir(), pid: Some(7) }),
        JobsError::Store(StoreError::Newer { file: dir().join("jobs.db"), found: 3, known: 2 }),
        JobsError::Store(StoreError::Task("panicked".into())),
    ];
    assert_snapshot!("errors_jobs", printed(errors.map(Failure::from)));
}

#[test]
fn errors_of_the_configuration() {
    let path = || PathBuf::from("backup.yaml");
    let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
    let errors = [
        ConfigError::Missing {
            wanted: "a.yaml".into(),
            candidates: vec!["a.yaml".into(), "configs/a.yaml".into()],
        },
        ConfigError::Missing { wanted: "to migrate".into(), candidates: Vec::new() },
        ConfigError::Unreadable { path: path(), source: denied() },
        ConfigError::Format(path()),
        ConfigError::Syntax { path: path(), line: Some(3), reason: "expected a plain value".into() },
        ConfigError::Syntax { path: path(), line: None, reason: "expected a plain value".into() },
        ConfigError::Set("milvus.password".into()),
        ConfigError::AlreadyV2(path()),
        ConfigError::Exists(path()),
        ConfigError::Unwritable { path: path(), source: denied() },
    ];
    assert_snapshot!("errors_configuration", printed(errors.map(Failure::from)));
}
