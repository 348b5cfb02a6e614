//! Tokens of the pages of lists of backups.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Failure;

/// The token of the page behind the item of this name.
pub fn token_after(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(name)
}

/// The name that a token stands for.
pub fn after(token: &str) -> Result<String, Failure> {
    let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    name.ok_or_else(|| {
        Failure::usage("page_token is none that a page gave")
            .hint("take next_page_token as it is, or leave it out for the first page")
    })
}
