//! What the server remembers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::milvus::{CreateCollectionRequest, IndexDescription};
use proto::schema::CollectionSchema;

use super::FakeConfig;
use super::fault::Faults;
use super::import::Job;
use super::reply::{Refusal, Version};
use super::segment::{Segment, SegmentDelays};

/// A moment in 2026, as a hybrid timestamp's physical part; the fake has no clock.
const BEGINNING_MS: u64 = 1_767_225_600_000;

/// Everything, behind one lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) version_text: String,
    pub(super) version: Version,
    pub(super) root: PathBuf,
    /// How long segments stay in their states.
    pub(super) delays: SegmentDelays,
    pub(super) databases: BTreeMap<String, BTreeMap<String, Collection>>,
    pub(super) jobs: BTreeMap<i64, Job>,
    pub(super) faults: Faults,
    pub(super) calls: Vec<String>,
    last_id: i64,
}

/// A collection.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) id: i64,
    pub(super) request: CreateCollectionRequest,
    pub(super) schema: CollectionSchema,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) created: u64,
    pub(super) partitions: Vec<Partition>,
    pub(super) indexes: Vec<IndexDescription>,
    pub(super) aliases: Vec<String>,
    pub(super) load: Load,
    pub(super) segments: Vec<Segment>,
}

/// A partition.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) id: i64,
    pub(super) name: String,
}

/// Loading takes one look at the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    No,
    Begun,
    Done,
}

impl State {
    pub(super) fn new(config: &FakeConfig) -> Self {
        let mut numbers = config.version.split('.').map(|part| {
            let digits = part.split(|c: char| !c.is_ascii_digit()).next();
            digits.and_then(|digits| digits.parse().ok()).unwrap_or_default()
        });
        let mut number = || numbers.next().unwrap_or_default();
        Self {
            version_text: format!("v{}", config.version),
            version: (number(), number(), number()),
            root: config.root.clone(),
            delays: config.delays,
            databases: BTreeMap::from([("default".to_owned(), BTreeMap::new())]),
            jobs: BTreeMap::new(),
            faults: Faults::new(config.faults.clone()),
            calls: Vec::new(),
            last_id: 450_000_000_000_000_000,
        }
    }

    /// A new id.
    pub(super) fn id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// A hybrid timestamp later than all before.
    pub(super) fn timestamp(&mut self) -> u64 {
        let passed = self.id().unsigned_abs() % 1_000_000_000;
        (BEGINNING_MS + passed) << 18
    }

    pub(super) fn database(&mut self, name: &str) -> Result<&mut BTreeMap<String, Collection>, Refusal> {
        let name = if name.is_empty() { "default" } else { name };
        self.databases.get_mut(name).ok_or_else(|| Refusal::database(name))
    }

    /// The collection of this name or alias.
    pub(super) fn collection(&mut self, database: &str, name: &str) -> Result<&mut Collection, Refusal> {
        let missing = Refusal::collection(database, name);
        let mut collections = self.database(database)?.iter_mut();
        let is_it =
            |own: &str, held: &Collection| own == name || held.aliases.iter().any(|alias| alias == name);
        let found = collections.find(|(own, held)| is_it(own, held));
        found.map(|(_, collection)| collection).ok_or(missing)
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
        self.schema.fields.iter().any(|field| field.is_partition_key)
    }

    /// Removes a partition with its segments, which vanish from lists a moment later on a real server.
    pub(super) fn drop_partition(&mut self, name: &str) {
        let Ok(id) = self.partition(name).map(|partition| partition.id) else { return };
        self.partitions.retain(|partition| partition.id != id);
        self.segments.retain(|segment| segment.partition != id);
    }
}

/// A test that failed while holding the lock says so itself.
pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
