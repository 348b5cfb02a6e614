//! S3 requests for server-side copies: `CopyObject`, and multipart uploads with `UploadPartCopy` for large objects.
//!
//! `self` is the client of the target bucket, `source` the client of the source bucket.

use std::ops::Range;
use std::time::Duration;

use http::{Method, Request};
use model::key::ObjectKey;
use serde::Serialize;

use super::client::{REQUEST_LIMIT, S3Answer, S3Client, malformed_answer, percent_encode};
use crate::error::{Cause, StorageErrorKind};
use crate::object::clean_etag;

/// The minimum rate of a server-side copy in bytes per second; a slower copy exceeds its time limit.
const MIN_BYTES_PER_SECOND: u64 = 1 << 20;

/// A multipart upload in progress, which must be completed or aborted.
pub(super) struct MultipartUpload {
    /// The URL of the object with the id of the upload as its query.
    url: String,
}

/// An uploaded part of a multipart upload.
#[derive(Serialize)]
pub(super) struct UploadedPart {
    /// The number of the part, starting at 1.
    #[serde(rename = "PartNumber")]
    number: u64,
    /// The entity tag of the part, in quotes.
    #[serde(rename = "ETag")]
    etag: String,
}

/// The document that completes a multipart upload.
#[derive(Serialize)]
struct CompleteMultipartUpload<'a> {
    #[serde(rename = "Part")]
    parts: &'a [UploadedPart],
}

/// The object from which the store copies.
#[derive(Clone, Copy)]
pub(super) struct CopySource<'a> {
    pub(super) client: &'a S3Client,
    pub(super) key: &'a ObjectKey,
    /// The entity tag that the object must have, if the store may find another one under this name.
    pub(super) etag: Option<&'a str>,
}

impl CopySource<'_> {
    fn add_headers(self, request: http::request::Builder) -> http::request::Builder {
        let request = request.header("x-amz-copy-source", self.client.copy_source(self.key));
        match self.etag {
            Some(etag) => request.header("x-amz-copy-source-if-match", format!("\"{etag}\"")),
            None => request,
        }
    }
}

impl S3Client {
    /// Copies an object of up to 5 GiB and returns the entity tag of the copy.
    pub(super) async fn copy_object(
        &self,
        source: CopySource<'_>,
        to: &ObjectKey,
        size: u64,
    ) -> Result<String, Cause> {
        let request = Request::builder().method(Method::PUT).uri(self.url(to));
        let request = source.add_headers(request);
        require_etag(self.send("copy", request, String::new(), copy_limit(size)).await?)
    }

    /// Begins a multipart upload of the object `to`.
    pub(super) async fn begin_upload(&self, to: &ObjectKey) -> Result<MultipartUpload, Cause> {
        let url = self.url(to);
        let request = Request::builder().method(Method::POST).uri(format!("{url}?uploads"));
        let id = self
            .send("begin_copy", request, String::new(), REQUEST_LIMIT)
            .await?
            .upload_id
            .ok_or_else(malformed_answer)?;
        Ok(MultipartUpload { url: format!("{url}?uploadId={}", percent_encode(&id, false)) })
    }

    /// Copies a range of bytes of the source object as the part with this number, starting at 1.
    pub(super) async fn copy_part(
        &self,
        upload: &MultipartUpload,
        number: u64,
        source: CopySource<'_>,
        range: Range<u64>,
    ) -> Result<UploadedPart, Cause> {
        let request =
            Request::builder().method(Method::PUT).uri(format!("{}&partNumber={number}", upload.url)).header(
                "x-amz-copy-source-range",
                format!("bytes={}-{}", range.start, range.end.saturating_sub(1)),
            );
        let request = source.add_headers(request);
        let answer =
            self.send("copy_part", request, String::new(), copy_limit(range.end - range.start)).await?;
        Ok(UploadedPart { number, etag: format!("\"{}\"", require_etag(answer)?) })
    }

    /// Completes an upload from its parts, which must be sorted by number, and returns the entity tag of the object.
    pub(super) async fn complete_upload(
        &self,
        upload: &MultipartUpload,
        parts: &[UploadedPart],
        size: u64,
    ) -> Result<String, Cause> {
        let body = quick_xml::se::to_string(&CompleteMultipartUpload { parts })
            .map_err(|error| Cause::new(StorageErrorKind::Unexpected, error.to_string()))?;
        let request = Request::builder().method(Method::POST).uri(&upload.url);
        require_etag(self.send("complete_copy", request, body, copy_limit(size)).await?)
    }

    /// Aborts an upload, so that the store deletes its parts.
    pub(super) async fn abort_upload(&self, upload: &MultipartUpload) -> Result<(), Cause> {
        let request = Request::builder().method(Method::DELETE).uri(&upload.url);
        self.send("abort_copy", request, String::new(), REQUEST_LIMIT).await.map(drop)
    }
}

/// Returns the entity tag of an answer, which must contain one.
fn require_etag(answer: S3Answer) -> Result<String, Cause> {
    answer.etag.map(|tag| clean_etag(&tag).to_owned()).ok_or_else(malformed_answer)
}

/// Returns the time limit of a request that copies `bytes`.
fn copy_limit(bytes: u64) -> Duration {
    REQUEST_LIMIT + Duration::from_secs(bytes / MIN_BYTES_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_an_upload_are_listed_as_xml() {
        let part = |number, etag: &str| UploadedPart { number, etag: etag.to_owned() };
        let parts = [part(1, "\"ab\""), part(2, "<&>")];
        let body = quick_xml::se::to_string(&CompleteMultipartUpload { parts: &parts }).unwrap();
        let expected = "<CompleteMultipartUpload>\
                        <Part><PartNumber>1</PartNumber><ETag>\"ab\"</ETag></Part>\
                        <Part><PartNumber>2</PartNumber><ETag>&lt;&amp;&gt;</ETag></Part>\
                        </CompleteMultipartUpload>";
        assert_eq!(body, expected);
    }
}
