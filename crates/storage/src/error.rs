//! Errors of stores: their kinds, and whether a retry can succeed.

/// The result of an operation on a store.
pub(crate) type Result<T, E = StorageError> = std::result::Result<T, E>;

/// Kinds of errors that a caller may handle differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StorageErrorKind {
    /// The object does not exist.
    NotFound,
    /// The object exists already, or a condition on its existence did not hold.
    AlreadyExists,
    /// The credentials are missing, wrong or expired, or their provider does not answer.
    Credentials,
    /// The clock of this machine differs too much from that of the store.
    ClockSkew,
    /// The credentials lack the permission.
    PermissionDenied,
    /// No connection could be made: name not found, connection refused, or TLS handshake failed.
    Unreachable,
    /// The bucket is in another region than the one for which the requests are signed.
    Region,
    /// The bucket does not exist.
    BucketMissing,
    /// The disk is full or the quota is used up.
    NoSpace,
    /// The store does not implement the request, or an option of it.
    Unsupported,
    /// The store limits the request rate.
    RateLimited,
    /// The store did not answer within the time limit.
    Timeout,
    /// The caller cancelled the operation.
    Cancelled,
    /// The configuration is invalid, so that no request can succeed.
    Config,
    /// Any error that has no kind of its own.
    Unexpected,
}

/// Which of the two stores of an installation a store is, for the advice after an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreRole {
    /// The store of Milvus's own files, or one for both.
    #[default]
    Milvus,
    /// Another store, of the backups.
    Backup,
}

/// Describes a failed operation in one sentence: the action, its object and the reason; contains no secrets.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} {}: {}", .0.action, .0.subject.text, .0.cause.reason)]
pub struct StorageError(Box<FailedOperation>);

#[derive(Debug)]
struct FailedOperation {
    action: &'static str,
    subject: Subject,
    cause: Cause,
}

/// The object of a failed operation.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) text: String,
    pub(crate) role: StoreRole,
}

impl<T: Into<String>> From<T> for Subject {
    fn from(text: T) -> Self {
        Self { text: text.into(), role: StoreRole::default() }
    }
}

/// The reason of a failure, before the action and its object are added by [`Cause::during`].
#[derive(Debug)]
pub(crate) struct Cause {
    pub(crate) kind: StorageErrorKind,
    pub(crate) temporary: bool,
    pub(crate) reason: String,
}

impl StorageError {
    /// Returns the kind, by which a caller can handle the error.
    pub fn kind(&self) -> StorageErrorKind {
        self.0.cause.kind
    }

    /// Returns which store failed; that of Milvus if this is not known.
    pub fn role(&self) -> StoreRole {
        self.0.subject.role
    }

    /// Returns whether the same operation may succeed if it is retried later.
    pub fn is_temporary(&self) -> bool {
        self.0.cause.temporary
    }
}

impl Cause {
    /// Creates a permanent cause (see [`Self::temporary`]).
    pub(crate) fn new(kind: StorageErrorKind, reason: impl Into<String>) -> Self {
        Self { kind, temporary: false, reason: reason.into() }
    }

    /// Creates the cause of an operation that the caller cancelled.
    pub(crate) fn cancelled() -> Self {
        Self::new(StorageErrorKind::Cancelled, "cancelled")
    }

    /// Marks the cause as temporary, so that the operation is retried.
    pub(crate) fn temporary(mut self) -> Self {
        self.temporary = true;
        self
    }

    /// Makes the error "cannot `action` `subject`: reason"; `action` is a verb.
    pub(crate) fn during(self, action: &'static str, subject: impl Into<Subject>) -> StorageError {
        StorageError(Box::new(FailedOperation { action, subject: subject.into(), cause: self }))
    }
}
