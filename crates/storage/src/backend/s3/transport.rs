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

use super::clock::StoreClock;
use super::region::find_region_in_host;

/// The header that names the region of a bucket.
const REGION_HEADER: &str = "x-amz-bucket-region";
const CONTENT_MD5: &str = "content-md5";

/// The message of the error for an answer that no object store gives.
pub(crate) const NOT_A_STORE: &str = "the endpoint answers, but not as an object store";

/// How often a request is changed and sent again: for its region, and for a checksum.
const MAX_LESSONS: usize = 2;

/// Signs and sends the requests to one bucket. Clones share what was learned about the store.
///
/// OpenDAL's requests and our own pass through it unsigned. It signs them last, so a request that the store refuses
/// for its region or a missing checksum can be changed, signed again and sent once more. What was learned applies to
/// all later requests.
#[derive(Clone)]
pub(super) struct S3Transport {
    state: Arc<TransportState>,
    clock: StoreClock,
    new_object_headers: HeaderMap,
}

struct TransportState {
    http: HttpTransporter,
    signing: RwLock<Signing>,
    /// Whether the store demands a checksum with the content of an object, as buckets with Object Lock do.
    needs_checksum: AtomicBool,
    /// The bucket, for messages.
    bucket: String,
}

/// What was known about the store when a request was sent.
struct SentWith {
    region: String,
    checksum: bool,
}

#[derive(Clone)]
struct Signing {
    region: String,
    signer: Signer<Credential>,
}

impl S3Transport {
    /// Creates a transport that signs for `region` until the store names another one, and adds some headers to every
    /// request that creates an object.
    pub(super) fn new(
        http: HttpTransporter,
        signer: Signer<Credential>,
        region: &str,
        bucket: &str,
        new_object_headers: HeaderMap,
    ) -> Self {
        let state = Arc::new(TransportState {
            http,
            signing: RwLock::new(Signing { region: region.to_owned(), signer }),
            needs_checksum: AtomicBool::new(false),
            bucket: bucket.to_owned(),
        });
        Self { state, clock: StoreClock::default(), new_object_headers }
    }

    /// Returns the clock that follows the dates of the answers.
    pub(super) fn clock(&self) -> StoreClock {
        self.clock.clone()
    }

