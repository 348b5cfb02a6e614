//! Rows of backups, encoded and inserted into simulated servers of all releases.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use arrow_array::RecordBatch;
use milvus::{Auth, CallLimits, ConnectConfig, Tls};
use model::manifest::{KeyValue, Schema};
use model::name::{BackupName, CollectionRef};
use model::plan::backup::BackupRequest;
use model::version::{Capabilities, ServerVersion};
use prost::Message;
use proto::schema::FieldData;
use rows::ReadOptions;
use serde_json::Value;
use storage::CopyMode;
use testkit::all_types::{DATABASE, Sample, samples};
use testkit::fake::{FakeConfig, FakeMilvus};
use testkit::rows::Rows;
use testkit::test_milvus::TestMilvus;
use testkit::{names, servers};

use super::{EncodedRows, RowEncoder};
use crate::{Engine, EngineConfig, EngineLimits, FileLocation, JobCtx};

const VERSIONS: [&str; 6] = ["2.2.16", "2.3.5", "2.4.24", "2.5.27", "2.6.19", "3.0.0"];

/// A simulated server with an engine.
struct Server {
    fake: FakeMilvus,
    milvus: TestMilvus,
    engine: Engine,
    _dir: tempfile::TempDir,
}

impl Server {
    async fn start(version: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("milvus");
        let fake = FakeMilvus::start(FakeConfig::new(version, &root));
        let one = NonZeroUsize::MIN;
        let location = |path: &Path| FileLocation::on_disk(path.to_str().unwrap());
        let config = EngineConfig {
            milvus: ConnectConfig {
                address: fake.host(),
                port: fake.port(),
                tls: Tls::Disabled,
                auth: Auth::None,
                management_endpoint: None,
                limits: CallLimits::default(),
            },
            source: location(&root),
            backup: location(&dir.path().join("backup")),
            tool: String::new(),
            host: String::new(),
            server: None,
            limits: EngineLimits {
                backup_collections: None,
                restore_collections: one,
                import_job_bytes: 1 << 30,
                import_jobs: one,
                copies: one,
                multipart_threshold: 1 << 30,
                copy_mode: CopyMode::Auto,
                bytes_per_second: None,
                stall: Duration::from_mins(1),
                pause_gc: false,
            },
        };
        let milvus = TestMilvus::connect(&config.milvus).await.unwrap();
        milvus.create_database(DATABASE).await.unwrap();
        Self { fake, milvus, engine: Engine::new(config), _dir: dir }
    }

    fn capabilities(&self) -> &Capabilities {
        self.milvus.capabilities()
    }

    /// Inserts requests into a partition and returns the number of rows.
    async fn insert(&self, target: &CollectionRef, partition: Option<&str>, all: Vec<EncodedRows>) -> u64 {
        let mut rows = 0;
        for encoded in all {
            let inserted = self.milvus.insert_rows(target, partition, encoded.fields, encoded.rows).await;
            rows += inserted.unwrap_or_else(|error| panic!("{target}: {error}")).rows;
        }
        rows
    }

    /// Returns the rows of a collection of a sample, without their keys if these are made by the server.
    fn rows(&self, name: &str, made: Option<&str>) -> Vec<String> {
        let mut rows = self.fake.rows(DATABASE, name);
        if let Some(key) = made {
            for row in &mut rows {
                row.as_object_mut().unwrap().remove(key);
            }
        }
        let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
        rows.sort();
        rows
    }
}

/// Calls `use_batch` with the partition and each batch of the live rows of a collection in a backup.
async fn read_batches(
    engine: &Engine,
    backup: &str,
    name: &CollectionRef,
    encoder: &RowEncoder,
) -> Vec<(String, RecordBatch)> {
    let backup = engine.open_stored_backup(&backup.parse().unwrap()).await.unwrap();
    let collection = backup.find_collection(name).unwrap();
    let opened = backup.open_collection(collection).await.unwrap();
    let segments = opened.segments().unwrap();
    let columns = Some(encoder.fields().to_vec());
    let options = ReadOptions { columns, binary_text: true, ..ReadOptions::default() };
    let mut batches = Vec::new();
    for (partition, segment) in segments.row_segments() {
        let mut reader = segments.read_rows(partition.id, segment, &options).await.unwrap();
        while let Some(batch) = reader.next().await.unwrap() {
            batches.push((partition.name.clone(), batch));
        }
    }
    batches
}

async fn schema_in_backup(engine: &Engine, backup: &str, name: &CollectionRef) -> Schema {
    let backup = engine.open_stored_backup(&backup.parse().unwrap()).await.unwrap();
    backup.find_collection(name).unwrap().schema.clone()
}

/// Returns the schema of a collection with its properties, as an encoder needs it.
async fn target_schema(server: &Server, target: &CollectionRef) -> Schema {
    let info = server.milvus.describe_collection(target).await.unwrap();
    Schema { properties: info.properties, ..info.schema }
}

