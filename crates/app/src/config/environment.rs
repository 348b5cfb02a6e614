//! The process's environment, read once; nothing else in the project looks at it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;

/// A copy of the environment variables. Not `Debug`: they may hold secrets.
#[derive(Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Copies the variables of this process; those that are no UTF-8 are left out.
    pub(crate) fn of_process() -> Self {
        let variables = std::env::vars_os();
        Self(variables.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect())
    }

    /// Whether colour is unwanted (`NO_COLOR`, whatever it holds, unless empty).
    pub(crate) fn no_color(&self) -> bool {
        self.get("NO_COLOR").is_some()
    }

    /// The name of this host, for the marks that running jobs leave.
    pub(crate) fn host(&self) -> String {
        let kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let name = self.get("HOSTNAME").map(str::to_owned).or_else(kernel).unwrap_or_default();
        if name.trim().is_empty() { "unknown-host".to_owned() } else { name.trim().to_owned() }
    }

    /// The URL of the server that shall do what verbs ask for (`MILVUS_BACKUP_SERVER`).
    pub(crate) fn server_url(&self) -> Option<&str> {
        self.get("MILVUS_BACKUP_SERVER")
    }

    /// The token that lets in there (`MILVUS_BACKUP_TOKEN`).
    pub(crate) fn server_token(&self) -> Option<SecretString> {
        self.get("MILVUS_BACKUP_TOKEN").map(SecretString::from)
    }

    /// The file with that token (`MILVUS_BACKUP_TOKEN_FILE`).
    pub(crate) fn server_token_file(&self) -> Option<PathBuf> {
        self.get("MILVUS_BACKUP_TOKEN_FILE").map(PathBuf::from)
    }

    /// The directory of `MILVUSCONF`, where configuration files may lie.
    pub(super) fn config_dir(&self) -> Option<PathBuf> {
        self.get("MILVUSCONF").map(PathBuf::from)
    }

    /// The variable's value, unless it is unset or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether the variable is set to nothing.
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
