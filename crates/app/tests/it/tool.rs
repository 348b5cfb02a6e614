//! Runs `milvus-backup` in its own directory and without the environment of the test.

use std::path::PathBuf;
use std::time::Duration;

use assert_cmd::Command;

/// A configuration whose Milvus address refuses connections. Only root can listen at port 1; a port that the test had
/// bound and closed could be taken by another process.
pub(crate) const NOWHERE: &str = "configVersion: v2\nmilvus:\n  grpc: {address: 127.0.0.1, port: 1}\n  storage: {provider: local, rootPath: data}\n";

/// A working directory with a `backup.yaml`.
pub(crate) struct Tool {
    dir: tempfile::TempDir,
}

impl Tool {
    pub(crate) fn new(config: &str) -> Self {
        let tool = Self::without_config();
        tool.write("backup.yaml", config);
        tool
    }

    pub(crate) fn without_config() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    pub(crate) fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_milvus-backup"));
        command.env_clear().envs(environment.iter().copied()).current_dir(self.dir.path());
        let output = command.args(arguments).timeout(Duration::from_mins(2)).output().unwrap();
        let text = |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(&self.dir.path().display().to_string(), "DIR")
        };
        Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A finished run; `DIR` replaces the working directory in its output.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that stderr contains these texts.
    #[track_caller]
    pub(crate) fn prints_on_stderr(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in\n{}", self.stderr);
        }
        self
    }
}
