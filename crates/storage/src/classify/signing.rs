//! Failures to sign a request.

use super::root_message;
use crate::error::{Cause, StorageErrorKind};

/// Classifies the failure to sign a request: the provider of credentials is in trouble, or there are none.
pub(crate) fn signing_error(error: &reqsign_core::Error) -> Cause {
    let root = root_message(error);
    if error.is_retryable() {
        let reason = format!("the provider of the credentials is in trouble: {root}");
        return Cause::new(StorageErrorKind::Credentials, reason).temporary();
    }
    let places = "the configuration, the environment, a profile or from an instance role";
    Cause::new(StorageErrorKind::Credentials, format!("no credentials were found in {places} ({root})"))
}
