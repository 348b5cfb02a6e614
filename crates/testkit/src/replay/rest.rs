//! Sends recorded REST requests, and compares the answers.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::compare::{Agreement, normalise};
use super::message::Ids;
use super::recording::{Answer, Exchange, Kind};
use super::{CHANGED_PASSWORD, FIRST_PASSWORD, PASSWORDS, Server};

/// The routes that the product calls.
const ROUTES: [&str; 4] =
    ["/v2/vectordb/jobs/import/", "/v2/vectordb/segments/describe", "/management/", "/healthz"];
/// The members whose values are compared, beside the shape.
const COMPARED: [&str; 8] =
    ["state", "progress", "importedRows", "totalRows", "numRows", "level", "isSorted", "reason"];

/// Returns whether the product calls a route.
pub(super) fn is_known_route(route: &str) -> bool {
    ROUTES.iter().any(|known| route.starts_with(known))
}

/// Sends a request.
pub(super) async fn send(
    server: &Server,
    exchange: &Exchange,
    ids: &Ids,
    recorded_root: &str,
    changes_passwords: bool,
) -> Answer {
    let Kind::Rest { verb, query, body } = &exchange.kind else { unreachable!("a REST exchange") };
    let is_management = !exchange.method.starts_with("/v2") && exchange.step != "gc.on_proxy_port";
    let base = if is_management { &server.management } else { &server.endpoint };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((key, value)) => {
            let value = ids.replace_in_text(&value.replace("%3D", "=").replace("%2B", "+"));
            format!("{key}={}", value.replace('=', "%3D").replace('+', "%2B"))
        }
        None => pair.to_owned(),
    });
    let query: Vec<String> = pairs.filter(|pair| !pair.is_empty()).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    let url = format!("{base}{}{mark}{}", exchange.method, query.join("&"));
    let client = client();
    let mut request = if verb == "POST" { client.post(url) } else { client.get(url) };
    request = request.timeout(Duration::from_secs(30)).header("content-type", "application/json");
    if let Some(header) = exchange.authorization.as_deref().map(|name| authorization(name, changes_passwords))
    {
        request = request.header("authorization", header);
    }
    if let Some(mut body) = body.clone() {
        ids.replace_in_json(&mut body);
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        request = request.body(text.replace(recorded_root, &server.root));
    }
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16().to_string();
    let text = response.text().await.expect("a text").replace(&server.root, recorded_root);
    Answer { status, details: String::new(), message: text.into_bytes() }
}

fn client() -> &'static reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        // Another part of the process may have chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client")
    });
    &CLIENT
}

/// Returns the header that a recording replaced by the name of its user.
fn authorization(name: &str, changes_passwords: bool) -> String {
    let known = |user: &str| PASSWORDS.iter().find(|(known, _)| *known == user);
    let credentials = |user: &str| match known(user).map_or("Milvus", |(_, password)| *password) {
        CHANGED_PASSWORD if !changes_passwords => format!("{user}:{FIRST_PASSWORD}"),
        password => format!("{user}:{password}"),
    };
    match name.rsplit_once("user ") {
        Some(("Basic ", user)) => format!("Basic {}", STANDARD.encode(credentials(user))),
        Some((prefix, user)) => format!("{prefix}{}", credentials(user)),
        None => name.to_owned(),
    }
}

/// Compares two answers: the HTTP status, the code, the text, the shape and the telling values.
pub(super) fn compare(recorded: &Answer, actual: &Answer) -> Agreement {
    let texts = [actual, recorded].map(|answer| String::from_utf8_lossy(&answer.message).into_owned());
    let bodies = texts.each_ref().map(|text| serde_json::from_str::<Value>(text).ok());
    let code = |body: &Option<Value>| body.as_ref().and_then(|body| body.get("code").cloned());
    let [actual_body, recorded_body] = &bodies;
    let outcome = actual.status == recorded.status && code(actual_body) == code(recorded_body);
    let differ = |name: &str, [actual, recorded]: [String; 2]| {
        (actual != recorded).then(|| format!("{name} {actual} instead of {recorded}"))
    };
    let difference = differ("status", [&actual.status, &recorded.status].map(Clone::clone)).or_else(|| {
        let [Some(actual), Some(recorded)] = [actual_body, recorded_body] else {
            return differ("text", texts.each_ref().map(|text| normalise(text)));
        };
        let message = |body: &Value| normalise(body.get("message").and_then(Value::as_str).unwrap_or(""));
        differ("code", [actual, recorded].map(|body| body["code"].to_string()))
            .or_else(|| differ("message", [actual, recorded].map(message)))
            .or_else(|| differ("shape", [actual, recorded].map(|body| shape(body).join(" "))))
            .or_else(|| differ("values", [actual, recorded].map(|body| values(body).join(" "))))
    });
    Agreement { outcome, difference }
}

/// Learns the ids of a job, of a ticket, and of described segments.
pub(super) fn learn(ids: &mut Ids, recorded: &Answer, actual: &Answer) {
    let bodies = [recorded, actual].map(|answer| serde_json::from_slice::<Value>(&answer.message).ok());
    let [Some(recorded), Some(actual)] = bodies else { return };
    for path in ["/data/jobId", "/ticket"] {
        let ids_of = [&recorded, &actual].map(|body| body.pointer(path).and_then(Value::as_str));
        if let [Some(recorded), Some(actual)] = ids_of {
            ids.insert(recorded, actual);
        }
    }
}

/// Returns the members of all objects as paths.
fn shape(value: &Value) -> Vec<String> {
    fn collect(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    collect(value, &format!("{path}.{name}"), paths);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, &format!("{path}[]"), paths)),
            _ => {}
        }
        paths.insert(path.to_owned());
    }
    let mut paths = BTreeSet::new();
    collect(value, "", &mut paths);
    paths.into_iter().collect()
}

/// Returns the values that tell what a job or a segment is, in any order.
fn values(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if COMPARED.contains(&name.as_str()) {
                    found.push(normalise(&format!("{name}={value}")));
                } else if name != "details" {
                    found.extend(values(value));
                }
            }
        }
        Value::Array(list) => {
            let mut inner: Vec<String> = list.iter().map(|value| values(value).join(",")).collect();
            inner.sort();
            found.extend(inner);
        }
        _ => {}
    }
    found
}
