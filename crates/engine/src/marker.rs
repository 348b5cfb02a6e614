//! A marker: the file by which a run shows that it uses a directory, and until when it was alive.

use std::time::Duration;

use bytes::Bytes;
use model::key::ObjectKey;
use serde::{Deserialize, Serialize};
use storage::{StorageErrorKind, Store};

use crate::clock::now_ms;
use crate::process_identity::ProcessIdentity;
use crate::{Engine, Error};

/// The age after which a marker has expired; it is long because machines stall for tens of seconds.
const EXPIRY: Duration = Duration::from_secs(LEASE_SECONDS);

/// The time without a sign of life after which a run counts as dead, in seconds.
pub(crate) const LEASE_SECONDS: u64 = 180;

/// What a run does with the directory of its marker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MarkerUse {
    /// It writes a backup. Markers of earlier releases do not name their use; nearly all are of this kind.
    #[default]
    Write,
    /// It reads a backup.
    Read,
    /// It deletes a backup.
    Delete,
    /// It stages files.
    Stage,
    /// A use that a later version of this program introduced.
    #[serde(other)]
    Other,
}

impl MarkerUse {
    /// Returns the verb for "is being ...".
    pub(crate) fn participle(self) -> &'static str {
        match self {
            Self::Write => "written",
            Self::Read => "read",
            Self::Delete => "deleted",
            Self::Stage | Self::Other => "used",
        }
    }
}

/// What depends on whether a run is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignUse {
    /// Only what is shown; nothing is written to find it out.
    Display,
    /// Whether its files are replaced or removed.
    Decision,
}

/// One server process among those that use a data directory one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerIdentity {
    /// The random id of the data directory, which one process at a time can use.
    pub data_dir: String,
    /// The random id of the process.
    pub process: String,
}

/// The content of a marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    /// The version of the file format: 1.
    pub(crate) format_version: u32,
    /// A random id of the run; the id of the job would not be unique, because callers choose it.
    pub(crate) owner: String,
    /// What the run does.
    #[serde(rename = "use", default)]
    pub(crate) usage: MarkerUse,
    /// The host on which the run executes.
    pub(crate) host: String,
    /// The process id of the run.
    pub(crate) pid: u32,
    /// The process beyond its number; `None` where the system does not tell, and in markers of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) process: Option<ProcessIdentity>,
    /// The server whose job the run is; `None` for a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<ServerIdentity>,
    /// The name and version of the program.
    pub(crate) tool: String,
    /// The time of creation by the clock of the host, in milliseconds since 1970.
    pub(crate) started_ms: i64,
    /// The time of the last renewal by the clock of the host, in milliseconds since 1970. The store's own date of the
    /// file decides about its age; this one is for people.
    pub(crate) renewed_ms: i64,
    /// Whether the run has ended without completing its work.
    #[serde(default)]
    pub(crate) stopped: bool,
}

impl Marker {
    /// Creates the marker of a new run of this process.
    pub(crate) fn new(engine: &Engine, usage: MarkerUse) -> Self {
        let now = now_ms();
        Self {
            format_version: 1,
            owner: uuid::Uuid::new_v4().to_string(),
            usage,
            host: engine.config.host.clone(),
            pid: std::process::id(),
            process: ProcessIdentity::of(std::process::id()),
            server: engine.config.server.clone(),
            tool: engine.config.tool.clone(),
            started_ms: now,
            renewed_ms: now,
            stopped: false,
        }
    }

