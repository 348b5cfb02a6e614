//! From the errors of the libraries and the answers of stores to a kind, a reason and whether it may pass.

use std::error::Error;
use std::io;

use crate::error::{Cause, ErrorKind};

/// The cause behind an error of OpenDAL.
///
/// OpenDAL 0.59 keeps the store's code and status only inside its text, so they are read from there.
pub(crate) fn opendal(error: &opendal::Error) -> Cause {
    let detail = error.to_string();
    if let Some(cause) = library(error) {
        return cause.with_detail(detail);
    }
    if error.message() == "operation timeout reached" {
        return timeout().with_detail(detail);
    }
    let cause = match (quoted(error.message(), "code: \""), status(&detail)) {
        (Some(code), status) => {
            s3(status, Some(code), quoted(error.message(), "message: \"").unwrap_or_default())
        }
        (None, Some(status)) => s3(Some(status), None, ""),
        (None, None) => Cause::new(kind(error.kind()), error.message()),
    };
    cause.with_detail(detail)
}

/// The cause behind an error of the operating system.
pub(crate) fn io(error: &io::Error) -> Cause {
    use io::ErrorKind as Io;
    let (kind, temporary) = match error.kind() {
        // below a file, or under a name longer than any, nothing can lie
        Io::NotFound | Io::NotADirectory | Io::InvalidFilename => (ErrorKind::NotFound, false),
        Io::AlreadyExists => (ErrorKind::AlreadyExists, false),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => (ErrorKind::PermissionDenied, false),
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => (ErrorKind::NoSpace, false),
        Io::TimedOut => (ErrorKind::Timeout, true),
        Io::Interrupted | Io::WouldBlock | Io::StaleNetworkFileHandle => (ErrorKind::Unexpected, true),
        _ => (ErrorKind::Unexpected, false),
    };
    Cause { kind, temporary, reason: plain(error), detail: None }
}

/// The cause behind an error of the HTTP client.
pub(crate) fn http(error: &reqwest::Error) -> Cause {
    let root = root(error);
    if let Some(tls) = chain(error).find_map(tls) {
        return Cause::new(ErrorKind::Unreachable, format!("the TLS handshake failed: {tls}"));
    }
    if error.is_connect() {
        let reason = if error.is_timeout() { "no connection within the time limit".to_owned() } else { root };
        return Cause::new(ErrorKind::Unreachable, reason).temporary();
    }
    if error.is_timeout() {
        return timeout();
    }
    if error.is_builder() {
        return Cause::new(ErrorKind::Config, root);
    }
    Cause::new(ErrorKind::Unexpected, format!("the connection broke: {root}")).temporary()
}

/// The cause behind a store's answer: its HTTP status, and code and message of the error document if it sent one.
pub(crate) fn s3(status: Option<u16>, code: Option<&str>, message: &str) -> Cause {
    let (kind, temporary, words) = by_code(code.unwrap_or_default())
        .or_else(|| by_status(status?))
        .unwrap_or((ErrorKind::Unexpected, false, ""));
    let words = if words.is_empty() { message.trim().trim_end_matches('.') } else { words };
    let reason = match (code, status) {
        (Some(code), _) if words.is_empty() => code.to_owned(),
        (Some(code), _) => format!("{words} ({code})"),
        (None, Some(status)) if words.is_empty() => format!("the store answered HTTP {status}"),
        (None, Some(status)) => format!("{words} (HTTP {status})"),
        (None, None) => words.to_owned(),
    };
    Cause { kind, temporary, reason, detail: None }
}

fn by_code(code: &str) -> Option<(ErrorKind, bool, &'static str)> {
    use ErrorKind as K;
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
        // The store's own words name the region that it expects.
        "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => (K::Config, false, ""),
        "InternalError"
        | "ServiceUnavailable"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "ServerBusy" => (K::Unexpected, true, "the store is in trouble"),
        _ => return None,
    })
}

fn by_status(status: u16) -> Option<(ErrorKind, bool, &'static str)> {
    Some(match status {
        301 => (ErrorKind::Config, false, "the bucket lies in another region"),
        401 | 403 => (ErrorKind::PermissionDenied, false, "access denied"),
        404 => (ErrorKind::NotFound, false, "it does not exist"),
        412 => (ErrorKind::AlreadyExists, false, "the object exists already"),
        408 => (ErrorKind::Timeout, true, ""),
        429 => (ErrorKind::RateLimited, true, "the store asks for fewer requests"),
        507 => (ErrorKind::NoSpace, false, "no space is left in the store"),
        499 | 500 | 502 | 503 | 504 => (ErrorKind::Unexpected, true, "the store is in trouble"),
        _ => return None,
    })
}

