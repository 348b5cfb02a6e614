//! The recorded exchanges of one server.

use std::collections::BTreeMap;
use std::io::BufRead;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

use crate::fixtures;

/// A recorded exchange, or files that the scenario placed.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// The number of the line in the file.
    pub(super) number: u64,
    /// The name of the step: `section.case.part`.
    pub(super) step: String,
    /// The call: its name, or the whole path of a call of another service; the route of a REST request.
    pub(super) method: String,
    pub(super) kind: Kind,
    /// The user that the header names; see the README of the recordings.
    pub(super) authorization: Option<String>,
    pub(super) database: Option<String>,
    pub(super) request: Vec<u8>,
    pub(super) answer: Answer,
    /// Whether the exchange was repeated until its answer changed.
    pub(super) is_poll: bool,
}

/// What a line contains.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Grpc,
    /// A request with its verb, its query and its body, of which a text was not JSON.
    Rest {
        verb: String,
        query: String,
        body: Option<Value>,
    },
    /// Files that were copied, and what was done to them.
    Files {
        copied: Vec<(String, String)>,
        note: String,
    },
}

/// The answer to a gRPC call or a REST request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The name of the gRPC status, such as `OK`, or the HTTP status.
    pub(super) status: String,
    /// The message of the gRPC status.
    pub(super) details: String,
    /// The encoded message, if the gRPC status is `OK`, or the body of the REST response.
    pub(super) message: Vec<u8>,
}

/// The recording of one server.
pub(super) struct Recording {
    /// The storage directory of the server.
    pub(super) root: String,
    pub(super) exchanges: Vec<Exchange>,
}

impl Exchange {
    /// Returns the section of the scenario, the first part of the step's name.
    pub(super) fn section(&self) -> &str {
        self.step.split('.').next().unwrap_or_default()
    }
}

/// One line of a file.
#[derive(Deserialize)]
struct Line {
    n: u64,
    kind: String,
    #[serde(default)]
    at: f64,
    #[serde(default)]
    step: String,
    #[serde(default)]
    method: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    request_b64: String,
    #[serde(default)]
    response_b64: String,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    details: String,
    #[serde(default)]
    repeats: u64,
    #[serde(default)]
    root: String,
    #[serde(default)]
    verb: String,
    #[serde(default)]
    route: String,
    #[serde(default)]
    query: Value,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    request: Value,
    #[serde(default)]
    response: Value,
    #[serde(default)]
    copied: Vec<Value>,
    #[serde(default)]
    note: Value,
}

/// Reads the exchanges of a recorded server in the order of time, each poll with its last answer alone.
///
/// # Panics
/// Panics if there is no recording of this version.
pub(super) fn read(version: &str) -> Recording {
    let file = std::fs::read(fixtures::path(&format!("wire/{version}.jsonl.gz"))).expect("a recording");
    let lines = std::io::BufReader::new(GzDecoder::new(&file[..])).lines();
    let mut lines: Vec<Line> =
        lines.map(|line| serde_json::from_str(&line.expect("text")).expect("a line of JSON")).collect();
    lines.sort_by(|a, b| a.at.total_cmp(&b.at));
    let about = lines.iter().find(|line| line.kind == "about");
    let root = about.map(|line| line.root.clone()).unwrap_or_default();
    let exchanges: Vec<Exchange> = lines.into_iter().filter_map(read_line).collect();
    let is_superseded = |this: &Exchange, next: &Exchange| {
        this.is_poll
            && next.is_poll
            && (&this.step, &this.method) == (&next.step, &next.method)
            && this.request == next.request
    };
    let mut kept: Vec<Exchange> = Vec::new();
    for exchange in exchanges {
        if kept.last().is_some_and(|last| is_superseded(last, &exchange)) {
            kept.pop();
        }
        kept.push(exchange);
    }
    Recording { root, exchanges: kept }
}

fn read_line(line: Line) -> Option<Exchange> {
    let decode = |text: &str| STANDARD.decode(text).expect("base64");
    let is_poll = line.repeats > 0 || matches!(line.step.rsplit('.').next(), Some("poll" | "state"));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let note = text(&line.note).unwrap_or_default();
    let exchange = Exchange {
        number: line.n,
        is_poll,
        step: line.step,
        method: line.method,
        kind: Kind::Grpc,
        authorization: line.metadata.get("authorization").cloned(),
        database: line.metadata.get("dbname").cloned(),
        request: decode(&line.request_b64),
        answer: Answer {
            status: text(&line.status).unwrap_or_default(),
            details: line.details,
            message: decode(&line.response_b64),
        },
    };
    Some(match line.kind.as_str() {
        "grpc" => exchange,
        "rest" => {
            let body = (!line.request.is_null()).then_some(line.request);
            let response = text(&line.response).unwrap_or_else(|| line.response.to_string());
            Exchange {
                method: line.route,
                authorization: line.headers.and_then(|headers| headers.get("authorization").cloned()),
                request: body.as_ref().map(|body| body.to_string().into_bytes()).unwrap_or_default(),
                kind: Kind::Rest { verb: line.verb, query: text(&line.query).unwrap_or_default(), body },
                answer: Answer {
                    status: line.status.to_string(),
                    details: String::new(),
                    message: response.into_bytes(),
                },
                ..exchange
            }
        }
        "files" => {
            let pair = |pair: &Value| Some((text(pair.get(0)?)?, text(pair.get(1)?)?));
            let copied = line.copied.iter().filter_map(pair).collect();
            Exchange { kind: Kind::Files { copied, note }, ..exchange }
        }
        // The file that is cut in half has no line of its own kind.
        "note" if exchange.step == "imports.broken.short_file" => {
            Exchange { kind: Kind::Files { copied: Vec::new(), note }, ..exchange }
        }
        _ => return None,
    })
}
