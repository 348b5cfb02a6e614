//! The error codes of S3 and of the stores that speak its protocol.

use super::Meaning;
use crate::error::StorageErrorKind as K;

/// Returns the meaning of an error code; `None` if it is unknown.
pub(super) fn classify_code(code: &str) -> Option<Meaning> {
    Some(match code {
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => {
            (K::PermissionDenied, false, "access denied")
        }
        "InvalidAccessKeyId" | "NotSignedUp" => {
            (K::Credentials, false, "the store does not know the access key")
        }
        "SignatureDoesNotMatch" => (K::Credentials, false, "the secret key does not fit the access key"),
        "ExpiredToken" | "TokenRefreshRequired" => (K::Credentials, false, "the session token has expired"),
        "InvalidToken" => (K::Credentials, false, "the session token is not valid"),
        "RequestTimeTooSkewed" => {
            (K::ClockSkew, false, "this machine's clock differs too much from the store's")
        }
        "NoSuchBucket" => (K::BucketMissing, false, "the bucket does not exist"),
        "NoSuchKey" => (K::NotFound, false, "the object does not exist"),
        "InvalidObjectState" => {
            (K::Unexpected, false, "the object is archived; restore it in the store first")
        }
        "PreconditionFailed" => (K::AlreadyExists, false, "the object exists already"),
        "SlowDown"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "SlowDownRead"
        | "SlowDownWrite" => (K::RateLimited, true, "the store limits the request rate"),
        "RequestTimeout" => (K::Timeout, true, "the store waited too long for data"),
        "QuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage" | "UserQuotaExceeded" => {
            (K::NoSpace, false, "no space is left in the store")
        }
        "InvalidBucketName" => (K::Config, false, "the bucket name is not valid"),
        "PermanentRedirect" => (K::Region, false, "the bucket is in another region"),
        // No text of ours: the store's message names the header or the request.
        "NotImplemented" | "InvalidRequest" | "InvalidArgument" => (K::Unsupported, false, ""),
        // No text of ours: the store's message names the region that it expects.
        "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => (K::Region, false, ""),
        "InternalError"
        | "ServiceUnavailable"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "ServerBusy" => (K::Unexpected, true, "the store is in trouble"),
        _ => return None,
    })
}
