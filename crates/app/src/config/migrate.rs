//! Migrates a v1 file to a v2 file.

use std::fmt::Write;

use secrecy::ExposeSecret;

use super::data::Data;
use super::environment::Environment;
use super::error::{ConfigError, Problem};
use super::find::Found;
use super::layers::Layers;
use super::overrides::Overrides;
use super::provider::Provider;
use super::schema::{Key, Kind, Schema};
use super::storage_keys::StorageKeys;
use super::value::{Source, Value, Values};
use super::{find, resolve, schema_of, unknown, validate};

/// The result of a migration.
pub(crate) struct Migration {
    /// The text of the v2 file, with the secrets of the v1 file in plain text.
    pub text: String,
    /// Warnings, one line each.
    pub warnings: Vec<String>,
    /// Problems with values that v2 rejects.
    pub problems: Vec<Problem>,
    /// Keys of the file that v2 does not have.
    pub dropped: Vec<&'static str>,
    /// v1 environment variables that are set, with their replacements.
    pub variables: Vec<(String, String)>,
}

/// Migrates the file, with the values of environment variables but without those of `--set`.
pub(crate) fn migrate(wanted: &str, environment: &Environment) -> Result<Migration, ConfigError> {
    let Some(file) = find::find(wanted, environment)? else {
        return Err(ConfigError::Missing { wanted: "to migrate".to_owned(), candidates: Vec::new() });
    };
    if schema_of(Some(&file))? == Schema::V2 {
        return Err(ConfigError::AlreadyV2(file.path));
    }
    let overrides = Overrides::default();
    let layers = Layers { flags: &[], overrides: &overrides, environment, file: Some(&file) };
    let resolved = resolve(&layers, Schema::V1)
        .map_err(|problems| ConfigError::Values { problems, warnings: Vec::new() })?;
    let mut warnings = resolved.warnings;
    warnings.extend(unknown::find_unknown_keys(Schema::V1, Some(&file), &overrides).into_warnings());
    Ok(Migration {
        text: write(&resolved.values, &file.path.display().to_string()),
        warnings,
        problems: validate::problems(&resolved.values, Schema::V2),
        dropped: dropped(&file).collect(),
        variables: variables(environment),
    })
}

/// The keys of the file that v2 does not have.
fn dropped(file: &Found) -> impl Iterator<Item = &'static str> {
    let is_set = |key: &&Key| key.names().any(|name| file.document.get(&name.to_lowercase()).is_some());
    Schema::V1.keys().filter(|key| key.becomes.is_none()).filter(is_set).map(|key| key.name)
}

/// The v1 variables that are set, with their replacements.
fn variables(environment: &Environment) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (key, name) in Schema::V1.keys().filter_map(|key| Some((key, key.env?))) {
        let file = key.env_file().filter(|file| environment.get(file).is_some());
        let Some(name) = environment.get(name).map(|_| name.to_owned()).or(file) else { continue };
        let replacement = match key.becomes.and_then(|to| Schema::V2.key(to)) {
            Some(Key { env: Some(env), .. }) if name.ends_with("_FILE") => format!("{env}_FILE"),
            Some(Key { env: Some(env), .. }) => (*env).to_owned(),
            Some(to) => format!("{} (in the file)", to.name),
            None => "nothing".to_owned(),
        };
        if name != replacement {
            found.push((name, replacement));
        }
    }
    found
}

/// Writes the file: all keys in the order of the schema, except credentials of other kinds of login.
fn write(values: &Values, from: &str) -> String {
    let mut text = format!("# Migrated from {from} by `milvus-backup config migrate`.\n");
    let mut open: Vec<&str> = Vec::new();
    for key in Schema::V2.keys().filter(|key| applies(values, key)) {
        let Some(value) = values.get(key.name) else { continue };
        let mut parts: Vec<_> = key.name.split('.').collect();
        let leaf = parts.pop().unwrap_or_default();
        let common = open.iter().zip(&parts).take_while(|(a, b)| a == b).count();
        open.truncate(common);
        for part in parts.into_iter().skip(common) {
            indent(&mut text, open.len());
            text.push_str(part);
            text.push_str(":\n");
            open.push(part);
        }
        indent(&mut text, open.len());
        text.push_str(&line(key, leaf, value));
        text.push('\n');
    }
    text
}

fn indent(text: &mut String, depth: usize) {
    (0..depth).for_each(|_| text.push_str("  "));
}

fn line(key: &Key, leaf: &str, value: &Value) -> String {
    if matches!(key.kind, Kind::Secret | Kind::SecretList)
        && let Source::Env(was) = &value.source
    {
        let name = key.env.unwrap_or(key.name);
        let suffix = if was.ends_with("_FILE") { "_FILE" } else { "" };
        return format!("# {leaf} is read from the environment variable {name}{suffix}, formerly {was}");
    }
    let mut line = format!("{leaf}: ");
    // Writing to a String cannot fail.
    let _ = match &value.data {
        _ if leaf == super::schema::VERSION_KEY => write!(line, "v2"),
        Data::Flag(flag) => write!(line, "{flag}"),
        Data::Number(number) => write!(line, "{number}"),
        Data::Text(_) | Data::Provider(_) | Data::Secret(_) => {
            write!(line, "{}", quoted(&value.data.in_clear()))
        }
        Data::List(items) => write!(line, "{}", list(items.iter().map(String::as_str))),
        Data::Secrets(secrets) => {
            write!(line, "{}", list(secrets.iter().map(ExposeSecret::expose_secret)))
        }
    };
    line
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", items.map(quoted).collect::<Vec<_>>().join(", "))
}

/// A double-quoted scalar. YAML has the escapes of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether the key is allowed with the provider and the kind of login.
fn applies(values: &Values, key: &Key) -> bool {
    for keys in [StorageKeys::SOURCE, StorageKeys::BACKUP] {
        let provider = values.provider(keys.provider);
        if key.name == keys.local_path.name() {
            return provider == Provider::Local;
        }
        if key.name == keys.account.name() {
            return provider == Provider::Azure;
        }
        if key.name == keys.milvus_address.name() || key.name == keys.milvus_port.name() {
            return provider != Provider::Local;
        }
        if keys.credentials().iter().any(|credential| credential.name() == key.name) {
            let login = values.text(keys.auth_type);
            let of_login = match login {
                "static" => [keys.access_key.name(), keys.secret_key.name(), keys.session_token.name()]
                    .contains(&key.name),
                "sharedKey" => key.name == keys.account_key.name(),
                "serviceAccount" => key.name == keys.credentials_file.name(),
                "iam" => key.name == keys.iam_endpoint.name(),
                _ => false,
            };
            // v2 inherits the secret, so it is not written twice.
            let inherited = values.get(key.name).is_some_and(|value| value.inherited.is_some());
            return of_login && !(key.kind == Kind::Secret && inherited);
        }
    }
    true
}
