//! A collection's schema as Milvus describes it.

/// A key with its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyValue {
    /// The key.
    pub key: String,
    /// The value; may be empty.
    pub value: String,
}

impl KeyValue {
    /// Makes a pair.
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
    pub const BINARY_VECTOR: Self = Self(100);
    pub const FLOAT_VECTOR: Self = Self(101);

    /// Whether the type holds vectors.
    pub const fn is_vector(self) -> bool {
        self.0 >= 100 && self.0 < 200
    }
}

/// Milvus's name of the type, or its number where it has none here.
impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
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
    /// Equal to the collection's name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// The deprecated switch of the schema; the primary field's own counts.
    pub auto_id: bool,
    /// In no particular order; the ids tell.
    pub fields: Vec<Field>,
    /// Whether rows may hold undeclared keys, kept in the hidden field `$meta`.
    pub enable_dynamic_field: bool,
    /// Properties sent with the schema.
    pub properties: Vec<KeyValue>,
    /// Functions (Milvus 2.5 and later).
    pub functions: Vec<Function>,
    /// Arrays of structs (Milvus 2.6 and later).
    pub struct_array_fields: Vec<StructArrayField>,
}

/// One field of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Milvus's id; binlogs are matched by it.
    pub id: i64,
    /// The field's name.
    pub name: String,
    /// Whether it is the primary key.
    pub is_primary_key: bool,
    /// Free text.
    pub description: String,
    /// The type of a value.
    pub data_type: DataType,
    /// `dim`, `max_length`, `max_capacity` and the like.
    pub type_params: Vec<KeyValue>,
    /// Parameters that old versions kept here.
    pub index_params: Vec<KeyValue>,
    /// Whether Milvus makes the keys.
    pub auto_id: bool,
    /// The type of an array's elements.
    pub element_type: DataType,
    /// Whether it is the hidden dynamic field.
    pub is_dynamic: bool,
    /// Whether rows are put into partitions by it.
    pub is_partition_key: bool,
    /// Whether values may be missing (Milvus 2.5 and later).
    pub nullable: bool,
    /// Whether a function computes it (Milvus 2.5 and later).
    pub is_function_output: bool,
    /// The encoded `ValueField` message of the default value.
    pub default_value: Option<Vec<u8>>,
}

/// A function that computes fields from fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// The function's name.
    pub name: String,
    /// Milvus's id.
    pub id: i64,
    /// Free text.
    pub description: String,
    /// By Milvus's number: 1 BM25, 2 text embedding, …
    pub kind: i32,
    /// Names of the fields it reads.
    pub input_field_names: Vec<String>,
    /// Their ids.
    pub input_field_ids: Vec<i64>,
    /// Names of the fields it fills.
    pub output_field_names: Vec<String>,
    /// Their ids.
    pub output_field_ids: Vec<i64>,
    /// Parameters.
    pub params: Vec<KeyValue>,
}

/// An array of structs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StructArrayField {
    /// Milvus's id.
    pub id: i64,
    /// The field's name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// The fields of the struct.
    pub fields: Vec<Field>,
}
