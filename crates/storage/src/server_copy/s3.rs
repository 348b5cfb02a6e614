//! The S3 requests behind a copy: `CopyObject`, and `UploadPartCopy` with its frame for large objects.

use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use http::{HeaderValue, Method, Request, header};
use model::key::ObjectKey;
use reqsign_aws_v4::Credential;
use reqsign_core::Signer;
use serde::Deserialize;

use crate::classify;
use crate::error::{Cause, ErrorKind};
use crate::object::clean_etag;

/// How long a store may take for a request that moves no bytes.
const ANSWER: Duration = Duration::from_secs(60);

/// The slowest copy inside a store that is still waited for, in bytes a second.
const SLOWEST: u64 = 1 << 20;

/// Sends copy requests to the bucket that is copied to, signed with its credentials.
pub(crate) struct S3Copier {
    client: reqwest::Client,
    signer: Signer<Credential>,
    /// The address of the bucket, without a slash at the end.
    base: String,
    bucket: String,
}

/// An upload that was begun and must be completed or aborted.
pub(crate) struct Upload {
    /// The address of the object with the id of the upload.
    url: String,
}

/// A part that the store has.
pub(crate) struct Part {
    /// Counted from one.
    pub(crate) number: u64,
    etag: String,
}

/// All that is read of the store's documents, errors included: an answer of 200 may carry either.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Answer {
    #[serde(rename = "ETag")]
    etag: Option<String>,
    upload_id: Option<String>,
    code: Option<String>,
    message: String,
}

impl S3Copier {
    /// A copier into one bucket of an endpoint.
    pub(crate) fn new(
        client: reqwest::Client,
        signer: Signer<Credential>,
        endpoint: &str,
        bucket: &str,
        virtual_host: bool,
    ) -> Self {
        let base = match endpoint.split_once("://") {
            Some((scheme, host)) if virtual_host => format!("{scheme}://{bucket}.{host}"),
            _ => format!("{endpoint}/{bucket}"),
        };
        Self { client, signer, base, bucket: bucket.to_owned() }
    }

    /// Copies a whole object of up to 5 GiB out of `source`'s bucket and returns its entity tag.
    pub(crate) async fn copy(
        &self,
        source: &Self,
        from: &ObjectKey,
        to: &ObjectKey,
        size: u64,
    ) -> Result<String, Cause> {
        let request = Request::builder()
            .method(Method::PUT)
            .uri(self.url(to))
            .header("x-amz-copy-source", source.copy_source(from));
        etag(self.send(request, String::new(), patience(size)).await?)
    }

    /// Begins an upload that is put together from parts.
    pub(crate) async fn begin(&self, to: &ObjectKey) -> Result<Upload, Cause> {
        let url = self.url(to);
        let request = Request::builder().method(Method::POST).uri(format!("{url}?uploads"));
        let id = self.send(request, String::new(), ANSWER).await?.upload_id.ok_or_else(not_understood)?;
        Ok(Upload { url: format!("{url}?uploadId={}", encode(&id, false)) })
    }

    /// Copies a range of bytes of the source into a part, numbered from one.
    pub(crate) async fn copy_part(
        &self,
        upload: &Upload,
        number: u64,
        source: &Self,
        from: &ObjectKey,
        range: Range<u64>,
    ) -> Result<Part, Cause> {
        let request = Request::builder()
            .method(Method::PUT)
            .uri(format!("{}&partNumber={number}", upload.url))
            .header("x-amz-copy-source", source.copy_source(from))
            .header(
                "x-amz-copy-source-range",
                format!("bytes={}-{}", range.start, range.end.saturating_sub(1)),
            );
        let answer = self.send(request, String::new(), patience(range.end - range.start)).await?;
        Ok(Part { number, etag: answer.etag.ok_or_else(not_understood)? })
    }

    /// Puts the parts, sorted by number, together and returns the entity tag of the object.
    pub(crate) async fn complete(&self, upload: &Upload, parts: &[Part], size: u64) -> Result<String, Cause> {
        let mut body = String::from("<CompleteMultipartUpload>");
        for Part { number, etag } in parts {
            let etag = clean_etag(etag);
            // Writing into a string cannot fail.
            let _ = write!(body, "<Part><PartNumber>{number}</PartNumber><ETag>\"{etag}\"</ETag></Part>");
        }
        body.push_str("</CompleteMultipartUpload>");
        let request = Request::builder().method(Method::POST).uri(&upload.url);
        etag(self.send(request, body, patience(size)).await?)
    }

    /// Gives an upload up, so that the store drops its parts.
    pub(crate) async fn abort(&self, upload: &Upload) -> Result<(), Cause> {
        let request = Request::builder().method(Method::DELETE).uri(&upload.url);
        self.send(request, String::new(), ANSWER).await.map(drop)
    }

    async fn send(
        &self,
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

        let response = self.client.execute(request).await.map_err(|error| classify::http(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| classify::http(&error))?;
        let answer: Option<Answer> = match body.is_empty() {
            true => Some(Answer::default()),
            false => quick_xml::de::from_reader(body.as_ref()).ok(),
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

    fn url(&self, key: &ObjectKey) -> String {
        format!("{}/{}", self.base, encode(key.as_str(), true))
    }

    fn copy_source(&self, key: &ObjectKey) -> String {
        format!("/{}/{}", self.bucket, encode(key.as_str(), true))
    }
}

fn etag(answer: Answer) -> Result<String, Cause> {
    answer.etag.map(|tag| clean_etag(&tag).to_owned()).ok_or_else(not_understood)
}

/// An answer cut short looks like this too, so it is worth another try.
fn not_understood() -> Cause {
    Cause::new(ErrorKind::Unexpected, "the store's answer was not understood").temporary()
}

fn patience(bytes: u64) -> Duration {
    ANSWER + Duration::from_secs(bytes / SLOWEST)
}

/// Writes text as part of an address: once percent-encoded, as signatures want it.
fn encode(text: &str, keep_slashes: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte))
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
    fn one_document_type_reads_results_and_errors() {
        let read = |xml: &str| quick_xml::de::from_str::<Answer>(xml).unwrap();
        let copied = read(
            r#"<?xml version="1.0"?><CopyObjectResult xmlns="x"><LastModified>t</LastModified><ETag>&quot;ab&quot;</ETag></CopyObjectResult>"#,
        );
        assert_eq!(etag(copied).unwrap(), "ab");
        let failed =
            read("\n <Error><Code>InternalError</Code><Message>no</Message><HostId>h</HostId></Error>");
        assert_eq!((failed.code.as_deref(), failed.message.as_str()), (Some("InternalError"), "no"));
    }
}
