//! Checks that the pages of a column with values of fixed length refer only to entries that their dictionary has.
//!
//! The `parquet` crate makes an error of a wrong reference for all types but these, for which it panics. The check
//! costs little beside the copying of vectors, which such values are.

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

/// The pages of a column, of which those with dictionary indexes are checked.
pub(super) struct CheckedPages<R> {
    pages: R,
    /// The size of a value in bytes.
    width: usize,
    /// Whether values are repeated, and whether they are optional or repeated.
    has_levels: [bool; 2],
    entries: u64,
}

impl<R: PageReader> CheckedPages<R> {
    /// Checks pages with values of `width` bytes; `has_levels` tells whether pages contain repetition levels, and
    /// whether they contain definition levels.
    pub(super) fn new(pages: R, width: usize, has_levels: [bool; 2]) -> Self {
        Self { pages, width, has_levels, entries: 0 }
    }

    fn check(&mut self, page: &Page) -> Option<()> {
        let (indexes, encoding, values) = match page {
            Page::DictionaryPage { buf, .. } => {
                self.entries = (buf.len() / self.width.max(1)) as u64;
                return Some(());
            }
            Page::DataPage { buf, encoding, num_values, .. } => {
                let mut rest = &buf[..];
                for _ in self.has_levels.iter().filter(|has| **has) {
                    let (length, after) = rest.split_first_chunk()?;
                    rest = after.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..)?;
                }
                (rest, encoding, num_values)
            }
            Page::DataPageV2 {
                buf, encoding, num_values, def_levels_byte_len, rep_levels_byte_len, ..
            } => {
                let levels = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
                (buf.get(usize::try_from(levels).ok()?..)?, encoding, num_values)
            }
        };
        match encoding {
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                check_indexes(indexes, u64::from(*values), self.entries)
            }
            _ => Some(()),
        }
    }
}

impl<R: PageReader> PageReader for CheckedPages<R> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        if let Some(page) = &page {
            let wrong =
                || ParquetError::General("a page refers to a missing entry of its dictionary".to_owned());
            self.check(page).ok_or_else(wrong)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

impl<R: PageReader> Iterator for CheckedPages<R> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// Checks the indexes in a page: a byte with their width in bits, then runs of one index and groups of eight packed
/// ones. Returns `None` if one of at most `remaining` indexes is not below `entries`.
fn check_indexes(page: &[u8], mut remaining: u64, entries: u64) -> Option<()> {
    let Some((width, mut rest)) = page.split_first() else { return Some(()) };
    let width = usize::from(*width);
    if width > 32 {
        return None;
    }
    while remaining > 0 && !rest.is_empty() {
        let header = read_varint(&mut rest)?;
        let count = header >> 1;
        let done = if header & 1 == 0 {
            let (index, after) = rest.split_at_checked(width.div_ceil(8))?;
            rest = after;
            let index = index.iter().rev().fold(0, |index, byte| index << 8 | u64::from(*byte));
            if count > 0 && index >= entries {
                return None;
            }
            count
        } else {
            let length = usize::try_from(count).ok()?.checked_mul(width)?;
            // The last groups may be cut off.
            let (packed, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            if 1 << width > entries && !are_below(packed, width, remaining, entries) {
                return None;
            }
            count.checked_mul(8)?
        };
        remaining = remaining.saturating_sub(done);
    }
    Some(())
}

/// Returns whether the first `limit` packed indexes, or all if there are fewer, are below `entries`.
fn are_below(packed: &[u8], width: usize, limit: u64, entries: u64) -> bool {
    let (mut buffer, mut bits) = (0_u64, 0);
    let mut checked = 0;
    for byte in packed {
        buffer |= u64::from(*byte) << bits;
        bits += 8;
        while width > 0 && bits >= width && checked < limit {
            if buffer & ((1 << width) - 1) >= entries {
                return false;
            }
            buffer >>= width;
            bits -= width;
            checked += 1;
        }
        if checked == limit {
            break;
        }
    }
    true
}

fn read_varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_indexes_of_existing_entries_pass() {
        // a run of four times 5, then eight packed ones of three bits: 0 to 7
        let page = [3, 8, 5, 3, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        assert_eq!(check_indexes(&page, 12, 8), Some(()));
        assert_eq!(check_indexes(&page, 12, 7), None, "the last one is 7");
        assert_eq!(check_indexes(&page, 11, 7), Some(()), "the last one is not used");
        assert_eq!(check_indexes(&page, 4, 6), Some(()));
        assert_eq!(check_indexes(&page, 4, 5), None, "the run");
        assert_eq!(check_indexes(&[], 4, 0), Some(()), "all values are null");
        assert_eq!(check_indexes(&[33, 8, 0], 4, 9), None, "too wide");
    }

    proptest! {
        #[test]
        fn any_page_is_checked_without_panic(page: Vec<u8>, remaining: u64, entries in 0_u64..100) {
            if check_indexes(&page, remaining, entries).is_some() && entries < 99 {
                prop_assert!(check_indexes(&page, remaining, entries + 1).is_some());
            }
        }
    }
}
