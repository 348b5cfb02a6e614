//! Unknown keys, with the most similar known key.

use super::error::{ConfigError, Problem};
use super::find::Found;
use super::overrides::Overrides;
use super::schema::Schema;
use super::value::Source;

/// The keys that the schema does not have.
#[derive(Default)]
pub(super) struct UnknownKeys {
    /// One warning for each key of the file, and for each of `--set` that another schema or a variable has; with the
    /// key.
    warnings: Vec<(String, String)>,
    /// The other keys of `--set`: a typing error there must not be ignored.
    pub problems: Vec<Problem>,
}

impl UnknownKeys {
    /// Returns the warnings.
    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings.into_iter().map(|(_, text)| text).collect()
    }

    /// Returns an error of these problems and those of unknown keys, with the warnings about other keys.
    pub(super) fn into_error(mut self, problems: Vec<Problem>) -> ConfigError {
        let concerns =
            |problem: &Problem, key: &str| key.to_lowercase().starts_with(&problem.key.to_lowercase());
        self.warnings.retain(|(key, _)| !problems.iter().any(|problem| concerns(problem, key)));
        let all = std::mem::take(&mut self.problems).into_iter().chain(problems).collect();
        ConfigError::Values { problems: all, warnings: self.into_warnings() }
    }
}

/// Finds the keys of the file and of `--set` that the schema does not have.
pub(super) fn find_unknown_keys(schema: Schema, file: Option<&Found>, overrides: &Overrides) -> UnknownKeys {
    let mut found = UnknownKeys::default();
    let describe_ignored = |key: &str| {
        describe_foreign(schema, key)
            .unwrap_or_else(|| format!("unknown key {key} is ignored{}", suggest(schema, key)))
    };
    if let Some(file) = file {
        for (_, entry) in file.document.entries().filter(|(key, _)| schema.key(key).is_none()) {
            let place = format!("{} line {}", file.path.display(), entry.line);
            found.warnings.push((entry.key.clone(), format!("{place}: {}", describe_ignored(&entry.key))));
        }
    }
    for key in overrides.keys().filter(|key| !is_known(schema, key)) {
        if key.contains('.') && describe_foreign(schema, key).is_none() {
            found.problems.push(Problem {
                key: key.to_owned(),
                source: Source::Set(key.to_owned()),
                reason: format!("unknown key{}", suggest(schema, key)),
            });
        } else {
            found.warnings.push((key.to_owned(), format!("--set: {}", describe_ignored(key))));
        }
    }
    found
}

/// Whether `--set` accepts the name: that of a key or of its environment variable.
fn is_known(schema: Schema, name: &str) -> bool {
    schema.key(name).is_some() || key_of_variable(schema, name).is_some()
}

fn key_of_variable(schema: Schema, name: &str) -> Option<&'static super::schema::Key> {
    schema.keys().find(|key| key.env.is_some_and(|env| env.eq_ignore_ascii_case(name)))
}

/// Describes a key of the other schema, or one of its environment variables; `None` if neither has the name.
fn describe_foreign(schema: Schema, name: &str) -> Option<String> {
    let other = schema.other();
    let known = other.key(name).or_else(|| key_of_variable(other, name))?;
    let replacement = match schema {
        Schema::V2 => known.becomes,
        Schema::V1 => Schema::V1.keys().find(|v1| v1.becomes == Some(known.name)).map(|v1| v1.name),
    };
    let (this, other) = (schema.name(), other.name());
    Some(match (replacement, schema) {
        (Some(replacement), _) => {
            format!("{other} key {name} is ignored in a {this} configuration; use {replacement}")
        }
        (None, Schema::V1) => {
            format!(
                "v2 key {name} is ignored in a v1 configuration; to migrate the file: milvus-backup config migrate"
            )
        }
        (None, Schema::V2) => format!("v1 key {name} is ignored; v2 has no such key"),
    })
}

/// Returns a question that names the most similar known key, or nothing.
fn suggest(schema: Schema, name: &str) -> String {
    nearest(schema, name).map(|known| format!("; did you mean {known}?")).unwrap_or_default()
}

/// The share of equal words from which a key is suggested.
const MIN_SIMILARITY: f64 = 0.6;

