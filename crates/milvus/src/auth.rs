//! Encoding of the credentials for the server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::ExposeSecret;
use tonic::metadata::{Ascii, MetadataValue};

use crate::config::Auth;
use crate::error::{MilvusError, MilvusErrorKind};

/// Encodes the `authorization` header: base64 of `user:password` or of the token, without a scheme.
pub(crate) fn authorization_header(auth: &Auth) -> Result<Option<MetadataValue<Ascii>>, MilvusError> {
    let Some(plain) = plain_credentials(auth) else { return Ok(None) };
    let mut value = MetadataValue::try_from(STANDARD.encode(plain)).map_err(|_| cannot_be_sent())?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// Encodes the `Authorization` header of REST: `user:password` or the token, with the scheme `Bearer`.
pub(crate) fn bearer_header(auth: &Auth) -> Result<Option<HeaderValue>, MilvusError> {
    let Some(plain) = plain_credentials(auth) else { return Ok(None) };
    let mut value =
        HeaderValue::from_bytes(format!("Bearer {plain}").as_bytes()).map_err(|_| cannot_be_sent())?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn plain_credentials(auth: &Auth) -> Option<String> {
    match auth {
        Auth::None => None,
        Auth::Password { user, password } => Some(format!("{user}:{}", password.expose_secret())),
        Auth::Token(token) => Some(token.expose_secret().to_owned()),
    }
}

fn cannot_be_sent() -> MilvusError {
    MilvusError::new(MilvusErrorKind::Invalid, "log in", "the credentials cannot be sent")
}

/// Returns the name with which the client logs in; `None` without credentials, or with a token that names no user.
pub(crate) fn user_name(auth: &Auth) -> Option<&str> {
    match auth {
        Auth::None => None,
        Auth::Password { user, .. } => Some(user),
        Auth::Token(token) => token.expose_secret().split_once(':').map(|(user, _)| user),
    }
}
