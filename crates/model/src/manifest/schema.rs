//! The schema of a collection, in the terms of Milvus's API.

use std::collections::BTreeSet;

use crate::ids::FieldId;

/// The name of the hidden field with undeclared keys.
pub const DYNAMIC_FIELD: &str = "$meta";

/// A property or parameter: a key with its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyValue {
    /// The name of the property or parameter.
    pub key: String,
    /// The value, which may be empty.
    pub value: String,
}

impl KeyValue {
    /// Creates a pair from a key and a value.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// The type of a field by Milvus's number; unknown numbers pass through unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataType(pub i32);

#[expect(missing_docs, reason = "the names say it")]
impl DataType {
    pub const BOOL: Self = Self(1);
    pub const INT8: Self = Self(2);
    pub const INT16: Self = Self(3);
    pub const INT32: Self = Self(4);
    pub const INT64: Self = Self(5);
    pub const FLOAT: Self = Self(10);
    pub const DOUBLE: Self = Self(11);
    pub const STRING: Self = Self(20);
    pub const VARCHAR: Self = Self(21);
    pub const ARRAY: Self = Self(22);
    pub const JSON: Self = Self(23);
    pub const GEOMETRY: Self = Self(24);
    pub const TIMESTAMPTZ: Self = Self(26);
    pub const BINARY_VECTOR: Self = Self(100);
    pub const FLOAT_VECTOR: Self = Self(101);
    pub const FLOAT16_VECTOR: Self = Self(102);
    pub const BFLOAT16_VECTOR: Self = Self(103);
    pub const SPARSE_FLOAT_VECTOR: Self = Self(104);
    pub const INT8_VECTOR: Self = Self(105);
    pub const ARRAY_OF_VECTOR: Self = Self(106);
    pub const ARRAY_OF_STRUCT: Self = Self(200);

    /// Returns whether the values of the type are vectors.
    pub const fn is_vector(self) -> bool {
        self.0 >= 100 && self.0 < 200
    }
}

/// Writes Milvus's name of the type, or the number of an unknown type.
impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            0 => "None",
            1 => "Bool",
            2 => "Int8",
            3 => "Int16",
            4 => "Int32",
            5 => "Int64",
            10 => "Float",
            11 => "Double",
            20 => "String",
            21 => "VarChar",
            22 => "Array",
            23 => "JSON",
            24 => "Geometry",
            25 => "Text",
            26 => "Timestamptz",
            100 => "BinaryVector",
            101 => "FloatVector",
            102 => "Float16Vector",
            103 => "BFloat16Vector",
            104 => "SparseFloatVector",
            105 => "Int8Vector",
            106 => "ArrayOfVector",
            200 => "ArrayOfStruct",
            201 => "Struct",
            other => return other.fmt(f),
        })
    }
}

/// The consistency level by Milvus's number: 0 Strong, 1 Session, 2 Bounded, 3 Eventually, 4 Customized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsistencyLevel(pub i32);

/// The schema of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The name of the schema, which is that of the collection.
    pub name: String,
    /// A description in free text.
    pub description: String,
    /// The deprecated setting of the schema; that of the primary field has priority.
    pub auto_id: bool,
    /// The fields, in no particular order; their order in Milvus is that of their ids.
    pub fields: Vec<Field>,
    /// Whether rows may contain undeclared keys, which are stored in the hidden field `$meta`.
    pub enable_dynamic_field: bool,
    /// The properties that are part of the schema.
    pub properties: Vec<KeyValue>,
    /// The functions that compute fields (Milvus 2.5 and later).
    pub functions: Vec<Function>,
    /// The fields that are arrays of structs (Milvus 2.6 and later).
    pub struct_array_fields: Vec<StructArrayField>,
    /// The place of the rows of an external collection, which Milvus does not store itself (3.0 and later).
    pub external_source: String,
    /// How the place is read, as JSON; Milvus replaces the keys in it by `***`.
    pub external_spec: String,
    /// Whether rows belong to namespaces (Milvus 3.0 and later).
    pub enable_namespace: bool,
}

impl Schema {
    /// Returns whether segments can hold files of a field: one of the schema, the row id, the timestamp, or the hidden
    /// dynamic field, which descriptions of collections omit.
    pub fn may_store(&self, field: FieldId) -> bool {
        matches!(field, FieldId::ROW_ID | FieldId::TIMESTAMP)
            || self.hidden_field() == Some(field)
            || self.stored_fields().any(|stored| stored.id == field.0)
    }

