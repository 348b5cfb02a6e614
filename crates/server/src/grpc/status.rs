//! What went wrong as a gRPC status: the code of the one table, and the failure itself as its detail.

use api::v1;
use prost::Message;
use tonic::{Code, Status};

use wire::{Failure, kind_name};

/// The name under which the detail of a status is found.
const DETAIL: &str = "type.googleapis.com/milvus_backup.v1.Failure";

/// How many bytes of a message a status has at most, of a hint, and of a context.
///
/// Clients over gRPC's C core, such as Python's, take 8 KiB of metadata and lose the failure where there is more.
/// Message and hint stand there three times: in the text, where a byte may become three, and twice in the details,
/// which grow by a third.
const MESSAGE: usize = 800;
const HINT: usize = 300;
const CONTEXT: usize = 300;
/// What a text ends with that was cut.
const CUT: &str = " …";

/// `google.rpc.Status`, which clients read from the metadata of an answer.
#[derive(Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// The status of a failure. Its text has the hint in a line of its own, for who looks at nothing else. What is
/// too long for the metadata of an answer is cut.
pub(crate) fn status(failure: Failure) -> Status {
    let failure = Failure {
        message: cut(failure.message, MESSAGE),
        hint: failure.hint.map(|hint| cut(hint, HINT)),
        context: failure.context.map(|context| cut(context, CONTEXT)),
        ..failure
    };
    let code = failure.kind.codes().grpc;
    let text = match &failure.hint {
        Some(hint) => format!("{}\nhint: {hint}", failure.message),
        None => failure.message.clone(),
    };
    let detail = prost_types::Any { type_url: DETAIL.to_owned(), value: message(failure).encode_to_vec() };
    let details = RpcStatus { code, message: text.clone(), details: vec![detail] };
    Status::with_details(Code::from(code), text, details.encode_to_vec().into())
}

/// As much of a text as so many bytes hold.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most.saturating_sub(CUT.len())));
        text.push_str(CUT);
    }
    text
}

/// A failure as a message, whole.
pub(super) fn message(failure: Failure) -> v1::Failure {
    v1::Failure {
        kind: kind_name(failure.kind).to_owned(),
        message: failure.message,
        context: failure.context.unwrap_or_default(),
        hint: failure.hint.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Kind;

    #[test]
    fn every_kind_has_the_code_of_the_table_and_itself_as_detail() {
        for kind in Kind::ALL {
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
    fn however_much_there_is_to_say_it_fits_into_the_metadata_of_every_client() {
        for name in ["a_collection_of_a_shop", "\"{}\"", "集合的名称", "ä\n"] {
            let long = vec![name; 10_000].join(", ");
            let failure = Failure { context: Some(long.clone()), ..Failure::usage(long.clone()).hint(long) };
            let status = status(failure);
            assert!(status.message().starts_with(name) && status.message().ends_with(CUT), "{status:?}");
            let details = RpcStatus::decode(status.details()).unwrap();
            assert_eq!(details.message, status.message());
            let detail = v1::Failure::decode(details.details[0].value.as_slice()).unwrap();
            for (text, most) in [(&detail.message, MESSAGE), (&detail.hint, HINT), (&detail.context, CONTEXT)]
            {
                assert!(text.ends_with(CUT) && text.len() > most - CUT.len() - 4, "{text}");
            }
            let headers = status.into_http::<()>().into_parts().0.headers;
            let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
            assert!(bytes < 7 << 10, "{bytes} bytes for {name}");
        }
    }
}
