//! An S3 store over a directory, for tests that need an object store and no real one.
//!
//! Each bucket is a directory, and each object a file below it, so that the simulated Milvus and a test reach the same
//! objects as files. Addresses are of the path style; every signature is accepted. A name cannot be both an object and
//! a prefix of others. (The store of the crate `s3s-fs` names a file after each whole key, and so refuses long keys.)

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use md5::{Digest, Md5};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The number of objects in one page of a list.
const PAGE: usize = 1000;

/// A running store, which stops when this is dropped; its objects stay.
#[derive(Debug)]
pub struct ObjectStore {
    address: SocketAddr,
    directory: PathBuf,
    /// The store's own runtime, with which it serves blocking tests too and stops at once.
    runtime: Option<Runtime>,
}

impl ObjectStore {
    /// Starts a store on a free loopback port; its buckets are the directories in `directory`.
    ///
    /// # Panics
    /// Panics if no port or no thread is available, or if the directory cannot be created.
    pub fn start(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        std::fs::create_dir_all(&directory).expect("a directory");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a thread");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("a bound port");
        let objects = Objects { directory: directory.clone(), uploads: Mutex::default() };
        let routes = Router::new().fallback(serve).layer(DefaultBodyLimit::disable());
        let routes = routes.with_state(Arc::new(objects));
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, routes).await
        });
        Self { address, directory, runtime: Some(runtime) }
    }

    /// Returns `host:port`; the store speaks HTTP without TLS.
    pub fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// Returns the directory of all buckets.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the directory of a bucket, which is created if it is missing.
    ///
    /// # Panics
    /// Panics if the directory cannot be created.
    pub fn bucket(&self, name: &str) -> PathBuf {
        let directory = self.directory.join(name);
        std::fs::create_dir_all(&directory).expect("a directory");
        directory
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The parts of unfinished uploads by upload and number.
type Uploads = BTreeMap<String, BTreeMap<u32, Vec<u8>>>;

#[derive(Debug)]
struct Objects {
    directory: PathBuf,
    uploads: Mutex<Uploads>,
}

/// A request for a bucket or an object.
struct S3Request<'a> {
    bucket: String,
    key: String,
    query: BTreeMap<String, String>,
    headers: &'a HeaderMap,
    body: Bytes,
}

