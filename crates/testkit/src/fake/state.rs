//! The state of the server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::milvus::{CreateCollectionRequest, ImportRequest, IndexDescription};
use proto::schema::CollectionSchema;

use super::FakeConfig;
use super::databases::DEFAULT_DATABASE;
use super::fault::Faults;
use super::import_v1::Task;
use super::jobs::Job;
use super::names::{Named, check_name};
use super::properties::{Properties, has_namespace_key};
use super::reply::{Refusal, Version};
use super::segment::{Segment, SegmentDelays};
use super::segments::History;
use super::snapshot_jobs::SnapshotJob;
use super::snapshots::Snapshot;
use super::users::Users;
use super::words::{V2_5, V3_0};

/// The time of the first timestamp, in milliseconds since 1970; the fake has no clock.
const START_MS: u64 = 1_767_225_600_000;

const DEFAULT_DATABASE_ID: i64 = 1;

/// The whole state of the server, which one lock protects.
#[derive(Debug)]
pub(super) struct FakeState {
    pub(super) version_text: String,
    pub(super) version: Version,
    pub(super) root: PathBuf,
    /// The endpoint and the directory of the object store that contains `root`.
    pub(super) objects: Option<(String, PathBuf)>,
    /// The time for which segments stay in their states.
    pub(super) delays: SegmentDelays,
    pub(super) databases: BTreeMap<String, Database>,
    /// The import tasks of 2.2 and 2.3.
    pub(super) tasks: BTreeMap<i64, Task>,
    /// The import jobs of 2.4 and later.
    pub(super) imports: BTreeMap<i64, Job>,
    pub(super) snapshots: Vec<Snapshot>,
    /// The exports and restores of snapshots.
    pub(super) snapshot_jobs: BTreeMap<i64, SnapshotJob>,
    /// Whether the rate of flushes is limited.
    pub(super) flush_limit: bool,
    /// Whether 3.0 imports deletes.
    pub(super) l0_import: bool,
    /// Whether the disk quota is exceeded.
    pub(super) disk_full: bool,
    /// Whether the server has the plugin for encrypted databases.
    pub(super) cipher: bool,
    /// The tickets of the pauses of the garbage collection.
    pub(super) pauses: Vec<String>,
    pub(super) users: Users,
    /// The user of the current call; `None` if the server demands no login.
    pub(super) caller: Option<String>,
    pub(super) faults: Faults,
    pub(super) calls: Vec<String>,
    /// A request for an import that is executed after the next one.
    pub(super) late_import: Option<ImportRequest>,
    /// The number of lists from which a fault removed a segment.
    pub(super) lists_with_gap: usize,
    last_id: i64,
}

/// A database with its collections.
#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) id: i64,
    pub(super) properties: Properties,
    pub(super) collections: BTreeMap<String, Collection>,
    /// The aliases, each with the id of its collection, which may be gone.
    pub(super) aliases: BTreeMap<String, i64>,
}

/// A collection, with the request that created it.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) id: i64,
    pub(super) request: CreateCollectionRequest,
    /// The schema without the hidden fields.
    pub(super) schema: CollectionSchema,
    /// The id of the next added field.
    pub(super) next_field_id: i64,
    /// The id of the hidden field of dynamic values, if it has a valid one.
    pub(super) dynamic_field_id: Option<i64>,
    pub(super) properties: Properties,
    pub(super) created: u64,
    pub(super) partitions: Vec<Partition>,
    pub(super) indexes: Vec<IndexDescription>,
    pub(super) load: Load,
    pub(super) segments: Vec<Segment>,
    pub(super) history: History,
}

#[derive(Debug)]
pub(super) struct Partition {
    pub(super) id: i64,
    pub(super) name: String,
}

/// The load state of a collection; loading is done when the state has been queried once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    No,
    Begun,
    Done,
}

