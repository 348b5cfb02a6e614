//! The id of a request: the caller's where one is sent, else a new one.

use http::{HeaderMap, HeaderName};

/// The header of the answer, and one of the two a request may carry.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The Go tool's header.
const HEADER_OF_GO: &str = "request_id";
/// The longest id taken over.
const LONGEST: usize = 128;

/// The id of a request; in the extensions of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId {
    /// The id: letters, digits and `-_.:`, at most 128.
    pub id: String,
    /// Whether the caller chose it.
    pub given: bool,
}

impl RequestId {
    /// The caller's id; a new one where there is none, or one that is too long or holds odd characters.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER_OF_GO).or_else(|| headers.get(HEADER));
        let given = given.and_then(|value| value.to_str().ok()).filter(|id| is_fine(id));
        match given {
            Some(id) => Self { id: id.to_owned(), given: true },
            None => Self { id: uuid::Uuid::new_v4().to_string(), given: false },
        }
    }
}

fn is_fine(id: &str) -> bool {
    let odd = |byte: u8| !byte.is_ascii_alphanumeric() && !b"-_.:".contains(&byte);
    !id.is_empty() && id.len() <= LONGEST && !id.bytes().any(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_may_choose_ids_of_plain_characters() {
        let of = |name: &'static str, id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, id.parse().unwrap());
            RequestId::of(&headers)
        };
        let given = |id: &str| RequestId { id: id.to_owned(), given: true };
        assert_eq!(of("request_id", "abc-1"), given("abc-1"));
        assert_eq!(of("x-request-id", "2b:3_4.5"), given("2b:3_4.5"));
        for odd in ["", "a b", "../x", "a\"b", &"x".repeat(129)] {
            assert!(!of("x-request-id", odd).given, "{odd}");
        }
        assert_ne!(RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new()));
    }
}
