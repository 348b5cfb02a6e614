//! Errors of the HTTP client: no answer arrived.

use std::error::Error;
use std::io;

use super::{error_chain, root_message, timeout_cause};
use crate::error::{Cause, StorageErrorKind};

/// Classifies an error of the HTTP client: TLS, connection, time limit, invalid request, or broken connection.
pub(crate) fn http_error(error: &reqwest::Error) -> Cause {
    let root = root_message(error);
    if let Some(tls) = error_chain(error).find_map(find_tls_error) {
        return Cause::new(StorageErrorKind::Unreachable, format!("the TLS handshake failed: {tls}"));
    }
    if error.is_connect() {
        let reason = if error.is_timeout() { "no connection within the time limit".to_owned() } else { root };
        return Cause::new(StorageErrorKind::Unreachable, reason).temporary();
    }
    if error.is_timeout() {
        return timeout_cause();
    }
    if error.is_builder() {
        return Cause::new(StorageErrorKind::Config, root);
    }
    Cause::new(StorageErrorKind::Unexpected, format!("the connection broke: {root}")).temporary()
}

/// Finds the TLS error inside an I/O error, which does not report it as its source.
fn find_tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
    inner.downcast_ref().or_else(|| find_tls_error(inner))
}