impl FakeState {
    pub(super) fn new(config: &FakeConfig) -> Self {
        let mut numbers = config.version.split('.').map(|part| {
            let digits = part.split(|c: char| !c.is_ascii_digit()).next();
            digits.and_then(|digits| digits.parse().ok()).unwrap_or_default()
        });
        let mut number = || numbers.next().unwrap_or_default();
        let version = (number(), number(), number());
        // Since 3.0, the name of a release has no prefix.
        let prefix = if version < V3_0 { "v" } else { "" };
        Self {
            version_text: format!("{prefix}{}", config.version),
            version,
            root: config.root.clone(),
            objects: config.objects.clone(),
            delays: config.delays,
            databases: BTreeMap::from([(
                DEFAULT_DATABASE.to_owned(),
                Database { id: DEFAULT_DATABASE_ID, ..Database::default() },
            )]),
            tasks: BTreeMap::new(),
            imports: BTreeMap::new(),
            snapshots: Vec::new(),
            snapshot_jobs: BTreeMap::new(),
            flush_limit: config.flush_limit,
            l0_import: config.l0_import,
            disk_full: config.disk_full,
            cipher: config.cipher,
            pauses: Vec::new(),
            users: Users::new(config.login.as_deref()),
            caller: None,
            faults: Faults::new(config.faults.clone()),
            calls: Vec::new(),
            lists_with_gap: 0,
            late_import: None,
            last_id: 450_000_000_000_000_000,
        }
    }

    /// Returns a new id.
    pub(super) fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// Returns a hybrid timestamp that is later than all earlier ones.
    pub(super) fn next_timestamp(&mut self) -> u64 {
        self.next_id();
        self.last_timestamp()
    }

    /// Returns the hybrid timestamp that no earlier one exceeds.
    pub(super) fn last_timestamp(&self) -> u64 {
        let passed = self.last_id.unsigned_abs() % 1_000_000_000;
        (START_MS + passed) << 18
    }

    /// Returns the databases and names of all collections.
    pub(super) fn all_collections(&self) -> Vec<(String, String)> {
        let databases = self.databases.iter();
        databases
            .flat_map(|(database, held)| held.collections.keys().map(|name| (database.clone(), name.clone())))
            .collect()
    }

    pub(super) fn database(&mut self, name: &str) -> Result<&mut Database, Refusal> {
        let name = if name.is_empty() { DEFAULT_DATABASE } else { name };
        self.databases.get_mut(name).ok_or_else(|| Refusal::database(name))
    }

    /// Returns the collection with this name or alias.
    pub(super) fn collection(&mut self, database: &str, name: &str) -> Result<&mut Collection, Refusal> {
        check_name(Named::Collection, name, self.version)?;
        let missing = Refusal::collection(database, name);
        let reports_database = self.version >= V2_5;
        let held = match self.database(database) {
            Ok(held) => held,
            Err(refusal) if reports_database => return Err(refusal),
            // Until 2.5, a missing database is a missing collection to calls about collections.
            Err(_) => return Err(missing),
        };
        let target = held.aliases.get(name).copied();
        let is_it = |(own, collection): &(&String, &mut Collection)| {
            own.as_str() == name || target == Some(collection.id)
        };
        held.collections.iter_mut().find(is_it).map(|(_, collection)| collection).ok_or(missing)
    }
}

impl Collection {
    pub(super) fn name(&self) -> &str {
        &self.request.collection_name
    }

    pub(super) fn partition(&mut self, name: &str) -> Result<&mut Partition, Refusal> {
        let found = self.partitions.iter_mut().find(|partition| partition.name == name);
        found.ok_or_else(|| Refusal::partition(name))
    }

    pub(super) fn has_partition_key(&self) -> bool {
        has_namespace_key(&self.schema, &self.properties, V3_0)
            || self.schema.fields.iter().any(|field| field.is_partition_key)
    }

    /// Returns whether the collection takes keys although it makes them itself.
    pub(super) fn accepts_auto_id_keys(&self, version: Version) -> bool {
        let since = if version < (2, 6, 0) { (2, 5, 19) } else { (2, 6, 3) };
        version >= since && self.properties.get("allow_insert_auto_id").is_some_and(|value| value == "true")
    }

    /// Removes a partition with its segments, which vanish from lists a moment later on a real server.
    pub(super) fn drop_partition(&mut self, name: &str) {
        let Ok(id) = self.partition(name).map(|partition| partition.id) else { return };
        self.partitions.retain(|partition| partition.id != id);
        self.segments.retain(|segment| segment.partition != id);
    }
}

/// Locks the state, even if a test panicked while it held the lock: that test fails by itself.
pub(super) fn lock_state(state: &Mutex<FakeState>) -> MutexGuard<'_, FakeState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