fn kind(kind: opendal::ErrorKind) -> ErrorKind {
    use opendal::ErrorKind as Dal;
    match kind {
        Dal::NotFound => ErrorKind::NotFound,
        Dal::PermissionDenied => ErrorKind::PermissionDenied,
        Dal::AlreadyExists | Dal::ConditionNotMatch => ErrorKind::AlreadyExists,
        Dal::RateLimited => ErrorKind::RateLimited,
        Dal::ConfigInvalid => ErrorKind::Config,
        _ => ErrorKind::Unexpected,
    }
}

/// The HTTP, signing or system error inside an error of OpenDAL.
fn library(error: &opendal::Error) -> Option<Cause> {
    chain(error).find_map(|error| {
        error
            .downcast_ref::<reqwest::Error>()
            .map(http)
            .or_else(|| error.downcast_ref::<reqsign_core::Error>().map(credentials))
            .or_else(|| error.downcast_ref::<io::Error>().map(io))
    })
}

/// The cause behind a request that could not be signed.
pub(crate) fn credentials(error: &reqsign_core::Error) -> Cause {
    let places = "the configuration, the environment, a profile or from an instance role";
    Cause::new(
        ErrorKind::PermissionDenied,
        format!("no credentials were found in {places} ({})", root(error)),
    )
}

fn timeout() -> Cause {
    Cause::new(ErrorKind::Timeout, "no answer within the time limit").temporary()
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The TLS error inside an error of the operating system, which keeps it out of the chain.
fn tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
    inner.downcast_ref().or_else(|| tls(inner))
}

/// The words of the innermost error: the outer ones only repeat that a request was sent.
fn root(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(plain).unwrap_or_default()
}

/// An error's words without the number of the operating system, beginning small as part of a sentence.
fn plain(error: &(dyn Error + '_)) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn quoted<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once('"').map(|(value, _)| value).filter(|value| !value.is_empty())
}

fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status: ")?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_kinds_and_words() {
        let denied = s3(Some(403), Some("AccessDenied"), "Access Denied.");
        assert_eq!((denied.kind, denied.temporary), (ErrorKind::PermissionDenied, false));
        assert_eq!(denied.reason, "access denied (AccessDenied)");
        let slow = s3(Some(503), Some("SlowDown"), "");
        assert_eq!((slow.kind, slow.temporary), (ErrorKind::RateLimited, true));
        assert_eq!(s3(Some(404), Some("NoSuchBucket"), "").kind, ErrorKind::BucketMissing);
        assert_eq!(s3(Some(400), Some("Strange"), "Very strange.").reason, "Very strange (Strange)");
        let region = s3(Some(400), Some("AuthorizationHeaderMalformed"), "expecting 'eu-west-1'");
        assert_eq!(region.kind, ErrorKind::Config);
        assert_eq!(region.reason, "expecting 'eu-west-1' (AuthorizationHeaderMalformed)");
        assert_eq!(s3(Some(418), None, "").reason, "the store answered HTTP 418");
    }

    #[test]
    fn a_full_disk_is_no_space_and_final() {
        let cause = io(&io::Error::from_raw_os_error(28));
        assert_eq!((cause.kind, cause.temporary), (ErrorKind::NoSpace, false));
        assert_eq!(cause.reason, "no space left on device");
    }

    #[test]
    fn a_stale_network_disk_may_recover() {
        assert!(io(&io::Error::from_raw_os_error(116)).temporary);
    }

    #[test]
    fn the_code_is_read_out_of_opendals_text() {
        let text = r#"S3Error { code: "SlowDown", message: "Please wait", resource: "", request_id: "7" }"#;
        let error = opendal::Error::new(opendal::ErrorKind::Unexpected, text);
        assert_eq!(opendal(&error).kind, ErrorKind::RateLimited);
        let error = opendal::Error::new(opendal::ErrorKind::Unexpected, "<html>")
            .with_context("response", "Parts { status: 502, version: HTTP/1.1 }");
        assert!(opendal(&error).temporary);
    }
}
