//! Answers of stores that report an error.

use super::{Meaning, s3};
use crate::error::{Cause, StorageErrorKind};

/// Classifies a store's answer by the code of its error document, or by the HTTP status if the code is unknown.
///
/// `code` is `None` where the store sent no error document; `message` may be empty. No code means different
/// things in two protocols, so the caller need not say which protocol the store speaks.
pub(crate) fn answer(status: Option<u16>, code: Option<&str>, message: &str) -> Cause {
    let (kind, temporary, text) = s3::classify_code(code.unwrap_or_default())
        .or_else(|| classify_status(status?))
        .unwrap_or((StorageErrorKind::Unexpected, false, ""));
    let text = if text.is_empty() { message.trim().trim_end_matches('.') } else { text };
    let reason = match (code, status) {
        (Some(code), _) if text.is_empty() => code.to_owned(),
        (Some(code), _) => format!("{text} ({code})"),
        (None, Some(status)) if text.is_empty() => format!("the store answered HTTP {status}"),
        (None, Some(status)) => format!("{text} (HTTP {status})"),
        (None, None) => text.to_owned(),
    };
    Cause { kind, temporary, reason }
}

/// Returns the meaning of an HTTP status without a known error code; `None` if it says nothing.
fn classify_status(status: u16) -> Option<Meaning> {
    Some(match status {
        301 | 307 => (StorageErrorKind::Region, false, "the bucket is in another region"),
        401 => (StorageErrorKind::Credentials, false, "the credentials are not accepted"),
        403 => (StorageErrorKind::PermissionDenied, false, "access denied"),
        404 => (StorageErrorKind::NotFound, false, "it does not exist"),
        412 => (StorageErrorKind::AlreadyExists, false, "the object exists already"),
        405 | 501 => (StorageErrorKind::Unsupported, false, "the store does not implement the request"),
        408 => (StorageErrorKind::Timeout, true, ""),
        429 => (StorageErrorKind::RateLimited, true, "the store limits the request rate"),
        507 => (StorageErrorKind::NoSpace, false, "no space is left in the store"),
        499 | 500 | 502 | 503 | 504 => (StorageErrorKind::Unexpected, true, "the store is in trouble"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_codes_determine_kind_and_reason() {
        let denied = answer(Some(403), Some("AccessDenied"), "Access Denied.");
        assert_eq!((denied.kind, denied.temporary), (StorageErrorKind::PermissionDenied, false));
        assert_eq!(denied.reason, "access denied (AccessDenied)");
        let slow = answer(Some(503), Some("SlowDown"), "");
        assert_eq!((slow.kind, slow.temporary), (StorageErrorKind::RateLimited, true));
        assert_eq!(answer(Some(404), Some("NoSuchBucket"), "").kind, StorageErrorKind::BucketMissing);
        assert_eq!(answer(Some(400), Some("Strange"), "Very strange.").reason, "Very strange (Strange)");
        let region = answer(Some(400), Some("AuthorizationHeaderMalformed"), "expecting 'eu-west-1'");
        assert_eq!(region.kind, StorageErrorKind::Region);
        assert_eq!(region.reason, "expecting 'eu-west-1' (AuthorizationHeaderMalformed)");
        let unknown = answer(Some(501), Some("NotImplemented"), "A header is not implemented.");
        assert_eq!((unknown.kind, unknown.temporary), (StorageErrorKind::Unsupported, false));
        assert_eq!(unknown.reason, "A header is not implemented (NotImplemented)");
        assert_eq!(answer(Some(418), None, "").reason, "the store answered HTTP 418");
    }
}
