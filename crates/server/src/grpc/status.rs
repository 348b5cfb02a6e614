//! Failures as gRPC statuses: the code of the status table, and the failure as a detail.

use api::v1;
use engine::Advice;
use prost::Message;
use tonic::{Code, Status};

use super::json::to_struct;
use wire::{Failure, kind_name};

/// The type of the detail.
const DETAIL: &str = "type.googleapis.com/milvus_backup.v1.Failure";

/// The largest sizes of a message, a hint and a context in a status, in bytes.
///
/// Clients over gRPC's C core, such as Python's, accept 8 KiB of metadata and lose a larger failure. Message and hint
/// are sent three times: in the text, where a byte may become three, and twice in the details, which grow by a third.
const MAX_MESSAGE: usize = 800;
const MAX_HINT: usize = 300;
const MAX_CONTEXT: usize = 300;
/// The largest encoded size of an advice in a status, in bytes; a larger one is left out, because the hint says the same.
const MAX_ADVICE: usize = 300;
/// The end of a truncated text.
const ELLIPSIS: &str = " …";

/// `google.rpc.Status`, which clients read from the metadata of a response.
#[derive(Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// Converts a failure to a status. Its text has the hint on a line of its own. Texts that are too long for the metadata
/// are truncated.
pub(crate) fn status(failure: Failure) -> Status {
    let failure = Failure {
        message: truncate(failure.message, MAX_MESSAGE),
        hint: failure.hint.map(|hint| truncate(hint, MAX_HINT)),
        context: failure.context.map(|context| truncate(context, MAX_CONTEXT)),
        ..failure
    };
    let code = failure.kind.codes().grpc;
    let text = match &failure.hint {
        Some(hint) => format!("{}\nhint: {hint}", failure.message),
        None => failure.message.clone(),
    };
    let mut failure = message(failure);
    failure.advice = failure.advice.filter(|advice| advice.encoded_len() <= MAX_ADVICE);
    let detail = prost_types::Any { type_url: DETAIL.to_owned(), value: failure.encode_to_vec() };
    let details = RpcStatus { code, message: text.clone(), details: vec![detail] };
    Status::with_details(Code::from(code), text, details.encode_to_vec().into())
}

/// Truncates a text to so many bytes.
fn truncate(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit.saturating_sub(ELLIPSIS.len())));
        text.push_str(ELLIPSIS);
    }
    text
}

/// Converts a failure to a message without truncation.
pub(super) fn message(failure: Failure) -> v1::Failure {
    v1::Failure {
        advice: failure.advice.as_deref().and_then(advice),
        kind: kind_name(failure.kind).to_owned(),
        message: failure.message,
        context: failure.context.unwrap_or_default(),
        hint: failure.hint.unwrap_or_default(),
    }
}

/// Converts an advice, with the fields of its document.
pub(super) fn advice(advice: &Advice) -> Option<prost_types::Struct> {
    match serde_json::to_value(advice) {
        Ok(serde_json::Value::Object(fields)) => Some(to_struct(fields)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use wire::FailureKind;

    use super::*;

    #[test]
    fn every_kind_has_the_code_of_the_table_and_the_failure_as_detail() {
        for kind in FailureKind::ALL {
            let failure = Failure::new(kind, "it is so").hint("do so");
            let status = status(failure);
            assert_eq!(i32::from(status.code()), kind.codes().grpc);
            assert_eq!(status.message(), "it is so\nhint: do so");
            let details = RpcStatus::decode(status.details()).unwrap();
            let detail = v1::Failure::decode(details.details[0].value.as_slice()).unwrap();
            assert_eq!((detail.kind.as_str(), detail.hint.as_str()), (kind_name(kind), "do so"));
        }
    }

    #[test]
    fn the_advice_is_in_the_detail_unless_it_is_large() {
        let advice_of = |name: String| {
            let failure =
                Failure::with_advice(FailureKind::Busy, "it is so", Advice::RestoreAgain { backup: name });
            let details = RpcStatus::decode(status(failure).details()).unwrap();
            v1::Failure::decode(details.details[0].value.as_slice()).unwrap().advice
        };
        let advice = advice_of("nightly".to_owned()).unwrap();
        let expected = serde_json::json!({"action": "restore_again", "backup": "nightly"});
        assert_eq!(advice, to_struct(expected.as_object().unwrap().clone()));
        assert_eq!(advice_of("n".repeat(10_000)), None);
    }

    #[test]
    fn long_failures_fit_into_the_metadata_of_every_client() {
        for name in ["a_collection_of_a_shop", "\"{}\"", "集合的名称", "ä\n"] {
            let long = vec![name; 10_000].join(", ");
            let advice = Advice::RestoreAgain { backup: "n".repeat(MAX_ADVICE - 60) };
            let failure = Failure {
                context: Some(long.clone()),
                advice: Some(Box::new(advice)),
                ..Failure::usage(long.clone()).hint(long)
            };
            let status = status(failure);
            assert!(status.message().starts_with(name) && status.message().ends_with(ELLIPSIS), "{status:?}");
            let details = RpcStatus::decode(status.details()).unwrap();
            assert_eq!(details.message, status.message());
            let detail = v1::Failure::decode(details.details[0].value.as_slice()).unwrap();
            assert!(detail.advice.is_some());
            for (text, limit) in
                [(&detail.message, MAX_MESSAGE), (&detail.hint, MAX_HINT), (&detail.context, MAX_CONTEXT)]
            {
                assert!(text.ends_with(ELLIPSIS) && text.len() > limit - ELLIPSIS.len() - 4, "{text}");
            }
            let headers = status.into_http::<()>().into_parts().0.headers;
            let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
            assert!(bytes < 7 << 10, "{bytes} bytes for {name}");
        }
    }
}
