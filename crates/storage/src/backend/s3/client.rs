//! The client for requests that OpenDAL does not offer: it sends them and reads the answers.

use std::fmt::Write;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use http::header;
use model::key::ObjectKey;
use opendal::{Buffer, HttpTransporter};
use serde::Deserialize;
use tokio::time::timeout;

use super::address::S3Address;
use super::clock::StoreClock;
use super::config::S3Credentials;
use crate::classify;
use crate::error::{Cause, StorageErrorKind};
use crate::measure;

/// The time limit of a request that moves no object data.
pub(super) const REQUEST_LIMIT: Duration = Duration::from_mins(1);

/// Sends requests to one bucket.
pub(crate) struct S3Client {
    http: HttpTransporter,
    /// The URL of the bucket, without a trailing slash.
    bucket_url: String,
    bucket: String,
    /// Identifies the credentials, without secrets.
    pub(crate) identity: String,
    /// Whether the store accepts requests that delete many objects; true until it refuses one.
    pub(crate) deletes_in_bulk: AtomicBool,
    clock: StoreClock,
}

/// The fields that are read from result and error documents; an answer with status 200 may contain either.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct S3Answer {
    #[serde(rename = "ETag")]
    pub(super) etag: Option<String>,
    pub(super) upload_id: Option<String>,
    status: Option<String>,
    code: Option<String>,
    message: String,
}

impl S3Client {
    /// Creates a client for one bucket.
    pub(super) fn new(
        http: HttpTransporter,
        address: &S3Address,
        credentials: &S3Credentials,
        clock: StoreClock,
    ) -> Self {
        Self {
            http,
            bucket_url: address.bucket_url(),
            bucket: address.bucket.clone(),
            identity: identify(credentials),
            deletes_in_bulk: AtomicBool::new(true),
            clock,
        }
    }

    /// Returns the time of the store in milliseconds since 1970; `None` if no answer had a date.
    pub(crate) fn now_ms(&self) -> Option<i64> {
        self.clock.now_ms()
    }

    /// Sends a request and reads the answer within `limit`; metrics record it as `operation`.
    pub(super) async fn send(
        &self,
        operation: &'static str,
        request: http::request::Builder,
        body: String,
        limit: Duration,
    ) -> Result<S3Answer, Cause> {
        let request = request
            .header(header::CONTENT_LENGTH, body.len())
            .body(Buffer::from(body))
            .map_err(|error| Cause::new(StorageErrorKind::Unexpected, error.to_string()))?;
        let started = Instant::now();
        // A store sends the headers before it copies, so only the body contains the result.
        let response = timeout(limit, self.http.send(request))
            .await
            .map_err(|_| classify::timeout_cause())?
            .map_err(|error| classify::opendal_error(&error))?;
        let (status, body) = (response.status(), response.into_body().to_bytes());
        measure::count_throttle(operation, status.as_u16());
        if status.is_success() {
            measure::record_duration(operation, started.elapsed());
        }
        let answer: Option<S3Answer> = if body.is_empty() {
            Some(S3Answer::default())
        } else {
            quick_xml::de::from_reader(body.as_ref()).ok()
        };
        match answer {
            Some(S3Answer { code: Some(code), message, .. }) => {
                Err(classify::answer(Some(status.as_u16()), Some(&code), &message))
            }
            Some(answer) if status.is_success() => Ok(answer),
            None if status.is_success() => Err(malformed_answer()),
            _ => Err(classify::answer(Some(status.as_u16()), None, "")),
        }
        .inspect_err(
            |_| tracing::debug!(answer = %String::from_utf8_lossy(&body), "a request to the store failed"),
        )
    }

    /// Returns whether the bucket keeps the old versions of objects that are deleted or replaced.
    pub(crate) async fn keeps_versions(&self) -> Result<bool, Cause> {
        let request =
            http::Request::builder().method(http::Method::GET).uri(format!("{}?versioning", self.bucket_url));
        let answer = self.send("get_versioning", request, String::new(), REQUEST_LIMIT).await?;
        // A bucket that no longer makes new versions still keeps the old ones.
        Ok(matches!(answer.status.as_deref(), Some("Enabled" | "Suspended")))
    }

    /// Returns the URL of an object.
    pub(super) fn url(&self, key: &ObjectKey) -> String {
        format!("{}/{}", self.bucket_url, percent_encode(key.as_str(), true))
    }

    /// Returns the value of the header `x-amz-copy-source` for an object of this bucket.
    pub(super) fn copy_source(&self, key: &ObjectKey) -> String {
        format!("/{}/{}", self.bucket, percent_encode(key.as_str(), true))
    }
}

fn identify(credentials: &S3Credentials) -> String {
    match credentials {
        S3Credentials::Static { access_key_id, .. } => access_key_id.clone(),
        S3Credentials::Chain { iam_endpoint } => {
            format!("credential chain {}", iam_endpoint.as_deref().unwrap_or_default())
        }
    }
}

/// Returns the cause of an answer that cannot be parsed; temporary, because the answer may have been cut short.
pub(super) fn malformed_answer() -> Cause {
    Cause::new(StorageErrorKind::Unexpected, "the store's answer was not understood").temporary()
}

/// Percent-encodes text for a URL, exactly once, as AWS signatures require.
pub(super) fn percent_encode(text: &str, keep_slashes: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            b'/' if keep_slashes => encoded.push('/'),
            // Writing to a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_percent_encoded_once() {
        assert_eq!(percent_encode("a b/ü+=%", true), "a%20b/%C3%BC%2B%3D%25");
        assert_eq!(percent_encode("2~a/b", false), "2~a%2Fb");
    }

    #[test]
    fn result_and_error_documents_are_parsed() {
        let read = |xml: &str| quick_xml::de::from_str::<S3Answer>(xml).unwrap();
        let copied = read(
            "<?xml version=\"1.0\"?><CopyObjectResult xmlns=\"x\"><LastModified>t</LastModified>\
             <ETag>&quot;ab&quot;</ETag></CopyObjectResult>",
        );
        assert_eq!(copied.etag.as_deref(), Some("\"ab\""));
        let failed =
            read("\n <Error><Code>InternalError</Code><Message>no</Message><HostId>h</HostId></Error>");
        assert_eq!((failed.code.as_deref(), failed.message.as_str()), (Some("InternalError"), "no"));
    }
}
