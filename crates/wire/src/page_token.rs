//! The page tokens of lists of backups. The lists of jobs have tokens of their own (crate `jobs`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Failure;

/// Returns the token of the page that follows the backup with this name.
pub fn encode_page_token(last_name: &str) -> String {
    URL_SAFE_NO_PAD.encode(last_name)
}

/// Returns the name of the backup that precedes the page with this token.
///
/// Fails if [`encode_page_token`] cannot have returned the token.
pub fn decode_page_token(token: &str) -> Result<String, Failure> {
    let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    name.ok_or_else(|| {
        Failure::usage("invalid page_token").hint(
            "use the next_page_token of the previous page unchanged, or omit page_token for the first page",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_decoded_to_the_name_it_was_made_from() {
        for name in ["", "nightly", "пример"] {
            assert_eq!(decode_page_token(&encode_page_token(name)).unwrap(), name);
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for token in [" ", "b2", "_w"] {
            assert_eq!(decode_page_token(token).unwrap_err().message, "invalid page_token", "{token:?}");
        }
    }
}
