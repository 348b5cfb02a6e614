//! Tests of calls on databases, collections, partitions, indexes, aliases and load state.

use milvus::{IndexState, MilvusErrorKind};
use model::manifest::{ConsistencyLevel, DataType, Field, KeyValue, LoadState, Schema};
use model::name::CollectionRef;
use testkit::test_milvus::TestMilvus;
use testkit::{names, servers};

use crate::fixtures::{connect, field, flat_index, index, load_and_wait, new_name, small_collection};

#[tokio::test]
async fn a_server_reports_version_and_deploy_mode() {
    let Some(server) = servers::milvus() else { return };
    let milvus = connect(&server).await;
    assert_eq!(milvus.server().version.to_string(), "v2.3.5-lite");
    assert_eq!(milvus.server().deploy_mode, "STANDALONE");
    assert!(milvus.capabilities().list_aliases);
}

#[tokio::test]
async fn an_old_server_reports_its_version() {
    let Some(server) = servers::milvus_2216() else { return };
    let milvus = connect(&server).await;
    assert_eq!(milvus.server().version.to_string(), "v2.2.16-lite");
    assert!(!milvus.capabilities().list_aliases);
}

#[tokio::test]
async fn databases_are_created_listed_and_dropped() {
    let Some(server) = servers::milvus() else { return };
    check_databases(&connect(&server).await).await;
}

#[tokio::test]
async fn databases_are_created_listed_and_dropped_on_an_old_server() {
    let Some(server) = servers::milvus_2216() else { return };
    check_databases(&connect(&server).await).await;
}

/// Checks creating, listing and dropping of databases.
pub(crate) async fn check_databases(milvus: &TestMilvus) {
    let name = names::unique("db");
    milvus.create_database(&name).await.unwrap();
    assert!(milvus.list_databases().await.unwrap().contains(&name));
    let again = milvus.create_database(&name).await.unwrap_err();
    assert_eq!(again.kind(), MilvusErrorKind::AlreadyExists, "{again}");

    // Collections of the same name in two databases are different collections.
    let (here, there) = (new_name("twin"), CollectionRef::new(&name, names::unique("twin")));
    let there = CollectionRef::new(there.database, here.collection.clone());
    milvus.create_collection(&small_collection(&here)).await.unwrap();
    milvus.create_collection(&small_collection(&there)).await.unwrap();
    let listed = milvus.list_collections(&name).await.unwrap();
    let described = milvus.describe_collection(&there).await.unwrap();
    assert_eq!(listed, [(there.collection.clone(), described.id)]);
    assert_ne!(described.id, milvus.describe_collection(&here).await.unwrap().id);

    milvus.drop_collection(&here).await.unwrap();
    milvus.drop_collection(&there).await.unwrap();
    milvus.drop_database(&name).await;
    let gone = milvus.list_collections(&name).await.unwrap_err();
    assert_eq!(gone.kind(), MilvusErrorKind::DatabaseNotFound, "{gone}");
}

