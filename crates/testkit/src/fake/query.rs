//! Queries: the number of rows, and the rows from a key on.

use prost::Message;
use proto::common::ErrorCode;
use proto::milvus as wire;
use proto::schema::field_data::Field;
use proto::schema::scalar_field::Data as Scalars;
use proto::schema::vector_field::Data as Vectors;
use proto::schema::{
    ArrayArray, BoolArray, DataType, DoubleArray, FieldData, FloatArray, IntArray, JsonArray, LongArray,
    ScalarField, StringArray, VectorField,
};

use super::cell::{Cell, Column, Form, Key, Row, user_columns};
use super::delete::{parse_key, parse_keys};
use super::reply::Refusal;
use super::state::{Collection, FakeState, Load};

type Answer<R> = Result<R, Refusal>;

impl FakeState {
    /// Answers `count(*)`, and `KEY >= x` and `KEY in [x]` for fields of the most usual types.
    pub(super) fn query(&mut self, request: &wire::QueryRequest) -> Answer<wire::QueryResults> {
        let version = self.version;
        let held = self.collection(&request.db_name, &request.collection_name)?;
        if held.load != Load::Done && version < (2, 3, 0) {
            let (database, name, id) = (&held.request.db_name, held.name(), held.id);
            let database = if database.is_empty() { "default" } else { database };
            return Err(Refusal::unexpected(format!(
                "checkIfLoaded failed when query, collection:{name}, partitions:[], err = GetCollectionInfo failed, dbName = {database}, collection = {name}, err = collection {id} has not been loaded to memory or load failed"
            )));
        }
        if held.load != Load::Done {
            let text = format!("failed to query: collection not loaded[collection={}]", held.id);
            return Err(Refusal::new(101, ErrorCode::UnexpectedError, text));
        }
        let columns = user_columns(held, version);
        let rows = find_rows(held, &columns, request)?;
        if request.output_fields == ["count(*)"] && version >= (2, 3, 0) {
            let count = LongArray { data: vec![i64::try_from(rows.len()).unwrap_or_default()] };
            let field = Field::Scalars(ScalarField { data: Some(Scalars::LongData(count)) });
            let column = FieldData {
                r#type: DataType::Int64.into(),
                field_name: "count(*)".to_owned(),
                field: Some(field),
                ..FieldData::default()
            };
            return Ok(wire::QueryResults { fields_data: vec![column], ..Default::default() });
        }
        let output = request.output_fields.iter().map(|name| {
            let column = columns.iter().find(|column| column.name == *name);
            let column = column.ok_or_else(|| Refusal::unexpected(format!("field {name} not exist")))?;
            let of_row = |row: &&Row| row.cells.get(&column.id).cloned().or_else(|| column.filler());
            let cells: Vec<Cell> = rows.iter().map(|row| of_row(row).unwrap_or(Cell::Null)).collect();
            to_field_data(column, &cells)
        });
        Ok(wire::QueryResults { fields_data: output.collect::<Answer<_>>()?, ..Default::default() })
    }
}

/// Returns the live rows that a query asks for.
fn find_rows<'a>(
    held: &'a Collection,
    columns: &[Column],
    request: &wire::QueryRequest,
) -> Answer<Vec<&'a Row>> {
    let wanted = parse_selection(&request.expr, columns).ok_or_else(|| {
        Refusal::unexpected("the fake answers queries of all rows, of KEY >= x and of KEY in [x] alone")
    })?;
    let is_wanted = |partition: &i64| {
        let names = &request.partition_names;
        let mut own = held.partitions.iter().filter(|held| held.id == *partition);
        names.is_empty() || own.any(|held| names.contains(&held.name))
    };
    let is_found = |key: &Key| match &wanted {
        Selection::All => true,
        Selection::From(lowest) => key >= lowest,
        Selection::Of(keys) => keys.contains(key),
    };
    let live =
        held.live_rows().into_iter().filter(|(partition, row)| is_wanted(partition) && is_found(&row.key));
    Ok(live.map(|(_, row)| row).collect())
}

