//! Checks the header of a Parquet page before the `parquet` crate reads the page, so that no page takes more memory
//! than is acceptable.

use super::thrift::{Kind, Malformed, Thrift};
use crate::error::{Reason, Unsupported};

/// The largest page that is accepted, in bytes before compression.
///
/// Writers end a page after about 1 MiB, but not before they have written 1,024 values: 128 MiB of the widest vectors.
pub(crate) const MAX_PAGE_BYTES: u32 = 256 << 20;

/// The encodings that Milvus's writers use: `PLAIN`, `PLAIN_DICTIONARY`, `RLE`, `RLE_DICTIONARY`. The decoders of the others
/// allocate by numbers within the page.
const ENCODINGS: [i64; 4] = [0, 2, 3, 8];

/// What a page header says about the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PageHeader {
    /// The size of the header itself, in bytes.
    pub(super) length: usize,
    /// The size of the page after the header, in bytes.
    pub(super) compressed: u32,
    /// The number of values of a data page, nulls included; 0 for a dictionary.
    pub(super) values: u32,
}

/// Parses the header at the beginning of `bytes`; `None` if it continues after them.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<PageHeader>, Reason> {
    let mut header = Raw::default();
    let mut rest = Thrift(bytes);
    match header.read(&mut rest) {
        Ok(()) => header.check(bytes.len() - rest.0.len()).map(Some),
        Err(Malformed::Truncated) => Ok(None),
        Err(Malformed::Invalid) => Err(Reason::damaged("the header of a page is malformed")),
    }
}

#[derive(Default)]
struct Raw {
    uncompressed: u32,
    compressed: u32,
    data_values: u32,
    dictionary_values: u32,
    level_bytes: u64,
    encodings: Vec<i64>,
}

impl Raw {
    fn read(&mut self, from: &mut Thrift<'_>) -> Result<(), Malformed> {
        let mut last = 0;
        while let Some((id, kind)) = from.field(&mut last)? {
            match (id, kind) {
                (2, _) => self.uncompressed = from.size(kind)?,
                (3, _) => self.compressed = from.size(kind)?,
                // data page, dictionary page, data page of the second version
                (5 | 7 | 8, Kind::Struct) => self.read_details(id, from)?,
                (5 | 7 | 8, _) => return Err(Malformed::Invalid),
                _ => from.skip(kind)?,
            }
        }
        Ok(())
    }

    fn read_details(&mut self, page: i64, from: &mut Thrift<'_>) -> Result<(), Malformed> {
        let mut last = 0;
        while let Some((id, kind)) = from.field(&mut last)? {
            match (page, id) {
                (5 | 8, 1) => self.data_values = self.data_values.max(from.size(kind)?),
                (7, 1) => self.dictionary_values = from.size(kind)?,
                (5, 2..=4) | (7, 2) | (8, 4) => self.encodings.push(i64::from(from.size(kind)?)),
                (8, 5 | 6) => self.level_bytes += u64::from(from.size(kind)?),
                _ => from.skip(kind)?,
            }
        }
        Ok(())
    }

    fn check(self, length: usize) -> Result<PageHeader, Reason> {
        if self.uncompressed.max(self.compressed) > MAX_PAGE_BYTES {
            let size = self.uncompressed.max(self.compressed);
            let problem = format!("a page of {size} bytes exceeds the limit of {MAX_PAGE_BYTES} bytes");
            return Err(Reason::Damaged(problem));
        }
        // Every entry of a dictionary takes a byte at least, so this bounds what is allocated for it.
        if self.dictionary_values > self.uncompressed || self.level_bytes > u64::from(self.uncompressed) {
            return Err(Reason::damaged("the header of a page contradicts itself"));
        }
        if let Some(other) = self.encodings.into_iter().find(|encoding| !ENCODINGS.contains(encoding)) {
            return Err(Unsupported::Encoding(other).into());
        }
        Ok(PageHeader { length, compressed: self.compressed, values: self.data_values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data page of `size` bytes with ten values.
    fn header(size: u32) -> Vec<u8> {
        let mut bytes = vec![0x15, 0]; // type
        for _ in 0..2 {
            bytes.push(0x15);
            let mut zigzag = u64::from(size) << 1;
            while zigzag >= 0x80 {
                bytes.push(u8::try_from(zigzag & 0x7f).unwrap() | 0x80);
                zigzag >>= 7;
            }
            bytes.push(u8::try_from(zigzag).unwrap());
        }
        bytes.extend([0x2c, 0x15, 20, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0]);
        bytes
    }

    #[test]
    fn the_sizes_of_a_page_are_read_and_limited() {
        let small = header(100);
        let page = PageHeader { length: small.len(), compressed: 100, values: 10 };
        assert_eq!(parse(&small).unwrap(), Some(page));
        assert_eq!(parse(&small[..small.len() - 1]).unwrap(), None, "the header continues");
        assert!(matches!(parse(&header(MAX_PAGE_BYTES + 1)), Err(Reason::Damaged(_))));
    }

    #[test]
    fn a_dictionary_with_more_entries_than_bytes_is_refused() {
        let dictionary = [0x15, 4, 0x15, 20, 0x15, 20, 0x4c, 0x15, 22, 0x15, 0, 0, 0];
        assert!(matches!(parse(&dictionary), Err(Reason::Damaged(_))));
    }

    #[test]
    fn an_encoding_that_milvus_does_not_write_is_named() {
        let delta = [0x15, 0, 0x15, 20, 0x15, 20, 0x2c, 0x15, 2, 0x15, 10, 0x15, 6, 0x15, 6, 0, 0];
        let Err(Reason::Unsupported(unsupported)) = parse(&delta) else { panic!("accepted") };
        assert_eq!(unsupported, Unsupported::Encoding(5));
    }
}