#[tokio::test]
async fn a_schema_with_all_features_is_described_as_created() {
    let Some(server) = servers::milvus() else { return };
    let milvus = connect(&server).await;
    let target = new_name("all");
    let arrays = [DataType::BOOL, DataType::INT32, DataType::FLOAT, DataType::VARCHAR];
    let mut fields = vec![
        Field {
            is_primary_key: true,
            auto_id: true,
            description: "the key".to_owned(),
            ..field("key", DataType::INT64, &[])
        },
        field("bool", DataType::BOOL, &[]),
        field("int8", DataType::INT8, &[]),
        field("int16", DataType::INT16, &[]),
        // An encoded `ValueField` whose second member, `int_data`, is 7.
        Field { default_value: Some(vec![0x10, 7]), ..field("int32", DataType::INT32, &[]) },
        Field { is_partition_key: true, ..field("int64", DataType::INT64, &[]) },
        field("float", DataType::FLOAT, &[]),
        field("double", DataType::DOUBLE, &[]),
        field("varchar", DataType::VARCHAR, &[("max_length", "65535")]),
        field("json", DataType::JSON, &[]),
        field("vector", DataType::FLOAT_VECTOR, &[("dim", "8")]),
    ];
    fields.extend(arrays.iter().map(|element| Field {
        element_type: *element,
        ..field(
            &format!("array{}", element.0),
            DataType::ARRAY,
            if *element == DataType::VARCHAR {
                &[("max_length", "9"), ("max_capacity", "5")]
            } else {
                &[("max_capacity", "5")]
            },
        )
    }));
    let mut create = small_collection(&target);
    create.schema = Schema {
        description: "everything".to_owned(),
        fields: fields.clone(),
        enable_dynamic_field: true,
        ..Schema::default()
    };
    create.shards = 2;
    create.consistency = ConsistencyLevel(0);
    create.properties = vec![KeyValue::new("collection.ttl.seconds", "86400")];
    create.num_partitions = Some(4);
    milvus.create_collection(&create).await.unwrap();

    let info = milvus.describe_collection(&target).await.unwrap();
    for (number, field) in fields.iter_mut().enumerate() {
        field.id = 100 + i64::try_from(number).unwrap();
    }
    assert_eq!(info.schema.fields, fields);
    assert_eq!(info.schema.description, "everything");
    assert_eq!(info.name, target.collection);
    assert!(info.schema.enable_dynamic_field && !info.is_alias);
    assert_eq!((info.shards, info.consistency, info.num_partitions), (2, ConsistencyLevel(0), 4));
    assert_eq!(info.properties, [KeyValue::new("collection.ttl.seconds", "86400")]);
    assert_eq!((info.virtual_channels.len(), info.physical_channels.len()), (2, 2));
    assert!(info.created_timestamp.0 >> 18 > 1_700_000_000_000);
    let partitions = milvus.list_partitions(&target).await.unwrap();
    let names: Vec<_> = partitions.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["_default_0", "_default_1", "_default_2", "_default_3"]);

    milvus.alter_collection(&target, &[KeyValue::new("collection.ttl.seconds", "7")]).await.unwrap();
    let info = milvus.describe_collection(&target).await.unwrap();
    assert_eq!(info.properties, [KeyValue::new("collection.ttl.seconds", "7")]);

    create.shards = 1;
    let other = milvus.create_collection(&create).await.unwrap_err();
    assert!(other.to_string().contains("different parameters"), "{other}");
    milvus.drop_collection(&target).await.unwrap();
    milvus.drop_collection(&target).await.expect("dropping what is gone is no error");
}

#[tokio::test]
async fn partitions_indexes_aliases_and_load_state() {
    let Some(server) = servers::milvus() else { return };
    check_parts(&connect(&server).await).await;
}

#[tokio::test]
async fn partitions_indexes_aliases_and_load_state_on_an_old_server() {
    let Some(server) = servers::milvus_2216() else { return };
    check_parts(&connect(&server).await).await;
}

/// Checks partitions, indexes, aliases and the load state of one collection.
pub(crate) async fn check_parts(milvus: &TestMilvus) {
    let target = new_name("parts");
    milvus.create_collection(&small_collection(&target)).await.unwrap();
    milvus.create_collection(&small_collection(&target)).await.expect("the very same again is no error");

    milvus.create_partition(&target, "p1").await.unwrap();
    milvus.create_partition(&target, "p1").await.expect("a partition that exists is no error");
    let partitions = milvus.list_partitions(&target).await.unwrap();
    let mut names: Vec<_> = partitions.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["_default", "p1"]);

    assert_eq!(milvus.list_indexes(&target).await.unwrap(), []);
    milvus.create_index(&target, &flat_index()).await.unwrap();
    milvus.create_index(&target, &flat_index()).await.expect("the very same again is no error");
    let listed = milvus.list_indexes(&target).await.unwrap();
    assert_eq!(listed.len(), 1);
    let index = &listed[0].index;
    assert_eq!((index.name.as_str(), index.field_name.as_str()), ("flat", "vector"));
    assert_eq!(index.index_type, "FLAT");
    assert_eq!(index.params.get("metric_type").map(String::as_str), Some("L2"));
    assert_eq!(listed[0].state, IndexState::Finished);

    let alias = names::unique("alias");
    milvus.create_alias(&target, &alias).await.unwrap();
    milvus.create_alias(&target, &alias).await.expect("the very same again is no error");
    assert_eq!(milvus.aliases(&target).await.unwrap(), [alias.as_str()]);
    let by_alias = CollectionRef::new("", alias.clone());
    let info = milvus.describe_collection(&by_alias).await.unwrap();
    assert!(info.is_alias);
    assert_eq!(info.name, target.collection);
    assert_eq!(info.aliases, [alias.as_str()]);
    assert!(milvus.has_collection(&by_alias).await.unwrap());
    assert!(!milvus.list_collections("default").await.unwrap().iter().any(|(name, _)| *name == alias));
    let other = new_name("other");
    milvus.create_collection(&small_collection(&other)).await.unwrap();
    let taken = milvus.create_alias(&other, &alias).await.unwrap_err();
    assert_eq!(taken.kind(), MilvusErrorKind::AlreadyExists, "{taken}");
    milvus.drop_alias("default", &alias).await;
    assert_eq!(milvus.aliases(&target).await.unwrap(), Vec::<String>::new());
    // The planner of restores relies on the following.
    let dropped = names::unique("alias");
    let by_alias = CollectionRef::new("", dropped.clone());
    milvus.create_alias(&other, &dropped).await.unwrap();
    milvus.drop_collection(&other).await.expect("an alias holds no collection back");
    assert!(!milvus.has_collection(&by_alias).await.unwrap(), "an alias goes with its collection");
    let gone = milvus.describe_collection(&by_alias).await.unwrap_err();
    assert_eq!(gone.kind(), MilvusErrorKind::CollectionNotFound, "{gone}");

    assert_eq!(milvus.load_state(&target, None).await.unwrap(), LoadState::NotLoad);
    milvus.load_partitions(&target, &["p1".to_owned()]).await.unwrap();
    while milvus.load_state(&target, Some("p1")).await.unwrap() != LoadState::Loaded {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    milvus.release(&target).await.unwrap();
    load_and_wait(milvus, &target).await;
    let refused = milvus.drop_index(&target, &flat_index()).await.unwrap_err();
    assert!(refused.to_string().contains("loaded"), "{refused}");
    milvus.release(&target).await.unwrap();
    assert_eq!(milvus.load_state(&target, None).await.unwrap(), LoadState::NotLoad);
    milvus.drop_index(&target, &flat_index()).await.unwrap();
    assert_eq!(milvus.list_indexes(&target).await.unwrap(), []);
    let unindexed = milvus.load(&target).await.unwrap_err();
    assert_eq!(unindexed.kind(), MilvusErrorKind::NotFound, "{unindexed}");
    milvus.drop_collection(&target).await.unwrap();
}

