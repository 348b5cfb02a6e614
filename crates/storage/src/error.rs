//! What can go wrong with a store, and whether trying again can help.

/// The result of an operation on a store.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// What kind of trouble a store is in, as far as a caller may want to act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The object does not exist.
    NotFound,
    /// The object exists already, or a condition on its existence did not hold.
    AlreadyExists,
    /// The credentials are missing, wrong, expired, or lack the right.
    PermissionDenied,
    /// No connection: name not found, connection refused, TLS handshake failed.
    Unreachable,
    /// The bucket does not exist.
    BucketMissing,
    /// The disk is full or the quota is used up.
    NoSpace,
    /// The store asks for fewer requests.
    RateLimited,
    /// No answer in time.
    Timeout,
    /// The caller gave up.
    Cancelled,
    /// The configuration cannot work.
    Config,
    /// Anything else.
    Unexpected,
}

/// A failed operation: what was tried, on what, and why it failed, in one sentence without secrets.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} {}: {}", .0.action, .0.subject, .0.cause.reason)]
pub struct StorageError(Box<Failure>);

#[derive(Debug)]
struct Failure {
    action: &'static str,
    subject: String,
    cause: Cause,
}

/// Why an operation failed, before it is known which operation it was.
#[derive(Debug)]
pub(crate) struct Cause {
    pub(crate) kind: ErrorKind,
    pub(crate) temporary: bool,
    pub(crate) reason: String,
    pub(crate) detail: Option<String>,
}

impl StorageError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.cause.kind
    }

    /// Whether the same operation may succeed a little later.
    pub fn is_temporary(&self) -> bool {
        self.0.cause.temporary
    }

    /// The store's raw answer with its request id, for a verbose report; free of credentials.
    pub fn detail(&self) -> Option<&str> {
        self.0.cause.detail.as_deref()
    }
}

impl Cause {
    /// A final cause in our own words.
    pub(crate) fn new(kind: ErrorKind, reason: impl Into<String>) -> Self {
        Self { kind, temporary: false, reason: reason.into(), detail: None }
    }

    /// The caller cancelled.
    pub(crate) fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "cancelled")
    }

    /// Marks the cause as one that may pass.
    pub(crate) fn temporary(mut self) -> Self {
        self.temporary = true;
        self
    }

    /// Attaches the raw answer.
    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The error of doing `action` (a verb) to `subject`.
    pub(crate) fn during(self, action: &'static str, subject: impl Into<String>) -> StorageError {
        StorageError(Box::new(Failure { action, subject: subject.into(), cause: self }))
    }
}
