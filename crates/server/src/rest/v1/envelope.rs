//! The envelope of responses in the form of the Go tool.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::stream;
use wire::{ApiTerms, Failure, FailureKind, NewRestore, RequestOption, Terms, describe_advice};

/// The code of every failure without a code of its own.
const FAIL: i32 = 3;

/// The common fields of a response. Zero and empty values are omitted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = v1::Head)]
pub(crate) struct Head {
    /// The header `request_id`, or a generated id.
    #[serde(rename = "requestId", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub request_id: String,
    /// Absent (0) on success; 1 not supported, 2 not allowed, 3 failed, 400 invalid request, 404 not found.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub code: i32,
    /// `success`, or the reason of the failure.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub msg: String,
}

/// A response with data.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = v1::Envelope)]
pub(super) struct Envelope<T> {
    /// The common fields.
    #[serde(flatten)]
    pub head: Head,
    /// The data; `null` if there is none.
    pub data: Option<T>,
}

/// The response to a body that cannot be parsed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = v1::BadBody)]
pub(super) struct BadBody {
    /// The error, in the words of the Go tool.
    pub error: String,
    /// Position and reason.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub detail: String,
}

/// The response to an invalid request.
#[derive(ToSchema)]
#[schema(as = v1::Wrong)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes what is answered")]
pub(super) enum Wrong {
    /// The body cannot be parsed.
    Body(BadBody),
    /// The request cannot be executed.
    Request(WithoutData),
}

/// A response without data.
#[derive(ToSchema)]
#[schema(as = v1::Refused)]
#[expect(dead_code, reason = "it describes what is answered")]
pub(super) struct WithoutData {
    /// The common fields.
    #[serde(flatten)]
    head: Head,
    /// `null`.
    #[schema(value_type = Object)]
    data: (),
}

impl BadBody {
    /// Creates the response with the reason.
    pub(super) fn new(reason: impl std::fmt::Display) -> Self {
        Self { error: "Invalid request body".to_owned(), detail: reason.to_string() }
    }
}

impl IntoResponse for BadBody {
    fn into_response(self) -> Response {
        answer(StatusCode::BAD_REQUEST, &self)
    }
}

/// Returns whether a value is omitted.
pub(super) fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

/// The code of a failure, for routes on which the Go tool's releases differ from the status table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeRule {
    /// The code of the status table.
    Table,
    /// 404 means that the backup does not exist; a missing collection is [`FAIL`].
    Create,
    /// A missing or existing object is [`FAIL`].
    Restore,
    /// Every failure is [`FAIL`], except a missing permission.
    Fail,
}

impl CodeRule {
    fn of(self, kind: FailureKind) -> i32 {
        let fails = match self {
            Self::Table => false,
            Self::Create => kind == FailureKind::NotFound,
            Self::Restore => matches!(kind, FailureKind::NotFound | FailureKind::AlreadyExists),
            Self::Fail => kind != FailureKind::Forbidden,
        };
        if fails { FAIL } else { kind.codes().go }
    }
}

impl Head {
    /// Creates the head of a success.
    pub(super) fn success(request_id: &str, msg: &str) -> Self {
        Self { request_id: request_id.to_owned(), code: 0, msg: msg.to_owned() }
    }

    /// Creates the head of a failure.
    pub(crate) fn failure(request_id: &str, failure: &Failure, rule: CodeRule) -> Self {
        Self { request_id: request_id.to_owned(), code: rule.of(failure.kind), msg: message(failure) }
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
            RequestOption::EncryptionKeys => "ezkMapping",
            RequestOption::Strict
            | RequestOption::SerialFlush
            | RequestOption::BinlogFormat
            | RequestOption::InsertMode
            | RequestOption::Columns
            | RequestOption::ReplaceUnfinished
            | RequestOption::Force => ApiTerms.option(option),
        }
    }
}

/// Returns the message, context and hint of a failure in one line.
pub(super) fn message(failure: &Failure) -> String {
    let while_doing = failure.context.iter().map(|context| format!("; {context}"));
    let hint = match &failure.advice {
        Some(advice) => Some(describe_advice(advice, &V1Terms)),
        None => failure.hint.clone(),
    };
    let hint = hint.map(|hint| format!("; hint: {hint}"));
    // 0.4.15 says nothing else if something is missing, and scripts look for it.
    let known = if failure.kind == FailureKind::NotFound { "not found: " } else { "" };
    [known.to_owned(), in_one_line(&failure.message)].into_iter().chain(while_doing).chain(hint).collect()
}

/// Joins the lines of a message, the first of which may announce a list.
fn in_one_line(message: &str) -> String {
    let (first, list) = message.split_once('\n').unwrap_or((message, ""));
    let list: Vec<&str> = list.lines().map(str::trim).collect();
    [first, &list.join("; ")].join(" ").trim_end().to_owned()
}

/// Creates a response with a document.
pub(super) fn answer(status: StatusCode, document: &impl Serialize) -> Response {
    match stream::bytes(document) {
        Ok(body) => (status, json_type(), body).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot serialize the response");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Returns the content type of JSON responses.
pub(super) fn json_type() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))]
}

#[cfg(test)]
mod tests {
    use engine::Advice;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_of_reasons_is_one_line() {
        let failure = Failure::usage("impossible for 2 reasons:\n  a is missing\n  b exists").hint("yes");
        assert_eq!(message(&failure), "impossible for 2 reasons: a is missing; b exists; hint: yes");
    }

    #[test]
    fn zero_values_are_omitted_but_data_is_not() {
        let success = Envelope::<i32> { head: Head::success("", "success"), data: None };
        assert_eq!(serde_json::to_value(&success).unwrap(), json!({"msg": "success", "data": null}));
        let failure = Failure::usage("no").hint("yes");
        let head = Head::failure("7", &failure, CodeRule::Table);
        let shown = json!({"requestId": "7", "code": 400, "msg": "no; hint: yes"});
        assert_eq!(serde_json::to_value(&head).unwrap(), shown);
    }

    #[test]
    fn hints_name_request_fields() {
        let failure = Failure::with_advice(FailureKind::AlreadyExists, "no", Advice::ChooseExistingTargets);
        let message_of_failure = message(&failure);
        for field in
            ["collection_suffix", "collection_renames", "skipCreateCollection", "dropExistCollection"]
        {
            assert!(message_of_failure.contains(field), "{message_of_failure}");
        }
        let missing = Failure::new(FailureKind::NotFound, "no x");
        assert_eq!(message(&missing), "not found: no x", "as 0.4.15 begins");
    }

    #[test]
    fn codes_depend_on_the_route() {
        for (rule, kind, code) in [
            (CodeRule::Table, FailureKind::NotFound, 404),
            (CodeRule::Create, FailureKind::NotFound, 3),
            (CodeRule::Create, FailureKind::AlreadyExists, 400),
            (CodeRule::Restore, FailureKind::AlreadyExists, 3),
            (CodeRule::Restore, FailureKind::Usage, 400),
            (CodeRule::Fail, FailureKind::Usage, 3),
            (CodeRule::Fail, FailureKind::Forbidden, 2),
            (CodeRule::Table, FailureKind::Unsupported, 1),
        ] {
            assert_eq!(rule.of(kind), code, "{rule:?} {kind:?}");
        }
    }
}
