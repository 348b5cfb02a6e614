//! Encoding of the credentials for the server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use tonic::metadata::{Ascii, MetadataValue};

use crate::config::Auth;
use crate::error::{MilvusError, MilvusErrorKind};

/// Encodes the `authorization` header: base64 of `user:password` or of the token, without a scheme.
pub(crate) fn authorization_header(auth: &Auth) -> Result<Option<MetadataValue<Ascii>>, MilvusError> {
    let plain = match auth {
        Auth::None => return Ok(None),
        Auth::Password { user, password } => format!("{user}:{}", password.expose_secret()),
        Auth::Token(token) => token.expose_secret().to_owned(),
    };
    let mut value = MetadataValue::try_from(STANDARD.encode(plain)).map_err(|_| {
        MilvusError::new(MilvusErrorKind::Invalid, "log in", "the credentials cannot be sent")
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// Returns the name with which the client logs in; `None` without credentials, or with a token that names no user.
pub(crate) fn user_name(auth: &Auth) -> Option<&str> {
    match auth {
        Auth::None => None,
        Auth::Password { user, .. } => Some(user),
        Auth::Token(token) => token.expose_secret().split_once(':').map(|(user, _)| user),
    }
}
