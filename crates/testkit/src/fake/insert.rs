//! Inserted rows.

use std::collections::BTreeMap;

use proto::milvus as wire;
use proto::schema::field_data::Field;
use proto::schema::{DataType, FieldData, FunctionType, IDs, LongArray, StringArray, i_ds};

use super::cell::{Cell, Column, Deletion, Key, Row, user_columns};
use super::external::refuse_external;
use super::hash;
use super::insert_checks::{check_fields, column_cells, no_data};
use super::properties::missing_hidden_field;
use super::reply::Refusal;
use super::segments::PendingDelete;
use super::state::FakeState;
use super::values::count_words;
use super::words::{Kind, V3_0};

type Answer<R> = Result<R, Refusal>;

impl FakeState {
    pub(super) fn insert(&mut self, request: &wire::InsertRequest) -> Answer<wire::MutationResult> {
        self.write_rows(request, false)
    }

    /// Inserts rows, and deletes those with the same keys in the same partition that are older.
    pub(super) fn upsert(&mut self, request: &wire::UpsertRequest) -> Answer<wire::MutationResult> {
        let request = wire::InsertRequest {
            db_name: request.db_name.clone(),
            collection_name: request.collection_name.clone(),
            partition_name: request.partition_name.clone(),
            fields_data: request.fields_data.clone(),
            num_rows: request.num_rows,
        };
        let result = self.write_rows(&request, true)?;
        Ok(wire::MutationResult { upsert_cnt: result.insert_cnt, ..result })
    }

    fn write_rows(&mut self, request: &wire::InsertRequest, replaces: bool) -> Answer<wire::MutationResult> {
        let version = self.version;
        let wire::InsertRequest { db_name, collection_name, partition_name, .. } = request;
        let held = self.collection(db_name, collection_name)?;
        refuse_external(&held.schema, "insert")?;
        // A restored snapshot keeps the ids of the request and has the hidden field.
        let is_missing = version >= V3_0 && held.dynamic_field_id.is_none();
        let missing = missing_hidden_field(&held.schema, &held.properties).filter(|_| is_missing);
        if let Some(text) = missing {
            return Err(Refusal::stated(Kind::Invalid, text));
        }
        if held.has_partition_key() && !partition_name.is_empty() {
            let text = "not support manually specifying the partition names if partition key mode is used";
            return Err(Refusal::plain(text));
        }
        let partitions: Vec<i64> = match partition_name.as_str() {
            "" if held.has_partition_key() => held.partitions.iter().map(|partition| partition.id).collect(),
            "" => held.partition("_default").map(|partition| vec![partition.id])?,
            name => match held.partition(name) {
                Ok(partition) => vec![partition.id],
                Err(_) => return Err(Refusal::worded("insert.no_partition", &[name])),
            },
        };
        if held.lacks_dynamic_field() {
            return Err(Refusal::invalid("fieldName $meta not exist"));
        }
        let mut columns = user_columns(held, version);
        let allows_keys = held.accepts_auto_id_keys(version);
        let functions = held.schema.functions.clone();
        let count = request.num_rows as usize;
        if count == 0 {
            return Err(Refusal::worded("insert.no_rows", &[]));
        }
        let fields = flatten_structs(&request.fields_data);
        if let Some(key) = columns.iter_mut().find(|column| column.is_key && column.auto_id) {
            key.auto_id = !allows_keys || !fields.iter().any(|(name, _)| *name == key.name);
        }
        check_fields(&fields, request.fields_data.len(), &columns, version)?;
        if let Some(key) = columns.iter().find(|column| replaces && column.auto_id) {
            return Err(Refusal::worded("upsert.auto_id", &[&key.name]));
        }
        // A dynamic column that was not sent is filled before columns are counted.
        let is_filled =
            columns.iter().any(|column| column.is_dynamic) && !fields.iter().any(|(_, data)| data.is_dynamic);
        let sent = fields.len() + usize::from(is_filled);
        let mut values: BTreeMap<i64, Vec<Cell>> = BTreeMap::new();
        for column in columns.iter().filter(|column| !column.is_output && !column.auto_id) {
            let is_it = |(name, data): &&(String, &FieldData)| {
                *name == column.name || (column.is_dynamic && data.is_dynamic)
            };
            let cells = match fields.iter().find(is_it) {
                Some((_, data)) => column_cells(data, column, count, version)?,
                None => match column.filler() {
                    Some(filler) => vec![filler; count],
                    None => return Err(no_data(column, sent, columns.len())),
                },
            };
            values.insert(column.id, cells);
        }
        for function in functions.iter().filter(|function| function.r#type() == FunctionType::Bm25) {
            let id_of = |names: &[String]| {
                columns.iter().find(|column| names.first() == Some(&column.name)).map(|column| column.id)
            };
            if let (Some(input), Some(output)) =
                (id_of(&function.input_field_names), id_of(&function.output_field_names))
            {
                let texts = values.get(&input).cloned().unwrap_or_default();
                let count = |cell: &Cell| count_words(if let Cell::Bytes(text) = cell { text } else { &[] });
                values.insert(output, texts.iter().map(count).collect());
            }
        }
        let (rows, ids) = self.make_rows(&columns, values, count);
        let by_partition = columns.iter().find(|column| column.is_partition_key).map(|column| column.id);
        let mut groups: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
        for row in rows {
            let key = by_partition.and_then(|id| row.cells.get(&id)?.as_key());
            let partition = key.map_or(0, |key| hash::choose(&key, partitions.len()));
            groups.entry(partitions.get(partition).copied().unwrap_or_default()).or_default().push(row);
        }
        for (partition, rows) in groups {
            if replaces {
                let delete = |row: &Row| {
                    let deletion = Deletion { key: row.key.clone(), time: row.time };
                    PendingDelete { partition, deletion }
                };
                let deletes = rows.iter().map(delete);
                self.collection(db_name, collection_name)?.history.deletes.extend(deletes);
            }
            self.add_growing_rows(db_name, collection_name, partition, rows, false)?;
        }
        let ids = Some(IDs { id_field: Some(ids) });
        Ok(wire::MutationResult { i_ds: ids, insert_cnt: request.num_rows.into(), ..Default::default() })
    }

