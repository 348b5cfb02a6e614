//! The credentials of a request.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;

/// The credentials of a request.
pub(super) enum PresentedCredentials {
    /// The request has none.
    Missing,
    /// A bearer token.
    Token(SecretString),
    /// A user and a password.
    Password(String, SecretString),
    /// The header is present, but is neither.
    Unreadable,
}

/// Reads the `authorization` header; gRPC metadata is the same.
pub(super) fn read(headers: &HeaderMap) -> PresentedCredentials {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return PresentedCredentials::Missing };
    if values.next().is_some() {
        return PresentedCredentials::Unreadable;
    }
    value.to_str().ok().and_then(parse).unwrap_or(PresentedCredentials::Unreadable)
}

fn parse(value: &str) -> Option<PresentedCredentials> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return (!rest.is_empty()).then(|| PresentedCredentials::Token(rest.into()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some(PresentedCredentials::Password(user.to_owned(), password.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn of(value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        match read(&headers) {
            PresentedCredentials::Missing => "missing".to_owned(),
            PresentedCredentials::Token(token) => format!("token {}", token.expose_secret()),
            PresentedCredentials::Password(user, password) => format!("{user} {}", password.expose_secret()),
            PresentedCredentials::Unreadable => "unreadable".to_owned(),
        }
    }

    #[test]
    fn both_schemes_are_read_and_nothing_else() {
        assert_eq!(of("Bearer abc"), "token abc");
        assert_eq!(of("bearer  abc "), "token abc");
        assert_eq!(of("Basic dTpwOnE="), "u p:q");
        for wrong in ["Bearer", "Bearer ", "abc", "Basic !", "Basic dQ==", "Digest x"] {
            assert_eq!(of(wrong), "unreadable", "{wrong}");
        }
        assert!(matches!(read(&HeaderMap::new()), PresentedCredentials::Missing));
    }
}
