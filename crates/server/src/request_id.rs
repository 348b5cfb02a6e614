//! The id of a request: chosen by the caller or generated.

use http::{HeaderMap, HeaderName};

/// The header of responses, and one of two headers of requests.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The request header of the Go tool.
const GO_HEADER: &str = "request_id";
/// The largest length of an accepted id.
const MAX_LENGTH: usize = 128;

/// The id of a request; an extension of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId {
    /// The id: letters, digits and `-_.:`, at most 128.
    pub id: String,
    /// Whether the caller chose the id.
    pub given: bool,
}

impl RequestId {
    /// Returns the id of the caller; a generated id if that is missing, too long or has other characters.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let given = headers.get(GO_HEADER).or_else(|| headers.get(HEADER));
        let given = given.and_then(|value| value.to_str().ok()).filter(|id| is_valid(id));
        match given {
            Some(id) => Self { id: id.to_owned(), given: true },
            None => Self { id: uuid::Uuid::new_v4().to_string(), given: false },
        }
    }
}

fn is_valid(id: &str) -> bool {
    let invalid = |byte: u8| !byte.is_ascii_alphanumeric() && !b"-_.:".contains(&byte);
    !id.is_empty() && id.len() <= MAX_LENGTH && !id.bytes().any(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_may_choose_ids_of_plain_characters() {
        let of = |name: &'static str, id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, id.parse().unwrap());
            RequestId::from_headers(&headers)
        };
        let given = |id: &str| RequestId { id: id.to_owned(), given: true };
        assert_eq!(of("request_id", "abc-1"), given("abc-1"));
        assert_eq!(of("x-request-id", "2b:3_4.5"), given("2b:3_4.5"));
        for odd in ["", "a b", "../x", "a\"b", &"x".repeat(129)] {
            assert!(!of("x-request-id", odd).given, "{odd}");
        }
        assert_ne!(RequestId::from_headers(&HeaderMap::new()), RequestId::from_headers(&HeaderMap::new()));
    }
}
