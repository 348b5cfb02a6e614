//! Suggestions for names that do not exist: the most similar one that does.

/// The similarity from which a name is suggested; 1 is equality.
const MIN_SIMILARITY: f64 = 0.6;

/// Returns the known name that is most similar to `wanted`, whatever the case of letters; `None` if none is similar.
pub fn most_similar<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let score = |name: &str| strsim::normalized_damerau_levenshtein(&wanted, &name.to_lowercase());
    let scored = known.into_iter().map(|name| (score(name), name));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (best.0 >= MIN_SIMILARITY).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_similar_name_is_suggested() {
        let known = ["nightly", "weekly", "before_upgrade"];
        assert_eq!(most_similar("nigthly", known), Some("nightly"));
        assert_eq!(most_similar("Before-Upgrade", known), Some("before_upgrade"));
        assert_eq!(most_similar("prod", known), None);
        assert_eq!(most_similar("nightly", []), None);
    }
}
