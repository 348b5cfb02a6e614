//! Who asks, and what is said beside the message of a call.

use jobs::OtherPlace;
use tonic::Extensions;
use tonic::metadata::MetadataMap;

use crate::{Asked, Caller, RequestId};
use wire::{Failure, Kind};

/// The metadata that makes a repeated call the same one.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Who asks, as the door knows them.
pub(super) fn caller(extensions: &Extensions) -> Result<Caller, Failure> {
    // The door lets nobody in without a name.
    extensions
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| Failure::new(Kind::Unauthenticated, "nobody known asks"))
}

/// Who asks, with the key of the call.
pub(super) fn asked(metadata: &MetadataMap, extensions: &Extensions) -> Result<Asked, Failure> {
    let key = metadata.get(IDEMPOTENCY_KEY).map(|key| key.to_str().map(str::to_owned));
    let key = key.transpose().map_err(|_| {
        Failure::usage(format!("the metadata {IDEMPOTENCY_KEY} must be visible ASCII characters"))
    })?;
    Ok(Asked { idempotency_key: key, ..Asked::by(caller(extensions)?) })
}

/// The id of the request: of its message, else of its metadata, else a new one.
pub(super) fn request_id(of_message: &str, extensions: &Extensions) -> String {
    match (of_message, extensions.get::<RequestId>()) {
        ("", Some(known)) => known.id.clone(),
        (id, _) => id.to_owned(),
    }
}

/// Another place of backups, as a request names it; what is empty is not named.
pub(super) fn place(bucket: &str, root: &str) -> OtherPlace {
    OtherPlace { bucket: Some(bucket.to_owned()), root: Some(root.to_owned()) }
}
