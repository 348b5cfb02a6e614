//! Compares an answer with the recorded one.

use std::collections::BTreeSet;

use prost_reflect::MessageDescriptor;

use super::message::{decode, field, flatten, status_of, telling_values};
use super::recording::Answer;

/// The number of digits from which a number in a text is left out of the comparison.
const NORMALISED_DIGITS: usize = 9;

/// The fields that repeat the text of a status.
const IGNORED: [&str; 3] = ["status.detail", "alter_status.detail", "detail"];

/// How far an answer agrees with the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Whether both accept the request or refuse it, with the same code.
    pub outcome: bool,
    /// The first difference in status, codes, text or fields; `None` if there is none.
    pub difference: Option<String>,
}

/// Compares two answers; without a descriptor, only the status of the call.
pub(super) fn compare(
    descriptor: Option<&MessageDescriptor>,
    recorded: &Answer,
    actual: &Answer,
) -> Agreement {
    if recorded.status != actual.status {
        let difference = format!(
            "status {} ({}) instead of {} ({})",
            actual.status, actual.details, recorded.status, recorded.details
        );
        return Agreement { outcome: false, difference: Some(difference) };
    }
    if recorded.status != "OK" {
        let texts = [actual, recorded].map(|answer| normalise(&answer.details));
        return Agreement { outcome: true, difference: differ("details", &texts) };
    }
    let Some(descriptor) = descriptor else { return Agreement { outcome: true, difference: None } };
    let messages = [actual, recorded].map(|answer| decode(descriptor.clone(), &answer.message));
    let statuses = messages.each_ref().map(status_of);
    let of_status = |name: &str| statuses.each_ref().map(|status| normalise(&field(status, name)));
    let codes = ["error_code", "code"].map(|name| (name, of_status(name)));
    let difference = codes.iter().find_map(|(name, values)| differ(name, values));
    let outcome = difference.is_none();
    let shapes = messages.each_ref().map(|message| {
        let paths: BTreeSet<String> = flatten(message).into_iter().map(|(path, _)| path).collect();
        paths.into_iter().filter(|path| !IGNORED.contains(&path.as_str())).collect::<Vec<_>>()
    });
    let difference = difference.or_else(|| differ("reason", &of_status("reason"))).or_else(|| {
        let [actual, recorded] = &shapes;
        let missing: Vec<_> = recorded.iter().filter(|path| !actual.contains(path)).collect();
        let added: Vec<_> = actual.iter().filter(|path| !recorded.contains(path)).collect();
        (actual != recorded).then(|| format!("fields missing {missing:?}, added {added:?}"))
    });
    let values = messages.each_ref().map(|message| telling_values(message).join(", "));
    let difference = difference.or_else(|| differ("values", &values));
    Agreement { outcome, difference }
}

fn differ(name: &str, [actual, recorded]: &[String; 2]) -> Option<String> {
    (actual != recorded).then(|| format!("{name} {actual:?} instead of {recorded:?}"))
}

/// Replaces long numbers, which are ids and timestamps.
pub(super) fn normalise(text: &str) -> String {
    let mut normalised = String::new();
    let mut digits = String::new();
    for character in text.chars().chain(['\0']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        if digits.len() >= NORMALISED_DIGITS {
            normalised.push('#');
        } else {
            normalised.push_str(&digits);
        }
        digits.clear();
        if character != '\0' {
            normalised.push(character);
        }
    }
    normalised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_numbers_are_left_out() {
        assert_eq!(
            normalise("collection 470783050022387807 has 3 of 12345678"),
            "collection # has 3 of 12345678"
        );
    }
}
