//! The routes of the REST API on the port of the gRPC API.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::milvus as wire;
use serde_json::{Value, json};

use super::authorization::check_privilege;
use super::fault::Fault;
use super::jobs::{Job, NewJob};
use super::reply::{Refusal, Version};
use super::rest_body::{BodyForm, Kind, RequestBody, read_body};
use super::segment::Segment;
use super::state::{Collection, FakeState};

const IMPORTS: &str = "/v2/vectordb/jobs/import/";
const SEGMENTS: &str = "/v2/vectordb/segments/";

/// A route of a request.
type Handler = fn(&mut FakeState, &RequestBody) -> Result<Value, Refusal>;

/// The routes with the first release that has them, and the forms of their bodies.
const ROUTES: [(&str, &str, Version, &BodyForm, Handler); 7] = [
    (IMPORTS, "create", (2, 4, 0), &CREATE, FakeState::rest_create),
    (IMPORTS, "describe", (2, 4, 13), &JOB, FakeState::rest_describe),
    (IMPORTS, "get_progress", (2, 4, 0), &JOB, FakeState::rest_describe),
    (IMPORTS, "list", (2, 4, 0), &LIST, FakeState::rest_list),
    (IMPORTS, "commit", (3, 0, 0), &JOB, FakeState::rest_commit),
    (IMPORTS, "abort", (3, 0, 0), &JOB, FakeState::rest_abort),
    (SEGMENTS, "describe", (2, 5, 8), &DESCRIBE, FakeState::rest_segments),
];
const CREATE: BodyForm = BodyForm {
    type_name: "ImportReq",
    members: &[
        ("dbName", Kind::Text, false),
        ("collectionName", Kind::Text, true),
        ("partitionName", Kind::Text, false),
        ("files", Kind::Lists, true),
        ("options", Kind::Texts, false),
    ],
};
const JOB: BodyForm = BodyForm {
    type_name: "JobIDReq",
    members: &[("dbName", Kind::Text, false), ("jobId", Kind::Text, true)],
};
const LIST: BodyForm = BodyForm {
    type_name: "OptionalCollectionNameReq",
    members: &[("dbName", Kind::Text, false), ("collectionName", Kind::Text, false)],
};
const DESCRIBE: BodyForm = BodyForm {
    type_name: "GetSegmentsInfoReq",
    members: &[
        ("dbName", Kind::Text, false),
        ("collectionID", Kind::Number, false),
        ("segmentIDs", Kind::Numbers, false),
    ],
};

/// The user and the password of the header, in any of the accepted forms.
pub(super) fn credentials(headers: &HeaderMap) -> Option<String> {
    let header = headers.get("authorization")?.to_str().ok()?;
    match header.split_once(' ') {
        Some(("Basic", encoded)) => {
            STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        }
        Some(("Bearer", token)) => Some(token.to_owned()),
        _ => Some(header.to_owned()),
    }
}

