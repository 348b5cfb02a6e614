//! The footer of a Parquet file: its columns and the places of their values, checked before anything relies on them.
//!
//! The schema is parsed here, without annotations such as "string" or "timestamp": Milvus's schema gives values their
//! meaning. The rest of the footer is decoded by the `parquet` crate, after a pass over its structure.

use std::sync::Arc;

use model::ids::FieldId;
use parquet::basic::{ConvertedType, Repetition, Type as Primitive};
use parquet::file::metadata::{
    ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy,
};
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use super::thrift::{Kind, Malformed, Thrift};
use crate::error::Reason;

/// The last bytes of a Parquet file: the length of the footer and the magic number.
pub(super) const TRAILER_BYTES: usize = 8;
/// The largest footer that is accepted, in bytes. Those of the largest files have about 20 MiB.
pub(super) const MAX_FOOTER_BYTES: usize = 32 << 20;
/// The largest numbers of columns (groups included) and of row groups that are accepted.
const MAX_SCHEMA_ELEMENTS: usize = 4096;
const MAX_ROW_GROUPS: usize = 1 << 16;
/// The largest number of rows that is accepted; a segment has about a million. Nulls and repeated values take so
/// little space that the size of a file does not bound their number.
const MAX_ROWS: i64 = 1 << 31;
/// The deepest nesting of columns that is accepted; lists need three levels.
const MAX_SCHEMA_DEPTH: usize = 6;

/// How the values of a column are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Physical {
    Bool,
    Int32,
    Int64,
    Float,
    Double,
    /// Bytes of any length.
    Bytes,
    /// Bytes of this fixed length.
    Fixed(usize),
    /// Lists of bytes of this fixed length.
    ListOfFixed(usize),
    /// Anything that Milvus does not write.
    Other,
}

/// A top-level column.
#[derive(Clone, Debug)]
pub(crate) struct FileColumn {
    pub(crate) name: String,
    /// The id of the field, recorded in files of storage version 2.
    pub(crate) field: Option<FieldId>,
    pub(crate) physical: Physical,
    /// The position of the column's values among those of all columns.
    pub(super) leaf: usize,
    /// The schema that contains this column alone.
    pub(super) alone: Arc<SchemaDescriptor>,
}

/// The decoded footer.
#[derive(Debug)]
pub(crate) struct Footer {
    pub(crate) columns: Vec<FileColumn>,
    pub(crate) rows: u64,
    pub(super) metadata: ParquetMetaData,
}

impl Footer {
    /// Returns the value of a key of the file's own metadata.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        let pairs = self.metadata.file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    /// Returns the number of rows of each row group.
    pub(crate) fn rows_of_groups(&self) -> impl Iterator<Item = u64> {
        self.metadata.row_groups().iter().map(|group| group.num_rows().unsigned_abs())
    }

    /// Returns the size of a column before compression, in bytes, as far as the footer is right.
    pub(crate) fn uncompressed_bytes(&self, column: &FileColumn) -> u64 {
        let groups = self.metadata.row_groups().iter();
        groups.fold(0, |sum, group| {
            sum.saturating_add(group.column(column.leaf).uncompressed_size().unsigned_abs())
        })
    }
}

/// Returns the length of the footer, given the last bytes of a file.
pub(super) fn footer_length(trailer: [u8; TRAILER_BYTES], file_bytes: u64) -> Result<usize, Reason> {
    let [a, b, c, d, magic @ ..] = trailer;
    match &magic {
        b"PAR1" => {}
        b"PARE" => return Err(crate::error::Unsupported::EncryptedParquet.into()),
        _ => return Err(Reason::damaged("the Parquet footer is missing")),
    }
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MAX_FOOTER_BYTES || length as u64 + 12 > file_bytes {
        return Err(Reason::Damaged(format!("a Parquet footer cannot have {length} bytes")));
    }
    Ok(length)
}

