//! A strict reader of Thrift's compact protocol, in which Parquet stores its footers and page headers.
//!
//! It accepts less than the protocol allows: fields in ascending order, no sets, maps or lists of booleans. Every
//! Parquet writer complies. In return, whatever it accepts has one meaning for every reader, takes at least one byte
//! for each element, and is not nested deeply, so that the `parquet` crate can be given the same bytes.

/// The deepest nesting that is accepted; Parquet's own structures are less than half as deep.
const MAX_DEPTH: usize = 16;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Byte,
    Int,
    Double,
    Binary,
    List,
    Struct,
}

impl Kind {
    /// Converts the number of the type in a field header.
    fn of_field(number: u8) -> Result<Self, Malformed> {
        Ok(match number {
            1 | 2 => Self::Bool,
            3 => Self::Byte,
            4..=6 => Self::Int,
            7 => Self::Double,
            8 => Self::Binary,
            9 => Self::List,
            12 => Self::Struct,
            _ => return Err(Malformed::Invalid),
        })
    }
}

/// The reason why bytes cannot be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// The bytes end within a value.
    Truncated,
    /// The bytes are invalid whatever follows them.
    Invalid,
}

/// The bytes that remain to be parsed.
#[derive(Clone, Copy)]
pub(super) struct Thrift<'a>(pub(super) &'a [u8]);

impl<'a> Thrift<'a> {
    fn bytes(&mut self, count: u64) -> Result<&'a [u8], Malformed> {
        let count = usize::try_from(count).map_err(|_| Malformed::Invalid)?;
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.0.split_first().ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(*byte)
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::Invalid)
    }

    /// Reads a signed integer of any width.
    pub(super) fn int(&mut self) -> Result<i64, Malformed> {
        let raw = self.varint()?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// Reads the integer of a field whose kind has been read; it must fit into 32 bits and not be negative.
    pub(super) fn size(&mut self, kind: Kind) -> Result<u32, Malformed> {
        if kind != Kind::Int {
            return Err(Malformed::Invalid);
        }
        i32::try_from(self.int()?).and_then(u32::try_from).map_err(|_| Malformed::Invalid)
    }

    /// Reads text or bytes.
    pub(super) fn binary(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.varint()?;
        self.bytes(length)
    }

    /// Reads the header of the next field of a struct, whose id must be above `last`; `None` at the end of the struct.
    pub(super) fn field(&mut self, last: &mut i64) -> Result<Option<(i64, Kind)>, Malformed> {
        let header = self.byte()?;
        if header == 0 {
            return Ok(None);
        }
        let id = match header >> 4 {
            0 => self.int()?,
            step => *last + i64::from(step),
        };
        if id <= *last || id > i64::from(i16::MAX) {
            return Err(Malformed::Invalid);
        }
        *last = id;
        Ok(Some((id, Kind::of_field(header & 0x0f)?)))
    }

    /// Reads the header of a list: the number of its elements, at most that of the remaining bytes, and their type.
    pub(super) fn list(&mut self) -> Result<(usize, Kind), Malformed> {
        let header = self.byte()?;
        let count = if header >> 4 == 0x0f { self.varint()? } else { u64::from(header >> 4) };
        // Some writers give an empty list no type.
        let kind = if header == 0 { Kind::Byte } else { Kind::of_field(header & 0x0f)? };
        let count = usize::try_from(count).map_err(|_| Malformed::Invalid)?;
        if kind == Kind::Bool || count > i32::MAX as usize {
            return Err(Malformed::Invalid);
        }
        if count > self.0.len() {
            return Err(Malformed::Truncated);
        }
        Ok((count, kind))
    }

    /// Skips a value.
    pub(super) fn skip(&mut self, kind: Kind) -> Result<(), Malformed> {
        self.skip_nested(kind, MAX_DEPTH)
    }

    fn skip_nested(&mut self, kind: Kind, depth: usize) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed::Invalid)?;
        match kind {
            // the header of the field contains the value
            Kind::Bool => Ok(()),
            Kind::Byte => self.byte().map(drop),
            Kind::Int => self.varint().map(drop),
            Kind::Double => self.bytes(8).map(drop),
            Kind::Binary => self.binary().map(drop),
            Kind::List => {
                let (count, kind) = self.list()?;
                (0..count).try_for_each(|_| self.skip_nested(kind, depth))
            }
            Kind::Struct => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip_nested(kind, depth)?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_other_readers_might_understand_differently_is_refused() {
        let skip = |bytes: &[u8]| Thrift(bytes).skip(Kind::Struct);
        assert_eq!(skip(&[0x15, 2, 0x15, 4, 0]), Ok(()));
        assert_eq!(skip(&[0x15, 2, 0x05, 2, 4, 0]), Err(Malformed::Invalid), "a field twice");
        assert_eq!(skip(&[0x1b, 0]), Err(Malformed::Invalid), "a map");
        assert_eq!(skip(&[0x19, 0x12, 1, 0]), Err(Malformed::Invalid), "a list of booleans");
        assert_eq!(skip(&[0x1c; 100]), Err(Malformed::Invalid), "too deep");
        assert_eq!(skip(&[0x15, 2]), Err(Malformed::Truncated));
        assert_eq!(skip(&[&[0x15][..], &[0xff; 11]].concat()), Err(Malformed::Invalid), "a long varint");
    }

    proptest! {
        #[test]
        fn any_bytes_are_skipped_without_panic(bytes: Vec<u8>) {
            let mut thrift = Thrift(&bytes);
            if thrift.skip(Kind::Struct).is_ok() {
                prop_assert!(thrift.0.len() < bytes.len());
            }
        }
    }
}
