//! Collections with every type and every feature of a schema that a release has.

use milvus::CreateCollection;
use model::manifest::{ConsistencyLevel, DataType, Field, Function, KeyValue, Schema, StructArrayField};
use model::name::CollectionRef;
use model::version::{Release, ServerVersion};
use prost::Message as _;
use proto::schema::ValueField;
use proto::schema::value_field::Data as Default;

use crate::fake::FakeMilvus;
use crate::test_milvus::TestMilvus;

mod values;

use values::{column, dimension, dynamic_column, struct_column};

/// The number of numbers of all vectors but those of 32-bit floats, which have 4.
const DIM: usize = 16;

/// The database of the collections.
pub const DATABASE: &str = "lab";

const NO: DataType = DataType(0);
const FIRST: Release = (2, 2, 9);
/// The first release with nullable fields, default values and functions.
const NULLABLE: Release = (2, 5, 0);
const STRUCTS: Release = (2, 6, 0);

/// The fields of `alltypes`: name, type, type of elements, and the first release that stores them.
const FIELDS: [(&str, DataType, DataType, Release); 26] = [
    ("id", DataType::INT64, NO, FIRST),
    ("flag", DataType::BOOL, NO, FIRST),
    ("i8", DataType::INT8, NO, FIRST),
    ("i16", DataType::INT16, NO, FIRST),
    ("i32", DataType::INT32, NO, FIRST),
    ("i64", DataType::INT64, NO, FIRST),
    ("f32", DataType::FLOAT, NO, FIRST),
    ("f64", DataType::DOUBLE, NO, FIRST),
    ("text", DataType::VARCHAR, NO, FIRST),
    ("json", DataType::JSON, NO, FIRST),
    ("v32", DataType::FLOAT_VECTOR, NO, FIRST),
    ("flags", DataType::ARRAY, DataType::BOOL, (2, 3, 0)),
    ("i8s", DataType::ARRAY, DataType::INT8, (2, 3, 0)),
    ("i16s", DataType::ARRAY, DataType::INT16, (2, 3, 0)),
    ("i32s", DataType::ARRAY, DataType::INT32, (2, 3, 0)),
    ("i64s", DataType::ARRAY, DataType::INT64, (2, 3, 0)),
    ("f32s", DataType::ARRAY, DataType::FLOAT, (2, 3, 0)),
    ("f64s", DataType::ARRAY, DataType::DOUBLE, (2, 3, 0)),
    ("texts", DataType::ARRAY, DataType::VARCHAR, (2, 3, 0)),
    ("v16", DataType::FLOAT16_VECTOR, NO, (2, 4, 0)),
    ("vb16", DataType::BFLOAT16_VECTOR, NO, (2, 4, 0)),
    ("sparse", DataType::SPARSE_FLOAT_VECTOR, NO, (2, 4, 0)),
    ("bits", DataType::BINARY_VECTOR, NO, (2, 6, 0)),
    ("v8", DataType::INT8_VECTOR, NO, (2, 6, 0)),
    ("at", DataType::TIMESTAMPTZ, NO, (2, 6, 6)),
    ("place", DataType::GEOMETRY, NO, (2, 6, 6)),
];

/// A collection of the data set.
pub struct Sample {
    /// The name of the collection in [`DATABASE`].
    pub name: &'static str,
    /// The schema, in which the server numbers the fields.
    pub schema: Schema,
    /// The number of partitions of a partition key.
    num_partitions: Option<i64>,
    /// What older releases lack: a text of the refusal, and the first release.
    pub needs: Vec<(String, Release)>,
    /// Releases whose import of the collection is faulty: the first, and the first without the fault.
    pub faults: &'static [(Release, Release)],
}

/// Returns the collections that a release can hold.
pub fn samples(version: &ServerVersion) -> Vec<Sample> {
    let mut samples = vec![every_type(version), keyed(), nullable(version), texts()];
    samples.retain(|sample| sample.needs.iter().all(|(_, since)| version.at_least(*since)));
    samples
}

fn field(name: &str, data_type: DataType, element_type: DataType) -> Field {
    let mut type_params = Vec::new();
    let mut add = |key: &str, value: &str| type_params.push(KeyValue::new(key, value));
    if data_type.is_vector() && data_type != DataType::SPARSE_FLOAT_VECTOR {
        add("dim", &dimension(data_type).to_string());
    }
    if [data_type, element_type].contains(&DataType::VARCHAR) {
        add("max_length", "100");
    }
    if matches!(data_type, DataType::ARRAY | DataType::ARRAY_OF_VECTOR) {
        add("max_capacity", "8");
    }
    Field { name: name.to_owned(), data_type, element_type, type_params, ..Field::default() }
}

