//! Sparse vectors: pairs of an index and a value, which become maps with ascending keys.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BinaryViewArray, Float32Array, MapArray, StructArray, UInt32Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::DataType as ArrowType;

use super::{ValueFault, ValueKind};

/// The size of a pair in bytes.
const PAIR_BYTES: usize = 8;

/// Converts a column of sparse vectors.
pub(super) fn convert(column: &BinaryViewArray) -> Result<ArrayRef, ValueFault> {
    let (mut indexes, mut values) = (Vec::new(), Vec::new());
    let mut lengths = Vec::with_capacity(column.len());
    for (row, bytes) in column.iter().enumerate() {
        let (pairs, rest) = bytes.unwrap_or_default().as_chunks::<PAIR_BYTES>();
        if !rest.is_empty() {
            return Err(ValueFault::new(row, "the size of a sparse vector is no multiple of 8 bytes"));
        }
        let mut last = None;
        for [a, b, c, d, value @ ..] in pairs {
            let index = u32::from_le_bytes([*a, *b, *c, *d]);
            if last.is_some_and(|last| index <= last) {
                return Err(ValueFault::new(row, "the indexes of a sparse vector do not ascend"));
            }
            last = Some(index);
            indexes.push(index);
            values.push(f32::from_le_bytes(*value));
        }
        lengths.push(pairs.len());
    }
    let internal = |problem: &dyn ToString| ValueFault::new(0, problem.to_string());
    let ArrowType::Map(entries, _) = ValueKind::SparseVector.to_arrow() else {
        return Err(internal(&"not a map"));
    };
    let ArrowType::Struct(fields) = entries.data_type() else { return Err(internal(&"not a struct")) };
    let columns: Vec<ArrayRef> =
        vec![Arc::new(UInt32Array::from(indexes)), Arc::new(Float32Array::from(values))];
    let pairs = StructArray::try_new(fields.clone(), columns, None).map_err(|error| internal(&error))?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let map = MapArray::try_new(entries, offsets, pairs, column.nulls().cloned(), true);
    Ok(Arc::new(map.map_err(|error| internal(&error))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(u32, f32)]) -> Vec<u8> {
        pairs.iter().flat_map(|(index, value)| [index.to_le_bytes(), value.to_le_bytes()].concat()).collect()
    }

    #[test]
    fn pairs_become_maps() {
        let rows = [Some(row(&[(1, 0.5), (u32::MAX, 2.0)])), None, Some(row(&[]))];
        let column = convert(&rows.iter().map(Option::as_deref).collect()).unwrap();
        let map = column.as_any().downcast_ref::<MapArray>().unwrap();
        assert_eq!((map.value_length(0), map.value_length(2)), (2, 0));
        assert!(map.is_null(1) && map.is_valid(2));
    }

    #[test]
    fn invalid_pairs_are_refused_by_row() {
        for invalid in [row(&[(2, 1.0), (1, 1.0)]), row(&[(1, 1.0), (1, 1.0)]), vec![0; 9]] {
            let column = BinaryViewArray::from_iter_values([row(&[(1, 1.0)]), invalid]);
            assert_eq!(convert(&column).unwrap_err().row, 1);
        }
    }
}