/// Backs up a sample, inserts its rows into another collection of the same server, and compares the rows.
async fn check_sample(server: &Server, sample: &Sample) {
    let source = sample.target();
    let schema = schema_in_backup(&server.engine, "all", &source).await;
    let copy = CollectionRef::new(DATABASE, format!("{}_copy", sample.name));
    let mut definition = sample.definition(&copy);
    let key = schema.primary_key().unwrap();
    let keeps_keys = !key.auto_id || server.capabilities().inserts_auto_id_keys;
    if key.auto_id && keeps_keys {
        definition.properties.push(KeyValue::new("allow_insert_auto_id", "true"));
    }
    server.milvus.create_collection(&definition).await.unwrap();
    let names: Vec<String> = schema.fields.iter().map(|field| field.name.clone()).collect();
    let names: Vec<String> = names.into_iter().filter(|name| *name != key.name).collect();
    let columns = (!keeps_keys).then_some(names.as_slice());
    let target = target_schema(server, &copy).await;
    let encoder = RowEncoder::new(&schema, &target, server.capabilities(), columns);
    let encoder = encoder.unwrap_or_else(|problems| panic!("{copy}: {problems:?}"));
    for (partition, batch) in read_batches(&server.engine, "all", &source, &encoder).await {
        if !schema.has_partition_key() && partition != "_default" {
            server.milvus.create_partition(&copy, &partition).await.unwrap();
        }
        let partition = (!schema.has_partition_key()).then_some(partition.as_str());
        // Small requests, so that batches are split.
        let encoded = encoder.encode(&batch, 600).unwrap_or_else(|problem| panic!("{copy}: {problem}"));
        assert_eq!(encoded.iter().map(|it| it.rows as usize).sum::<usize>(), batch.num_rows());
        let bytes = |it: &EncodedRows| it.fields.iter().map(FieldData::encoded_len).sum::<usize>();
        assert!(encoded.iter().all(|it| bytes(it) <= 600 || it.rows == 1));
        server.insert(&copy, partition, encoded).await;
    }
    let made = (!keeps_keys).then_some(key.name.as_str());
    let expected = server.rows(sample.name, made);
    assert!(expected.len() >= 8);
    assert_eq!(server.rows(&copy.collection, made), expected, "{source}");
}

#[tokio::test]
async fn rows_of_every_type_are_equal_after_an_insert_on_every_release() {
    for version in VERSIONS {
        let server = Server::start(version).await;
        let known = samples(&ServerVersion::parse(version));
        for sample in &known {
            sample.fill(&server.milvus, &server.fake).await;
        }
        let (ctx, engine) = (JobCtx::detached(), &server.engine);
        let request = BackupRequest::with_defaults(BackupName::for_create("all").unwrap());
        let report = engine.backup(engine.plan_backup(&request, &ctx).await.unwrap(), &ctx).await.unwrap();
        assert_eq!(report.failed.len(), 0);
        for sample in &known {
            check_sample(&server, sample).await;
        }
    }
}

#[tokio::test]
async fn rows_are_equal_after_an_insert_into_real_servers() {
    for server in [servers::milvus(), servers::milvus_2216()].into_iter().flatten() {
        let source = Server::start(&server.version).await;
        let version = ServerVersion::parse(&server.version);
        let sample = samples(&version).into_iter().find(|sample| sample.name == "alltypes").unwrap();
        sample.fill(&source.milvus, &source.fake).await;
        let (ctx, engine) = (JobCtx::detached(), &source.engine);
        let request = BackupRequest::with_defaults(BackupName::for_create("all").unwrap());
        engine.backup(engine.plan_backup(&request, &ctx).await.unwrap(), &ctx).await.unwrap();
        let schema = schema_in_backup(engine, "all", &sample.target()).await;

        let milvus = server.connect().await;
        let copy = CollectionRef::new("default", names::unique("encode"));
        milvus.create_collection(&sample.definition(&copy)).await.unwrap();
        milvus.create_partition(&copy, "old").await.unwrap();
        let target = milvus.describe_collection(&copy).await.unwrap().schema;
        let encoder = RowEncoder::new(&schema, &target, milvus.capabilities(), None).unwrap();
        for (partition, batch) in read_batches(engine, "all", &sample.target(), &encoder).await {
            for encoded in encoder.encode(&batch, 4 << 20).unwrap() {
                let rows = milvus.insert_rows(&copy, Some(&partition), encoded.fields, encoded.rows).await;
                assert_eq!(rows.unwrap().rows, u64::from(encoded.rows));
            }
        }
        let expected = Rows::fetch(&source.milvus, &sample.target()).await.unwrap();
        let inserted = Rows::fetch(&milvus, &copy).await.unwrap();
        assert_eq!(expected.len(), 9);
        assert_eq!(expected.differences(&inserted), Vec::<String>::new(), "{version}");
        milvus.drop_collection(&copy).await.unwrap();
    }
}
