//! Errors of OpenDAL, which contain the answer of a store only as text.

use std::io;

use super::{answer, error_chain, http_error, io_error, signing_error, timeout_cause};
use crate::backend::s3::NOT_A_STORE;
use crate::error::{Cause, StorageErrorKind};

/// Classifies an error of OpenDAL.
///
/// OpenDAL 0.59 keeps the store's code and status only in its error text, so they are parsed from there.
pub(crate) fn opendal_error(error: &opendal::Error) -> Cause {
    let text = error.to_string();
    // The answer with its request id, which the operator of the store asks for; OpenDAL leaves out credentials.
    tracing::debug!(answer = text, "a request to the store failed");
    if let Some(cause) = find_library_cause(error) {
        return cause;
    }
    if error.message() == "operation timeout reached" {
        return timeout_cause();
    }
    if error.message() == NOT_A_STORE {
        return Cause::new(StorageErrorKind::Unreachable, NOT_A_STORE);
    }
    match (find_quoted(error.message(), "code: \""), find_status(&text)) {
        (Some(code), status) => {
            answer(status, Some(code), find_quoted(error.message(), "message: \"").unwrap_or_default())
        }
        (None, Some(status)) => answer(Some(status), None, ""),
        (None, None) => Cause::new(kind_from_opendal(error.kind()), error.message()),
    }
}

/// Classifies the HTTP, signing or system error that caused an error of OpenDAL, if there is one.
fn find_library_cause(error: &opendal::Error) -> Option<Cause> {
    error_chain(error).find_map(|error| {
        error
            .downcast_ref::<reqwest::Error>()
            .map(http_error)
            .or_else(|| error.downcast_ref::<reqsign_core::Error>().map(signing_error))
            .or_else(|| error.downcast_ref::<io::Error>().map(io_error))
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
    fn code_and_status_are_parsed_from_the_text_of_opendal() {
        let text = r#"S3Error { code: "SlowDown", message: "Please wait", resource: "", request_id: "7" }"#;
        let error = opendal::Error::new(opendal::ErrorKind::Unexpected, text);
        assert_eq!(opendal_error(&error).kind, StorageErrorKind::RateLimited);
        let error = opendal::Error::new(opendal::ErrorKind::Unexpected, "<html>")
            .with_context("response", "Parts { status: 502, version: HTTP/1.1 }");
        assert!(opendal_error(&error).temporary);
    }
}
