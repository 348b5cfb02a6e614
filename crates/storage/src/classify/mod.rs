//! Translates the errors of libraries and the answers of stores into a [`Cause`]: a kind, a reason, and whether
//! the failure is temporary.

mod answer;
mod http;
mod io;
mod opendal;
mod s3;
mod signing;

use std::error::Error;

pub(crate) use self::answer::answer;
pub(crate) use self::http::http_error;
pub(crate) use self::io::io_error;
pub(crate) use self::opendal::opendal_error;
pub(crate) use self::signing::signing_error;
use crate::error::{Cause, StorageErrorKind};

/// What a code or a status says: the kind, whether the failure is temporary, and our text. An empty text means that
/// the store's message is clearer.
type Meaning = (StorageErrorKind, bool, &'static str);

pub(crate) fn timeout_cause() -> Cause {
    Cause::new(StorageErrorKind::Timeout, "no answer within the time limit").temporary()
}

/// Iterates over an error and its sources, outermost first.
fn error_chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Returns the text of the innermost error; the outer errors only repeat that a request was sent.
fn root_message(error: &(dyn Error + 'static)) -> String {
    error_chain(error).last().map(sentence_part).unwrap_or_default()
}

/// Returns an error's text as part of a sentence: without the system's error number, first letter in lower case.
fn sentence_part(error: &(dyn Error + '_)) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