fn key(data_type: DataType) -> Field {
    Field { is_primary_key: true, ..field("id", data_type, NO) }
}

/// Returns `alltypes`: every type, a dynamic field, from 2.4 on a clustering key, from 2.6 on an array of structs.
fn every_type(version: &ServerVersion) -> Sample {
    let known = || FIELDS.iter().filter(|(.., since)| version.at_least(*since));
    let clusters = version.at_least((2, 4, 0));
    let mut schema = Schema { enable_dynamic_field: true, ..Schema::default() };
    schema.fields = known().map(|(name, data_type, element, _)| field(name, *data_type, *element)).collect();
    for field in &mut schema.fields {
        field.is_primary_key = field.name == "id";
        field.is_clustering_key = field.name == "i64" && clusters;
    }
    // Vectors of bits are old, but here they are the fifth vectors.
    let new_types = known().filter(|(name, ..)| *name != "bits");
    let mut needs: Vec<_> = new_types.map(|(name, .., since)| (format!("field {name}: "), *since)).collect();
    if clusters {
        needs.push(("field i64: clustering key".to_owned(), (2, 4, 0)));
        needs.push(("more than one vector field".to_owned(), (2, 4, 0)));
    }
    if version.at_least(STRUCTS) {
        let fields = vec![
            field("number", DataType::ARRAY, DataType::INT32),
            field("vector", DataType::ARRAY_OF_VECTOR, DataType::FLOAT_VECTOR),
        ];
        schema.struct_array_fields =
            vec![StructArrayField { name: "parts".to_owned(), fields, ..StructArrayField::default() }];
        needs.push(("arrays of structs".to_owned(), STRUCTS));
        needs.push(("more than four vector fields".to_owned(), STRUCTS));
    }
    Sample { name: "alltypes", schema, num_partitions: None, needs, faults: &[] }
}

/// Returns `keyed`: automatic ids, a partition key and vectors of bits.
fn keyed() -> Sample {
    let tenant = Field { is_partition_key: true, ..field("tenant", DataType::VARCHAR, NO) };
    let bits = field("bits", DataType::BINARY_VECTOR, NO);
    let fields = vec![Field { auto_id: true, ..key(DataType::INT64) }, tenant, bits];
    let schema = Schema { fields, ..Schema::default() };
    Sample { name: "keyed", schema, num_partitions: Some(4), needs: Vec::new(), faults: &[] }
}

/// Returns `nullable`: a key of text, and fields that may lack a value, some of them with a default.
fn nullable(version: &ServerVersion) -> Sample {
    let mut fields = vec![key(DataType::VARCHAR), field("v32", DataType::FLOAT_VECTOR, NO)];
    let defaults = [
        ("flag", DataType::BOOL, Default::BoolData(true)),
        ("i8", DataType::INT8, Default::IntData(-8)),
        ("i16", DataType::INT16, Default::IntData(1600)),
        ("i32", DataType::INT32, Default::IntData(-7)),
        ("i64", DataType::INT64, Default::LongData(1 << 40)),
        ("f32", DataType::FLOAT, Default::FloatData(1.5)),
        ("f64", DataType::DOUBLE, Default::DoubleData(-0.25)),
        ("text", DataType::VARCHAR, Default::StringData("none given".to_owned())),
    ];
    for (name, data_type, default) in defaults {
        let default_value = Some(ValueField { data: Some(default) }.encode_to_vec());
        fields.push(Field { nullable: true, ..field(&format!("{name}_or_null"), data_type, NO) });
        fields.push(Field { default_value, ..field(&format!("{name}_or_default"), data_type, NO) });
    }
    fields.push(Field { nullable: true, ..field("json", DataType::JSON, NO) });
    fields.push(Field { nullable: true, ..field("i64s", DataType::ARRAY, DataType::INT64) });
    let mut needs = vec![("field json: missing values".to_owned(), NULLABLE)];
    if version.at_least(STRUCTS) {
        fields.push(Field { nullable: true, ..field("v_or_null", DataType::FLOAT_VECTOR, NO) });
        needs.push(("field v_or_null: missing values".to_owned(), STRUCTS));
    }
    let schema = Schema { fields, ..Schema::default() };
    Sample { name: "nullable", schema, num_partitions: None, needs, faults: &[] }
}

