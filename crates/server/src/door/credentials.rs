//! What a request shows of who sends it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;

/// What a request shows of who sends it.
pub(super) enum Shown {
    /// Nothing.
    Nothing,
    /// A bearer token.
    Token(SecretString),
    /// A user and a password.
    Password(String, SecretString),
    /// A header that is neither.
    Unreadable,
}

/// Reads the `authorization` header; gRPC metadata is the same.
pub(super) fn shown(headers: &HeaderMap) -> Shown {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Shown::Nothing };
    if values.next().is_some() {
        return Shown::Unreadable;
    }
    value.to_str().ok().and_then(read).unwrap_or(Shown::Unreadable)
}

fn read(value: &str) -> Option<Shown> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return (!rest.is_empty()).then(|| Shown::Token(rest.into()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some(Shown::Password(user.to_owned(), password.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn of(value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        match shown(&headers) {
            Shown::Nothing => "nothing".to_owned(),
            Shown::Token(token) => format!("token {}", token.expose_secret()),
            Shown::Password(user, password) => format!("{user} {}", password.expose_secret()),
            Shown::Unreadable => "unreadable".to_owned(),
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
        assert!(matches!(shown(&HeaderMap::new()), Shown::Nothing));
    }
}