/// Serves a request; `is_known` tells whether the credentials are right.
pub(super) fn respond(
    state: &mut FakeState,
    method: &Method,
    path: &str,
    is_known: bool,
    body: &Bytes,
) -> (StatusCode, String) {
    state.calls.push(path.to_owned());
    let version = state.version;
    let route = ROUTES.iter().find(|(prefix, name, since, ..)| {
        path.strip_prefix(prefix) == Some(name) && version >= *since && method == Method::POST
    });
    let Some((_, name, _, form, handler)) = route else {
        return (StatusCode::NOT_FOUND, "404 page not found".to_owned());
    };
    if !is_known {
        let body = json!({"code": 1800, "message": "user hasn't authenticated"});
        return (StatusCode::UNAUTHORIZED, body.to_string());
    }
    let is_of_path = |fault: &Fault| matches!(fault, Fault::Unavailable { call, .. } | Fault::RateLimited { call, .. } if *call == path);
    if let Some(fault) = state.faults.take_first(is_of_path) {
        return match fault {
            Fault::RateLimited { .. } => {
                let text = "request is rejected by limiter, error: request is rejected by grpc RateLimiter middleware, please retry later: rate limit exceeded[rate=0.1]";
                (StatusCode::OK, json!({"code": 1807, "message": text}).to_string())
            }
            _ => (StatusCode::SERVICE_UNAVAILABLE, "the fake is not available now".to_owned()),
        };
    }
    let request = match read_body(body, form, version) {
        Ok(request) => request,
        Err((code, message)) => {
            return (StatusCode::OK, json!({"code": code, "message": message}).to_string());
        }
    };
    // Before 2.6, those who describe and list jobs need the privilege too.
    let needs_privilege = path.starts_with(IMPORTS) && (*name == "create" || version < (2, 6, 0));
    if let Some(refusal) = needs_privilege.then(|| refuse_import(state, &request)).flatten() {
        let text = format!("rpc error: code = PermissionDenied desc = {refusal}");
        return (StatusCode::FORBIDDEN, json!({"code": 65535, "message": text}).to_string());
    }
    let body = match handler(state, &request) {
        Ok(data) => json!({"code": 0, "data": data}),
        Err(refusal) => {
            let status = refusal.into_status(&format!("REST {name}"), version);
            json!({"code": status.code, "message": status.reason})
        }
    };
    (StatusCode::OK, body.to_string())
}

/// Returns why the caller may not import into the collection of a request.
fn refuse_import(state: &FakeState, request: &RequestBody) -> Option<String> {
    if state.faults.denies("Import") {
        return Some("PrivilegeImport: permission deny".to_owned());
    }
    let (db_name, collection_name) = (request.text("dbName"), request.text("collectionName"));
    let call = wire::ImportRequest { db_name, collection_name, ..Default::default() };
    let refusal = check_privilege(state, "Import", &tonic::Request::new(call)).err()?;
    Some(refusal.message().to_owned())
}

impl FakeState {
    fn rest_create(&mut self, request: &RequestBody) -> Result<Value, Refusal> {
        let id = self.create_job(NewJob {
            database: request.text("dbName"),
            collection: request.text("collectionName"),
            partition: request.text("partitionName"),
            files: request.lists("files"),
            options: request.texts("options"),
        })?;
        Ok(json!({"jobId": id.to_string()}))
    }

    fn rest_describe(&mut self, request: &RequestBody) -> Result<Value, Refusal> {
        let id = read_job_id(request, "import.job_id")?;
        let described = describe(id, self.job(id)?, self.version);
        self.advance_job(id);
        Ok(described)
    }

    fn rest_list(&mut self, request: &RequestBody) -> Result<Value, Refusal> {
        let name = request.text("collectionName");
        let collection =
            if name.is_empty() { None } else { Some(self.collection(&request.text("dbName"), &name)?.id) };
        let of_collection = |(id, job): (&i64, &Job)| {
            let is_it = collection.is_none_or(|collection| job.collection_id == collection);
            (is_it && self.may_see_collection(&job.database, &job.collection)).then_some(*id)
        };
        let ids: Vec<i64> = self.imports.iter().filter_map(of_collection).collect();
        let mut records = Vec::new();
        for id in ids {
            let job = self.job(id)?;
            let (state, progress) = job.state();
            let mut record = json!({
                "jobId": id.to_string(), "collectionName": job.collection, "state": state, "progress": progress,
            });
            if let Some(reason) = job.reason() {
                record["reason"] = json!(reason);
            }
            records.push(record);
            self.advance_job(id);
        }
        Ok(json!({"records": records}))
    }

    fn rest_commit(&mut self, request: &RequestBody) -> Result<Value, Refusal> {
        let id = read_job_id(request, "import.command_job_id")?;
        self.commit_job(id).map(|()| json!({}))
    }

    fn rest_abort(&mut self, request: &RequestBody) -> Result<Value, Refusal> {
        let id = read_job_id(request, "import.command_job_id")?;
        self.abort_job(id).map(|()| json!({}))
    }