#[tokio::test]
async fn missing_objects_are_reported_by_kind() {
    let Some(server) = servers::milvus() else { return };
    check_missing_objects(&connect(&server).await).await;
}

#[tokio::test]
async fn missing_objects_are_reported_by_kind_on_an_old_server() {
    let Some(server) = servers::milvus_2216() else { return };
    check_missing_objects(&connect(&server).await).await;
}

/// Checks the error kinds of calls on collections that do not exist, and of invalid requests.
pub(crate) async fn check_missing_objects(milvus: &TestMilvus) {
    let nowhere = new_name("nowhere");
    assert!(!milvus.has_collection(&nowhere).await.unwrap());
    let assert_kind = |kind, error: milvus::MilvusError| assert_eq!(error.kind(), kind, "{error}");
    let assert_not_found = |error| assert_kind(MilvusErrorKind::CollectionNotFound, error);
    assert_not_found(milvus.describe_collection(&nowhere).await.unwrap_err());
    assert_not_found(milvus.list_partitions(&nowhere).await.unwrap_err());
    assert_not_found(milvus.list_indexes(&nowhere).await.unwrap_err());
    assert_not_found(milvus.load_state(&nowhere, None).await.unwrap_err());
    assert_not_found(milvus.flush(&nowhere).await.unwrap_err());
    assert_not_found(milvus.segments(&nowhere).await.unwrap_err());
    assert_not_found(milvus.flushed_rows(&nowhere).await.unwrap_err());
    assert_not_found(milvus.load(&nowhere).await.unwrap_err());
    assert_not_found(milvus.create_partition(&nowhere, "p").await.unwrap_err());
    assert_not_found(milvus.create_index(&nowhere, &flat_index()).await.unwrap_err());
    assert_not_found(milvus.create_alias(&nowhere, &names::unique("alias")).await.unwrap_err());
    assert_not_found(
        milvus.alter_collection(&nowhere, &[KeyValue::new("collection.ttl.seconds", "7")]).await.unwrap_err(),
    );

    let error = milvus.describe_collection(&nowhere).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot describe collection {nowhere}: ")), "{error}");

    let bad = CollectionRef::new("", "no-dashes");
    assert_kind(
        MilvusErrorKind::Invalid,
        milvus.create_collection(&small_collection(&bad)).await.unwrap_err(),
    );
    let target = new_name("missing");
    milvus.create_collection(&small_collection(&target)).await.unwrap();
    let unknown = index("nofield", "x", &[("index_type", "FLAT"), ("metric_type", "L2")]);
    assert!(milvus.create_index(&target, &unknown).await.is_err());
    milvus.drop_collection(&target).await.unwrap();
}
