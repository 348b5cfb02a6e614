//! Replies and error statuses in the form of each release.

use proto::common::{ErrorCode, Status};
use proto::milvus as wire;

/// The reason for which the server rejects a call.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The error code of 2.3 and later.
    code: i32,
    /// The error code of 2.2 and earlier, which later releases send too.
    error_code: ErrorCode,
    /// The error message.
    text: String,
}

impl Refusal {
    pub(super) fn new(code: i32, error_code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, error_code, text: text.into() }
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
        let text = format!(
            "can't find collection collection not found[database={database}][collection={collection}]"
        );
        Self::new(100, ErrorCode::CollectionNotExists, text)
    }

    pub(super) fn database(name: &str) -> Self {
        Self::new(100, ErrorCode::UnexpectedError, format!("collection not found[database={name}]"))
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

    /// Converts to the status that a version sends: 2.2 sends only the old error code, and few different ones.
    pub(super) fn into_status(self, version: Version) -> Status {
        if version >= (2, 3, 0) {
            let retriable = self.code == 8 && version >= (2, 3, 4);
            return Status {
                error_code: self.error_code.into(),
                reason: self.text,
                code: self.code,
                retriable,
                ..Status::default()
            };
        }
        let error_code = match self.error_code {
            known @ (ErrorCode::IndexNotExist | ErrorCode::RateLimit) => known,
            _ => ErrorCode::UnexpectedError,
        };
        let reason = match self.code {
            100 if !self.text.contains("[collection=") => {
                let name = self.text.split(['=', ']']).nth(1).unwrap_or_default();
                format!("database:{name} not found")
            }
            _ => self.text,
        };
        Status { error_code: error_code.into(), reason, ..Status::default() }
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
    FlushResponse,
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
