//! What went wrong as a gRPC status: the code of the one table, and the failure itself as its detail.

use api::v1;
use prost::Message;
use tonic::Status;

use crate::status::{Failure, kind_name};

/// The name under which the detail of a status is found.
const DETAIL: &str = "type.googleapis.com/milvus_backup.v1.Failure";

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

/// The status of a failure. Its text has the hint in a line of its own, for who looks at nothing else.
pub(crate) fn status(failure: Failure) -> Status {
    let code = failure.kind.status().grpc;
    let text = match &failure.hint {
        Some(hint) => format!("{}\nhint: {hint}", failure.message),
        None => failure.message.clone(),
    };
    let detail = prost_types::Any { type_url: DETAIL.to_owned(), value: message(failure).encode_to_vec() };
    let details = RpcStatus { code: code.into(), message: text.clone(), details: vec![detail] };
    Status::with_details(code, text, details.encode_to_vec().into())
}

/// A failure as a message.
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
    use crate::status::Kind;

    #[test]
    fn every_kind_has_the_code_of_the_table_and_itself_as_detail() {
        for kind in Kind::ALL {
            let failure = Failure { kind, ..Failure::usage("it is so").hint("do so") };
            let status = status(failure);
            assert_eq!(status.code(), kind.status().grpc);
            assert_eq!(status.message(), "it is so\nhint: do so");
            let details = RpcStatus::decode(status.details()).unwrap();
            let detail = v1::Failure::decode(details.details[0].value.as_slice()).unwrap();
            assert_eq!((detail.kind.as_str(), detail.hint.as_str()), (kind_name(kind), "do so"));
        }
    }
}
