//! Translates the errors of libraries and the answers of stores into a [`Cause`]: a kind, a reason, and whether
//! the failure is temporary.

use std::error::Error;
use std::io;

use crate::error::{Cause, StorageErrorKind};

/// Classifies an error of OpenDAL.
///
/// OpenDAL 0.59 keeps the store's code and status only in its error text, so they are parsed from there.
pub(crate) fn opendal(error: &opendal::Error) -> Cause {
    let detail = error.to_string();
    if let Some(cause) = find_library_cause(error) {
        return cause.with_detail(detail);
    }
    if error.message() == "operation timeout reached" {
        return timeout_cause().with_detail(detail);
    }
    let cause = match (find_quoted(error.message(), "code: \""), find_status(&detail)) {
        (Some(code), status) => {
            s3(status, Some(code), find_quoted(error.message(), "message: \"").unwrap_or_default())
        }
        (None, Some(status)) => s3(Some(status), None, ""),
        (None, None) => Cause::new(kind_from_opendal(error.kind()), error.message()),
    };
    cause.with_detail(detail)
}

/// Classifies an error of the operating system; its reason is the system's own text.
pub(crate) fn io(error: &io::Error) -> Cause {
    use io::ErrorKind as Io;
    let (kind, temporary) = match error.kind() {
        // No object can exist below a file, or under a name longer than the file system allows.
        Io::NotFound | Io::NotADirectory | Io::InvalidFilename => (StorageErrorKind::NotFound, false),
        Io::AlreadyExists => (StorageErrorKind::AlreadyExists, false),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => (StorageErrorKind::PermissionDenied, false),
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => (StorageErrorKind::NoSpace, false),
        Io::TimedOut => (StorageErrorKind::Timeout, true),
        Io::Interrupted | Io::WouldBlock | Io::StaleNetworkFileHandle => (StorageErrorKind::Unexpected, true),
        _ => (StorageErrorKind::Unexpected, false),
    };
    Cause { kind, temporary, reason: sentence_part(error), detail: None }
}

/// Classifies an error of the HTTP client: TLS, connection, time limit, invalid request, or broken connection.
pub(crate) fn http(error: &reqwest::Error) -> Cause {
    let root = root_message(error);
    if let Some(tls) = error_chain(error).find_map(find_tls_error) {
        return Cause::new(StorageErrorKind::Unreachable, format!("the TLS handshake failed: {tls}"));
    }
    if error.is_connect() {
        let reason = if error.is_timeout() { "no connection within the time limit".to_owned() } else { root };
        return Cause::new(StorageErrorKind::Unreachable, reason).temporary();
    }
    if error.is_timeout() {
        return timeout_cause();
    }
    if error.is_builder() {
        return Cause::new(StorageErrorKind::Config, root);
    }
    Cause::new(StorageErrorKind::Unexpected, format!("the connection broke: {root}")).temporary()
}

/// Classifies a store's answer by the code of its error document, or by the HTTP status if the code is unknown.
///
/// `code` is `None` where the store sent no error document; `message` may be empty.
pub(crate) fn s3(status: Option<u16>, code: Option<&str>, message: &str) -> Cause {
    let (kind, temporary, text) = classify_code(code.unwrap_or_default())
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
    Cause { kind, temporary, reason, detail: None }
}

/// Returns the kind, whether it is temporary, and our text for an S3 error code; an empty text means the store's.
fn classify_code(code: &str) -> Option<(StorageErrorKind, bool, &'static str)> {
    use StorageErrorKind as K;
    Some(match code {
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => {
            (K::PermissionDenied, false, "access denied")
        }
        "InvalidAccessKeyId" => (K::PermissionDenied, false, "the store does not know the access key"),
        "SignatureDoesNotMatch" => (K::PermissionDenied, false, "the secret key does not fit the access key"),
        "ExpiredToken" | "TokenRefreshRequired" => {
            (K::PermissionDenied, false, "the session token has expired")
        }
        "InvalidToken" => (K::PermissionDenied, false, "the session token is not valid"),
        "RequestTimeTooSkewed" => {
            (K::PermissionDenied, false, "this machine's clock differs too much from the store's")
        }
        "NoSuchBucket" => (K::BucketMissing, false, "the bucket does not exist"),
        "NoSuchKey" => (K::NotFound, false, "the object does not exist"),
        "PreconditionFailed" => (K::AlreadyExists, false, "the object exists already"),
        "SlowDown"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "SlowDownRead"
        | "SlowDownWrite" => (K::RateLimited, true, "the store asks for fewer requests"),
        "RequestTimeout" => (K::Timeout, true, "the store waited too long for data"),
        "QuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage" | "UserQuotaExceeded" => {
            (K::NoSpace, false, "no space is left in the store")
        }
        "InvalidBucketName" => (K::Config, false, "the bucket name is not valid"),
        "PermanentRedirect" => (K::Config, false, "the bucket lies in another region"),
        // No text of ours: the store's message names the header or the request.
        "NotImplemented" => (K::Unsupported, false, ""),
        // No text of ours: the store's message names the region that it expects.
        "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => (K::Config, false, ""),
        "InternalError"
        | "ServiceUnavailable"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "ServerBusy" => (K::Unexpected, true, "the store is in trouble"),
        _ => return None,
    })
}

