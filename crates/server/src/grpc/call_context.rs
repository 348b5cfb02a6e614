//! The caller of a gRPC call, and the options in its metadata.

use jobs::{JobKind, OtherPlace};
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request};

use crate::{Caller, RequestContext, RequestId, Service};
use wire::{Failure, FailureKind};

/// The metadata key of the idempotency key.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Returns the authenticated caller.
pub(super) fn caller(extensions: &Extensions) -> Result<Caller, Failure> {
    // The guard authenticates every call of these services.
    extensions
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| Failure::new(FailureKind::Unauthenticated, "authentication required"))
}

/// Returns the context of a call, with its idempotency key.
pub(super) fn call_context(
    metadata: &MetadataMap,
    extensions: &Extensions,
) -> Result<RequestContext, Failure> {
    let key = metadata.get(IDEMPOTENCY_KEY).map(|key| key.to_str().map(str::to_owned));
    let key = key.transpose().map_err(|_| {
        Failure::usage(format!("the metadata {IDEMPOTENCY_KEY} must be visible ASCII characters"))
    })?;
    Ok(RequestContext { idempotency_key: key, ..RequestContext::by(caller(extensions)?) })
}

/// Returns the id in the message, else the id of the request.
pub(super) fn request_id(of_message: &str, extensions: &Extensions) -> String {
    match (of_message, extensions.get::<RequestId>()) {
        ("", Some(known)) => known.id.clone(),
        (id, _) => id.to_owned(),
    }
}

/// Returns the backup location in a request; empty texts mean the configured one.
pub(super) fn place(bucket: &str, root: &str) -> OtherPlace {
    OtherPlace { bucket: Some(bucket.to_owned()), root: Some(root.to_owned()) }
}

/// Checks the role for a job before the rest of the request.
pub(super) fn check_role<T>(request: &Request<T>, kind: JobKind, subject: &str) -> Result<(), Failure> {
    Service::check_role(&caller(request.extensions())?, kind, subject)
}

/// Returns the text if it is not empty.
pub(super) fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
