//! Checks the content of a Parquet page before the `parquet` crate decodes it.
//!
//! The crate makes an error of most damage. It panics for a dictionary that is missing; for runs whose length takes too
//! many bytes; for levels that are cut off; and for a missing entry of a dictionary whose values have a fixed length.
//! Only the last check looks at every value, and costs little beside the copying of vectors, which such values are.

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescriptor;

use super::footer::Physical;

/// The pages of one row group of a column, with checked content.
pub(super) struct CheckedPages<R> {
    pages: R,
    layout: Layout,
    /// The limit of indexes, if there is a dictionary: its number of entries where that can be seen by its size.
    entries: Option<u64>,
}

/// How to divide the pages of a column, and what their values are.
struct Layout {
    /// The largest repetition level and the largest definition level; pages contain no levels that can only be 0.
    max_levels: [i16; 2],
    /// The size of a value in bytes, where all values have the same.
    width: Option<usize>,
    is_bool: bool,
}

impl<R: PageReader> CheckedPages<R> {
    pub(super) fn new(pages: R, physical: &Physical, column: &ColumnDescriptor) -> Self {
        let width = match physical {
            Physical::Fixed(width) | Physical::ListOfFixed(width) => Some(*width),
            _ => None,
        };
        let max_levels = [column.max_rep_level(), column.max_def_level()];
        Self {
            pages,
            layout: Layout { max_levels, width, is_bool: matches!(physical, Physical::Bool) },
            entries: None,
        }
    }
}

impl<R> CheckedPages<R> {
    fn check(&mut self, page: &Page) -> std::result::Result<(), &'static str> {
        if let Page::DictionaryPage { buf, .. } = page {
            let entries = self.layout.width.map(|width| (buf.len() / width.max(1)) as u64);
            self.entries = Some(entries.unwrap_or(u64::MAX));
            return Ok(());
        }
        let count = u64::from(page.num_values());
        let values = self.layout.check_levels(page, count).ok_or("the levels of a page are malformed")?;
        match page.encoding() {
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                let entries = self.entries.ok_or("a page refers to a dictionary that is missing")?;
                check_indexes(values, count, entries).ok_or("the indexes of a page do not fit its dictionary")
            }
            Encoding::RLE if !self.layout.is_bool => Err("the encoding of a page does not suit its type"),
            // The number of bytes, and then runs.
            Encoding::RLE => values
                .get(4..)
                .and_then(|runs| check_runs(runs, 1, count, 2))
                .map(|_| ())
                .ok_or("the values of a page are malformed"),
            _ => Ok(()),
        }
    }
}

impl Layout {
    /// Checks the levels of a data page, and returns the bytes after them.
    fn check_levels<'a>(&self, page: &'a Page, count: u64) -> Option<&'a [u8]> {
        // Pages of the first version contain the length of each kind of levels, unless there are none.
        let (encodings, lengths) = match page {
            Page::DictionaryPage { .. } => return None,
            Page::DataPage { rep_level_encoding, def_level_encoding, .. } => {
                ([*rep_level_encoding, *def_level_encoding], [None; 2])
            }
            Page::DataPageV2 { rep_levels_byte_len, def_levels_byte_len, .. } => {
                ([Encoding::RLE; 2], [Some(*rep_levels_byte_len), Some(*def_levels_byte_len)])
            }
        };
        let mut rest = &page.buffer()[..];
        for ((max, encoding), length) in self.max_levels.into_iter().zip(encodings).zip(lengths) {
            let length = match length {
                Some(length) => length,
                None if max == 0 => 0,
                None => {
                    let (length, after) = rest.split_first_chunk()?;
                    rest = after;
                    u32::from_le_bytes(*length)
                }
            };
            let (levels, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            rest = after;
            if max > 0 {
                if encoding != Encoding::RLE {
                    return None;
                }
                check_level_runs(levels, max, count)?;
            }
        }
        Some(rest)
    }
}

