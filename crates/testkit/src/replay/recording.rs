//! The recorded exchanges of one server.

use std::collections::BTreeMap;
use std::io::BufRead;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

use crate::fixtures;

/// A gRPC exchange.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// The number of the line in the file.
    pub(super) number: u64,
    /// The name of the step: `section.case.part`.
    pub(super) step: String,
    /// The call: its name, or the whole path of a call of another service.
    pub(super) method: String,
    /// The user that the header names; see the README of the recordings.
    pub(super) authorization: Option<String>,
    pub(super) database: Option<String>,
    pub(super) request: Vec<u8>,
    pub(super) answer: Answer,
    /// Whether the exchange was repeated until its answer changed.
    pub(super) is_poll: bool,
}

/// The answer to a gRPC call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The name of the gRPC status, such as `OK`.
    pub(super) status: String,
    /// The message of the gRPC status.
    pub(super) details: String,
    /// The encoded message, if the status is `OK`.
    pub(super) message: Vec<u8>,
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
}

/// Reads the gRPC exchanges of a recorded server in the order of time; other lines are left out.
///
/// # Panics
/// Panics if there is no recording of this version.
pub(super) fn read(version: &str) -> Vec<Exchange> {
    let file = std::fs::read(fixtures::path(&format!("wire/{version}.jsonl.gz"))).expect("a recording");
    let lines = std::io::BufReader::new(GzDecoder::new(&file[..])).lines();
    let mut lines: Vec<Line> =
        lines.map(|line| serde_json::from_str(&line.expect("text")).expect("a line of JSON")).collect();
    lines.sort_by(|a, b| a.at.total_cmp(&b.at));
    let decode = |text: &str| STANDARD.decode(text).expect("base64");
    let exchanges = lines.into_iter().filter(|line| line.kind == "grpc").map(|line| Exchange {
        number: line.n,
        is_poll: line.repeats > 0 || matches!(line.step.rsplit('.').next(), Some("poll" | "state")),
        step: line.step,
        method: line.method,
        authorization: line.metadata.get("authorization").cloned(),
        database: line.metadata.get("dbname").cloned(),
        request: decode(&line.request_b64),
        answer: Answer {
            status: line.status.as_str().unwrap_or_default().to_owned(),
            details: line.details,
            message: decode(&line.response_b64),
        },
    });
    exchanges.collect()
}