/// The rows that an expression selects.
enum Selection {
    All,
    From(Key),
    Of(Vec<Key>),
}

/// Parses an expression; `None` if the fake does not know it.
fn parse_selection(expression: &str, columns: &[Column]) -> Option<Selection> {
    if expression.is_empty() {
        return Some(Selection::All);
    }
    let key = columns.iter().find(|column| column.is_key)?;
    let rest = expression.trim().strip_prefix(key.name.as_str())?.trim_start();
    match rest.strip_prefix(">=") {
        Some(lowest) => parse_key(lowest).map(Selection::From),
        None => parse_keys(rest.strip_prefix("in")?).map(Selection::Of),
    }
}

fn to_field_data(column: &Column, cells: &[Cell]) -> Answer<FieldData> {
    let unsupported =
        || Refusal::unexpected(format!("the fake does not answer the values of field {}", column.name));
    let bytes = || cells.iter().map(|cell| if let Cell::Bytes(bytes) = cell { Some(bytes) } else { None });
    let all_bytes = || bytes().collect::<Option<Vec<_>>>().ok_or_else(unsupported);
    macro_rules! values {
        ($array:ident, $variant:ident, $cell:pat => $value:expr) => {{
            let data = cells.iter().map(|cell| if let $cell = cell { Some($value) } else { None });
            Scalars::$variant($array { data: data.collect::<Option<Vec<_>>>().ok_or_else(unsupported)? })
        }};
    }
    let scalars = match (column.form(), column.data_type) {
        (Form::Bool, _) => values!(BoolArray, BoolData, Cell::Bool(value) => *value),
        (Form::Int8 | Form::Int16 | Form::Int32, _) => {
            values!(IntArray, IntData, Cell::Int(value) => i32::try_from(*value).unwrap_or_default())
        }
        (Form::Int64, DataType::Int64) => values!(LongArray, LongData, Cell::Int(value) => *value),
        (Form::Float, _) => values!(FloatArray, FloatData, Cell::Float(value) => *value),
        (Form::Double, _) => values!(DoubleArray, DoubleData, Cell::Double(value) => *value),
        (Form::Text, _) => {
            values!(StringArray, StringData, Cell::Bytes(text) => String::from_utf8_lossy(text).into_owned())
        }
        (_, DataType::Json) => values!(JsonArray, JsonData, Cell::Bytes(json) => json.clone()),
        (_, DataType::Array) => {
            let decode = |bytes: &Vec<u8>| ScalarField::decode(bytes.as_slice()).unwrap_or_default();
            let data = all_bytes()?.into_iter().map(decode).collect();
            Scalars::ArrayData(ArrayArray { data, element_type: column.element.into() })
        }
        (Form::Fixed(_), kind) => {
            let all: Vec<u8> = all_bytes()?.into_iter().flatten().copied().collect();
            let data = match kind {
                DataType::BinaryVector => Vectors::BinaryVector(all),
                DataType::FloatVector => {
                    let numbers = all.chunks_exact(4).filter_map(|bytes| bytes.try_into().ok());
                    Vectors::FloatVector(FloatArray { data: numbers.map(f32::from_le_bytes).collect() })
                }
                _ => return Err(unsupported()),
            };
            let dim = i64::try_from(column.dim).unwrap_or_default();
            let vectors = Field::Vectors(VectorField { dim, data: Some(data) });
            return Ok(named(column, vectors));
        }
        _ => return Err(unsupported()),
    };
    Ok(named(column, Field::Scalars(ScalarField { data: Some(scalars) })))
}

fn named(column: &Column, field: Field) -> FieldData {
    FieldData {
        r#type: column.data_type.into(),
        field_name: column.name.clone(),
        is_dynamic: column.is_dynamic,
        field: Some(field),
        ..FieldData::default()
    }
}