    fn signing(&self) -> Signing {
        self.state.signing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Signs and sends a request with what is known about the store, and returns that too.
    async fn send_signed(
        &self,
        parts: &Parts,
        body: &Buffer,
    ) -> Result<(Response<HttpBody>, SentWith), Error> {
        let mut parts = parts.clone();
        let Signing { region, signer } = self.signing();
        let checksum = self.state.needs_checksum.load(Ordering::Relaxed) && writes_object(&parts, body);
        if checksum {
            parts.headers.insert(CONTENT_MD5, content_md5(body)?);
        }
        signer.sign(&mut parts, None).await.map_err(|error| {
            Error::new(ErrorKind::Unexpected, "the request cannot be signed").set_source(error)
        })?;
        // The HTTP client adds this header itself, with the same value.
        parts.headers.remove(http::header::HOST);
        let response = self.state.http.fetch(Request::from_parts(parts, body.clone())).await?;
        self.clock.record(response.headers());
        Ok((response, SentWith { region, checksum }))
    }

    /// Learns what a refused request lacked; returns whether the request may succeed if it is sent once more.
    ///
    /// Other requests that were sent at the same time may have taught the same, so what this one was sent with decides.
    fn learn(&self, parts: &Parts, body: &Buffer, sent_with: &SentWith, refusal: &Response<Buffer>) -> bool {
        let document = refusal.body().to_bytes();
        let document = String::from_utf8_lossy(&document);
        if let Some(region) = find_region(refusal.headers(), &document).filter(|it| **it != sent_with.region)
        {
            self.learn_region(region);
            return true;
        }
        let asks_for_checksum = refusal.status() == StatusCode::BAD_REQUEST
            && demands_checksum(&document)
            && writes_object(parts, body);
        if asks_for_checksum {
            self.state.needs_checksum.store(true, Ordering::Relaxed);
        }
        asks_for_checksum && !sent_with.checksum
    }

    /// Signs for another region from now on.
    fn learn_region(&self, region: &str) {
        let mut signing = self.state.signing.write().unwrap_or_else(PoisonError::into_inner);
        if signing.region != region {
            tracing::info!(
                bucket = self.state.bucket,
                region,
                instead_of = signing.region,
                "the store names the region"
            );
            region.clone_into(&mut signing.region);
            signing.signer = signing.signer.clone().with_request_signer(RequestSigner::new("s3", region));
        }
    }
}

impl HttpTransport for S3Transport {
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>, Error> {
        let (mut parts, body) = request.into_parts();
        if creates_object(&parts) {
            parts.headers.extend(self.new_object_headers.clone());
        }
        let mut lessons = 0;
        let mut response = loop {
            let (response, sent_with) = self.send_signed(&parts, &body).await?;
            if !may_teach(response.status()) {
                break response;
            }
            let (head, mut document) = response.into_parts();
            let refusal = Response::from_parts(head, document.to_buffer().await?);
            lessons += 1;
            if lessons > MAX_LESSONS || !self.learn(&parts, &body, &sent_with, &refusal) {
                break refusal.map(to_http_body);
            }
        };
        if is_listing(&parts) && response.status().is_success() {
            let (head, mut document) = response.into_parts();
            let document = document.to_buffer().await?;
            // A proxy's own page would be read as an empty listing.
            if !is_list_document(&document.to_bytes()) {
                return Err(Error::new(ErrorKind::Unexpected, NOT_A_STORE));
            }
            response = Response::from_parts(head, to_http_body(document));
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

/// Returns whether a request lists objects.
fn is_listing(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    parts.method == Method::GET && query.split('&').any(|pair| pair.starts_with("list-type="))
}

/// Returns whether a document can be the answer to a request that lists objects.
fn is_list_document(document: &[u8]) -> bool {
    let beginning = document.get(..1024).unwrap_or(document);
    String::from_utf8_lossy(beginning).contains("<ListBucketResult")
}

/// Returns whether a request creates an object or begins its upload in parts.
fn creates_object(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    (parts.method == Method::PUT && !has("partNumber")) || (parts.method == Method::POST && has("uploads"))
}

/// Returns whether a request carries the content of an object or of a part.
fn writes_object(parts: &Parts, body: &Buffer) -> bool {
    let is_copy = parts.headers.contains_key("x-amz-copy-source");
    parts.method == Method::PUT && (!body.is_empty() || !is_copy)
}

/// Returns whether a refusal of a write may be about a missing checksum, which stores say in different words.
fn demands_checksum(document: &str) -> bool {
    let document = document.to_ascii_lowercase();
    ["content-md5", "contentmd5", "x-amz-checksum", "<code>invalidrequest</code>"]
        .iter()
        .any(|sign| document.contains(sign))
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
    let between = |before: &str, after: &str| {
        document.split_once(before)?.1.split_once(after).map(|(found, _)| found.trim())
    };
    named
        .or_else(|| between("<Region>", "</Region>"))
        // Some stores name it only in the message, or in the host name of a redirect.
        .or_else(|| between("expecting '", "'"))
        .or_else(|| {
            let host = between("<Endpoint>", "</Endpoint>")?;
            // The name of the bucket comes first.
            find_region_in_host(host).or_else(|| find_region_in_host(host.split_once('.')?.1))
        })
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
        let message = "<Message>the region 'us-east-1' is wrong; expecting 'eu-x-7'</Message>";
        assert_eq!(find_region(&headers, message), Some("eu-x-7"));
        let endpoint = "<Code>PermanentRedirect</Code><Endpoint>b.s3.eu-west-3.amazonaws.com</Endpoint>";
        assert_eq!(find_region(&headers, endpoint), Some("eu-west-3"));
        headers.insert(REGION_HEADER, HeaderValue::from_static("us-west-2"));
        assert_eq!(find_region(&headers, ""), Some("us-west-2"));
    }
}
