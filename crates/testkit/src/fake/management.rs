//! The management routes on the metrics port.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::fault::Fault;
use super::reply::Version;
use super::state::{FakeState, lock_state};

type Reply = (StatusCode, String);
type Handler = fn(&mut FakeState, &[(String, String)]) -> Reply;

/// The routes with the first release that has them; 2.3.6 is the first release of 2.3 with the first two.
const ROUTES: [(&str, Version, Handler); 4] = [
    ("/healthz", (2, 2, 0), |_, _| (StatusCode::OK, "OK".to_owned())),
    ("/management/datacoord/garbage_collection/pause", (2, 3, 6), pause),
    ("/management/datacoord/garbage_collection/resume", (2, 3, 6), resume),
    ("/management/rootcoord/ez/backup", (2, 6, 0), back_up_zone),
];
/// The release from which each pause has a ticket.
const WITH_TICKETS: Version = (2, 6, 8);

/// Returns the routes of the metrics port.
pub(super) fn routes(state: Arc<Mutex<FakeState>>) -> Router {
    Router::new().fallback(serve).with_state(state)
}

async fn serve(State(state): State<Arc<Mutex<FakeState>>>, uri: Uri) -> Reply {
    let mut state = lock_state(&state);
    state.calls.push(uri.to_string());
    let version = state.version;
    let route = ROUTES.iter().find(|(path, since, _)| uri.path() == *path && version >= *since);
    match route {
        None => (StatusCode::NOT_FOUND, "404 page not found".to_owned()),
        Some((path, ..))
            if path.starts_with("/management") && state.faults.take_equal(&Fault::ManagementFails) =>
        {
            (StatusCode::INTERNAL_SERVER_ERROR, r#"{"msg":"failed"}"#.to_owned())
        }
        Some((_, _, handler)) => {
            let query = Query::<Vec<(String, String)>>::try_from_uri(&uri);
            handler(&mut state, &query.map(|Query(pairs)| pairs).unwrap_or_default())
        }
    }
}

fn pause(state: &mut FakeState, query: &[(String, String)]) -> Reply {
    let number = |key: &str, cause: &str| {
        let text = value(query, key).unwrap_or_default();
        text.parse::<i64>().map_err(|_| failed("pause", &format!("{cause}{}", not_a_number(&text))))
    };
    if let Err(reply) = number("pause_seconds", "pause duration not valid, ") {
        return reply;
    }
    if state.version < WITH_TICKETS {
        state.pauses = vec![String::new()];
        return ok(&json!({"msg": "OK"}));
    }
    let collection = match value(query, "collection_id") {
        None => -1,
        Some(_) => match number("collection_id", "") {
            Ok(collection) => collection,
            Err(reply) => return reply,
        },
    };
    let token = uuid::Uuid::new_v4().to_string();
    let ticket =
        STANDARD.encode(json!({"collection_id": collection.to_string(), "token": token}).to_string());
    state.pauses.push(ticket.clone());
    ok(&json!({"msg": "OK", "ticket": ticket}))
}

fn resume(state: &mut FakeState, query: &[(String, String)]) -> Reply {
    if state.version < WITH_TICKETS {
        state.pauses.clear();
        return ok(&json!({"msg": "OK"}));
    }
    let ticket = value(query, "ticket").unwrap_or_default();
    let Ok(decoded) = STANDARD.decode(&ticket) else {
        let text = r#"{"msg": "failed to decode ticket, illegal base64 data at input byte 0"}"#;
        return (StatusCode::BAD_REQUEST, text.to_owned());
    };
    if !decoded.is_empty() && serde_json::from_slice::<Value>(&decoded).is_err() {
        let content = String::from_utf8_lossy(&decoded).into_owned();
        let text = format!(
            "{{\"msg\": \"failed to decode ticket, \"Syntax error at index 1: invalid char\\n\\n\\t{content}\\n\\t.^......\\n\"\"}}"
        );
        return (StatusCode::BAD_REQUEST, text);
    }
    let collection = serde_json::from_slice::<Value>(&decoded).ok();
    let collection =
        collection.as_ref().and_then(|ticket| ticket.get("collection_id")?.as_str()).unwrap_or_default();
    if collection.parse::<i64>().is_err() {
        return failed("resume", &not_a_number(collection));
    }
    state.pauses.retain(|held| *held != ticket);
    ok(&json!({"msg": "OK"}))
}

fn back_up_zone(state: &mut FakeState, query: &[(String, String)]) -> Reply {
    let name = value(query, "db_name").unwrap_or_default();
    if name.is_empty() {
        let text = r#"{"msg": "db_name parameter is required"}"#;
        return (StatusCode::BAD_REQUEST, text.to_owned());
    }
    if let Some(key) = state.zone_key(&name) {
        return ok(&json!({"msg": "OK", "ezk": key}));
    }
    let cause = if state.databases.contains_key(&name) {
        "not an encryption zone: invalid parameter".to_owned()
    } else {
        format!("database not found[database={name}]")
    };
    let text = format!(r#"{{"msg": "failed to backup EZK, {cause}"}}"#);
    (StatusCode::INTERNAL_SERVER_ERROR, text)
}

fn ok(body: &Value) -> Reply {
    (StatusCode::OK, body.to_string())
}

/// Returns Milvus's failure, whose quotes are not escaped.
fn failed(action: &str, cause: &str) -> Reply {
    let text = format!("{{\"msg\": \"failed to {action} garbage collection, {cause}\"}}");
    (StatusCode::INTERNAL_SERVER_ERROR, text)
}

fn not_a_number(text: &str) -> String {
    format!("strconv.ParseInt: parsing \"{text}\": invalid syntax")
}

fn value(query: &[(String, String)], key: &str) -> Option<String> {
    query.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
}
