//! Replies and error statuses in the form of each release.

use proto::common::{ErrorCode, Status};
use proto::milvus as wire;

use super::words::{Kind, V2_2, V2_3, V2_5, V2_6, V3_0, Words, fill, words_of};

/// The reason for which the server rejects a call.
#[derive(Clone, Debug)]
pub(super) struct Refusal(Reason);

#[derive(Clone, Debug)]
enum Reason {
    /// A text that is the same in all releases.
    Stated { kind: Kind, text: String },
    /// A text that differs by release, with its arguments.
    Worded { wording: &'static [Words], arguments: Vec<String> },
    /// A missing collection, for which each call has its own words.
    NoCollection { database: String, name: String },
    /// A missing database, likewise.
    NoDatabase(String),
}

/// The words for a missing object by call; the rows without a call are those of all other calls.
type WordsByCall = [(&'static str, &'static [Words])];

const NOT_EXISTS: Kind = Kind::Coded(100, ErrorCode::CollectionNotExists);
const UNEXPECTED: Kind = Kind::Coded(65535, ErrorCode::UnexpectedError);
const NO_DATABASE: Kind = Kind::Coded(800, ErrorCode::UnexpectedError);
const OLD: Kind = Kind::Coded(0, ErrorCode::UnexpectedError);

const OLD_COLLECTION: &str =
    "code: UnexpectedError, reason: code: CollectionNotExists, reason: can't find collection {0}:{1}";
const COLLECTION: &str = "collection not found[database={0}][collection={1}]";
/// Roots of collections are looked up by time, which these calls reported.
const COLLECTION_AT: &str =
    "timestamp = 18446744073709551615: collection not found[database=1][collection={1}]";
const DESCRIBED_COLLECTION: &str = "can't find collection[database={0}][collection={1}]";

const COLLECTION_WORDS: &WordsByCall = &[
    (
        "DescribeCollection",
        &[
            (V2_2, OLD, "code: CollectionNotExists, reason: can't find collection {0}:{1}"),
            (
                V2_3,
                Kind::Coded(100, ErrorCode::UnexpectedError),
                "can't find collection collection not found[database={0}][collection={1}]",
            ),
            (V2_5, Kind::Coded(0, ErrorCode::CollectionNotExists), DESCRIBED_COLLECTION),
            (V3_0, NOT_EXISTS, DESCRIBED_COLLECTION),
        ],
    ),
    ("AddCollectionField", &[(V2_6, NOT_EXISTS, DESCRIBED_COLLECTION)]),
    ("AlterCollectionSchema", &[(V3_0, NOT_EXISTS, DESCRIBED_COLLECTION)]),
    (
        "AlterCollection",
        &[
            (
                V2_2,
                OLD,
                "code: CollectionNotExists, reason: can't find collection 1:{1}, at timestamp = 18446744073709551615",
            ),
            (V2_3, NOT_EXISTS, COLLECTION_AT),
            (V2_5, NOT_EXISTS, COLLECTION),
        ],
    ),
    (
        "CreateAlias",
        &[
            (V2_2, OLD, "collection not exists: {1}"),
            (V2_3, NOT_EXISTS, COLLECTION),
            (V2_5, NOT_EXISTS, COLLECTION_AT),
            (V2_6, NOT_EXISTS, COLLECTION),
        ],
    ),
    ("ListAliases", &[(V2_3, NOT_EXISTS, "collection not found[collection={1}]")]),
    (
        "ShowPartitions",
        &[
            (
                V2_2,
                OLD,
                "ShowPartitions failed: code: CollectionNotExists, reason: can't find collection {0}:{1}",
            ),
            (V2_3, NOT_EXISTS, COLLECTION),
        ],
    ),
    (
        "GetPersistentSegmentInfo",
        &[
            (
                V2_2,
                OLD,
                "getCollectionID failed, err:code: UnexpectedError, reason: code: CollectionNotExists, reason: can't find collection {0}:{1}",
            ),
            (V2_3, NOT_EXISTS, COLLECTION),
        ],
    ),
    (
        "Import",
        &[
            (V2_2, OLD, OLD_COLLECTION),
            (
                V2_3,
                UNEXPECTED,
                "attempt #7: rpc error: code = Unknown desc = collection not found[database={0}][collection={1}]",
            ),
            (V2_5, NOT_EXISTS, COLLECTION),
        ],
    ),
    ("", &[(V2_2, OLD, OLD_COLLECTION), (V2_3, NOT_EXISTS, COLLECTION)]),
];

const DATABASE_WORDS: &WordsByCall = &[
    (
        "ShowCollections",
        &[
            (V2_2, OLD, "ShowCollections failed: database:{0} not found"),
            (V2_3, NO_DATABASE, "database not found[database={0}]"),
        ],
    ),
    (
        "AlterDatabase",
        &[
            (V2_5, NO_DATABASE, "database not found[database={0}]"),
            (V2_6, NO_DATABASE, "failed to get database by name: database not found[database={0}]"),
        ],
    ),
    (
        "",
        &[
            (V2_2, UNEXPECTED, "database:{0} not found"),
            (V2_5, NO_DATABASE, "database not found[database={0}]"),
        ],
    ),
];

impl Refusal {
    pub(super) fn new(code: i32, error_code: ErrorCode, text: impl Into<String>) -> Self {
        Self(Reason::Stated { kind: Kind::Coded(code, error_code), text: text.into() })
    }

    /// Creates a refusal that has the same text in all releases.
    pub(super) fn stated(kind: Kind, text: impl Into<String>) -> Self {
        Self(Reason::Stated { kind, text: text.into() })
    }

    /// Creates a refusal in the words of each release.
    pub(super) fn worded(wording: &'static [Words], arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Self(Reason::Worded { wording, arguments })
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
            Reason::Worded { wording, arguments } => {
                let (kind, text) = words_of(wording, version);
                (kind, fill(text, &arguments))
            }
            Reason::NoCollection { database, name } => {
                let (kind, text) = words_of(wording_of(COLLECTION_WORDS, call), version);
                (kind, fill(text, &[database, name]))
            }
            Reason::NoDatabase(name) => {
                let (kind, text) = words_of(wording_of(DATABASE_WORDS, call), version);
                (kind, fill(text, &[name]))
            }
        };
        kind.into_status(text, version)
    }
}

/// Returns the words for a call, or those for all other calls.
fn wording_of(table: &WordsByCall, call: &str) -> &'static [Words] {
    let found = table.iter().find(|(name, _)| *name == call || name.is_empty());
    found.map_or(&[], |(_, wording)| *wording)
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
