//! Failures to sign a request.

use super::root_message;
use crate::error::{Cause, StorageErrorKind};

/// Classifies the failure to sign a request: no credentials were found.
pub(crate) fn signing_error(error: &reqsign_core::Error) -> Cause {
    let places = "the configuration, the environment, a profile or from an instance role";
    Cause::new(
        StorageErrorKind::PermissionDenied,
        format!("no credentials were found in {places} ({})", root_message(error)),
    )
}
