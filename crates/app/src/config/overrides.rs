//! `--set KEY=VALUE[,KEY=VALUE…]`, repeatable, with CSV quoting.

use super::error::ConfigError;

/// The items of all `--set` arguments in order; the last item of a key counts.
#[derive(Default)]
pub(super) struct Overrides(Vec<(String, String)>);

impl Overrides {
    /// Splits the arguments into keys and values; fails for an item that is not `KEY=VALUE`.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, ConfigError> {
        let mut items = Vec::new();
        for argument in arguments {
            for item in fields(argument).ok_or_else(|| ConfigError::Set(key_of(argument).to_owned()))? {
                match item.split_once('=') {
                    Some((key, value)) if !key.trim().is_empty() => {
                        items.push((key.trim().to_owned(), value.to_owned()));
                    }
                    _ => return Err(ConfigError::Set(key_of(&item).to_owned())),
                }
            }
        }
        Ok(Self(items))
    }

    /// The key as given and its value; `name` is compared without regard to case.
    pub(super) fn get(&self, name: &str) -> Option<(&str, &str)> {
        let item = self.0.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some((&item.0, &item.1))
    }

    /// Returns the keys as they were given.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

/// The key of an item. An error must not show the value, which may be a secret.
fn key_of(item: &str) -> &str {
    item.split('=').next().unwrap_or_default()
}

/// Splits a CSV record; `None` if a quote is not closed or is followed by text.
fn fields(record: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = record;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => match rest.split_once(',') {
                Some((field, after)) => (field.to_owned(), Some(after)),
                None => (rest.to_owned(), None),
            },
        };
        fields.push(field);
        match after {
            Some(after) => rest = after,
            None => return Some(fields),
        }
    }
}

fn quoted_field(mut rest: &str) -> Option<(String, Option<&str>)> {
    let mut field = String::new();
    loop {
        let (text, after) = rest.split_once('"')?;
        field.push_str(text);
        if let Some(after) = after.strip_prefix('"') {
            field.push('"');
            rest = after;
        } else if after.is_empty() {
            return Some((field, None));
        } else {
            return Some((field, Some(after.strip_prefix(',')?)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Overrides, ConfigError> {
        Overrides::parse(&arguments.iter().map(|&a| a.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn lists_are_csv_and_the_last_wins() {
        let set = parse(&["a=1,b=x=y", "\"c=1,2\"\"3\"\"\",A=2"]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(set.get("a"), Some(("A", "2")));
        assert_eq!(set.get("B"), Some(("b", "x=y")));
        assert_eq!(set.get("c"), Some(("c", "1,2\"3\"")));
        assert_eq!(set.get("d"), None);
    }

    #[test]
    fn errors_show_no_value() {
        for bad in ["password", "=x", "\"a=1", "a=1,,b=2", ""] {
            let error = parse(&[bad]).err().unwrap_or_else(|| panic!("{bad:?} was taken"));
            assert!(error.to_string().ends_with("expected KEY=VALUE"), "{error}");
        }
        let error = parse(&["\"milvus.password=hunter2"]).err().map(|e| e.to_string());
        assert_eq!(error.as_deref(), Some("--set \"milvus.password: expected KEY=VALUE"));
    }
}
