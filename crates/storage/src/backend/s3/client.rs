//! The client for requests that OpenDAL does not offer: it signs and sends them, and reads the answers.

use std::fmt::Write;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, header};
use model::key::ObjectKey;
use reqsign_aws_v4::Credential;
use reqsign_core::Signer;
use serde::Deserialize;

use super::address::S3Address;
use crate::classify;
use crate::error::{Cause, StorageErrorKind};
use crate::measure;

/// The time limit of a request that moves no object data.
pub(super) const REQUEST_LIMIT: Duration = Duration::from_mins(1);

/// Sends requests to one bucket, signed with its credentials.
pub(crate) struct S3Client {
    http: reqwest::Client,
    signer: Signer<Credential>,
    /// The URL of the bucket, without a trailing slash.
    bucket_url: String,
    bucket: String,
}

/// The fields that are read from result and error documents; an answer with status 200 may contain either.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct S3Answer {
    #[serde(rename = "ETag")]
    pub(super) etag: Option<String>,
    pub(super) upload_id: Option<String>,
    code: Option<String>,
    message: String,
}

impl S3Client {
    /// Creates a client for one bucket.
    pub(super) fn new(http: reqwest::Client, signer: Signer<Credential>, address: &S3Address) -> Self {
        Self { http, signer, bucket_url: address.bucket_url(), bucket: address.bucket.clone() }
    }

    /// Signs and sends a request and reads the answer within `limit`; metrics record it as `operation`.
    pub(super) async fn send(
        &self,
        operation: &'static str,
        request: http::request::Builder,
        body: String,
        limit: Duration,
    ) -> Result<S3Answer, Cause> {
        let invalid =
            |error: &dyn std::error::Error| Cause::new(StorageErrorKind::Unexpected, error.to_string());
        let (mut parts, ()) = request.body(()).map_err(|error| invalid(&error))?.into_parts();
        self.signer.sign(&mut parts, None).await.map_err(|error| classify::signing_error(&error))?;
        // The HTTP client adds this header itself, with the same value.
        parts.headers.remove(header::HOST);
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let request = reqwest::Request::try_from(Request::from_parts(parts, body));
        let mut request = request.map_err(|error| classify::http_error(&error))?;
        *request.timeout_mut() = Some(limit);

        let started = Instant::now();
        let response = self.http.execute(request).await.map_err(|error| classify::http_error(&error))?;
        let status = response.status();
        // A store sends the headers before it copies, so only the body contains the result.
        let body = response.bytes().await.map_err(|error| classify::http_error(&error))?;
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
        .map_err(|cause| cause.with_detail(String::from_utf8_lossy(&body)))
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
