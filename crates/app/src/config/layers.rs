//! Resolves values over their layers: flag, `--set`, environment, file, inherited key, default.

use std::path::Path;

use super::document::Item;
use super::environment::Environment;
use super::error::Problem;
use super::find::Found;
use super::overrides::Overrides;
use super::schema::{AnyKey, Key, Kind, Schema};
use super::value::{Source, Value, Values};

/// A value that a flag sets: the v2 key, the value as text, the flag.
pub(crate) type FlagValue = (AnyKey, String, &'static str);

/// The layers that set values.
pub(super) struct Layers<'a> {
    pub flags: &'a [FlagValue],
    pub overrides: &'a Overrides,
    pub environment: &'a Environment,
    pub file: Option<&'a Found>,
}

/// The values of a schema, and warnings about them.
pub(super) struct Resolved {
    pub values: Values,
    pub warnings: Vec<String>,
}

impl Layers<'_> {
    /// Resolves every key of the schema, or returns all problems.
    pub(super) fn resolve(&self, schema: Schema) -> Result<Resolved, Vec<Problem>> {
        let mut values = Values::default();
        let mut warnings = Vec::new();
        let mut problems = Vec::new();
        for key in schema.keys() {
            match self.value(key, &values, &mut warnings) {
                Ok(Some(value)) => values.put(key.name, value),
                Ok(None) => {}
                Err(problem) if key.is_unused => {
                    warnings.push(format!("{problem}; the key has no effect"));
                }
                Err(problem) => match fall_back(key, &problem) {
                    Some((value, warning)) => {
                        values.put(key.name, value);
                        warnings.push(warning);
                    }
                    None => problems.push(problem),
                },
            }
        }
        problems.extend(self.values_for_sections(schema));
        if problems.is_empty() { Ok(Resolved { values, warnings }) } else { Err(problems) }
    }

    /// Problems with keys of the file that have a value although they are sections.
    fn values_for_sections(&self, schema: Schema) -> impl Iterator<Item = Problem> {
        let is_section = move |key: &str| {
            let prefix = format!("{key}.");
            schema.key(key).is_none()
                && schema.keys().flat_map(Key::names).any(|name| name.to_lowercase().starts_with(&prefix))
        };
        self.file.into_iter().flat_map(move |file| {
            file.document.entries().filter(move |(key, _)| is_section(key)).map(|(_, entry)| Problem {
                key: entry.key.clone(),
                source: Source::File {
                    path: file.path.display().to_string(),
                    line: entry.line,
                    key: entry.key.clone(),
                },
                reason: "expected a section with keys below it, not a value".to_owned(),
            })
        })
    }

    /// The value of a key; `None` if it inherits from a key that has a problem.
    fn value(&self, key: &Key, above: &Values, warnings: &mut Vec<String>) -> Result<Option<Value>, Problem> {
        let found = match self.flag(key).or_else(|| self.overridden(key)) {
            Some(found) => Some(found),
            None => match self.environment(key, warnings)? {
                Some(found) => Some(found),
                None => self.in_file(key)?,
            },
        };
        if let Some((mut item, source)) = found {
            if is_credential(key) && trim_credential(&mut item) && !matches!(source, Source::Default) {
                warnings.push(format!("{}: white space at its end is removed ({source})", key.name));
            }
            return parse(key, &item, source).map(Some);
        }
        match key.inherits {
            Some(from) => Ok(above.get(from).map(|value| Value { inherited: Some(from), ..value.clone() })),
            None => parse(key, &Item::Scalar(key.default.to_owned()), Source::Default).map(Some),
        }
    }

    fn flag(&self, key: &Key) -> Option<(Item, Source)> {
        let name = key.becomes.unwrap_or(key.name);
        let (_, text, flag) = self.flags.iter().rev().find(|(set, ..)| set.name() == name)?;
        Some((Item::Scalar(text.clone()), Source::Flag(flag)))
    }

    fn overridden(&self, key: &Key) -> Option<(Item, Source)> {
        let (name, text) = key.names().chain(key.env).find_map(|name| self.overrides.get(name))?;
        Some((Item::Scalar(text.to_owned()), Source::Set(name.to_owned())))
    }

    fn environment(&self, key: &Key, warnings: &mut Vec<String>) -> Result<Option<(Item, Source)>, Problem> {
        let Some(name) = key.env else { return Ok(None) };
        let file = key.env_file().and_then(|name| self.environment.get(&name).map(|path| (name, path)));
        if self.environment.is_not_text(name) {
            return Err(Problem {
                key: key.name.to_owned(),
                source: Source::Env(name.to_owned()),
                reason: "its value is not UTF-8 text".to_owned(),
            });
        }
        let plain = self.environment.get(name);
        match (plain, file) {
            (Some(_), Some((file, _))) => Err(Problem {
                key: key.name.to_owned(),
                source: Source::Env(name.to_owned()),
                reason: format!("{file} is set too; set only one of them"),
            }),
            (None, Some((file, path))) => {
                let text = read_secret_file(Path::new(path)).map_err(|error| Problem {
                    key: key.name.to_owned(),
                    source: Source::Env(file.clone()),
                    reason: format!("cannot read {path}: {error}"),
                })?;
                if text.is_empty() {
                    warnings.push(format!("environment variable {file} is ignored: {path} is empty"));
                    return Ok(None);
                }
                Ok(Some((Item::Scalar(text), Source::Env(file))))
            }
            (Some(text), None) if is_service_link(key, text) => {
                warnings.push(format!(
                    "environment variable {name} is ignored: {text} is a service link of Kubernetes, not a port"
                ));
                Ok(None)
            }
            (Some(text), None) => Ok(Some((Item::Scalar(text.to_owned()), Source::Env(name.to_owned())))),
            (None, None) => {
                if self.environment.is_empty(name) {
                    warnings.push(format!("environment variable {name} is ignored: it is empty"));
                }
                Ok(None)
            }
        }
    }

    fn in_file(&self, key: &Key) -> Result<Option<(Item, Source)>, Problem> {
        let Some(file) = self.file else { return Ok(None) };
        let source = |line, key: &str| Source::File {
            path: file.path.display().to_string(),
            line,
            key: key.to_owned(),
        };
        for name in key.names() {
            let lower = name.to_lowercase();
            if let Some(entry) = file.document.get(&lower) {
                return Ok(Some((entry.item.clone(), source(entry.line, &entry.key))));
            }
            if let Some(line) = file.document.section(&lower) {
                let reason = "expected a value, not keys below it".to_owned();
                return Err(Problem { key: name.to_owned(), source: source(line, name), reason });
            }
        }
        Ok(None)
    }
}