/// Returns the same as [`classify_code`] for an HTTP status without a known error code.
fn classify_status(status: u16) -> Option<(StorageErrorKind, bool, &'static str)> {
    Some(match status {
        301 => (StorageErrorKind::Config, false, "the bucket lies in another region"),
        401 | 403 => (StorageErrorKind::PermissionDenied, false, "access denied"),
        404 => (StorageErrorKind::NotFound, false, "it does not exist"),
        412 => (StorageErrorKind::AlreadyExists, false, "the object exists already"),
        408 => (StorageErrorKind::Timeout, true, ""),
        429 => (StorageErrorKind::RateLimited, true, "the store asks for fewer requests"),
        507 => (StorageErrorKind::NoSpace, false, "no space is left in the store"),
        499 | 500 | 502 | 503 | 504 => (StorageErrorKind::Unexpected, true, "the store is in trouble"),
        _ => return None,
    })
}

fn kind_from_opendal(kind: opendal::ErrorKind) -> StorageErrorKind {
    use opendal::ErrorKind as Dal;
    match kind {
        Dal::NotFound => StorageErrorKind::NotFound,
        Dal::PermissionDenied => StorageErrorKind::PermissionDenied,
        Dal::AlreadyExists | Dal::ConditionNotMatch => StorageErrorKind::AlreadyExists,
        Dal::RateLimited => StorageErrorKind::RateLimited,
        Dal::ConfigInvalid => StorageErrorKind::Config,
        _ => StorageErrorKind::Unexpected,
    }
}

/// Classifies the HTTP, signing or system error that caused an error of OpenDAL, if there is one.
fn find_library_cause(error: &opendal::Error) -> Option<Cause> {
    error_chain(error).find_map(|error| {
        error
            .downcast_ref::<reqwest::Error>()
            .map(http)
            .or_else(|| error.downcast_ref::<reqsign_core::Error>().map(credentials))
            .or_else(|| error.downcast_ref::<io::Error>().map(io))
    })
}

/// Classifies the failure to sign a request: no credentials were found.
pub(crate) fn credentials(error: &reqsign_core::Error) -> Cause {
    let places = "the configuration, the environment, a profile or from an instance role";
    Cause::new(
        StorageErrorKind::PermissionDenied,
        format!("no credentials were found in {places} ({})", root_message(error)),
    )
}

fn timeout_cause() -> Cause {
    Cause::new(StorageErrorKind::Timeout, "no answer within the time limit").temporary()
}

/// Iterates over an error and its sources, outermost first.
fn error_chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Finds the TLS error inside an I/O error, which does not report it as its source.
fn find_tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
    inner.downcast_ref().or_else(|| find_tls_error(inner))
}

/// Returns the text of the innermost error; the outer errors only repeat that a request was sent.
fn root_message(error: &(dyn Error + 'static)) -> String {
    error_chain(error).last().map(sentence_part).unwrap_or_default()
}

/// Returns an error's text as part of a sentence: without the system's error number, first letter in lower case.
fn sentence_part(error: &(dyn Error + '_)) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Finds the quoted text that follows `before`, if it is not empty.
fn find_quoted<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once('"').map(|(value, _)| value).filter(|value| !value.is_empty())
}

/// Finds the HTTP status in the text of an OpenDAL error.
fn find_status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status: ")?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_codes_determine_kind_and_reason() {
        let denied = s3(Some(403), Some("AccessDenied"), "Access Denied.");
        assert_eq!((denied.kind, denied.temporary), (StorageErrorKind::PermissionDenied, false));
        assert_eq!(denied.reason, "access denied (AccessDenied)");
        let slow = s3(Some(503), Some("SlowDown"), "");
        assert_eq!((slow.kind, slow.temporary), (StorageErrorKind::RateLimited, true));
        assert_eq!(s3(Some(404), Some("NoSuchBucket"), "").kind, StorageErrorKind::BucketMissing);
        assert_eq!(s3(Some(400), Some("Strange"), "Very strange.").reason, "Very strange (Strange)");
        let region = s3(Some(400), Some("AuthorizationHeaderMalformed"), "expecting 'eu-west-1'");
        assert_eq!(region.kind, StorageErrorKind::Config);
        assert_eq!(region.reason, "expecting 'eu-west-1' (AuthorizationHeaderMalformed)");
        assert_eq!(s3(Some(418), None, "").reason, "the store answered HTTP 418");
    }

    #[test]
    fn a_full_disk_is_a_permanent_no_space_error() {
        let cause = io(&io::Error::from_raw_os_error(28));
        assert_eq!((cause.kind, cause.temporary), (StorageErrorKind::NoSpace, false));
        assert_eq!(cause.reason, "no space left on device");
    }

    #[test]
    fn a_stale_network_file_handle_is_temporary() {
        assert!(io(&io::Error::from_raw_os_error(116)).temporary);
    }

    #[test]
    fn code_and_status_are_parsed_from_the_text_of_opendal() {
        let text = r#"S3Error { code: "SlowDown", message: "Please wait", resource: "", request_id: "7" }"#;
        let error = opendal::Error::new(opendal::ErrorKind::Unexpected, text);
        assert_eq!(opendal(&error).kind, StorageErrorKind::RateLimited);
        let error = opendal::Error::new(opendal::ErrorKind::Unexpected, "<html>")
            .with_context("response", "Parts { status: 502, version: HTTP/1.1 }");
        assert!(opendal(&error).temporary);
    }
}
