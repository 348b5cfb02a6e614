//! The recorded exchanges, and the ids in them, which differ from run to run.

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use testkit::fixtures;

/// A release of the Go tool whose responses were recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    V0415,
    V0516,
}

impl Release {
    /// Returns the suffix of the recorded names and of the file.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::V0415 => "v0415",
            Self::V0516 => "v0516",
        }
    }
}

/// A recorded request and its response.
pub(crate) struct Exchange {
    pub(crate) label: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<String>,
    pub(crate) status: u16,
    pub(crate) reply: Value,
}

impl Exchange {
    fn of(recorded: &Value) -> Self {
        let request = &recorded["request"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let headers = request["headers"].as_object().unwrap().iter().map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value.as_str().unwrap()).unwrap())
        });
        Self {
            label: text(&recorded["label"]),
            method: text(&request["method"]).parse().unwrap(),
            path: text(&request["path"]),
            headers: headers.collect(),
            body: match &request["body"] {
                Value::Null => None,
                Value::String(broken) => Some(broken.clone()),
                json => Some(json.to_string()),
            },
            status: u16::try_from(recorded["response"]["status"].as_u64().unwrap()).unwrap(),
            reply: match &recorded["response"]["body"] {
                Value::Null => Value::String(String::new()),
                body => body.clone(),
            },
        }
    }

    /// Returns whether the request polls the state of a backup or restore.
    pub(crate) fn is_polled(&self) -> bool {
        ["get_backup by id", "get_restore"].contains(&self.label.as_str())
    }
}

/// Returns the recorded exchanges of a release, in their order.
pub(crate) fn exchanges(release: Release) -> Vec<Exchange> {
    let file = fixtures::path(&format!("rest/{}.json", release.suffix()));
    let recorded: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    recorded.iter().map(Exchange::of).collect()
}

/// The ids of the jobs of our server.
#[derive(Default)]
pub(crate) struct Ids {
    backup: String,
    restore: String,
}

impl Ids {
    /// Remembers the id in the response to an asynchronous request.
    pub(crate) fn learn(&mut self, label: &str, reply: &Value) {
        let id = || reply["data"]["id"].as_str().unwrap().to_owned();
        match label {
            "create async" => self.backup = id(),
            "restore async" => self.restore = id(),
            _ => {}
        }
    }

    /// Returns the path of an exchange with our ids instead of the recorded ones.
    pub(crate) fn path_of(&self, exchange: &Exchange) -> String {
        match exchange.path.split_once("_id=") {
            Some((before, _)) => format!("{before}_id={}", self.backup),
            None if exchange.is_polled() => format!("/api/v1/get_restore?id={}", self.restore),
            None => exchange.path.clone(),
        }
    }
}
