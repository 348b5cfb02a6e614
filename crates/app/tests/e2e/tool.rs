//! Runs `milvus-backup` with its own configuration.

use serde_json::{Value, json};
use std::fmt::Display;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use testkit::servers::{MilvusServer, S3Server, ServerStorage};
use testkit::{names, process};

/// The longest time that a run may take.
const DEADLINE: Duration = Duration::from_mins(5);
/// The bucket for the backups of all tests, each below its own root path.
pub(crate) const BACKUP_BUCKET: &str = "backups";

/// The program with a configuration file.
pub(crate) struct Tool {
    dir: TempDir,
    /// The root path of the backups.
    pub(crate) backup_root: String,
}

impl Tool {
    /// Configures a server, with a new backup root on local disk.
    pub(crate) fn on_disk(server: &MilvusServer) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let backups = dir.path().join("backups");
        std::fs::create_dir(&backups).unwrap();
        Self::new(
            dir,
            server,
            &json!({"provider": "local", "rootPath": backups}),
            backups.display().to_string(),
        )
    }

    /// Configures a server, with the backup root on local disk of another tool.
    pub(crate) fn on_disk_of(other: &Tool, server: &MilvusServer) -> Self {
        let backups = PathBuf::from(&other.backup_root);
        let storage = json!({"provider": "local", "rootPath": backups});
        Self::new(tempfile::tempdir().unwrap(), server, &storage, other.backup_root.clone())
    }

    /// Configures a server, with a new backup root in the S3 store.
    pub(crate) async fn on_s3(server: &MilvusServer, s3: &S3Server) -> Self {
        s3.create_bucket(BACKUP_BUCKET).await;
        let root = names::unique("root");
        let storage = s3_storage(&s3.endpoint, BACKUP_BUCKET, &root);
        Self::new(tempfile::tempdir().unwrap(), server, &storage, root)
    }

    /// Configures a server, with the backup root in the S3 store of another tool.
    pub(crate) fn on_s3_of(other: &Tool, server: &MilvusServer, s3: &S3Server) -> Self {
        let storage = s3_storage(&s3.endpoint, BACKUP_BUCKET, &other.backup_root);
        Self::new(tempfile::tempdir().unwrap(), server, &storage, other.backup_root.clone())
    }

    fn new(dir: TempDir, server: &MilvusServer, backups: &Value, backup_root: String) -> Self {
        let storage = match &server.storage {
            ServerStorage::Local { root } => json!({"provider": "local", "rootPath": root}),
            ServerStorage::S3 { endpoint, bucket, root } => s3_storage(endpoint, bucket, root),
        };
        let config = json!({
            "configVersion": "v2",
            "milvus": {
                "grpc": {"address": server.address, "port": server.port},
                // These releases have no management endpoint, and another process may listen at its default.
                "management": {"endpoint": ""},
                "storage": storage,
            },
            "backup": {"storage": backups},
        });
        // Every JSON document is a YAML document.
        std::fs::write(dir.path().join("backup.yaml"), config.to_string()).unwrap();
        Self { dir, backup_root }
    }

    /// Returns the directory of a backup on local disk.
    pub(crate) fn backup_dir(&self, name: &str) -> PathBuf {
        Path::new(&self.backup_root).join(name)
    }

    /// Runs a command; its arguments are separated by spaces.
    pub(crate) fn run(&self, arguments: &str) -> Run {
        self.run_with(arguments, &[])
    }

    /// Runs a command like [`Tool::run`], with `--set KEY=VALUE` for each pair.
    pub(crate) fn run_with(&self, arguments: &str, settings: &[(&str, &dyn Display)]) -> Run {
        let mut command = assert_cmd::Command::from_std(self.command(arguments));
        for (key, value) in settings {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        let output = command.timeout(DEADLINE).output().unwrap();
        Run {
            arguments: arguments.to_owned(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts a command in the background, with its progress as JSON.
    pub(crate) fn start(&self, arguments: &str) -> Running {
        let mut child = self.command(arguments).args(["--progress", "json"]).spawn().unwrap();
        let progress = BufReader::new(child.stderr.take().unwrap());
        Running { arguments: arguments.to_owned(), child, progress, seen: String::new() }
    }

    /// Creates a command without the environment of the test.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_milvus-backup"));
        command
            .env_clear()
            .current_dir(self.dir.path())
            .args(["--config", "backup.yaml"])
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// A command that runs in the background, with its progress as JSON lines on stderr.
pub(crate) struct Running {
    arguments: String,
    child: Child,
    progress: BufReader<ChildStderr>,
    seen: String,
}

impl Running {
    /// Reads the progress until a line contains all these words, and returns that line.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, words: &[&str]) -> String {
        loop {
            let mut line = String::new();
            self.progress.read_line(&mut line).unwrap();
            self.seen += &line;
            assert!(!line.is_empty(), "`{}` ended without {words:?}:\n{}", self.arguments, self.seen);
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    /// Interrupts the command like Ctrl-C.
    pub(crate) fn interrupt(&self) {
        process::signal(self.child.id(), "INT");
    }

    /// Waits until the command has ended.
    pub(crate) fn finish(mut self) -> Run {
        self.progress.read_to_string(&mut self.seen).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Run {
            arguments: self.arguments,
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: self.seen,
        }
    }
}

fn s3_storage(endpoint: &str, bucket: &str, root: &str) -> Value {
    let (address, port) = endpoint.trim_start_matches("http://").rsplit_once(':').unwrap();
    json!({
        "provider": "minio",
        "address": address,
        "port": port.parse::<u16>().unwrap(),
        "bucketName": bucket,
        "rootPath": root,
        "auth": {"accessKeyID": S3Server::ACCESS_KEY_ID, "secretAccessKey": S3Server::SECRET_ACCESS_KEY},
    })
}

/// A finished run.
#[derive(Debug)]
pub(crate) struct Run {
    arguments: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits_with(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "`milvus-backup {}`\n-- stdout\n{}\n-- stderr\n{}",
            self.arguments,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Asserts that stdout and stderr together contain every word.
    #[track_caller]
    pub(crate) fn prints(self, words: &[&str]) -> Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        for word in words {
            assert!(all.contains(word), "`milvus-backup {}` does not say `{word}`:\n{all}", self.arguments);
        }
        self
    }

    /// Parses stdout as the document of `--output json`.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in:\n{}", self.stdout))
    }
}
