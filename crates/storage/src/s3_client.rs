//! Signed requests of our own, for what OpenDAL does not offer: copies across buckets, and new buckets.

use std::fmt::Write;
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, Request, header};
use model::key::ObjectKey;
use reqsign_aws_v4::Credential;
use reqsign_core::Signer;
use serde::Deserialize;

use crate::classify;
use crate::error::{Cause, ErrorKind};
use crate::measure;

/// How long a store may take for a request that moves no bytes.
pub(crate) const ANSWER: Duration = Duration::from_mins(1);

/// Sends requests to one bucket, signed with its credentials.
pub(crate) struct S3Client {
    http: reqwest::Client,
    signer: Signer<Credential>,
    /// The address of the bucket, without a slash at the end.
    base: String,
    bucket: String,
    region: String,
}

/// All that is read of the store's documents, errors included: an answer of 200 may carry either.
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
    /// A client of one bucket of an endpoint.
    pub(crate) fn new(
        http: reqwest::Client,
        signer: Signer<Credential>,
        endpoint: &str,
        bucket: &str,
        region: &str,
        virtual_host: bool,
    ) -> Self {
        let base = base(endpoint, bucket, virtual_host);
        Self { http, signer, base, bucket: bucket.to_owned(), region: region.to_owned() }
    }

    /// Makes the bucket; one that exists is no error, and whether it is ours the next request tells.
    pub(crate) async fn create_bucket(&self) -> Result<(), Cause> {
        // The first region of AWS must not be named, and other stores mostly know no region at all.
        let body = match self.region.as_str() {
            "us-east-1" | "auto" => String::new(),
            region => format!(
                "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            ),
        };
        let request = Request::builder().method(Method::PUT).uri(format!("{}/", self.base));
        match self.send("create_bucket", request, body, ANSWER).await {
            Err(cause) if !cause.reason.contains("BucketAlready") => Err(cause),
            _ => Ok(()),
        }
    }

    /// Signs and sends a request and reads the answer, which must come within the limit; metrics call it `operation`.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        request: http::request::Builder,
        body: String,
        limit: Duration,
    ) -> Result<Answer, Cause> {
        let invalid = |error: &dyn std::error::Error| Cause::new(ErrorKind::Unexpected, error.to_string());
        let (mut parts, ()) = request.body(()).map_err(|error| invalid(&error))?.into_parts();
        self.signer.sign(&mut parts, None).await.map_err(|error| classify::credentials(&error))?;
        // The client writes this header itself, with the same value.
        parts.headers.remove(header::HOST);
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let request = reqwest::Request::try_from(Request::from_parts(parts, body));
        let mut request = request.map_err(|error| classify::http(&error))?;
        *request.timeout_mut() = Some(limit);

        let begun = Instant::now();
        let response = self.http.execute(request).await.map_err(|error| classify::http(&error))?;
        let status = response.status();
        // a store sends its headers early while it copies: the body is the answer
        let body = response.bytes().await.map_err(|error| classify::http(&error))?;
        measure::answered(operation, status.as_u16());
        if status.is_success() {
            measure::took(operation, begun.elapsed());
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
            None if status.is_success() => Err(not_understood()),
            _ => Err(classify::s3(Some(status.as_u16()), None, "")),
        }
        .map_err(|cause| cause.with_detail(String::from_utf8_lossy(&body)))
    }

    /// The address of an object.
    pub(crate) fn url(&self, key: &ObjectKey) -> String {
        format!("{}/{}", self.base, encode(key.as_str(), true))
    }

    /// An object as other requests name it.
    pub(crate) fn copy_source(&self, key: &ObjectKey) -> String {
        format!("/{}/{}", self.bucket, encode(key.as_str(), true))
    }
}

/// The address of a bucket, without a slash at the end.
fn base(endpoint: &str, bucket: &str, virtual_host: bool) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) if virtual_host => format!("{scheme}://{bucket}.{host}"),
        _ => format!("{endpoint}/{bucket}"),
    }
}

/// An answer cut short looks like this too, so it is worth another try.
pub(crate) fn not_understood() -> Cause {
    Cause::new(ErrorKind::Unexpected, "the store's answer was not understood").temporary()
}

/// Writes text as part of an address: once percent-encoded, as signatures want it.
pub(crate) fn encode(text: &str, keep_slashes: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            b'/' if keep_slashes => encoded.push('/'),
            // Writing into a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_once() {
        assert_eq!(encode("a b/ü+=%", true), "a%20b/%C3%BC%2B%3D%25");
        assert_eq!(encode("2~a/b", false), "2~a%2Fb");
    }

    #[test]
    fn the_bucket_is_in_the_path_or_in_the_host() {
        assert_eq!(base("https://host:1", "bucket", false), "https://host:1/bucket");
        assert_eq!(base("https://host:1", "bucket", true), "https://bucket.host:1");
    }

    #[test]
    fn one_document_type_reads_results_and_errors() {
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
