//! Tests of the configuration: from files, variables and arguments to values and messages.

mod convert;
mod migrate;
mod resolve;
mod server;

use std::path::PathBuf;

use super::{Config, ConfigError, Environment, FlagValue, Request};

/// A directory with one configuration file.
struct Case {
    dir: tempfile::TempDir,
    set: Vec<String>,
    flags: Vec<FlagValue>,
}

impl Case {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("c.yaml"), text).unwrap();
        Self { dir, set: Vec::new(), flags: Vec::new() }
    }

    fn set(mut self, items: &[&str]) -> Self {
        self.set = items.iter().map(|&item| item.to_owned()).collect();
        self
    }

    fn flag(mut self, flag: FlagValue) -> Self {
        self.flags.push(flag);
        self
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn path(&self) -> String {
        self.dir.path().join("c.yaml").display().to_string()
    }

    fn try_load<const N: usize>(&self, variables: [(&str, &str); N]) -> Result<Config, ConfigError> {
        let request = Request { file: &self.path(), set: &self.set, flags: &self.flags };
        Config::load(&request, &Environment::from(variables))
    }

    fn load<const N: usize>(&self, variables: [(&str, &str); N]) -> Config {
        self.try_load(variables).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The error's text, with the file called `c.yaml`.
    fn error<const N: usize>(&self, variables: [(&str, &str); N]) -> String {
        match self.try_load(variables) {
            Ok(_) => panic!("it was taken"),
            Err(error) => self.plain(&error.to_string()),
        }
    }

    fn plain(&self, text: &str) -> String {
        text.replace(&self.path(), "c.yaml").replace(&self.dir.path().display().to_string(), "DIR")
    }
}

impl Config {
    /// `value (source)` of a v2 key.
    fn shown(&self, key: &str) -> String {
        let row = self.rows().into_iter().find(|row| row.key == key).unwrap_or_else(|| panic!("no {key}"));
        let source = row.source.rsplit('/').next().unwrap_or_default().to_owned();
        match row.source_key {
            Some(set) => format!("{} ({source} {set})", row.value),
            None => format!("{} ({source})", row.value),
        }
    }
}