    /// Reads a marker; returns `None` if the file does not exist.
    ///
    /// A file that cannot be parsed is the marker of an unknown run, about which only the date of the file tells.
    pub(crate) async fn read(store: &Store, key: &ObjectKey) -> Result<Option<Self>, Error> {
        match store.read(key).await {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| Self::of_unknown_run()))),
            Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::from(error)),
        }
    }

    fn of_unknown_run() -> Self {
        Self {
            format_version: 1,
            owner: String::new(),
            usage: MarkerUse::Other,
            host: String::new(),
            pid: 0,
            process: None,
            server: None,
            tool: "unknown".to_owned(),
            started_ms: 0,
            renewed_ms: 0,
            stopped: false,
        }
    }

    /// Returns the time since the last sign of life of the run; `None` if the run holds no lease any more.
    ///
    /// The lease is held until 180 seconds after the last renewal, unless the run has stopped or its process is known
    /// to have ended. The store's own clock measures the age of the file: the clocks of the run's host and of this one
    /// may differ. A run whose file has no date is alive. `reader` is the server that asks, if one does.
    pub(crate) async fn last_sign_of_life(
        &self,
        store: &Store,
        key: &ObjectKey,
        reader: Option<&ServerIdentity>,
        usage: SignUse,
    ) -> Result<Option<Duration>, Error> {
        let process = self.process.as_ref();
        if self.stopped || process.is_some_and(|process| process.has_ended(self.pid)) {
            return Ok(None);
        }
        // The data directory may be a copy of that of another server, which runs.
        let is_of_other_process = self.pid != std::process::id();
        let is_running = process.is_some_and(|process| process.is_running(self.pid));
        if self.is_of_earlier_process(reader) && !(is_of_other_process && is_running) {
            return Ok(None);
        }
        let Some(metadata) = store.metadata(key).await? else { return Ok(None) };
        let now = match usage {
            SignUse::Display => store.assumed_now_ms(key).await,
            SignUse::Decision => store.now_ms(key).await,
        };
        let now = now.unwrap_or_else(now_ms);
        let age_ms = now.saturating_sub(metadata.modified_ms.unwrap_or(now));
        let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or_default());
        Ok((age < EXPIRY).then_some(age))
    }

    /// Returns whether the run belonged to an earlier process of the server that asks.
    fn is_of_earlier_process(&self, reader: Option<&ServerIdentity>) -> bool {
        let servers = self.server.as_ref().zip(reader);
        servers.is_some_and(|(own, reader)| own.data_dir == reader.data_dir && own.process != reader.process)
    }

    /// Describes the process of the run.
    pub(crate) fn describe_owner(&self) -> String {
        match self.host.as_str() {
            "" => "an unknown process".to_owned(),
            host => format!("process {} on {host}", self.pid),
        }
    }

    /// Returns whether the marker in the store exists and belongs to the same run as this one.
    pub(crate) fn has_same_owner(&self, stored: Option<&Self>) -> bool {
        stored.is_some_and(|stored| stored.owner == self.owner)
    }

    pub(crate) fn to_json(&self) -> Bytes {
        // Serializing a struct of numbers and strings does not fail.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// Returns a marker for tests.
#[cfg(test)]
pub(crate) fn sample_marker(owner: &str) -> Marker {
    Marker {
        format_version: 1,
        owner: owner.to_owned(),
        usage: MarkerUse::Write,
        host: "here".to_owned(),
        pid: 1,
        process: None,
        server: None,
        tool: "milvus-backup 0.0.1".to_owned(),
        started_ms: 0,
        renewed_ms: 0,
        stopped: false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use storage::StoreConfig;

    use super::*;

    /// Returns the last sign of life of a run whose marker has this content and this age.
    async fn last_sign_of_life(
        marker: &Marker,
        age: u64,
        reader: Option<&ServerIdentity>,
    ) -> Option<Duration> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("marker.json");
        std::fs::write(&path, marker.to_json()).unwrap();
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap() - Duration::from_secs(age);
        File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
        let store = Store::open(&StoreConfig::Disk).unwrap();
        let key = ObjectKey::new(path.to_str().unwrap());
        marker.last_sign_of_life(&store, &key, reader, SignUse::Decision).await.unwrap()
    }

    fn server(data_dir: &str, process: &str) -> ServerIdentity {
        ServerIdentity { data_dir: data_dir.to_owned(), process: process.to_owned() }
    }

    #[tokio::test]
    async fn a_run_holds_its_lease_until_its_file_is_old_whatever_the_clock_of_its_host_says() {
        for renewed_ms in [0, now_ms() + 7_200_000] {
            let marker = Marker { renewed_ms, ..sample_marker("ours") };
            assert!(last_sign_of_life(&marker, 60, None).await.is_some_and(|age| age.as_secs() >= 60));
            assert_eq!(last_sign_of_life(&marker, 181, None).await, None);
            let stopped = Marker { stopped: true, ..marker };
            assert_eq!(last_sign_of_life(&stopped, 0, None).await, None);
        }
    }

    #[tokio::test]
    async fn a_server_knows_that_the_runs_of_its_earlier_processes_have_ended() {
        let marker = Marker { server: Some(server("a", "1")), ..sample_marker("ours") };
        assert_eq!(last_sign_of_life(&marker, 0, Some(&server("a", "2"))).await, None);
        for reader in [Some(server("a", "1")), Some(server("b", "2")), None] {
            assert!(last_sign_of_life(&marker, 0, reader.as_ref()).await.is_some(), "{reader:?}");
        }
    }

    #[test]
    fn markers_of_other_releases_are_read() {
        let earlier = br#"{"format_version":1,"owner":"x","host":"h","pid":1,"tool":"t","started_ms":0,"renewed_ms":0}"#;
        assert_eq!(serde_json::from_slice::<Marker>(earlier).unwrap().usage, MarkerUse::Write);
        let later = br#"{"format_version":1,"owner":"x","use":"compare","host":"h","pid":1,"tool":"t",
            "started_ms":0,"renewed_ms":0,"more":1}"#;
        assert_eq!(serde_json::from_slice::<Marker>(later).unwrap().usage, MarkerUse::Other);
    }
}