/// Decodes a footer; `data_end` is the offset in the Parquet file at which the footer begins.
pub(super) fn decode(footer: &[u8], data_end: u64) -> Result<Footer, Reason> {
    let malformed = |_: Malformed| Reason::damaged("the Parquet footer is malformed");
    let elements = scan(footer).map_err(malformed)?;
    let mut elements = elements.into_iter();
    let root = elements.next().ok_or_else(|| Reason::damaged("the Parquet footer has no schema"))?;
    let mut leaf = 0;
    let mut columns = Vec::new();
    let mut types = Vec::new();
    for _ in 0..root.children {
        let first_leaf = leaf;
        let (kind, field) = build_type(&mut elements, &mut leaf, MAX_SCHEMA_DEPTH)?;
        let alone = Type::group_type_builder("row").with_fields(vec![Arc::clone(&kind)]).build()?;
        columns.push(FileColumn {
            name: kind.name().to_owned(),
            field: field.map(FieldId),
            physical: physical_of(&kind),
            leaf: first_leaf,
            alone: Arc::new(SchemaDescriptor::new(Arc::new(alone))),
        });
        types.push(kind);
    }
    if elements.next().is_some() {
        return Err(Reason::damaged("the Parquet schema has more than one root"));
    }
    let schema = Type::group_type_builder("row").with_fields(types).build()?;
    let options = ParquetMetaDataOptions::new()
        .with_schema(Arc::new(SchemaDescriptor::new(Arc::new(schema))))
        .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let metadata = ParquetMetaDataReader::decode_metadata_with_options(footer, Some(&options))?;
    let rows = check(&metadata, leaf, data_end)?;
    Ok(Footer { columns, rows, metadata })
}

/// Checks the sizes and places in a footer, and returns the number of rows.
fn check(metadata: &ParquetMetaData, leaves: usize, data_end: u64) -> Result<u64, Reason> {
    let wrong = || Reason::damaged("the Parquet footer contains impossible numbers");
    let mut total = 0_i64;
    for group in metadata.row_groups() {
        let rows = group.num_rows();
        if rows < 0 || group.num_columns() != leaves {
            return Err(wrong());
        }
        total = total.checked_add(rows).ok_or_else(wrong)?;
        for (leaf, chunk) in group.columns().iter().enumerate() {
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let end = start.checked_add(chunk.compressed_size()).and_then(|end| u64::try_from(end).ok());
            let repeated = metadata.file_metadata().schema_descr().column(leaf).max_rep_level() > 0;
            if start < 0
                || chunk.compressed_size() < 0
                || chunk.uncompressed_size() < 0
                || end.is_none_or(|end| end > data_end)
                || (!repeated && chunk.num_values() != rows)
                || chunk.num_values() < 0
            {
                return Err(wrong());
            }
        }
    }
    if total > MAX_ROWS || total != metadata.file_metadata().num_rows() {
        return Err(wrong());
    }
    u64::try_from(total).map_err(|_| wrong())
}

/// One node of the schema tree, in the order of the file: a parent before its children.
struct SchemaElement {
    primitive: Option<u32>,
    width: u32,
    repetition: u32,
    name: String,
    children: u32,
    field: Option<i64>,
}

/// Passes over a whole footer, and returns the elements of its schema.
fn scan(footer: &[u8]) -> Result<Vec<SchemaElement>, Malformed> {
    let mut from = Thrift(footer);
    let mut last = 0;
    let mut elements = Vec::new();
    while let Some((id, kind)) = from.field(&mut last)? {
        match (id, kind) {
            (2, Kind::List) => {
                let (count, kind) = from.list()?;
                if kind != Kind::Struct || count > MAX_SCHEMA_ELEMENTS {
                    return Err(Malformed::Invalid);
                }
                for _ in 0..count {
                    elements.push(read_element(&mut from)?);
                }
            }
            (4, Kind::List) => {
                let (count, kind) = from.list()?;
                if count > MAX_ROW_GROUPS {
                    return Err(Malformed::Invalid);
                }
                (0..count).try_for_each(|_| from.skip(kind))?;
            }
            _ => from.skip(kind)?,
        }
    }
    Ok(elements)
}

