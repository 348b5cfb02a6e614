//! Two collections that are hard to restore: `many` has many small files, `big` has big ones.

use milvus::{CreateCollection, MilvusError};
use model::manifest::{ConsistencyLevel, DataType, Field, Index, KeyValue, Schema};
use model::name::CollectionRef;
use testkit::test_milvus::{Column, TestMilvus, Values};

/// A collection for the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// 28,800 rows in 48 partitions, flushed five times, which gives 240 segments with 16 files each.
    Many,
    /// 400,000 indexed vectors of dimension 128.
    Big,
}

const PARTITIONS: i64 = 48;
const FLUSHES: i64 = 5;
/// The number of rows for each partition and flush.
const ROWS_PER_FLUSH: i64 = 120;

const ROWS: i64 = 400_000;
const DIM: usize = 128;
/// The number of rows in each insert, so that a message has about 20 MB.
const ROWS_PER_INSERT: i64 = 40_000;

impl Shape {
    /// Returns the shape of this name; panics for any other name.
    pub(crate) fn from_name(name: &str) -> Self {
        [Self::Many, Self::Big].into_iter().find(|shape| shape.name() == name).expect("a shape")
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Many => "many",
            Self::Big => "big",
        }
    }

    /// Returns the name of the collection; the target uses a suffix.
    pub(crate) fn collection(self, suffix: &str) -> CollectionRef {
        CollectionRef::new("default", format!("bench_{}{suffix}", self.name()))
    }

    /// Returns the number of rows.
    pub(crate) const fn rows(self) -> u64 {
        match self {
            Self::Many => (PARTITIONS * FLUSHES * ROWS_PER_FLUSH).unsigned_abs(),
            Self::Big => ROWS.unsigned_abs(),
        }
    }

    /// Returns the times of backup and restore with the Go tool 0.5.16 as text.
    ///
    /// It was measured on an object store, whereas this benchmark uses the local disk.
    pub(crate) const fn go_tool_times(self) -> [&'static str; 2] {
        match self {
            Self::Many => ["14.7 s", "> 270 s"],
            Self::Big => ["1.5 s", "19.5 s"],
        }
    }

    /// Drops the collection if it exists, and creates it with its partitions and index.
    pub(crate) async fn create(self, milvus: &TestMilvus, target: &CollectionRef) -> Result<(), MilvusError> {
        if milvus.has_collection(target).await? {
            milvus.drop_collection(target).await?;
        }
        let numbers =
            (0..if self == Self::Many { 12 } else { 0 }).map(|n| field(&format!("n{n}"), DataType::INT64));
        let dim = if self == Self::Many { 4 } else { DIM };
        let vector = Field {
            type_params: vec![KeyValue::new("dim", dim.to_string())],
            ..field("v", DataType::FLOAT_VECTOR)
        };
        let key = Field { is_primary_key: true, ..field("id", DataType::INT64) };
        let fields = [key].into_iter().chain(numbers).chain([vector]).collect();
        milvus
            .create_collection(&CreateCollection {
                target: target.clone(),
                schema: Schema { fields, ..Schema::default() },
                shards: 1,
                consistency: ConsistencyLevel(2),
                properties: Vec::new(),
                num_partitions: None,
            })
            .await?;
        match self {
            Self::Many => {
                for n in 0..PARTITIONS {
                    milvus.create_partition(target, &partition_name(n)).await?;
                }
                Ok(())
            }
            Self::Big => milvus.create_index(target, &index()).await,
        }
    }

    /// Inserts the rows and flushes the collection.
    pub(crate) async fn fill(self, milvus: &TestMilvus, target: &CollectionRef) -> Result<(), MilvusError> {
        match self {
            Self::Many => {
                for flush in 0..FLUSHES {
                    for n in 0..PARTITIONS {
                        let first = (flush * PARTITIONS + n) * ROWS_PER_FLUSH;
                        let keys: Vec<i64> = (first..first + ROWS_PER_FLUSH).collect();
                        let numbers = (0..12)
                            .map(|n| int64_column(&format!("n{n}"), keys.iter().map(|k| k * n).collect()));
                        let columns: Vec<Column> = numbers
                            .chain([int64_column("id", keys.clone()), vector_column(&keys, 4)])
                            .collect();
                        milvus.insert(target, Some(&partition_name(n)), &columns).await;
                    }
                    milvus.flush(target).await?;
                }
            }
            Self::Big => {
                for first in (0..ROWS).step_by(usize::try_from(ROWS_PER_INSERT).unwrap_or_default()) {
                    let keys: Vec<i64> = (first..first + ROWS_PER_INSERT).collect();
                    let columns = [vector_column(&keys, DIM), int64_column("id", keys)];
                    milvus.insert(target, None, &columns).await;
                }
                milvus.flush(target).await?;
            }
        }
        Ok(())
    }
}

fn partition_name(n: i64) -> String {
    format!("p{n:02}")
}

fn field(name: &str, data_type: DataType) -> Field {
    Field { name: name.to_owned(), data_type, ..Field::default() }
}

fn index() -> Index {
    let params = [("metric_type", "L2"), ("params", "{\"nlist\":128}")];
    Index {
        field_name: "v".to_owned(),
        name: "v".to_owned(),
        index_type: "IVF_FLAT".to_owned(),
        params: params.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..Index::default()
    }
}

fn int64_column(name: &str, data: Vec<i64>) -> Column {
    Column {
        name: name.to_owned(),
        data_type: DataType::INT64,
        is_dynamic: false,
        values: Values::Long(data),
    }
}

/// Returns vectors that cannot be compressed; they are the same in every run.
fn vector_column(keys: &[i64], dim: usize) -> Column {
    let mut state = keys.first().copied().unwrap_or_default().unsigned_abs() | 1;
    let mut number = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // 24 bits are the precision of a 32-bit float.
        let bits = u16::try_from(state >> 48).unwrap_or_default();
        f32::from(bits) + f32::from(u8::try_from(state & 255).unwrap_or_default()) / 256.0
    };
    let data = (0..keys.len() * dim).map(|_| number()).collect();
    let values = Values::FloatVector { dim, data };
    Column { name: "v".to_owned(), data_type: DataType::FLOAT_VECTOR, is_dynamic: false, values }
}
