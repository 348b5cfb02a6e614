//! Sends the requests to a bucket: signs them, and adapts them to what the store asks for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::stream;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use md5::{Digest, Md5};
use opendal::{Buffer, Error, ErrorKind, HttpBody, HttpTransport, HttpTransporter};
use reqsign_aws_v4::{Credential, RequestSigner};
use reqsign_core::Signer;

/// The header that names the region of a bucket.
const REGION_HEADER: &str = "x-amz-bucket-region";
const CONTENT_MD5: &str = "content-md5";

/// Signs and sends the requests to one bucket. Clones share what was learned about the store.
///
/// OpenDAL's requests and our own pass through it unsigned. It signs them last, so a request that the store refuses
/// for its region or a missing checksum can be changed, signed again and sent once more. What was learned applies to
/// all later requests.
#[derive(Clone)]
pub(super) struct S3Transport(Arc<TransportState>);

struct TransportState {
    http: HttpTransporter,
    signing: RwLock<Signing>,
    /// Whether the store demands a checksum with the content of an object, as buckets with Object Lock do.
    needs_checksum: AtomicBool,
    /// The bucket, for messages.
    bucket: String,
}

#[derive(Clone)]
struct Signing {
    region: String,
    signer: Signer<Credential>,
}

impl S3Transport {
    /// Creates a transport that signs for `region` until the store names another one.
    pub(super) fn new(http: HttpTransporter, signer: Signer<Credential>, region: &str, bucket: &str) -> Self {
        Self(Arc::new(TransportState {
            http,
            signing: RwLock::new(Signing { region: region.to_owned(), signer }),
            needs_checksum: AtomicBool::new(false),
            bucket: bucket.to_owned(),
        }))
    }

    fn signing(&self) -> Signing {
        self.0.signing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn send_signed(&self, parts: &Parts, body: &Buffer) -> Result<Response<HttpBody>, Error> {
        let mut parts = parts.clone();
        if self.0.needs_checksum.load(Ordering::Relaxed) && has_content(&parts, body) {
            parts.headers.insert(CONTENT_MD5, content_md5(body)?);
        }
        self.signing().signer.sign(&mut parts, None).await.map_err(|error| {
            Error::new(ErrorKind::Unexpected, "the request cannot be signed").set_source(error)
        })?;
        // The HTTP client adds this header itself, with the same value.
        parts.headers.remove(http::header::HOST);
        self.0.http.fetch(Request::from_parts(parts, body.clone())).await
    }

    /// Learns what a refused request lacked; returns whether the request may succeed if it is sent once more.
    fn learn(&self, parts: &Parts, sent: &Buffer, answer: &Response<Buffer>) -> bool {
        let text = answer.body().to_bytes();
        let text = String::from_utf8_lossy(&text);
        if let Some(region) = find_region(answer.headers(), &text) {
            return self.learn_region(region);
        }
        let asks_for_checksum = answer.status() == StatusCode::BAD_REQUEST
            && (text.contains("Content-MD5") || text.contains("x-amz-checksum"));
        asks_for_checksum && has_content(parts, sent) && !self.0.needs_checksum.swap(true, Ordering::Relaxed)
    }

    /// Signs for another region from now on; returns `false` if requests are signed for it already.
    fn learn_region(&self, region: &str) -> bool {
        let mut signing = self.0.signing.write().unwrap_or_else(PoisonError::into_inner);
        if signing.region == region {
            return false;
        }
        tracing::info!(
            bucket = self.0.bucket,
            region,
            instead_of = signing.region,
            "the store names the region"
        );
        region.clone_into(&mut signing.region);
        signing.signer = signing.signer.clone().with_request_signer(RequestSigner::new("s3", region));
        true
    }
}

impl HttpTransport for S3Transport {
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>, Error> {
        let (parts, body) = request.into_parts();
        let mut response = self.send_signed(&parts, &body).await?;
        if may_teach(response.status()) {
            let (head, mut refusal) = response.into_parts();
            let refusal = Response::from_parts(head, refusal.to_buffer().await?);
            response = if self.learn(&parts, &body, &refusal) {
                self.send_signed(&parts, &body).await?
            } else {
                refusal.map(to_http_body)
            };
        }
        // Gateways confirm a deletion with any status of success; OpenDAL expects this one.
        if parts.method == Method::DELETE && response.status().is_success() {
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        Ok(response)
    }
}

/// Returns whether the document of an answer with this status can say what the request lacked.
fn may_teach(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::MOVED_PERMANENTLY | StatusCode::TEMPORARY_REDIRECT)
}

/// Returns whether a request carries the content of an object or of a part.
fn has_content(parts: &Parts, body: &Buffer) -> bool {
    parts.method == Method::PUT && !body.is_empty()
}

fn content_md5(body: &Buffer) -> Result<HeaderValue, Error> {
    let mut digest = Md5::new();
    body.clone().for_each(|bytes| digest.update(&bytes));
    HeaderValue::try_from(BASE64.encode(digest.finalize()))
        .map_err(|error| Error::new(ErrorKind::Unexpected, "the checksum cannot be sent").set_source(error))
}

/// Finds the region that a refusal names, in its headers or in the error document.
fn find_region<'a>(headers: &'a HeaderMap, document: &'a str) -> Option<&'a str> {
    let named = headers.get(REGION_HEADER).and_then(|value| value.to_str().ok());
    named
        .or_else(|| document.split_once("<Region>")?.1.split_once("</Region>").map(|(region, _)| region))
        .map(str::trim)
        .filter(|region| !region.is_empty())
}

fn to_http_body(buffer: Buffer) -> HttpBody {
    let size = buffer.len() as u64;
    HttpBody::new(stream::iter([Ok(buffer)]), Some(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_found_in_headers_and_error_documents() {
        let mut headers = HeaderMap::new();
        let document = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
        assert_eq!(find_region(&headers, document), Some("eu-west-1"));
        assert_eq!(find_region(&headers, "<Error><Region></Region></Error>"), None);
        assert_eq!(find_region(&headers, ""), None);
        headers.insert(REGION_HEADER, HeaderValue::from_static("us-west-2"));
        assert_eq!(find_region(&headers, ""), Some("us-west-2"));
    }
}