/// An answer other than success: its status and its code.
struct Failure(StatusCode, &'static str);

type Answer = Result<Response, Failure>;

const NO_KEY: Failure = Failure(StatusCode::NOT_FOUND, "NoSuchKey");
const NO_UPLOAD: Failure = Failure(StatusCode::NOT_FOUND, "NoSuchUpload");
const BAD_REQUEST: Failure = Failure(StatusCode::BAD_REQUEST, "InvalidRequest");
const NOT_MET: Failure = Failure(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");

async fn serve(
    State(objects): State<Arc<Objects>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = decode(uri.path().trim_start_matches('/'));
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    let query = Query::try_from_uri(&uri).map(|Query(query)| query).unwrap_or_default();
    let (bucket, key) = (bucket.to_owned(), key.to_owned());
    let request = S3Request { bucket, key, query, headers: &headers, body };
    objects.answer(&method, &request).unwrap_or_else(|Failure(status, code)| {
        let text = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
        response(status, if method == Method::HEAD { String::new() } else { text })
    })
}

impl Objects {
    fn answer(&self, method: &Method, request: &S3Request<'_>) -> Answer {
        let S3Request { bucket, key, query, .. } = request;
        let is_plain = key.split('/').all(|part| part != ".." && part != ".");
        if bucket.is_empty() || bucket.starts_with('.') || !is_plain {
            return Err(BAD_REQUEST);
        }
        let bucket = self.directory.join(bucket);
        if key.is_empty() && *method == Method::PUT {
            return std::fs::create_dir_all(bucket).map(|()| xml("")).map_err(|_| BAD_REQUEST);
        }
        if !bucket.is_dir() {
            return Err(Failure(StatusCode::NOT_FOUND, "NoSuchBucket"));
        }
        let file = bucket.join(key);
        let has = |name: &str| query.contains_key(name);
        match (method.as_str(), key.is_empty()) {
            ("HEAD", true) => Ok(xml("")),
            ("GET", true) if has("versioning") => Ok(xml("<VersioningConfiguration/>")),
            ("GET", true) => Ok(list(&bucket, query)),
            ("POST", true) if has("delete") => {
                for part in String::from_utf8_lossy(&request.body).split("<Key>").skip(1) {
                    remove(&bucket, &unescape(part.split("</Key>").next().unwrap_or_default()));
                }
                Ok(xml("<DeleteResult/>"))
            }
            ("GET" | "HEAD", false) => read(&file, request.headers),
            ("DELETE", false) => {
                match query.get("uploadId") {
                    Some(upload) => drop(self.uploads().remove(upload)),
                    None => remove(&bucket, key),
                }
                Ok(response(StatusCode::NO_CONTENT, String::new()))
            }
            ("PUT", false) => self.put(&file, request),
            ("POST", false) if has("uploads") => {
                let upload = uuid::Uuid::new_v4().to_string();
                self.uploads().insert(upload.clone(), BTreeMap::new());
                Ok(xml(&format!("<Result><UploadId>{upload}</UploadId></Result>")))
            }
            ("POST", false) => {
                let parts = query.get("uploadId").and_then(|upload| self.uploads().remove(upload));
                let content: Vec<u8> = parts.ok_or(NO_UPLOAD)?.into_values().flatten().collect();
                let tag = self.write(&file, &content)?;
                Ok(xml(&format!("<Result><ETag>{tag}</ETag></Result>")))
            }
            _ => Err(BAD_REQUEST),
        }
    }

    /// Writes an object or a part of an upload, with the content of the request or that of another object.
    fn put(&self, file: &Path, request: &S3Request<'_>) -> Answer {
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        if header("if-none-match").is_some() && file.is_file() {
            return Err(NOT_MET);
        }
        let copied = header("x-amz-copy-source");
        let content = match copied {
            None => request.body.to_vec(),
            Some(source) => {
                let source = self.directory.join(decode(source).trim_start_matches('/'));
                let content = std::fs::read(source).map_err(|_| NO_KEY)?;
                if header("x-amz-copy-source-if-match").is_some_and(|wanted| wanted != tag_of(&content)) {
                    return Err(NOT_MET);
                }
                let range = header("x-amz-copy-source-range");
                let range = range.and_then(|range| parse_range(range, content.len()));
                range.map_or(Some(&*content), |(from, to)| content.get(from..to)).ok_or(BAD_REQUEST)?.to_vec()
            }
        };
        let tag = match request.query.get("uploadId") {
            None => self.write(file, &content)?,
            Some(upload) => {
                let number = request.query.get("partNumber").and_then(|number| number.parse().ok());
                let tag = tag_of(&content);
                let mut uploads = self.uploads();
                uploads.get_mut(upload).ok_or(NO_UPLOAD)?.insert(number.ok_or(BAD_REQUEST)?, content);
                tag
            }
        };
        let body = copied.map(|_| format!("<Result><ETag>{tag}</ETag></Result>"));
        let mut response = xml(&body.unwrap_or_default());
        response.headers_mut().insert("etag", tag.parse().map_err(|_| BAD_REQUEST)?);
        Ok(response)
    }

    /// Writes an object at once, and returns its tag.
    fn write(&self, file: &Path, content: &[u8]) -> Result<String, Failure> {
        let new = self.directory.join(".new");
        let temporary = new.join(uuid::Uuid::new_v4().to_string());
        let parent = file.parent().ok_or(BAD_REQUEST)?;
        // A deletion may remove the empty directory meanwhile.
        let place = || std::fs::create_dir_all(parent).and_then(|()| std::fs::rename(&temporary, file));
        std::fs::create_dir_all(&new)
            .and_then(|()| std::fs::write(&temporary, content))
            .and_then(|()| place().or_else(|_| place()))
            .map_err(|_| Failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"))?;
        Ok(tag_of(content))
    }

    fn uploads(&self) -> MutexGuard<'_, Uploads> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lists the objects below a prefix, a page at a time.
fn list(bucket: &Path, query: &BTreeMap<String, String>) -> Response {
    let value = |name: &str| query.get(name).map_or("", String::as_str);
    let (prefix, delimiter) = (value("prefix"), value("delimiter"));
    let after = value("continuation-token").max(value("start-after"));
    let page = value("max-keys").parse().unwrap_or(PAGE).min(PAGE);
    let mut keys = Vec::new();
    collect_keys(bucket, "", &mut keys);
    keys.sort();
    let (mut body, mut last, mut count, mut truncated) = (String::new(), String::new(), 0, false);
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let rest = key.get(prefix.len()..).unwrap_or_default();
        let group = rest.find(delimiter).filter(|_| !delimiter.is_empty());
        let shown = group.and_then(|end| key.get(..prefix.len() + end + delimiter.len())).unwrap_or(key);
        if shown <= after || shown == last {
            continue;
        }
        if count == page {
            truncated = true;
            break;
        }
        (count, last) = (count + 1, shown.to_owned());
        let name = escape(shown);
        let file = bucket.join(key);
        // Writing to a string cannot fail; an object may be gone.
        let _ = match std::fs::read(&file).ok().filter(|_| group.is_none()) {
            None if group.is_none() => Ok(()),
            None => write!(body, "<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"),
            Some(content) => write!(
                body,
                "<Contents><Key>{name}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
                modified(&file).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                escape(&tag_of(&content)),
                content.len()
            ),
        };
    }
    let next = truncated.then(|| format!("<NextContinuationToken>{}</NextContinuationToken>", escape(&last)));
    let head = format!("<KeyCount>{count}</KeyCount><IsTruncated>{truncated}</IsTruncated>");
    xml(&format!("<ListBucketResult>{head}{}{body}</ListBucketResult>", next.unwrap_or_default()))
}

fn collect_keys(directory: &Path, below: &str, keys: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let key = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect_keys(&entry.path(), &format!("{key}/"), keys);
        } else {
            keys.push(key);
        }
    }
}

/// Returns an object or a range of it.
fn read(file: &Path, headers: &HeaderMap) -> Answer {
    let content = if file.is_file() { std::fs::read(file).ok() } else { None }.ok_or(NO_KEY)?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (tag, whole) = (tag_of(&content), content.len());
    if header("if-match").is_some_and(|wanted| wanted != tag) {
        return Err(NOT_MET);
    }
    let changed = modified(file).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let builder = Response::builder().header("etag", tag).header("last-modified", changed);
    let answer = match header("range") {
        None => builder.body(Body::from(content)),
        Some(range) => {
            let range = parse_range(range, whole).filter(|(from, _)| *from < whole);
            let (from, to) = range.ok_or(Failure(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange"))?;
            let part = content.get(from..to).unwrap_or_default().to_vec();
            let range = format!("bytes {from}-{}/{whole}", to.saturating_sub(1));
            builder.status(StatusCode::PARTIAL_CONTENT).header("content-range", range).body(Body::from(part))
        }
    };
    answer.map_err(|_| BAD_REQUEST)
}

/// Removes an object and the directories that it leaves empty.
fn remove(bucket: &Path, key: &str) {
    let file = bucket.join(key);
    let _ = std::fs::remove_file(&file);
    for parent in file.ancestors().skip(1).take_while(|parent| *parent != bucket) {
        if std::fs::remove_dir(parent).is_err() {
            break;
        }
    }
}

/// Parses a range of bytes, and returns its start and its end, which is exclusive.
fn parse_range(text: &str, whole: usize) -> Option<(usize, usize)> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    if from.is_empty() {
        return Some((whole.saturating_sub(to.parse().ok()?), whole));
    }
    let end = if to.is_empty() { whole } else { to.parse::<usize>().ok()?.saturating_add(1).min(whole) };
    Some((from.parse().ok()?, end))
}

/// Returns the entity tag of a content, in quotes.
fn tag_of(content: &[u8]) -> String {
    let mut digits = String::new();
    for byte in Md5::digest(content) {
        let _ = write!(digits, "{byte:02x}");
    }
    format!("\"{digits}\"")
}

fn modified(file: &Path) -> jiff::Zoned {
    let time = std::fs::metadata(file).and_then(|metadata| metadata.modified());
    let time = jiff::Timestamp::try_from(time.unwrap_or(SystemTime::UNIX_EPOCH));
    time.unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC)
}

fn xml(body: &str) -> Response {
    response(StatusCode::OK, body.to_owned())
}

fn response(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
}

const ESCAPES: [(&str, &str); 4] = [("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&apos;")];

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    ESCAPES.iter().fold(text, |text, (plain, escaped)| text.replace(plain, escaped))
}

fn unescape(text: &str) -> String {
    let text = ESCAPES.iter().fold(text.to_owned(), |text, (plain, escaped)| text.replace(escaped, plain));
    text.replace("&amp;", "&")
}

/// Decodes the escaped bytes of a path.
fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(b'%'));
        bytes.extend(part.as_bytes().get(if code.is_some() { 2 } else { 0 }..).unwrap_or_default());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
