//! The live rows of a collection in the form of `fixtures/rows`, for comparison row by row.

use crate::fixtures;
use crate::load::load_and_wait;
use crate::test_milvus::{Column, TestMilvus, Values};
use milvus::MilvusError;
use model::manifest::{DataType, Index, LoadState, Schema};
use model::name::CollectionRef;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The largest number of differences that are reported.
const SHOWN_DIFFERENCES: usize = 5;
/// The key under which a row stores the name of its partition.
const PARTITION_KEY: &str = "$partition";

/// Rows of a collection, indexed by their primary keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows(BTreeMap<String, Value>);

impl Rows {
    /// Queries all live rows of a collection, with their partitions if a query can name them.
    ///
    /// A collection that is not loaded is loaded for the query, with a temporary index if it has none, and then released.
    pub async fn fetch(milvus: &TestMilvus, collection: &CollectionRef) -> Result<Self, MilvusError> {
        let schema = milvus.describe_collection(collection).await?.schema;
        let loaded = milvus.load_state(collection, None).await? == LoadState::Loaded;
        let index = if loaded { None } else { create_missing_index(milvus, collection, &schema).await? };
        load_and_wait(milvus, collection).await?;
        let rows = query_rows(milvus, collection, &schema).await?;
        if !loaded {
            milvus.release(collection).await?;
        }
        if let Some(index) = index {
            milvus.drop_index(collection, &index).await?;
        }
        Ok(rows)
    }

    /// Reads the rows of a file in `fixtures/rows`, which were queried when the fixtures' backups were made.
    ///
    /// # Panics
    /// Panics if the fixture does not exist.
    pub fn recorded(file: &str, key: &str) -> Self {
        let text = std::fs::read_to_string(fixtures::path("rows").join(file)).expect("a fixture");
        Self::parse(&text, key)
    }

    /// Parses lines of JSON objects, e.g. the result of [`Rows::to_lines`]; `key` is the name of the primary field.
    ///
    /// # Panics
    /// Panics if a line is not a JSON object.
    pub fn parse(text: &str, key: &str) -> Self {
        let rows = text.lines().map(|line| {
            let mut row: Value = serde_json::from_str(line).expect("a line of JSON");
            // Some recorded 32-bit floats were printed with as many digits as they need, others with those of 64-bit floats.
            if let Some(number) = row.get("f32").and_then(Value::as_f64) {
                #[expect(clippy::cast_possible_truncation, reason = "it was one of 32 bits")]
                let number = f64::from(number as f32);
                row["f32"] = json!(number);
            }
            (row[key].to_string(), row)
        });
        Self(rows.collect())
    }

    /// Returns one line of JSON for each row.
    pub fn to_lines(&self) -> String {
        self.0.values().fold(String::new(), |lines, row| lines + &row.to_string() + "\n")
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the rows whose keys `other` contains too.
    #[must_use]
    pub fn common_with(&self, other: &Self) -> Self {
        let common = self.0.iter().filter(|(key, _)| other.0.contains_key(*key));
        Self(common.map(|(key, row)| (key.clone(), row.clone())).collect())
    }

    /// Describes the first few rows that differ in `other`; empty if all rows are equal.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let keys: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let differing = keys.into_iter().filter_map(|key| match (self.0.get(key), other.0.get(key)) {
            (Some(_), None) => Some(format!("row {key} is missing")),
            (None, Some(_)) => Some(format!("row {key} is too much")),
            (Some(expected), Some(actual)) if expected != actual => {
                Some(format!("row {key} is {actual}, not {expected}"))
            }
            _ => None,
        });
        differing.take(SHOWN_DIFFERENCES).collect()
    }
}

/// Creates an index if the collection has none for its vectors, and returns it.
async fn create_missing_index(
    milvus: &TestMilvus,
    collection: &CollectionRef,
    schema: &Schema,
) -> Result<Option<Index>, MilvusError> {
    let Some(vector) = schema.fields.iter().find(|field| field.data_type.is_vector()) else {
        return Ok(None);
    };
    let present = milvus.list_indexes(collection).await?;
    if present.iter().any(|info| info.index.field_name == vector.name) {
        return Ok(None);
    }
    let index = Index {
        field_name: vector.name.clone(),
        name: "rows_fetch".to_owned(),
        index_type: "FLAT".to_owned(),
        params: [("metric_type".to_owned(), "L2".to_owned()), ("params".to_owned(), "{}".to_owned())].into(),
        ..Index::default()
    };
    milvus.create_index(collection, &index).await?;
    Ok(Some(index))
}

/// Queries all live rows of a loaded collection.
async fn query_rows(
    milvus: &TestMilvus,
    collection: &CollectionRef,
    schema: &Schema,
) -> Result<Rows, MilvusError> {
    let primary = schema.fields.iter().find(|field| field.is_primary_key).expect("a primary key");
    let key = primary.name.as_str();
    let mut fields: Vec<String> = schema.fields.iter().map(|field| field.name.clone()).collect();
    if schema.enable_dynamic_field {
        fields.push("$meta".to_owned());
    }
    let lowest = if primary.data_type == DataType::VARCHAR { "\"\"" } else { "0" };
    let all = format!("{key} >= {lowest}");
    // A query cannot name the partitions of a collection with a partition key.
    let partitions = if schema.has_partition_key() {
        vec![None]
    } else {
        milvus.list_partitions(collection).await?.into_iter().map(|(name, _)| Some(name)).collect()
    };
    let mut rows = Rows::default();
    for partition in partitions {
        let columns = milvus.query(collection, partition.as_slice(), &all, &fields).await;
        let count = columns.first().map_or(0, |column| column.values.len());
        for position in 0..count {
            let mut row = Map::new();
            row.extend(partition.iter().map(|name| (PARTITION_KEY.to_owned(), json!(name))));
            for column in &columns {
                add_column_value(&mut row, column, position);
            }
            rows.0.insert(row[key].to_string(), Value::Object(row));
        }
    }
    Ok(rows)
}

/// Adds a column's value to a row; the keys of the dynamic field become keys of the row.
fn add_column_value(row: &mut Map<String, Value>, column: &Column, position: usize) {
    match value_to_json(&column.values, position) {
        Value::Object(keys) if column.is_dynamic || column.name == "$meta" => row.extend(keys),
        value => drop(row.insert(column.name.clone(), value)),
    }
}

/// Converts one value of a column to JSON.
fn value_to_json(values: &Values, position: usize) -> Value {
    match values {
        Values::Bool(data) => json!(data[position]),
        Values::Int(data) => json!(data[position]),
        Values::Long(data) => json!(data[position]),
        Values::Float(data) => json!(f64::from(data[position])),
        Values::Double(data) => json!(data[position]),
        Values::Text(data) => json!(data[position]),
        Values::Json(data) => serde_json::from_slice(&data[position]).expect("JSON"),
        Values::Array { rows, .. } => {
            let list = &rows[position];
            (0..list.len()).map(|element| value_to_json(list, element)).collect()
        }
        Values::FloatVector { dim, data } => {
            data[position * dim..][..*dim].iter().map(|number| json!(f64::from(*number))).collect()
        }
        Values::BinaryVector { dim, data } => {
            let bytes = dim / 8;
            let hex = data[position * bytes..][..bytes]
                .iter()
                .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            json!([hex])
        }
    }
}
