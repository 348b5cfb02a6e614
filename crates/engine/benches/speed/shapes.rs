//! Two collections that are hard to restore: `many` small files, and `big` ones.

use milvus::{Column, CreateCollection, Milvus, MilvusError, Values};
use model::manifest::{ConsistencyLevel, DataType, Field, Index, KeyValue, Schema};
use model::name::CollectionRef;

/// A collection to measure with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// 28,800 rows in 48 partitions, flushed five times: 240 segments of 16 files.
    Many,
    /// 400,000 vectors of 128 numbers, indexed.
    Big,
}

const PARTITIONS: i64 = 48;
const FLUSHES: i64 = 5;
/// Rows of one partition at each flush.
const FEW: i64 = 120;

const ROWS: i64 = 400_000;
const DIM: usize = 128;
/// Rows a call, so that a message has about 20 MB.
const CHUNK: i64 = 40_000;

impl Shape {
    pub(crate) fn of(name: &str) -> Self {
        [Self::Many, Self::Big].into_iter().find(|shape| shape.name() == name).expect("a shape")
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Many => "many",
            Self::Big => "big",
        }
    }

    /// The collection in the source, and with a suffix in the target.
    pub(crate) fn collection(self, suffix: &str) -> CollectionRef {
        CollectionRef::new("default", format!("bench_{}{suffix}", self.name()))
    }

    pub(crate) const fn rows(self) -> u64 {
        match self {
            Self::Many => (PARTITIONS * FLUSHES * FEW).unsigned_abs(),
            Self::Big => ROWS.unsigned_abs(),
        }
    }

    /// What the Go tool 0.5.16 needed for its backup and restore, as text; on an object store, ours is on the disk.
    pub(crate) const fn go(self) -> [&'static str; 2] {
        match self {
            Self::Many => ["14.7 s", "> 270 s"],
            Self::Big => ["1.5 s", "19.5 s"],
        }
    }

    /// Creates the collection anew, with its partitions and index.
    pub(crate) async fn create(self, milvus: &Milvus, target: &CollectionRef) -> Result<(), MilvusError> {
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
                    milvus.create_partition(target, &partition(n)).await?;
                }
                Ok(())
            }
            Self::Big => milvus.create_index(target, &index()).await,
        }
    }

    /// Fills the collection and flushes it.
    pub(crate) async fn fill(self, milvus: &Milvus, target: &CollectionRef) -> Result<(), MilvusError> {
        match self {
            Self::Many => {
                for flush in 0..FLUSHES {
                    for n in 0..PARTITIONS {
                        let first = (flush * PARTITIONS + n) * FEW;
                        let keys: Vec<i64> = (first..first + FEW).collect();
                        let numbers =
                            (0..12).map(|n| longs(&format!("n{n}"), keys.iter().map(|k| k * n).collect()));
                        let columns: Vec<Column> =
                            numbers.chain([longs("id", keys.clone()), vectors(&keys, 4)]).collect();
                        milvus.insert(target, Some(&partition(n)), &columns).await?;
                    }
                    milvus.flush(target).await?;
                }
            }
            Self::Big => {
                for first in (0..ROWS).step_by(usize::try_from(CHUNK).unwrap_or_default()) {
                    let keys: Vec<i64> = (first..first + CHUNK).collect();
                    let columns = [vectors(&keys, DIM), longs("id", keys)];
                    milvus.insert(target, None, &columns).await?;
                }
                milvus.flush(target).await?;
            }
        }
        Ok(())
    }
}

fn partition(n: i64) -> String {
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
        id: 0,
    }
}

fn longs(name: &str, data: Vec<i64>) -> Column {
    Column {
        name: name.to_owned(),
        data_type: DataType::INT64,
        is_dynamic: false,
        values: Values::Long(data),
    }
}

/// Vectors that no compression makes small, the same in every run.
fn vectors(keys: &[i64], dim: usize) -> Column {
    let mut state = keys.first().copied().unwrap_or_default().unsigned_abs() | 1;
    let mut number = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // 24 bits, as many as a float of 32 bits tells apart
        let bits = u16::try_from(state >> 48).unwrap_or_default();
        f32::from(bits) + f32::from(u8::try_from(state & 255).unwrap_or_default()) / 256.0
    };
    let data = (0..keys.len() * dim).map(|_| number()).collect();
    let values = Values::FloatVector { dim, data };
    Column { name: "v".to_owned(), data_type: DataType::FLOAT_VECTOR, is_dynamic: false, values }
}
