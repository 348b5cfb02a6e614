//! The environment of the process; nothing else in the project reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use secrecy::SecretString;

/// A copy of the environment variables. Not `Debug`, because they may be secrets.
#[derive(Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
    /// The variables whose values are not UTF-8; these characters are replaced.
    not_text: BTreeSet<String>,
}

impl Environment {
    /// Copies the variables of this process whose names are valid UTF-8.
    pub(crate) fn of_process() -> Self {
        let mut environment = Self::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            let value = value.into_string().unwrap_or_else(|raw| {
                environment.not_text.insert(name.clone());
                raw.to_string_lossy().into_owned()
            });
            environment.variables.insert(name, value);
        }
        environment
    }

    /// Whether colour is disabled: `NO_COLOR` is set and not empty.
    pub(crate) fn no_color(&self) -> bool {
        self.get("NO_COLOR").is_some()
    }

    /// The name of this host, for the markers of running jobs.
    pub(crate) fn host(&self) -> String {
        let kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let name = self.get("HOSTNAME").map(str::to_owned).or_else(kernel).unwrap_or_default();
        if name.trim().is_empty() { "unknown-host".to_owned() } else { name.trim().to_owned() }
    }

    /// The URL of the server that runs the commands (`MILVUS_BACKUP_SERVER`).
    pub(crate) fn server_url(&self) -> Option<&str> {
        self.get("MILVUS_BACKUP_SERVER")
    }

    /// The token for that server (`MILVUS_BACKUP_TOKEN`).
    pub(crate) fn server_token(&self) -> Option<SecretString> {
        self.get("MILVUS_BACKUP_TOKEN").map(SecretString::from)
    }

    /// The file that contains the token (`MILVUS_BACKUP_TOKEN_FILE`).
    pub(crate) fn server_token_file(&self) -> Option<PathBuf> {
        self.get("MILVUS_BACKUP_TOKEN_FILE").map(PathBuf::from)
    }

    /// The directory of configuration files (`MILVUSCONF`).
    pub(super) fn config_dir(&self) -> Option<PathBuf> {
        self.get("MILVUSCONF").map(PathBuf::from)
    }

    /// The value of a variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a variable is set to a value that is not UTF-8.
    pub(super) fn is_not_text(&self, name: &str) -> bool {
        self.not_text.contains(name)
    }

    /// Whether a variable is set to an empty value.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        self.variables.get(name).is_some_and(String::is_empty)
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { variables, ..Self::default() }
    }
}
