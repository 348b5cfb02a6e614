//! Replies and error statuses in the form of each release.

use proto::common::{ErrorCode, Status};
use proto::milvus as wire;

/// The reason for which the server rejects a call.
#[derive(Clone, Debug)]
pub(super) struct Refusal(Reason);

#[derive(Clone, Debug)]
enum Reason {
    /// A reason in the same words for all calls.
    Stated {
        /// The error code of 2.3 and later.
        code: i32,
        /// The error code of 2.2 and earlier, which later releases send too.
        error_code: ErrorCode,
        text: String,
    },
    /// Each call has its own words for these.
    NoCollection {
        database: String,
        name: String,
    },
    NoDatabase(String),
}

impl Refusal {
    pub(super) fn new(code: i32, error_code: ErrorCode, text: impl Into<String>) -> Self {
        Self(Reason::Stated { code, error_code, text: text.into() })
    }

    /// Creates a refusal without a specific error code.
    pub(super) fn unexpected(text: impl Into<String>) -> Self {
        Self::new(65535, ErrorCode::UnexpectedError, text)
    }

    /// Creates a refusal because of an invalid parameter.
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
        Self::new(200, ErrorCode::UnexpectedError, format!("partition not found[partition={name}]"))
    }

    pub(super) fn rate_limited() -> Self {
        Self::new(
            8,
            ErrorCode::RateLimit,
            "request is rejected by grpc RateLimiter middleware, please retry later",
        )
    }

    /// Converts to the status that a version sends for a call: 2.2 sends only the old error code, and few different ones.
    pub(super) fn into_status(self, call: &str, version: Version) -> Status {
        let is_old = version < (2, 3, 0);
        let (code, error_code, reason) = match self.0 {
            Reason::Stated { code, error_code, text } => (code, error_code, text),
            Reason::NoCollection { database, name } if is_old => {
                (0, ErrorCode::UnexpectedError, describe_no_collection(call, &database, &name))
            }
            Reason::NoCollection { database, name } => {
                let text = format!("collection not found[database={database}][collection={name}]");
                match call {
                    "DescribeCollection" => (
                        100,
                        // From 2.5 on, the old code says more.
                        if version < (2, 5, 0) {
                            ErrorCode::UnexpectedError
                        } else {
                            ErrorCode::CollectionNotExists
                        },
                        format!("can't find collection {text}"),
                    ),
                    "Import" => (
                        65535,
                        ErrorCode::UnexpectedError,
                        format!("attempt #7: rpc error: code = Unknown desc = {text}"),
                    ),
                    "AlterCollection" => {
                        let text = format!("collection not found[database=1][collection={name}]");
                        (100, ErrorCode::CollectionNotExists, format!("timestamp = {}: {text}", u64::MAX))
                    }
                    _ => (100, ErrorCode::CollectionNotExists, text),
                }
            }
            Reason::NoDatabase(name) => match call {
                "ShowCollections" if is_old => (
                    0,
                    ErrorCode::UnexpectedError,
                    format!("ShowCollections failed: database:{name} not found"),
                ),
                "ShowCollections" => {
                    (800, ErrorCode::UnexpectedError, format!("database not found[database={name}]"))
                }
                _ => (65535, ErrorCode::UnexpectedError, format!("database:{name} not found")),
            },
        };
        let error_code = match error_code {
            known @ (ErrorCode::IndexNotExist | ErrorCode::RateLimit) => known,
            _ if is_old => ErrorCode::UnexpectedError,
            known => known,
        };
        Status {
            error_code: error_code.into(),
            reason,
            code: if is_old { 0 } else { code },
            retriable: code == 8 && version >= (2, 3, 4),
            ..Status::default()
        }
    }
}

/// Returns the words of Milvus 2.2 for a missing collection.
fn describe_no_collection(call: &str, database: &str, name: &str) -> String {
    let cause = format!("code: CollectionNotExists, reason: can't find collection {database}:{name}");
    match call {
        "DescribeCollection" => cause,
        "AlterCollection" => format!(
            "code: CollectionNotExists, reason: can't find collection 1:{name}, at timestamp = {}",
            u64::MAX
        ),
        "CreateAlias" => format!("collection not exists: {name}"),
        "ShowPartitions" => format!("ShowPartitions failed: {cause}"),
        "GetPersistentSegmentInfo" => {
            format!("getCollectionID failed, err:code: UnexpectedError, reason: {cause}")
        }
        _ => format!("code: UnexpectedError, reason: {cause}"),
    }
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
    BoolResponse,
    ConnectResponse,
    DescribeCollectionResponse,
    DescribeIndexResponse,
    FlushAllResponse,
    FlushResponse,
    GetFlushAllStateResponse,
    GetCollectionStatisticsResponse,
    GetFlushStateResponse,
    GetImportStateResponse,
    ListImportTasksResponse,
    GetLoadStateResponse,
    GetPersistentSegmentInfoResponse,
    GetVersionResponse,
    ImportResponse,
    ListAliasesResponse,
    ListDatabasesResponse,
    MutationResult,
    QueryResults,
    SelectGrantResponse,
    SelectUserResponse,
    ShowCollectionsResponse,
    ShowPartitionsResponse,
);
