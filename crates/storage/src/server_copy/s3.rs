//! The S3 requests behind a copy: `CopyObject`, and `UploadPartCopy` with its frame for large objects.
//!
//! The client is that of the bucket that is copied to; `source` is the client of the other.

use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use http::{Method, Request};
use model::key::ObjectKey;

use crate::error::Cause;
use crate::object::clean_etag;
use crate::s3_client::{ANSWER, Answer, S3Client, encode, not_understood};

/// The slowest copy inside a store that is still waited for, in bytes a second.
const SLOWEST: u64 = 1 << 20;

/// An upload that was begun and must be completed or aborted.
pub(crate) struct Upload {
    /// The address of the object with the id of the upload.
    url: String,
}

/// A part that the store has.
pub(crate) struct Part {
    /// Counted from one.
    number: u64,
    etag: String,
}

impl S3Client {
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
        etag(self.send("copy", request, String::new(), patience(size)).await?)
    }

    /// Begins an upload that is put together from parts.
    pub(crate) async fn begin(&self, to: &ObjectKey) -> Result<Upload, Cause> {
        let url = self.url(to);
        let request = Request::builder().method(Method::POST).uri(format!("{url}?uploads"));
        let id = self
            .send("begin_copy", request, String::new(), ANSWER)
            .await?
            .upload_id
            .ok_or_else(not_understood)?;
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
        let answer =
            self.send("copy_part", request, String::new(), patience(range.end - range.start)).await?;
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
        etag(self.send("complete_copy", request, body, patience(size)).await?)
    }

    /// Gives an upload up, so that the store drops its parts.
    pub(crate) async fn abort(&self, upload: &Upload) -> Result<(), Cause> {
        let request = Request::builder().method(Method::DELETE).uri(&upload.url);
        self.send("abort_copy", request, String::new(), ANSWER).await.map(drop)
    }
}

fn etag(answer: Answer) -> Result<String, Cause> {
    answer.etag.map(|tag| clean_etag(&tag).to_owned()).ok_or_else(not_understood)
}

fn patience(bytes: u64) -> Duration {
    ANSWER + Duration::from_secs(bytes / SLOWEST)
}