/// Returns the key whose words are most similar to those of `name`; never one of the other storage, and no secret for
/// a name that is none.
fn nearest(schema: Schema, name: &str) -> Option<&'static str> {
    let wanted = split_words(name);
    let has_word = |words: &[String], wanted: &str| words.iter().any(|word| word == wanted);
    let concerns = |words: &[String]| [has_word(words, "backup"), has_word(words, "restore")];
    // A value that is not a secret must never get where a secret belongs.
    let is_secret = |words: &[String]| {
        let secret = ["secret", "password", "token"];
        words.iter().any(|word| secret.iter().any(|secret| compare_word(word, secret) > 0.0))
    };
    if wanted.len() < 2 {
        return None;
    }
    let candidates = schema.keys().flat_map(super::schema::Key::names).filter_map(|known| {
        let words = split_words(known);
        let is_other_storage = concerns(&words) != concerns(&wanted);
        let becomes_secret = is_secret(&words) != is_secret(&wanted);
        let has_last =
            wanted.last().is_some_and(|last| words.iter().any(|word| compare_word(last, word) > 0.0));
        (!is_other_storage && !becomes_secret && has_last).then(|| (compare_words(&wanted, &words), known))
    });
    let best = candidates.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (best.0 >= MIN_SIMILARITY).then_some(best.1)
}

/// Splits a name into its words in lower case, at dots, underscores and capital letters.
fn split_words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_capital = true;
    for c in name.chars() {
        let begins_word = c.is_uppercase() && !after_capital;
        after_capital = c.is_uppercase();
        if begins_word || matches!(c, '.' | '_') {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns the similarity of two lists of words, from 0 to 1, whatever their order.
fn compare_words(wanted: &[String], known: &[String]) -> f64 {
    let mut rest: Vec<&String> = known.iter().collect();
    let mut similarity = 0.0;
    for word in wanted {
        let best = rest.iter().enumerate().map(|(at, other)| (compare_word(word, other), at));
        if let Some((score, at)) = best.max_by(|(one, _), (other, _)| one.total_cmp(other))
            && score > 0.0
        {
            similarity += score;
            rest.swap_remove(at);
        }
    }
    2.0 * similarity / (wanted.len() + known.len()).max(1) as f64
}

/// Words that other programs use for the same thing.
const SYNONYMS: [[&str; 2]; 4] =
    [["endpoint", "address"], ["host", "address"], ["tls", "ssl"], ["type", "provider"]];
/// Less than that of equal words, so that a key which has the word itself comes first.
const SYNONYM_SIMILARITY: f64 = 0.95;

/// Returns the similarity of two words: 1 if they are equal, 0 if they have little in common.
fn compare_word(one: &str, other: &str) -> f64 {
    if SYNONYMS.iter().any(|pair| *pair == [one, other] || *pair == [other, one]) {
        return SYNONYM_SIMILARITY;
    }
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if short != long && long.starts_with(short) {
        // Shorter words, such as `use` and `user`, have little to do with each other.
        return if short.len() >= 4 { 0.85 } else { 0.0 };
    }
    let score = strsim::normalized_damerau_levenshtein(one, other);
    if score >= 0.7 { score } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_and_last_part_of_a_key_decide_about_the_suggestion() {
        for (schema, name, expected) in [
            (Schema::V1, "milvus.username", Some("milvus.user")),
            (Schema::V1, "milvus.adress", Some("milvus.address")),
            (Schema::V1, "minio.accessKey", Some("minio.accessKeyID")),
            (Schema::V1, "minio.backupAccessKey", Some("minio.backupAccessKeyID")),
            (Schema::V2, "milvus.storage.auth.accessKey", Some("milvus.storage.auth.accessKeyID")),
            (Schema::V1, "milvus", None),
            (Schema::V1, "backup.storageType", Some("minio.backupStorageType")),
            (Schema::V1, "minio.bucket", Some("minio.bucketName")),
            (Schema::V1, "minio.backupBucket", Some("minio.backupBucketName")),
            (Schema::V2, "backup.storage.bucket", Some("backup.storage.bucketName")),
            (Schema::V2, "milvus.storage.bucket", Some("milvus.storage.bucketName")),
            (Schema::V2, "milvus.grpc.adress", Some("milvus.grpc.address")),
            (Schema::V1, "milvus.pasword", Some("milvus.password")),
            (Schema::V2, "milvus.grpc.pasword", Some("milvus.password")),
            (Schema::V1, "minio.useTLS", Some("minio.useSSL")),
            (Schema::V1, "minio.user", None),
            (Schema::V1, "minio.backupUser", None),
            (Schema::V1, "minio.backupPassword", None),
            (Schema::V1, "backup.parallelism.collections", Some("backup.parallelism.backupCollection")),
            (Schema::V1, "minio.endpoint", Some("minio.address")),
            (Schema::V1, "minio.host", Some("minio.address")),
            (Schema::V2, "backup.storage.storageType", Some("backup.storage.provider")),
            (Schema::V2, "milvus.storage.endpoint", Some("milvus.storage.address")),
            (Schema::V2, "nonsense", None),
            (Schema::V2, "milvus.nonsense", None),
        ] {
            assert_eq!(nearest(schema, name), expected, "{name}");
        }
    }
}