/// Returns `texts`: a text and the sparse vectors that a function computes of it.
fn texts() -> Sample {
    let mut text = field("text", DataType::VARCHAR, NO);
    text.type_params.push(KeyValue::new("enable_analyzer", "true"));
    let words = Field { is_function_output: true, ..field("words", DataType::SPARSE_FLOAT_VECTOR, NO) };
    let function = Function {
        name: "bm25".to_owned(),
        kind: 1,
        input_field_names: vec!["text".to_owned()],
        output_field_names: vec!["words".to_owned()],
        ..Function::default()
    };
    let fields = vec![key(DataType::INT64), text, words];
    let schema = Schema { fields, functions: vec![function], ..Schema::default() };
    let needs = vec![("functions".to_owned(), NULLABLE)];
    let faults = &[((2, 5, 0), (2, 5, 7)), ((2, 6, 0), (2, 6, 14))];
    Sample { name: "texts", schema, num_partitions: None, needs, faults }
}

impl Sample {
    /// Returns the full name of the collection.
    pub fn target(&self) -> CollectionRef {
        CollectionRef::new(DATABASE, self.name)
    }

    /// Returns the definition of a collection like this one.
    pub fn definition(&self, target: &CollectionRef) -> CreateCollection {
        CreateCollection {
            target: target.clone(),
            schema: self.schema.clone(),
            shards: 1,
            consistency: ConsistencyLevel(1),
            properties: Vec::new(),
            num_partitions: self.num_partitions,
        }
    }

    /// Creates the collection with rows in all states: deleted by the delta logs of their segment and, from 2.4 on, by
    /// an L0 segment, inserted again, and not flushed yet. Those with automatic ids are all live.
    ///
    /// # Panics
    /// Panics if the server refuses something.
    pub async fn fill(&self, milvus: &TestMilvus, fake: &FakeMilvus) {
        let target = self.target();
        milvus.create_collection(&self.definition(&target)).await.expect("a server that works");
        let insert = async |rows: std::ops::Range<i64>, partition: Option<&str>| {
            let count = u32::try_from(rows.end - rows.start).expect("a server that works");
            milvus.insert_fields(&target, partition, self.columns(&rows), count).await;
        };
        insert(0..8, None).await;
        milvus.flush(&target).await.expect("a server that works");
        let key = self.schema.fields.iter().find(|field| field.is_primary_key).expect("a server that works");
        if !key.auto_id {
            let keys = |rows: [i64; 2]| {
                let text = rows.map(|row| format!("\"كتاب {row}\"")).join(", ");
                let number = rows.map(|row| row.to_string()).join(", ");
                format!("id in [{}]", if key.data_type == DataType::VARCHAR { text } else { number })
            };
            milvus.delete(&target, &keys([1, 6])).await;
            milvus.flush(&target).await.expect("a server that works");
            if milvus.server().version.at_least((2, 4, 0)) {
                fake.fold_deletes(DATABASE, self.name);
            }
            milvus.delete(&target, &keys([2, 3])).await;
            milvus.flush(&target).await.expect("a server that works");
            if !milvus.server().version.at_least((2, 3, 0)) {
                fake.sync_deletes(DATABASE, self.name);
            }
            milvus.create_partition(&target, "old").await.expect("a server that works");
            insert(8..12, Some("old")).await;
            // The delete in all partitions is older.
            insert(2..3, Some("old")).await;
        }
        let live = if key.auto_id { 8 } else { 9 };
        assert_eq!(fake.rows(DATABASE, self.name).len(), live, "{}", self.name);
    }

    fn columns(&self, rows: &std::ops::Range<i64>) -> Vec<proto::schema::FieldData> {
        let sent = self.schema.fields.iter().filter(|field| !field.auto_id && !field.is_function_output);
        let mut columns: Vec<_> = sent
            .map(|field| match &field.default_value {
                Some(_) => column(&Field { nullable: true, ..field.clone() }, rows.clone()),
                None => column(field, rows.clone()),
            })
            .collect();
        let arrays = self.schema.struct_array_fields.iter();
        columns.extend(arrays.map(|array| struct_column(&array.name, &array.fields, rows.clone())));
        if self.schema.enable_dynamic_field {
            columns.push(dynamic_column(rows.clone()));
        }
        columns
    }
}
