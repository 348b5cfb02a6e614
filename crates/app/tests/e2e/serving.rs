//! A running `milvus-backup server` over the configuration of a [`Tool`].

use crate::tool::Tool;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr};
use std::time::Duration;

/// The time that the server has to answer, which includes synchronous restores.
const DEADLINE: Duration = Duration::from_mins(5);

/// A server on a free port; it is killed when this is dropped.
pub(crate) struct Serving {
    child: Child,
    url: String,
    client: reqwest::Client,
}

/// A complete response.
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
        let url = read_url(&mut log);
        // The log must be read, because a full pipe would block the server.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        // Fails if another test of this process has installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
        Self { child, url, client }
    }

    /// Returns the URL of the server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request with headers and an optional body, and reads the response.
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
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Reply {
    /// Parses the body as JSON; returns it as a JSON string if it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| Value::String(self.text.clone()))
    }
}

/// Reads the log until the line with the URL of the server.
fn read_url(log: &mut BufReader<ChildStderr>) -> String {
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
