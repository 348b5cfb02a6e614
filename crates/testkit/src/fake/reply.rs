//! Replies and error statuses in the form of each release.

use proto::common::{ErrorCode, Status};
use proto::milvus as wire;

use super::words::{Kind, V2_3, words_of, words_of_call};

/// The reason for which the server rejects a call.
#[derive(Clone, Debug)]
pub(super) struct Refusal(Reason);

#[derive(Clone, Debug)]
enum Reason {
    /// A text that is the same in all releases.
    Stated { kind: Kind, text: String },
    /// A text that differs by release, with its arguments.
    Worded { name: &'static str, arguments: Vec<String> },
    /// A missing collection, for which each call has its own words.
    NoCollection { database: String, name: String },
    /// A missing database, likewise.
    NoDatabase(String),
}

impl Refusal {
    pub(super) fn new(code: i32, error_code: ErrorCode, text: impl Into<String>) -> Self {
        Self(Reason::Stated { kind: Kind::Coded(code, error_code), text: text.into() })
    }

    /// Creates a refusal that has the same text in all releases.
    pub(super) fn stated(kind: Kind, text: impl Into<String>) -> Self {
        Self(Reason::Stated { kind, text: text.into() })
    }

    /// Creates a refusal in the words of each release, which have this name in the table.
    pub(super) fn worded(name: &'static str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self(Reason::Worded { name, arguments })
    }

    /// Creates a refusal without a number of its own until 2.6, where it is an invalid parameter.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::stated(Kind::Plain, text)
    }

    /// Creates a refusal without a specific error code.
    pub(super) fn unexpected(text: impl Into<String>) -> Self {
        Self::new(65535, ErrorCode::UnexpectedError, text)
    }

    /// Creates a refusal because of an invalid parameter, in exactly these words.
    pub(super) fn invalid(text: impl Into<String>) -> Self {
        Self::new(1100, ErrorCode::IllegalArgument, text)
    }

    pub(super) fn collection(database: &str, collection: &str) -> Self {
        let database = if database.is_empty() { "default" } else { database };
        Self(Reason::NoCollection { database: database.to_owned(), name: collection.to_owned() })
    }

    pub(super) fn database(name: &str) -> Self {
        Self(Reason::NoDatabase(name.to_owned()))
    }

    pub(super) fn segment(id: i64) -> Self {
        Self::new(600, ErrorCode::UnexpectedError, format!("segment not found[segment={id}]"))
    }

    pub(super) fn import_job() -> Self {
        Self::new(1000, ErrorCode::UnexpectedError, "import task id doesn't exist")
    }

    pub(super) fn partition(name: &str) -> Self {
        Self::new(200, ErrorCode::MetaFailed, format!("partition not found[partition={name}]"))
    }

    pub(super) fn rate_limited() -> Self {
        Self::new(
            8,
            ErrorCode::RateLimit,
            "request is rejected by grpc RateLimiter middleware, please retry later",
        )
    }

    /// Puts what failed before the text, which no longer differs by release.
    pub(super) fn within(self, what: &str, version: Version) -> Self {
        let status = self.into_status("", version);
        Self::new(status.code, status.error_code(), format!("{what}: {}", status.reason))
    }

    /// Converts to the status that a version sends for a call.
    pub(super) fn into_status(self, call: &str, version: Version) -> Status {
        let (kind, text) = match self.0 {
            // 2.2 has few different error codes.
            Reason::Stated { kind: Kind::Coded(code, error_code), text } if version < V2_3 => {
                let known = matches!(error_code, ErrorCode::IndexNotExist | ErrorCode::RateLimit);
                let error_code = if known { error_code } else { ErrorCode::UnexpectedError };
                (Kind::Coded(code, error_code), text)
            }
            Reason::Stated { kind, text } => (kind, text),
            Reason::Worded { name, arguments } => fill(words_of(name, version), name, &arguments),
            Reason::NoCollection { database, name } => {
                let words = words_of_call("no_collection", call, version);
                fill(words, "no collection", &[database, name])
            }
            Reason::NoDatabase(name) => {
                fill(words_of_call("no_database", call, version), "no database", &[name])
            }
        };
        kind.into_status(text, version)
    }
}

/// Puts the arguments into the words of a refusal, which has its name for words if the table lacks it.
fn fill(words: Option<(Kind, &str)>, name: &str, arguments: &[String]) -> (Kind, String) {
    let (kind, mut text) =
        words.map_or((Kind::Plain, name.to_owned()), |(kind, text)| (kind, text.to_owned()));
    for (position, argument) in arguments.iter().enumerate() {
        text = text.replace(&format!("{{{position}}}"), argument);
    }
    (kind, text)
}

/// A release as its major, minor and patch number.
pub(super) type Version = (u32, u32, u32);

/// A reply that can report a refusal.
pub(super) trait Reply: Default {
    fn from_refusal(status: Status) -> Self;
}

impl Reply for Status {
    fn from_refusal(status: Status) -> Self {
        status
    }
}

impl Reply for wire::AlterCollectionSchemaResponse {
    fn from_refusal(status: Status) -> Self {
        Self { alter_status: Some(status) }
    }
}

macro_rules! replies {
    ($($name:ident),* $(,)?) => {$(
        impl Reply for wire::$name {
            fn from_refusal(status: Status) -> Self {
                Self { status: Some(status), ..Self::default() }
            }
        }
    )*};
}

replies!(
    BackupRbacMetaResponse,
    BoolResponse,
    ConnectResponse,
    DescribeCollectionResponse,
    DescribeDatabaseResponse,
    DescribeIndexResponse,
    DescribeSnapshotResponse,
    ExportSnapshotResponse,
    FlushAllResponse,
    FlushResponse,
    GetFlushAllStateResponse,
    GetCollectionStatisticsResponse,
    GetExportSnapshotStateResponse,
    GetFlushStateResponse,
    GetImportStateResponse,
    ListImportTasksResponse,
    GetLoadStateResponse,
    GetPersistentSegmentInfoResponse,
    GetRestoreSnapshotStateResponse,
    GetVersionResponse,
    ImportResponse,
    ListAliasesResponse,
    ListDatabasesResponse,
    ListSnapshotsResponse,
    MutationResult,
    PinSnapshotDataResponse,
    QueryResults,
    RestoreExternalSnapshotResponse,
    RestoreSnapshotResponse,
    SelectGrantResponse,
    SelectUserResponse,
    ShowCollectionsResponse,
    ShowPartitionsResponse,
);
