//! Signed S3 requests that OpenDAL does not offer: copies between buckets, and creation of buckets.

use std::fmt::Write;
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, Request, header};
use model::key::ObjectKey;
use reqsign_aws_v4::Credential;
use reqsign_core::Signer;
use serde::Deserialize;

use crate::classify;
use crate::error::{Cause, StorageErrorKind};
use crate::measure;

/// The time limit of a request that moves no object data.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_mins(1);

/// Sends requests to one bucket, signed with its credentials.
pub(crate) struct S3Client {
    http: reqwest::Client,
    signer: Signer<Credential>,
    /// The URL of the bucket, without a trailing slash.
    bucket_url: String,
    bucket: String,
    region: String,
}

/// The fields that are read from result and error documents; an answer with status 200 may contain either.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Answer {
    #[serde(rename = "ETag")]
    pub(crate) etag: Option<String>,
    pub(crate) upload_id: Option<String>,
    code: Option<String>,
    message: String,
}

impl S3Client {
    /// Creates a client for one bucket; `virtual_host` puts the bucket into the host name.
    pub(crate) fn new(
        http: reqwest::Client,
        signer: Signer<Credential>,
        endpoint: &str,
        bucket: &str,
        region: &str,
        virtual_host: bool,
    ) -> Self {
        let bucket_url = bucket_url(endpoint, bucket, virtual_host);
        Self { http, signer, bucket_url, bucket: bucket.to_owned(), region: region.to_owned() }
    }

    /// Creates the bucket if it does not exist; an existing bucket may belong to someone else, which is not checked.
    pub(crate) async fn create_bucket(&self) -> Result<(), Cause> {
        // AWS rejects its first region as a constraint, and most other stores have no regions.
        let body = match self.region.as_str() {
            "us-east-1" | "auto" => String::new(),
            region => format!(
                "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            ),
        };
        let request = Request::builder().method(Method::PUT).uri(format!("{}/", self.bucket_url));
        match self.send("create_bucket", request, body, ANSWER_LIMIT).await {
            Err(cause) if !cause.reason.contains("BucketAlready") => Err(cause),
            _ => Ok(()),
        }
    }

    /// Signs and sends a request and reads the answer within `limit`; metrics record it as `operation`.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        request: http::request::Builder,
        body: String,
        limit: Duration,
    ) -> Result<Answer, Cause> {
        let invalid =
            |error: &dyn std::error::Error| Cause::new(StorageErrorKind::Unexpected, error.to_string());
        let (mut parts, ()) = request.body(()).map_err(|error| invalid(&error))?.into_parts();
        self.signer.sign(&mut parts, None).await.map_err(|error| classify::credentials(&error))?;
        // The HTTP client adds this header itself, with the same value.
        parts.headers.remove(header::HOST);
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let request = reqwest::Request::try_from(Request::from_parts(parts, body));
        let mut request = request.map_err(|error| classify::http(&error))?;
        *request.timeout_mut() = Some(limit);

        let started = Instant::now();
        let response = self.http.execute(request).await.map_err(|error| classify::http(&error))?;
        let status = response.status();
        // A store sends the headers before it copies, so only the body contains the result.
        let body = response.bytes().await.map_err(|error| classify::http(&error))?;
        measure::count_throttle(operation, status.as_u16());
        if status.is_success() {
            measure::record_duration(operation, started.elapsed());
        }
        let answer: Option<Answer> = if body.is_empty() {
            Some(Answer::default())
        } else {
            quick_xml::de::from_reader(body.as_ref()).ok()
        };
        match answer {
            Some(Answer { code: Some(code), message, .. }) => {
                Err(classify::s3(Some(status.as_u16()), Some(&code), &message))
            }
            Some(answer) if status.is_success() => Ok(answer),
            None if status.is_success() => Err(malformed_answer()),
            _ => Err(classify::s3(Some(status.as_u16()), None, "")),
        }
        .map_err(|cause| cause.with_detail(String::from_utf8_lossy(&body)))
    }

    /// Returns the URL of an object.
    pub(crate) fn url(&self, key: &ObjectKey) -> String {
        format!("{}/{}", self.bucket_url, percent_encode(key.as_str(), true))
    }

    /// Returns the value of the header `x-amz-copy-source` for an object of this bucket.
    pub(crate) fn copy_source(&self, key: &ObjectKey) -> String {
        format!("/{}/{}", self.bucket, percent_encode(key.as_str(), true))
    }
}

/// Returns the URL of a bucket, without a trailing slash.
fn bucket_url(endpoint: &str, bucket: &str, virtual_host: bool) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) if virtual_host => format!("{scheme}://{bucket}.{host}"),
        _ => format!("{endpoint}/{bucket}"),
    }
}

/// Returns the cause of an answer that cannot be parsed; temporary, because the answer may have been cut short.
pub(crate) fn malformed_answer() -> Cause {
    Cause::new(StorageErrorKind::Unexpected, "the store's answer was not understood").temporary()
}

/// Percent-encodes text for a URL, exactly once, as AWS signatures require.
pub(crate) fn percent_encode(text: &str, keep_slashes: bool) -> String {
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
    fn the_bucket_is_in_the_path_or_in_the_host_name() {
        assert_eq!(bucket_url("https://host:1", "bucket", false), "https://host:1/bucket");
        assert_eq!(bucket_url("https://host:1", "bucket", true), "https://bucket.host:1");
    }

    #[test]
    fn result_and_error_documents_are_parsed() {
        let read = |xml: &str| quick_xml::de::from_str::<Answer>(xml).unwrap();
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
