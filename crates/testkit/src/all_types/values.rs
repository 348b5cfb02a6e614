//! Values of every type, computed from the numbers of rows, as messages of Milvus's API.

use model::manifest::{DataType, Field};
use proto::schema::field_data::Field as Values;
use proto::schema::scalar_field::Data as Scalars;
use proto::schema::vector_field::Data as Vectors;
use proto::schema::{
    ArrayArray, BoolArray, DoubleArray, FieldData, FloatArray, GeometryWktArray, IntArray, JsonArray,
    LongArray, ScalarField, SparseFloatArray, StringArray, StructArrayField, VectorArray, VectorField,
};

use super::DIM;

/// Returns the column of a field; every second row of a nullable field has no value.
pub(super) fn column(field: &Field, rows: std::ops::Range<i64>) -> FieldData {
    let has_value = |row: &i64| !field.nullable || row % 2 == 0;
    let valid_data = if field.nullable { rows.clone().map(|row| has_value(&row)).collect() } else { vec![] };
    let rows: Vec<i64> = rows.filter(has_value).collect();
    let values = if field.data_type.is_vector() {
        Values::Vectors(vectors(field.data_type, field.element_type, &rows))
    } else {
        Values::Scalars(scalars(field.data_type, field.element_type, &rows))
    };
    FieldData {
        r#type: field.data_type.0,
        field_name: field.name.clone(),
        valid_data,
        field: Some(values),
        ..FieldData::default()
    }
}

/// Returns the columns of an array of structs.
pub(super) fn struct_column(name: &str, fields: &[Field], rows: std::ops::Range<i64>) -> FieldData {
    let fields = fields.iter().map(|field| column(field, rows.clone())).collect();
    FieldData {
        r#type: 200,
        field_name: name.to_owned(),
        field: Some(Values::StructArrays(StructArrayField { fields })),
        ..FieldData::default()
    }
}

/// Returns the undeclared keys of rows, one key each.
pub(super) fn dynamic_column(rows: std::ops::Range<i64>) -> FieldData {
    let field = Field { name: "$meta".to_owned(), data_type: DataType::JSON, ..Field::default() };
    FieldData { is_dynamic: true, ..column(&field, rows) }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows are small")]
fn scalars(data_type: DataType, element: DataType, rows: &[i64]) -> ScalarField {
    let small = |row: &i64| i32::try_from(*row - 3).expect("a small number");
    let each = rows.iter();
    let data = match data_type {
        DataType::BOOL => Scalars::BoolData(BoolArray { data: each.map(|row| row % 3 == 0).collect() }),
        DataType::INT8 | DataType::INT16 | DataType::INT32 => {
            Scalars::IntData(IntArray { data: each.map(small).collect() })
        }
        DataType::INT64 => Scalars::LongData(LongArray { data: rows.to_vec() }),
        DataType::FLOAT => {
            Scalars::FloatData(FloatArray { data: each.map(|row| *row as f32 / 3.0).collect() })
        }
        DataType::DOUBLE => {
            Scalars::DoubleData(DoubleArray { data: each.map(|row| *row as f64 / 7.0).collect() })
        }
        DataType::VARCHAR => {
            Scalars::StringData(StringArray { data: each.map(|row| format!("كتاب {row}")).collect() })
        }
        DataType::JSON => Scalars::JsonData(JsonArray {
            data: each.map(|row| format!(r#"{{"n": {row}, "k": [1, null]}}"#).into_bytes()).collect(),
        }),
        DataType::ARRAY => Scalars::ArrayData(ArrayArray {
            // The first row has no element.
            data: each
                .map(|row| scalars(element, DataType::default(), &(0..row % 4).collect::<Vec<_>>()))
                .collect(),
            element_type: element.0,
        }),
        DataType::TIMESTAMPTZ => Scalars::StringData(StringArray {
            data: each.map(|row| format!("2026-01-0{}T03:04:05.000{row}Z", row % 9 + 1)).collect(),
        }),
        DataType::GEOMETRY => Scalars::GeometryWktData(GeometryWktArray {
            data: each.map(|row| format!("POINT ({row} -1.5)")).collect(),
        }),
        other => panic!("no scalar values of type {other}"),
    };
    ScalarField { data: Some(data) }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows are small")]
fn vectors(data_type: DataType, element: DataType, rows: &[i64]) -> VectorField {
    let number = |row: &i64| u8::try_from(*row).expect("a small number");
    let bytes = |per_row: usize| -> Vec<u8> {
        let last = u8::try_from(per_row).expect("a small number");
        rows.iter().map(number).flat_map(|row| (0..last).map(move |at| row * 7 + at)).collect()
    };
    let data = match data_type {
        DataType::FLOAT_VECTOR => {
            let of_row = |row: &i64| [*row as f32, 0.5, -1.0, 1.0 / 3.0];
            Vectors::FloatVector(FloatArray { data: rows.iter().flat_map(of_row).collect() })
        }
        DataType::BINARY_VECTOR => Vectors::BinaryVector(bytes(DIM / 8)),
        DataType::FLOAT16_VECTOR => Vectors::Float16Vector(bytes(2 * DIM)),
        DataType::BFLOAT16_VECTOR => Vectors::Bfloat16Vector(bytes(2 * DIM)),
        DataType::INT8_VECTOR => Vectors::Int8Vector(bytes(DIM)),
        DataType::SPARSE_FLOAT_VECTOR => {
            let of_row = |row: &i64| [u32::from(number(row)).to_le_bytes(), 0.5f32.to_le_bytes()].concat();
            let dim = rows.iter().max().map_or(0, |row| row + 1);
            Vectors::SparseFloatVector(SparseFloatArray { contents: rows.iter().map(of_row).collect(), dim })
        }
        DataType::ARRAY_OF_VECTOR => Vectors::VectorArray(VectorArray {
            dim: 4,
            data: rows
                .iter()
                .map(|row| vectors(element, DataType::default(), &(0..row % 4).collect::<Vec<_>>()))
                .collect(),
            element_type: element.0,
        }),
        other => panic!("no vectors of type {other}"),
    };
    let dim = if data_type == DataType::SPARSE_FLOAT_VECTOR { 0 } else { dimension(data_type) };
    VectorField { dim: i64::try_from(dim).expect("a small number"), data: Some(data) }
}

/// Returns the number of numbers of a vector.
pub(super) fn dimension(data_type: DataType) -> usize {
    if matches!(data_type, DataType::FLOAT_VECTOR | DataType::ARRAY_OF_VECTOR) { 4 } else { DIM }
}