    /// Makes rows of columns, with new ids and one time; returns them with their keys.
    fn make_rows(
        &mut self,
        columns: &[Column],
        mut values: BTreeMap<i64, Vec<Cell>>,
        count: usize,
    ) -> (Vec<Row>, i_ds::IdField) {
        let time = self.next_timestamp();
        let key_column = columns.iter().find(|column| column.is_key);
        let mut rows = Vec::with_capacity(count);
        for _ in 0..count {
            rows.push(Row { id: self.next_id(), time, key: Key::Int(0), cells: BTreeMap::new() });
        }
        if let Some(column) = key_column.filter(|column| column.auto_id) {
            let is_text = column.data_type == DataType::VarChar;
            let key =
                |id: i64| if is_text { Cell::Bytes(id.to_string().into_bytes()) } else { Cell::Int(id) };
            values.insert(column.id, rows.iter().map(|row| key(row.id)).collect());
        }
        for (field, cells) in values {
            for (row, cell) in rows.iter_mut().zip(cells) {
                row.cells.insert(field, cell);
            }
        }
        let (mut ints, mut texts) = (Vec::new(), Vec::new());
        for row in &mut rows {
            let key = key_column.and_then(|column| row.cells.get(&column.id)?.as_key());
            row.key = key.unwrap_or(Key::Int(row.id));
            match &row.key {
                Key::Int(key) => ints.push(*key),
                Key::Text(key) => texts.push(key.clone()),
            }
        }
        let keys = if texts.is_empty() {
            i_ds::IdField::IntId(LongArray { data: ints })
        } else {
            i_ds::IdField::StrId(StringArray { data: texts })
        };
        (rows, keys)
    }

    /// Adds rows that no client sent to the first partition, for a fault.
    pub(super) fn add_made_up_rows(&mut self, database: &str, name: &str, count: u64) -> Answer<()> {
        let partition = self.first_partition(database, name)?;
        let version = self.version;
        let columns = user_columns(self.collection(database, name)?, version);
        let count = usize::try_from(count).unwrap_or_default();
        let mut values = BTreeMap::new();
        for column in columns.iter().filter(|column| !column.auto_id) {
            let cells = (0..count).map(|_| {
                let number = if column.is_key { self.next_id() } else { 0 };
                made_up_cell(column, number)
            });
            values.insert(column.id, cells.collect());
        }
        let (rows, _) = self.make_rows(&columns, values, count);
        self.add_growing_rows(database, name, partition, rows, true)
    }
}

fn made_up_cell(column: &Column, number: i64) -> Cell {
    use super::cell::Form;
    match column.form() {
        Form::Bool => Cell::Bool(false),
        Form::Float => Cell::Float(0.0),
        Form::Double => Cell::Double(0.0),
        Form::Text => Cell::Bytes(number.to_string().into_bytes()),
        Form::Fixed(width) => Cell::Bytes(vec![0; width]),
        Form::List(_) => Cell::List(Vec::new()),
        Form::Bytes if column.data_type == DataType::Json => Cell::Bytes(b"{}".to_vec()),
        Form::Bytes => Cell::Bytes(Vec::new()),
        Form::Int8 | Form::Int16 | Form::Int32 | Form::Int64 => Cell::Int(number),
    }
}

/// Returns the sent columns by name; those of struct arrays have the name of the struct before theirs.
fn flatten_structs(fields: &[FieldData]) -> Vec<(String, &FieldData)> {
    let mut flat = Vec::new();
    for data in fields {
        match &data.field {
            Some(Field::StructArrays(parent)) => {
                let name = |field: &FieldData| format!("{}[{}]", data.field_name, field.field_name);
                flat.extend(parent.fields.iter().map(|field| (name(field), field)));
            }
            _ => flat.push((data.field_name.clone(), data)),
        }
    }
    flat
}
