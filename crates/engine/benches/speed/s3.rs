//! Sends the same signed requests as the engine, without the engine.

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::{Method, Request, header};
use reqsign_aws_v4::{Credential, RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, Signer};
use testkit::servers::S3Server;

/// A minimal S3 client for one endpoint.
pub(crate) struct BareClient {
    http: reqwest::Client,
    signer: Signer<Credential>,
    endpoint: String,
}

impl BareClient {
    pub(crate) fn new(endpoint: &str) -> Self {
        // This fails only if a provider is installed already, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().http1_only().tcp_nodelay(true).no_proxy();
        let http = http.tls_certs_only([]).build().expect("a client");
        let provider = StaticCredentialProvider::new(S3Server::ACCESS_KEY_ID, S3Server::SECRET_ACCESS_KEY);
        let signer = Signer::new(Context::new(), provider, RequestSigner::new("s3", "us-east-1"));
        Self { http, signer, endpoint: endpoint.to_owned() }
    }

    /// Sends a request without a body and reads the whole answer.
    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Bytes {
        let mut request = Request::builder().method(method).uri(format!("{}/{path}", self.endpoint));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        self.signer.sign(&mut parts, None).await.expect("a signature");
        parts.headers.remove(header::HOST);
        let request = reqwest::Request::try_from(Request::from_parts(parts, "")).expect("a request");
        let answer = self.http.execute(request).await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.bytes().await.expect("the answer")
    }

    /// Copies objects by `CopyObject`; both sides are `bucket/key`.
    pub(crate) async fn copy_all(&self, items: impl Iterator<Item = (String, String)>, concurrency: usize) {
        let copies = items.map(|(from, to)| async move {
            self.send(Method::PUT, &to, &[("x-amz-copy-source", &format!("/{from}"))]).await
        });
        stream::iter(copies).buffer_unordered(concurrency).for_each(|_| async {}).await;
    }

    /// Reads whole objects and returns the total number of bytes.
    pub(crate) async fn get_all(&self, paths: impl Iterator<Item = String>, concurrency: usize) -> usize {
        let reads = paths.map(|path| async move { self.send(Method::GET, &path, &[]).await });
        stream::iter(reads)
            .buffer_unordered(concurrency)
            .map(|body| body.len())
            .fold(0, |a, b| async move { a + b })
            .await
    }

    /// Lists the directories below a directory of a bucket, page by page.
    pub(crate) async fn list_dirs(&self, bucket: &str, dir: &str) -> Vec<String> {
        let dir = dir.replace('/', "%2F");
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let path = format!("{bucket}?{token}delimiter=%2F&list-type=2&prefix={dir}");
            let body = self.send(Method::GET, &path, &[]).await;
            let text = String::from_utf8_lossy(&body);
            found.extend(texts_between(&text, "<CommonPrefixes><Prefix>", "<").map(str::to_owned));
            let Some(next) = texts_between(&text, "<NextContinuationToken>", "<").next() else {
                return found;
            };
            token = format!("continuation-token={}&", next.replace('/', "%2F").replace('=', "%3D"));
        }
    }
}

/// Returns every text between two delimiters.
fn texts_between<'a>(text: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(move |rest| rest.split(after).next())
}
