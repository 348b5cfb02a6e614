//! What answers have around them.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::stream;
use wire::{ApiTerms, Failure, Kind, NewRestore, RequestOption, Terms, describe_advice};

/// The code of anything that went wrong.
const FAIL: i32 = 3;

/// What an answer says of itself. Zero and empty values are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = v1::Head)]
pub(crate) struct Head {
    /// The header `request_id`, or an id of ours.
    #[serde(rename = "requestId", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub request_id: String,
    /// Absent (0) on success; 1 not supported, 2 not allowed, 3 failed, 400 the request is wrong, 404 no such backup.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub code: i32,
    /// `success`, or what went wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub msg: String,
}

/// An answer with data.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = v1::Envelope)]
pub(super) struct Envelope<T> {
    /// What it says of itself.
    #[serde(flatten)]
    pub head: Head,
    /// `null` if there is none.
    pub data: Option<T>,
}

/// The answer to a body that cannot be read.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = v1::BadBody)]
pub(super) struct BadBody {
    /// What is wrong, as the Go tool says it.
    pub error: String,
    /// Where, and why.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub detail: String,
}

/// The answer to a request that is wrong.
#[derive(ToSchema)]
#[schema(as = v1::Wrong)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes what is answered")]
pub(super) enum Wrong {
    /// The body cannot be read.
    Body(BadBody),
    /// What it asks cannot be done.
    Request(Refused),
}

/// An answer without data.
#[derive(ToSchema)]
#[schema(as = v1::Refused)]
#[expect(dead_code, reason = "it describes what is answered")]
pub(super) struct Refused {
    /// What it says of itself.
    #[serde(flatten)]
    head: Head,
    /// `null`.
    #[schema(value_type = Object)]
    data: (),
}

impl BadBody {
    /// With the reason.
    pub(super) fn new(reason: impl std::fmt::Display) -> Self {
        Self { error: "Invalid request body".to_owned(), detail: reason.to_string() }
    }
}

impl IntoResponse for BadBody {
    fn into_response(self) -> Response {
        answer(StatusCode::BAD_REQUEST, &self)
    }
}

/// Whether a value is left out.
pub(super) fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

/// Which of its codes the Go tool gives where its releases differ from the one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codes {
    /// As the table says.
    Table,
    /// 404 stands for no backup alone: a collection that is not there is [`FAIL`].
    Create,
    /// What is missing or in the way is [`FAIL`].
    Restore,
    /// Everything is [`FAIL`].
    Fail,
}

impl Codes {
    fn of(self, kind: Kind) -> i32 {
        let fails = match self {
            Self::Table => false,
            Self::Create => kind == Kind::NotFound,
            Self::Restore => matches!(kind, Kind::NotFound | Kind::AlreadyExists),
            Self::Fail => kind != Kind::Forbidden,
        };
        if fails { FAIL } else { kind.codes().go }
    }
}

impl Head {
    /// Of a success.
    pub(super) fn success(request_id: &str, msg: &str) -> Self {
        Self { request_id: request_id.to_owned(), code: 0, msg: msg.to_owned() }
    }

    /// Of a failure.
    pub(crate) fn failure(request_id: &str, failure: &Failure, codes: Codes) -> Self {
        Self { request_id: request_id.to_owned(), code: codes.of(failure.kind), msg: message(failure) }
    }
}

/// The terms of `/api/v1`: its routes, and the fields of its requests.
struct V1Terms;

impl Terms for V1Terms {
    fn list(&self) -> String {
        "GET /api/v1/list".to_owned()
    }

    fn check(&self) -> String {
        "GET /api/v1/check".to_owned()
    }

    fn show_files(&self) -> String {
        "GET /api/v1/get_backup".to_owned()
    }

    fn delete(&self, backup: &str) -> String {
        format!("DELETE /api/v1/delete?backup_name={backup}")
    }

    fn restore(&self, _: &NewRestore) -> Option<String> {
        None
    }

    fn option(&self, option: RequestOption) -> &'static str {
        match option {
            RequestOption::Backup => "backup_name",
            RequestOption::Filter => "filter",
            RequestOption::Suffix => "collection_suffix",
            RequestOption::Rename => "collection_renames",
            RequestOption::UseExisting => "skipCreateCollection",
            RequestOption::DropExisting => "dropExistCollection",
            RequestOption::Strict | RequestOption::SerialFlush => ApiTerms.option(option),
        }
    }
}

/// What happened and what to do, in one line.
pub(super) fn message(failure: &Failure) -> String {
    let while_doing = failure.context.iter().map(|context| format!("; while {context}"));
    let hint = match &failure.advice {
        Some(advice) => Some(describe_advice(advice, &V1Terms)),
        None => failure.hint.clone(),
    };
    let hint = hint.map(|hint| format!("; hint: {hint}"));
    // 0.4.15 says nothing else of what is missing, and scripts look for it
    let known = if failure.kind == Kind::NotFound { "not found: " } else { "" };
    [known.to_owned(), failure.message.clone()].into_iter().chain(while_doing).chain(hint).collect()
}

/// A document as the answer.
pub(super) fn answer(status: StatusCode, document: &impl Serialize) -> Response {
    match stream::bytes(document) {
        Ok(body) => (status, json_type(), body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The content type of every answer in JSON.
pub(super) fn json_type() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))]
}

#[cfg(test)]
mod tests {
    use engine::Advice;
    use serde_json::json;

    use super::*;

    #[test]
    fn zero_values_are_left_out_and_data_is_not() {
        let success = Envelope::<i32> { head: Head::success("", "success"), data: None };
        assert_eq!(serde_json::to_value(&success).unwrap(), json!({"msg": "success", "data": null}));
        let failure = Failure::usage("no").hint("yes");
        let head = Head::failure("7", &failure, Codes::Table);
        let shown = json!({"requestId": "7", "code": 400, "msg": "no; hint: yes"});
        assert_eq!(serde_json::to_value(&head).unwrap(), shown);
    }

    #[test]
    fn hints_name_fields_of_requests() {
        let failure = Failure::with_advice(Kind::AlreadyExists, "no", Advice::ChooseExistingTargets);
        let message_of_failure = message(&failure);
        for field in
            ["collection_suffix", "collection_renames", "skipCreateCollection", "dropExistCollection"]
        {
            assert!(message_of_failure.contains(field), "{message_of_failure}");
        }
        let missing = Failure::new(Kind::NotFound, "no x");
        assert_eq!(message(&missing), "not found: no x", "as 0.4.15 begins");
    }

    #[test]
    fn codes_are_those_of_the_routes() {
        for (codes, kind, code) in [
            (Codes::Table, Kind::NotFound, 404),
            (Codes::Create, Kind::NotFound, 3),
            (Codes::Create, Kind::AlreadyExists, 400),
            (Codes::Restore, Kind::AlreadyExists, 3),
            (Codes::Restore, Kind::Usage, 400),
            (Codes::Fail, Kind::Usage, 3),
            (Codes::Fail, Kind::Forbidden, 2),
            (Codes::Table, Kind::Unsupported, 1),
        ] {
            assert_eq!(codes.of(kind), code, "{codes:?} {kind:?}");
        }
    }
}