    /// Returns the fields with files of their own: those of structs have some, arrays of structs have none.
    pub fn stored_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().chain(self.struct_array_fields.iter().flat_map(|array| &array.fields))
    }

    /// Returns the ids and names of the columns that are stored: those of the fields, and of the hidden dynamic field.
    pub fn stored_columns(&self) -> impl Iterator<Item = (FieldId, &str)> {
        let declared = self.stored_fields().map(|field| (FieldId(field.id), field.name.as_str()));
        declared.chain(self.hidden_field().map(|id| (id, DYNAMIC_FIELD)))
    }

    /// Returns the id of the hidden dynamic field; `None` if there is none, or if it is among the fields.
    pub fn hidden_field(&self) -> Option<FieldId> {
        if !self.enable_dynamic_field || self.fields.iter().any(|field| field.is_dynamic) {
            return None;
        }
        let arrays = self.struct_array_fields.iter().map(|array| array.id);
        let used: BTreeSet<i64> = self.stored_fields().map(|field| field.id).chain(arrays).collect();
        // Milvus gives it the first id that is free.
        (FieldId::FIRST_USER_FIELD.0..=i64::MAX).find(|id| !used.contains(id)).map(FieldId)
    }

    /// Returns whether the rows are in files outside Milvus, so that there are none to back up.
    pub fn is_external(&self) -> bool {
        !self.external_source.is_empty()
    }

    /// Returns whether Milvus hid the keys with which the files of an external collection are read.
    pub fn hides_external_keys(&self) -> bool {
        self.external_spec.contains("***")
    }

    /// Returns whether a function calls a model of a provider, as those for text embedding do.
    pub fn calls_models(&self) -> bool {
        self.functions.iter().any(|function| !matches!(function.kind, 0 | 1 | 4 | 5))
    }

    /// Returns the id of the field with undeclared keys, whether it is hidden or among the fields; `None` if there is none.
    pub fn dynamic_field(&self) -> Option<FieldId> {
        let declared = self.fields.iter().find(|field| field.is_dynamic).map(|field| FieldId(field.id));
        declared.or_else(|| self.hidden_field())
    }

    /// Returns the primary key; `None` if the schema has none.
    pub fn primary_key(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.is_primary_key)
    }

    /// Returns whether a function computes the values of the field of this name.
    pub fn is_function_output(&self, name: &str) -> bool {
        let is_named = |function: &Function| function.output_field_names.iter().any(|output| output == name);
        self.fields.iter().any(|field| field.name == name && field.is_function_output)
            || self.functions.iter().any(is_named)
    }

    /// Returns whether a field of the schema is the partition key.
    pub fn has_partition_key(&self) -> bool {
        self.fields.iter().any(|field| field.is_partition_key)
    }
}

/// One field of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// The id of the field, by which binlogs are matched.
    pub id: i64,
    /// The name of the field, which is unique in the schema.
    pub name: String,
    /// Whether the field is the primary key.
    pub is_primary_key: bool,
    /// A description in free text.
    pub description: String,
    /// The type of the field's values.
    pub data_type: DataType,
    /// `dim`, `max_length`, `max_capacity` and the like.
    pub type_params: Vec<KeyValue>,
    /// Index parameters, which old versions stored with the field.
    pub index_params: Vec<KeyValue>,
    /// Whether Milvus generates the keys.
    pub auto_id: bool,
    /// The type of an array's elements.
    pub element_type: DataType,
    /// Whether the field is the hidden dynamic field.
    pub is_dynamic: bool,
    /// Whether Milvus assigns rows to partitions by this field.
    pub is_partition_key: bool,
    /// Whether compactions sort rows into segments by this field (Milvus 2.4 and later).
    pub is_clustering_key: bool,
    /// Whether rows may lack a value (Milvus 2.5 and later).
    pub nullable: bool,
    /// Whether a function computes the values (Milvus 2.5 and later).
    pub is_function_output: bool,
    /// The name of the column in the files of an external collection (Milvus 3.0 and later).
    pub external_field: String,
    /// Whether the elements of an array may be missing (later than Milvus 3.0.0).
    pub element_nullable: bool,
    /// The encoded `ValueField` message of the default value.
    pub default_value: Option<Vec<u8>>,
}

impl Field {
    /// Returns the value of a parameter of the type that is a number, such as `dim`; `None` if it is missing or no number.
    pub fn number_param(&self, key: &str) -> Option<usize> {
        self.type_params.iter().find(|param| param.key == key)?.value.parse().ok()
    }
}

/// A function that computes fields from other fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// The name of the function.
    pub name: String,
    /// The id of the function in Milvus.
    pub id: i64,
    /// A description in free text.
    pub description: String,
    /// The kind of the function by Milvus's number: 1 BM25, 2 text embedding, …
    pub kind: i32,
    /// The names of the fields that the function reads.
    pub input_field_names: Vec<String>,
    /// The ids of the fields that the function reads.
    pub input_field_ids: Vec<i64>,
    /// The names of the fields that the function fills.
    pub output_field_names: Vec<String>,
    /// The ids of the fields that the function fills.
    pub output_field_ids: Vec<i64>,
    /// The parameters of the function.
    pub params: Vec<KeyValue>,
}

/// A field whose values are arrays of structs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StructArrayField {
    /// The id of the field.
    pub id: i64,
    /// The name of the field, which is unique in the schema.
    pub name: String,
    /// A description in free text.
    pub description: String,
    /// The fields of the struct.
    pub fields: Vec<Field>,
    /// `max_capacity` and the like.
    pub type_params: Vec<KeyValue>,
    /// Whether rows may lack the array (Milvus 3.0 and later).
    pub nullable: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_store_the_fields_of_the_schema_of_the_system_and_the_dynamic_one() {
        let fields = [100, 101, 103].map(|id| Field { id, ..Field::default() }).to_vec();
        let mut schema = Schema { fields, ..Schema::default() };
        let stored =
            |schema: &Schema| -> Vec<i64> { (0..200).filter(|id| schema.may_store(FieldId(*id))).collect() };
        assert_eq!(stored(&schema), [0, 1, 100, 101, 103]);
        schema.enable_dynamic_field = true;
        assert_eq!(stored(&schema), [0, 1, 100, 101, 102, 103]);
        schema.fields.pop();
        assert_eq!(stored(&schema), [0, 1, 100, 101, 102]);
        schema.fields.push(Field { id: 105, is_dynamic: true, ..Field::default() });
        assert_eq!(stored(&schema), [0, 1, 100, 101, 105]);
    }
}