/// Returns the value to use instead of an invalid one, with a warning, if the key has such a value.
///
/// A value that is given with the command itself is never replaced: that would hide a typing error.
fn fall_back(key: &Key, problem: &Problem) -> Option<(Value, String)> {
    let fallback = key.fallback.filter(|_| !matches!(problem.source, Source::Flag(_) | Source::Set(_)))?;
    let value = parse(key, &Item::Scalar(fallback.to_owned()), problem.source.clone()).ok()?;
    let used = if fallback.is_empty() { "no value" } else { fallback };
    Some((value, format!("{problem}; {used} is used, as in Milvus Backup (Go)")))
}

fn parse(key: &Key, item: &Item, source: Source) -> Result<Value, Problem> {
    match key.kind.parse(item) {
        Ok(data) => Ok(Value { data, source, inherited: None }),
        Err(reason) => Err(Problem { key: key.name.to_owned(), source, reason }),
    }
}

/// Returns whether the value of a key is a secret, or the name that belongs to one.
fn is_credential(key: &Key) -> bool {
    let last = key.name.rsplit('.').next().unwrap_or_default();
    key.kind == Kind::Secret || matches!(last, "user" | "accessKeyID" | "backupAccessKeyID")
}

/// Removes white space at the end of a credential and a byte order mark; returns whether there were any.
///
/// White space at the beginning may belong to a password.
fn trim_credential(item: &mut Item) -> bool {
    let Item::Scalar(text) = item else { return false };
    let is_mark = |c: char| c == '\u{feff}';
    let trimmed =
        text.trim_end_matches(|c: char| c.is_whitespace() || is_mark(c)).trim_start_matches(is_mark);
    let has_some = trimmed.len() < text.len();
    if has_some {
        *text = trimmed.to_owned();
    }
    has_some
}

/// Whether a text is a service link: Kubernetes sets `MILVUS_PORT=tcp://…` in every pod if a service is named `milvus`.
fn is_service_link(key: &Key, text: &str) -> bool {
    matches!(key.kind, Kind::Port | Kind::Listen) && text.starts_with("tcp://")
}

/// Reads the file of a secret, without the line feed that editors append.
fn read_secret_file(path: &Path) -> std::io::Result<String> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
