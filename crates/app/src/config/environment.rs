//! The environment of the process; nothing else in the project reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;

/// A copy of the environment variables. Not `Debug`, because they may be secrets.
#[derive(Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Copies the variables of this process whose name and value are valid UTF-8.
    pub(crate) fn of_process() -> Self {
        let variables = std::env::vars_os();
        Self(variables.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect())
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
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a variable is set to an empty value.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(String::is_empty)
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(variables.map(|(k, v)| (k.to_owned(), v.to_owned())).into())
    }
}
