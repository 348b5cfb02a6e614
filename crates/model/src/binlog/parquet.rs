//! Reads the number of rows of a Parquet file, and nothing else of it.
//!
//! A Parquet file ends with its metadata in Thrift's compact protocol, the metadata's length and a magic number.
//! The third field of the metadata is the number of rows; the fields before it are skipped.

const MAGIC: &[u8] = b"PAR1";
const NUM_ROWS: i64 = 3;
/// The deepest nesting that is accepted; the metadata of Parquet is never that deep.
const MAX_DEPTH: usize = 16;

/// Returns the number of rows; `None` if the footer is missing or broken.
pub(super) fn num_rows(file: &[u8]) -> Option<u64> {
    let rest = file.strip_suffix(MAGIC)?;
    let (rest, length) = rest.split_last_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let metadata = rest.get(rest.len().checked_sub(length)?..)?;
    let mut metadata = Compact(metadata);
    let mut field = 0;
    loop {
        let kind = metadata.read_field_header(&mut field)?;
        if field == NUM_ROWS && kind == Compact::I64 {
            return u64::try_from(metadata.read_zigzag()?).ok();
        }
        // fails at the end of the struct too: then the field is missing
        metadata.skip_value(kind, MAX_DEPTH)?;
    }
}

/// Bytes in Thrift's compact protocol; every method returns `None` at the end of the bytes or at an invalid value.
struct Compact<'a>(&'a [u8]);

impl Compact<'_> {
    const STOP: u8 = 0;
    const TRUE: u8 = 1;
    const FALSE: u8 = 2;
    const BYTE: u8 = 3;
    const I16: u8 = 4;
    const I32: u8 = 5;
    const I64: u8 = 6;
    const DOUBLE: u8 = 7;
    const BINARY: u8 = 8;
    const LIST: u8 = 9;
    const SET: u8 = 10;
    const MAP: u8 = 11;
    const STRUCT: u8 = 12;

    fn read_byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn skip_bytes(&mut self, count: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    fn read_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.read_byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn read_zigzag(&mut self) -> Option<i64> {
        let raw = self.read_varint()?;
        Some((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// Reads the header of a struct's next field: updates `id` and returns the type, or [`Self::STOP`].
    fn read_field_header(&mut self, id: &mut i64) -> Option<u8> {
        let header = self.read_byte()?;
        if header != Self::STOP {
            *id = match header >> 4 {
                0 => self.read_zigzag()?,
                step => id.checked_add(i64::from(step))?,
            };
        }
        Some(header & 0x0f)
    }

    /// Skips the value of a field.
    fn skip_value(&mut self, kind: u8, depth: usize) -> Option<()> {
        let deeper = depth.checked_sub(1)?;
        match kind {
            // the header already contains the value
            Self::TRUE | Self::FALSE => Some(()),
            Self::BYTE => self.skip_bytes(1),
            Self::I16 | Self::I32 | Self::I64 => self.read_varint().map(drop),
            Self::DOUBLE => self.skip_bytes(8),
            Self::BINARY => {
                let length = self.read_varint()?;
                self.skip_bytes(length)
            }
            Self::LIST | Self::SET => {
                let header = self.read_byte()?;
                let count = if header >> 4 == 0x0f { self.read_varint()? } else { u64::from(header >> 4) };
                self.skip_elements(count, &[header & 0x0f], deeper)
            }
            Self::MAP => match self.read_varint()? {
                0 => Some(()),
                count => {
                    let kinds = self.read_byte()?;
                    self.skip_elements(count, &[kinds >> 4, kinds & 0x0f], deeper)
                }
            },
            Self::STRUCT => {
                let mut id = 0;
                loop {
                    match self.read_field_header(&mut id)? {
                        Self::STOP => return Some(()),
                        kind => self.skip_value(kind, deeper)?,
                    }
                }
            }
            _ => None,
        }
    }

    /// Skips the elements of a list or map; each takes at least one byte, so the input bounds the work.
    fn skip_elements(&mut self, count: u64, kinds: &[u8], depth: usize) -> Option<()> {
        for _ in 0..count {
            for kind in kinds {
                match *kind {
                    // an element takes a byte, unlike a field
                    Self::TRUE | Self::FALSE => self.skip_bytes(1)?,
                    kind => self.skip_value(kind, depth)?,
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file_with_footer(metadata: &[u8]) -> Vec<u8> {
        let length = u32::try_from(metadata.len()).unwrap().to_le_bytes();
        [b"PAR1", metadata, &length, b"PAR1"].concat()
    }

    #[test]
    fn every_kind_of_field_is_skipped() {
        let metadata = [
            0x15, 4, // 1: i32
            0x09, 0x02, 0x2c, // 1, by its full id: a list of two structs
            0x11, 0x12, 0x13, 9, 0x18, 2, b'a', b'b', 0, // true, false, byte, text
            0x17, 1, 2, 3, 4, 5, 6, 7, 8, 0, // double
            0x0b, 0x02, 1, 0x81, 1, b'x', 1, // 1: a map of one text to a bool
            0x1a, 0xf1, 3, 1, 2, 1, // 2: a set of three bools, counted in full
            0x16, 0xc8, 1, // 3: i64 100
            0,
        ];
        assert_eq!(num_rows(&file_with_footer(&metadata)), Some(100));
    }

    #[test]
    fn an_invalid_footer_has_no_row_count() {
        for bytes in [&b""[..], b"PAR1", b"\0\0\0\0PAR1", b"\xff\xff\xff\xffPAR1", b"\x01\0\0\0PARE"] {
            assert_eq!(num_rows(bytes), None, "{bytes:?}");
        }
        assert_eq!(num_rows(&file_with_footer(&[0])), None);
        assert_eq!(num_rows(&file_with_footer(&[0x36, 1, 0])), None, "negative");
        assert_eq!(num_rows(&file_with_footer(&[&[0x1c][..], &[0x1c; 100]].concat())), None, "too deep");
        let huge = [0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(num_rows(&file_with_footer(&huge)), None, "a list longer than the file");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(metadata: Vec<u8>) {
            num_rows(&metadata);
            num_rows(&file_with_footer(&metadata));
        }
    }
}