impl<R: PageReader> PageReader for CheckedPages<R> {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        if let Some(page) = &page {
            self.check(page).map_err(|problem| ParquetError::General(problem.to_owned()))?;
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

/// Checks that runs contain `count` levels of at most `max`.
fn check_level_runs(runs: &[u8], max: i16, count: u64) -> Option<()> {
    let width = usize::try_from(16 - max.leading_zeros()).ok()?;
    let missing = check_runs(runs, width, count, u64::try_from(max).ok()? + 1)?;
    (missing == 0).then_some(())
}

/// Checks the indexes in a page: a byte with their width in bits, and then runs.
fn check_indexes(page: &[u8], count: u64, entries: u64) -> Option<()> {
    let Some((width, runs)) = page.split_first() else { return Some(()) };
    check_runs(runs, usize::from(*width), count, entries).map(|_| ())
}

/// Checks runs of one number, and of groups of eight packed ones, `width` bits each. Returns how many of `remaining`
/// numbers are missing; or `None` if the runs are malformed, or if one of these numbers is not below the limit.
fn check_runs(mut rest: &[u8], width: usize, mut remaining: u64, limit: u64) -> Option<u64> {
    if width > 32 {
        return None;
    }
    // The decoders read the first run even if they need no number.
    while !rest.is_empty() {
        let header = read_varint(&mut rest)?;
        let count = header >> 1;
        let done = if header & 1 == 0 {
            let (number, after) = rest.split_at_checked(width.div_ceil(8))?;
            rest = after;
            let number = number.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
            if count > 0 && number >= limit {
                return None;
            }
            count
        } else {
            let length = usize::try_from(count).ok()?.checked_mul(width)?;
            // The last groups may be cut off.
            let (packed, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            if 1 << width > limit && !are_below(packed, width, remaining, limit) {
                return None;
            }
            let all = count.checked_mul(8)?;
            (packed.len() * 8).checked_div(width).map_or(all, |available| all.min(available as u64))
        };
        remaining = remaining.saturating_sub(done);
        if remaining == 0 {
            break;
        }
    }
    Some(remaining)
}

/// Returns whether the first `count` packed numbers, or all if there are fewer, are below `limit`.
fn are_below(packed: &[u8], width: usize, count: u64, limit: u64) -> bool {
    let (mut buffer, mut bits) = (0_u64, 0);
    let mut checked = 0;
    for byte in packed {
        buffer |= u64::from(*byte) << bits;
        bits += 8;
        while width > 0 && bits >= width && checked < count {
            if buffer & ((1 << width) - 1) >= limit {
                return false;
            }
            buffer >>= width;
            bits -= width;
            checked += 1;
        }
        if checked == count {
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

    #[test]
    fn the_length_of_a_run_takes_at_most_nine_bytes() {
        let mut page = vec![1];
        page.extend([0x80; 9]);
        page.extend([4, 0]);
        assert_eq!(check_indexes(&page, 2, 9), None);
        assert_eq!(check_indexes(&page, 0, 9), None, "the decoders read the first run in any case");
    }

    #[test]
    fn levels_that_are_cut_off_are_refused() {
        assert_eq!(check_level_runs(&[5, 0xff, 0xff], 1, 16), Some(()), "two groups of eight");
        assert_eq!(check_level_runs(&[5, 0xff], 1, 8), Some(()), "only the first is used");
        assert_eq!(check_level_runs(&[5, 0xff], 1, 9), None);
        assert_eq!(check_level_runs(&[16, 1], 1, 9), None, "a run of eight");
        assert_eq!(check_level_runs(&[16, 3], 2, 8), None, "a level of 3");
    }

    #[test]
    fn a_page_that_refers_to_a_missing_dictionary_is_refused() {
        let of = |encoding| Page::DataPage {
            buf: vec![1, 2, 0].into(),
            num_values: 1,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let layout = Layout { max_levels: [0, 0], width: None, is_bool: false };
        let mut pages = CheckedPages { pages: (), layout, entries: None };
        assert!(pages.check(&of(Encoding::RLE_DICTIONARY)).is_err());
        assert!(pages.check(&of(Encoding::RLE)).is_err(), "an encoding of truth values");
        pages.entries = Some(1);
        assert!(pages.check(&of(Encoding::RLE_DICTIONARY)).is_ok());
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
