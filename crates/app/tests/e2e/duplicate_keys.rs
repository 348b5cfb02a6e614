//! A collection that holds the same primary keys several times: a restore loses none of the rows and adds none.

use std::collections::BTreeMap;

use futures::future::join_all;
use model::manifest::{DataType, Field, Index};
use model::name::CollectionRef;
use testkit::load::load_and_wait;
use testkit::seed::keyed;
use testkit::test_milvus::{Column, TestMilvus, Values};
use testkit::{names, servers};

use crate::tool::Tool;

/// The number of rounds of insertions. Round 0 inserts all keys, round 1 those from 10 on, round 2 those from 20 on.
const ROUNDS: i64 = 3;
const KEYS: i64 = 30;
const DIM: usize = 2;

async fn create(milvus: &TestMilvus, target: &CollectionRef) {
    let round = Field { name: "round".to_owned(), data_type: DataType::INT64, ..Field::default() };
    keyed::create_with(milvus, target, DIM, vec![round]).await.unwrap();
    let index = Index {
        field_name: "vector".to_owned(),
        name: "vector".to_owned(),
        index_type: "FLAT".to_owned(),
        params: [("metric_type".to_owned(), "L2".to_owned()), ("params".to_owned(), "{}".to_owned())].into(),
        ..Index::default()
    };
    milvus.create_index(target, &index).await.unwrap();
}

/// Inserts the keys of a round, into segments of their own.
async fn insert(milvus: &TestMilvus, target: &CollectionRef, round: i64) {
    let keys: Vec<i64> = (round * 10..KEYS).collect();
    let column = |name: &str, data_type, values| Column {
        name: name.to_owned(),
        data_type,
        is_dynamic: false,
        values,
    };
    let columns = [
        column("round", DataType::INT64, Values::Long(vec![round; keys.len()])),
        column(
            "vector",
            DataType::FLOAT_VECTOR,
            Values::FloatVector { dim: DIM, data: vec![0.5; keys.len() * DIM] },
        ),
        column("id", DataType::INT64, Values::Long(keys)),
    ];
    milvus.insert(target, None, &columns).await;
    milvus.flush(target).await.unwrap();
}

/// Counts how often each pair of a key and a round exists.
async fn count_rows(milvus: &TestMilvus, collection: &CollectionRef) -> BTreeMap<(i64, i64), u64> {
    let pairs = (0..KEYS).flat_map(|key| (0..ROUNDS).map(move |round| (key, round)));
    // A query waits for the server's next timestamp, so they are sent at the same time.
    let counts = pairs.map(|(key, round)| async move {
        let expr = format!("id == {key} && round == {round}");
        ((key, round), milvus.row_count_where(collection, &expr).await)
    });
    join_all(counts).await.into_iter().collect()
}

#[tokio::test]
async fn rows_with_the_same_key_are_all_restored() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let source = CollectionRef::new("default", names::unique("twice"));
    create(&milvus, &source).await;
    for round in 0..ROUNDS {
        insert(&milvus, &source, round).await;
    }
    load_and_wait(&milvus, &source).await.unwrap();
    let tool = Tool::on_disk(&server);
    let created = tool.run(&format!("create -n twice --output json --filter {source}")).exits_with(0).json();
    assert_eq!(created["rows"], 60, "{created}");
    let restored = tool.run("restore -n twice --suffix _copy --output json").exits_with(0).json();
    assert_eq!((&restored["rows"], &restored["rows_max"]), (&60.into(), &60.into()), "{restored}");

    let copy = CollectionRef::new("default", format!("{}_copy", source.collection));
    let inserted = |key: i64, round: i64| u64::from(key >= round * 10);
    let expected: BTreeMap<(i64, i64), u64> = (0..KEYS)
        .flat_map(|key| (0..ROUNDS).map(move |round| ((key, round), inserted(key, round))))
        .collect();
    assert_eq!(count_rows(&milvus, &source).await, expected);
    assert_eq!(count_rows(&milvus, &copy).await, expected);
}
