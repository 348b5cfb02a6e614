//! A running `milvus-backup server` over the configuration of a [`Tool`].

use crate::tool::Tool;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr};
use std::time::Duration;

/// How long an answer may take; restores are waited for.
const DEADLINE: Duration = Duration::from_mins(5);

/// A server on a free port; it is killed when this is dropped.
pub(crate) struct Serving {
    child: Child,
    url: String,
    client: reqwest::Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Serving {
    /// Starts a server and waits until it listens.
    pub(crate) fn start(tool: &Tool, settings: &str) -> Self {
        let mut child = tool
            .command(&format!("server --listen 127.0.0.1:0 --set server.data_dir=jobs {settings}"))
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let url = address(&mut log);
        // read on, or it would stand still with a full pipe
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        // another client of this process may have done so
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
        Self { child, url, client }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request with headers and a body, if there is one, and reads the answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Option<String>,
    ) -> Reply {
        let request = self.client.request(method, format!("{}{path}", self.url)).headers(headers);
        let answer = request.body(body.unwrap_or_default()).send().await.unwrap();
        Reply { status: answer.status().as_u16(), text: answer.text().await.unwrap() }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Reply {
    /// The body as JSON; as a text where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| Value::String(self.text.clone()))
    }
}

/// The URL in the line that says where the server listens.
fn address(log: &mut BufReader<ChildStderr>) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended without listening:\n{seen}");
        if let Some(rest) = line.strip_prefix("listening on ") {
            return rest.split_whitespace().next().unwrap().to_owned();
        }
        seen += &line;
    }
}