fn read_element(from: &mut Thrift<'_>) -> Result<SchemaElement, Malformed> {
    let mut last = 0;
    let mut element = SchemaElement {
        primitive: None,
        width: 0,
        repetition: 0,
        name: String::new(),
        children: 0,
        field: None,
    };
    while let Some((id, kind)) = from.field(&mut last)? {
        match (id, kind) {
            (1, _) => element.primitive = Some(from.size(kind)?),
            (2, Kind::Int) => element.width = u32::try_from(from.int()?).unwrap_or(0),
            (3, _) => element.repetition = from.size(kind)?,
            (4, Kind::Binary) => element.name = String::from_utf8_lossy(from.binary()?).into_owned(),
            (5, _) => element.children = from.size(kind)?,
            (9, Kind::Int) => element.field = Some(from.int()?),
            _ => from.skip(kind)?,
        }
    }
    Ok(element)
}

/// Builds the type of the next element with its children, and returns it with its field id.
fn build_type(
    elements: &mut impl Iterator<Item = SchemaElement>,
    leaf: &mut usize,
    depth: usize,
) -> Result<(TypePtr, Option<i64>), Reason> {
    let wrong = || Reason::damaged("the Parquet schema is malformed");
    let element = elements.next().ok_or_else(wrong)?;
    let depth = depth.checked_sub(1).ok_or_else(wrong)?;
    let repetition = match element.repetition {
        0 => Repetition::REQUIRED,
        1 => Repetition::OPTIONAL,
        2 => Repetition::REPEATED,
        _ => return Err(wrong()),
    };
    let kind = if element.children > 0 {
        let children = (0..element.children)
            .map(|_| build_type(elements, leaf, depth).map(|(child, _)| child))
            .collect::<Result<Vec<_>, _>>()?;
        let is_list =
            matches!(&children[..], [only] if only.get_basic_info().repetition() == Repetition::REPEATED);
        Type::group_type_builder(&element.name)
            .with_repetition(repetition)
            .with_converted_type(if is_list { ConvertedType::LIST } else { ConvertedType::NONE })
            .with_fields(children)
            .build()?
    } else {
        *leaf += 1;
        let primitive = match element.primitive.ok_or_else(wrong)? {
            0 => Primitive::BOOLEAN,
            1 => Primitive::INT32,
            2 => Primitive::INT64,
            3 => Primitive::INT96,
            4 => Primitive::FLOAT,
            5 => Primitive::DOUBLE,
            6 => Primitive::BYTE_ARRAY,
            7 => Primitive::FIXED_LEN_BYTE_ARRAY,
            _ => return Err(wrong()),
        };
        let width = i32::try_from(element.width).map_err(|_| wrong())?;
        Type::primitive_type_builder(&element.name, primitive)
            .with_repetition(repetition)
            .with_length(width)
            .build()?
    };
    Ok((Arc::new(kind), element.field))
}

/// Returns how a column is stored.
fn physical_of(kind: &Type) -> Physical {
    if kind.get_basic_info().repetition() == Repetition::REPEATED {
        return Physical::Other;
    }
    match kind {
        Type::PrimitiveType { physical_type, type_length, .. } => match physical_type {
            Primitive::BOOLEAN => Physical::Bool,
            Primitive::INT32 => Physical::Int32,
            Primitive::INT64 => Physical::Int64,
            Primitive::FLOAT => Physical::Float,
            Primitive::DOUBLE => Physical::Double,
            Primitive::BYTE_ARRAY => Physical::Bytes,
            Primitive::FIXED_LEN_BYTE_ARRAY => Physical::Fixed(usize::try_from(*type_length).unwrap_or(0)),
            Primitive::INT96 => Physical::Other,
        },
        Type::GroupType { fields, .. } => match &fields[..] {
            [repeated] if repeated.is_group() => match repeated.get_fields() {
                [element] => match physical_of(element) {
                    Physical::Fixed(width) => Physical::ListOfFixed(width),
                    _ => Physical::Other,
                },
                _ => Physical::Other,
            },
            _ => Physical::Other,
        },
    }
}