    /// Describes segments by their ids alone: the collection and the database are not checked.
    fn rest_segments(&mut self, request: &RequestBody) -> Result<Value, Refusal> {
        if self.faults.take_not_found("segments/describe") {
            return Err(Refusal::segment(1));
        }
        let collections: Vec<&Collection> =
            self.databases.values().flat_map(|held| held.collections.values()).collect();
        let mut infos = Vec::new();
        for id in request.numbers("segmentIDs") {
            let found = collections.iter().find_map(|held| {
                let mut segments = held.segments.iter().chain(&held.history.dropped);
                segments.find(|segment| segment.id == id).map(|segment| describe_segment(held, segment))
            });
            infos.push(found.ok_or_else(|| Refusal::segment(id))?);
        }
        Ok(json!({"segmentInfos": infos}))
    }
}

/// Returns the id of a job in a request, or the refusal with these words.
fn read_job_id(request: &RequestBody, words: &'static str) -> Result<i64, Refusal> {
    let text = request.text("jobId");
    text.parse().map_err(|_| Refusal::worded(words, &[&text]))
}

fn describe(id: i64, job: &Job, version: Version) -> Value {
    let (state, progress) = job.state();
    let is_failed = state == "Failed";
    let is_imported = progress >= 70;
    let completed = job.completed.map(time_text).unwrap_or_default();
    let rows: usize = job.details().iter().map(|details| details.rows).sum();
    let details = job.details().iter().map(|file| {
        let mut described = json!({
            "fileName": file.name, "fileSize": file.size, "totalRows": file.rows,
            "completeTime": if is_imported || is_failed { time_text(job.created) } else { String::new() },
            "state": if is_imported || is_failed { "Completed" } else { "Pending" },
            "progress": 0, "importedRows": 0,
        });
        if (is_imported || is_failed) && !file.is_l0 {
            described["progress"] = json!(100);
            described["importedRows"] = json!(file.rows);
        }
        described
    });
    let size: u64 = job.details().iter().map(|details| details.size).sum();
    let mut described = json!({
        "jobId": id.to_string(), "collectionName": job.collection, "state": state, "progress": progress,
        "importedRows": if is_imported { rows } else { 0 },
        "totalRows": if is_failed { 0 } else { rows },
        "fileSize": if is_failed { 0 } else { size },
        "completeTime": completed, "details": details.collect::<Vec<_>>(),
    });
    if version >= (2, 6, 6) {
        described["createTime"] = json!(time_text(job.created));
    }
    if let Some(reason) = job.reason() {
        described["reason"] = json!(reason);
    }
    described
}

fn describe_segment(held: &Collection, segment: &Segment) -> Value {
    let key = held.schema.fields.iter().find(|field| field.is_primary_key).map_or(0, |field| field.field_id);
    let logs = |field: i64, ids: &[i64]| json!({"fieldID": field, "logIDs": ids});
    let inserts: Vec<Value> = segment.logs.iter().map(|(field, ids)| logs(*field, ids)).collect();
    let deltas: Vec<Value> = if segment.delta_logs.is_empty() {
        Vec::new()
    } else {
        vec![logs(if segment.has_rows() { 0 } else { key }, &segment.delta_logs)]
    };
    // Storage version 1 also has a merged file.
    let stats_logs = [segment.id, 1];
    let merged = if segment.storage_version < 2 { 2 } else { 1 };
    let stats: Vec<Value> = if inserts.is_empty() {
        Vec::new()
    } else {
        vec![logs(key, stats_logs.get(..merged).unwrap_or_default())]
    };
    json!({
        "collectionID": held.id, "partitionID": segment.partition, "segmentID": segment.id,
        "vChannel": held.channel(segment.shard), "numRows": segment.row_count(),
        "state": i32::from(segment.state), "level": i32::from(segment.level),
        "isSorted": segment.is_sorted, "insertLogs": inserts, "deltaLogs": deltas, "statsLogs": stats,
    })
}

/// Returns a hybrid timestamp as text, in seconds.
fn time_text(timestamp: u64) -> String {
    let seconds = i64::try_from((timestamp >> 18) / 1000).unwrap_or_default();
    jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}
