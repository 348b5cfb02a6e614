//! Tells the files of a segment from those that Milvus's metadata does not know, by their numbers of rows.
//!
//! An interrupted flush or compaction leaves files in the directory of a segment: a file of each column, or of some.
//! The n-th files of all columns hold the same rows, so what is kept must be equally long in all columns, and together
//! as long as the segment.

use std::collections::BTreeMap;

use crate::ids::{FieldId, LogId};

/// A file of one column of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedFile {
    /// The column.
    pub field: FieldId,
    /// The id of the file.
    pub log: LogId,
    /// The number of rows that the file holds.
    pub rows: u64,
    /// A hash that differs for different values.
    pub content: u64,
}

/// The largest number of files of a column that are left out; more are not explained by an interruption.
const MAX_SURPLUS: usize = 3;

/// The largest number of files of a column for which all combinations are tried.
const MAX_FILES: usize = 200;

/// The largest number of choices that are compared.
const MAX_CHOICES: usize = 100;

/// Returns the files that belong to a segment of `rows` rows; `None` if the numbers leave a doubt.
pub fn find_own_files(files: &[CountedFile], rows: u64) -> Option<Vec<CountedFile>> {
    let mut columns: BTreeMap<FieldId, Vec<CountedFile>> = BTreeMap::new();
    for file in files {
        columns.entry(file.field).or_default().push(*file);
    }
    for column in columns.values_mut() {
        column.sort_unstable_by_key(|file| file.log);
    }
    // Of columns of equal length the first is the row id or the time, which differ for different rows.
    let shortest = columns.values().min_by_key(|column| column.len())?;
    let kept_places = choose_places(shortest, rows)?;
    let model: Vec<CountedFile> =
        kept_places.iter().filter_map(|place| shortest.get(*place)).copied().collect();
    let mut own = Vec::new();
    for column in columns.values() {
        let chosen: Vec<CountedFile> = if column.len() == shortest.len() {
            kept_places.iter().filter_map(|place| column.get(*place)).copied().collect()
        } else {
            model.iter().map(|wanted| choose_file(column, wanted, columns.len())).collect::<Option<_>>()?
        };
        let has_same_rows = chosen.iter().map(|file| file.rows).eq(model.iter().map(|file| file.rows));
        if !has_same_rows || !chosen.is_sorted_by(|a, b| a.log < b.log) {
            return None;
        }
        own.extend(chosen);
    }
    Some(own)
}

/// Returns the places of the files of a column that have `rows` rows together, if only one choice is possible.
///
/// Choices that leave out the same content are one choice, of which the last files are kept.
fn choose_places(column: &[CountedFile], rows: u64) -> Option<Vec<usize>> {
    let total = column.iter().fold(0_u64, |sum, file| sum.saturating_add(file.rows));
    let surplus = total.checked_sub(rows)?;
    let all = 0..column.len();
    if surplus == 0 {
        return Some(all.collect());
    }
    if column.len() > MAX_FILES {
        return None;
    }
    let mut choices = Vec::new();
    for size in 1..=MAX_SURPLUS.min(column.len().saturating_sub(1)) {
        add_choices(column, surplus, size, &mut Vec::new(), &mut choices);
    }
    let contents = |choice: &Vec<usize>| {
        let mut contents: Vec<u64> =
            choice.iter().filter_map(|place| column.get(*place)).map(|file| file.content).collect();
        contents.sort_unstable();
        contents
    };
    let first = choices.first()?;
    let has_unique_values = column.iter().all(|file| file.field <= FieldId::TIMESTAMP);
    let is_clear = choices.len() == 1
        || has_unique_values
            && choices.len() <= MAX_CHOICES
            && choices.iter().all(|choice| contents(choice) == contents(first));
    is_clear.then(|| all.filter(|place| !first.contains(place)).collect())
}

/// Adds all choices of `size` files that have `surplus` rows together, those of the first files first; stops when there
/// are more than [`MAX_CHOICES`].
fn add_choices(
    column: &[CountedFile],
    surplus: u64,
    size: usize,
    chosen: &mut Vec<usize>,
    choices: &mut Vec<Vec<usize>>,
) {
    if size == 0 {
        if surplus == 0 {
            choices.push(chosen.clone());
        }
        return;
    }
    let start = chosen.last().map_or(0, |last| last + 1);
    for (place, file) in column.iter().enumerate().skip(start) {
        if choices.len() > MAX_CHOICES {
            return;
        }
        if let Some(rest) = surplus.checked_sub(file.rows) {
            chosen.push(place);
            add_choices(column, rest, size - 1, chosen, choices);
            chosen.pop();
        }
    }
}

/// Returns the file of a column that belongs to a file of another column.
///
/// Of files with equally many rows, the ids decide: Milvus gives consecutive ids to the files of one flush.
fn choose_file(column: &[CountedFile], wanted: &CountedFile, columns: usize) -> Option<CountedFile> {
    let distance = |file: &CountedFile| file.log.0.abs_diff(wanted.log.0);
    let candidates: Vec<&CountedFile> = column.iter().filter(|file| file.rows == wanted.rows).collect();
    let nearest = candidates.iter().min_by_key(|file| distance(file))?;
    let is_clear = candidates.iter().all(|file| file.content == nearest.content)
        || usize::try_from(distance(nearest)).is_ok_and(|distance| distance < columns);
    is_clear.then_some(**nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files given as (field, log, rows, content).
    fn surplus(files: &[(i64, i64, u64, u64)], rows: u64) -> Option<Vec<i64>> {
        let file = |&(field, log, rows, content): &(i64, i64, u64, u64)| CountedFile {
            field: FieldId(field),
            log: LogId(log),
            rows,
            content,
        };
        let files: Vec<CountedFile> = files.iter().map(file).collect();
        let own = find_own_files(&files, rows)?;
        Some(files.iter().filter(|file| !own.contains(file)).map(|file| file.log.0).collect())
    }

    /// A file of the columns 0, 1 and 100 each, with ids from `log` on.
    fn set(log: i64, rows: u64, content: u64) -> [(i64, i64, u64, u64); 3] {
        [(0, log, rows, content), (1, log + 1, rows, content), (100, log + 2, rows, content)]
    }

    #[test]
    fn a_segment_with_the_right_number_of_rows_has_no_surplus() {
        let files = [set(10, 5, 1), set(20, 7, 2)].concat();
        assert_eq!(surplus(&files, 12), Some(vec![]));
        assert_eq!(surplus(&files, 13), None, "rows are missing");
        assert_eq!(surplus(&[], 12), None);
    }

    #[test]
    fn a_set_with_too_many_rows_is_left_out() {
        let files = [set(10, 5, 1), set(20, 7, 2), set(30, 4, 3)].concat();
        assert_eq!(surplus(&files, 9), Some(vec![20, 21, 22]));
        assert_eq!(surplus(&files, 4), Some(vec![10, 11, 12, 20, 21, 22]), "two interruptions");
        assert_eq!(surplus(&files, 8), None, "no choice explains the number");
    }

    #[test]
    fn sets_of_equal_rows_must_have_the_same_content() {
        let files = [set(10, 5, 1), set(20, 5, 2), set(30, 7, 3)].concat();
        assert_eq!(surplus(&files, 12), None);
        let repeated = [set(10, 5, 1), set(20, 5, 1), set(30, 7, 3)].concat();
        assert_eq!(surplus(&repeated, 12), Some(vec![10, 11, 12]));
    }

    #[test]
    fn a_file_of_one_column_is_left_out() {
        let mut files = set(10, 5, 1).to_vec();
        files.push((100, 900, 5, 1));
        assert_eq!(surplus(&files, 5), Some(vec![900]));
        files.push((1, 901, 3, 9));
        assert_eq!(surplus(&files, 5), Some(vec![900, 901]), "a set that lacks a file");
    }

    #[test]
    fn files_of_equal_rows_are_told_apart_by_their_ids() {
        let near = [set(10, 5, 1).to_vec(), set(30, 7, 2).to_vec(), vec![(100, 20, 5, 8)]].concat();
        assert_eq!(surplus(&near, 12), Some(vec![20]));
        // All ids are far away, so either file may be the right one.
        let far = [(0, 10, 5, 1), (1, 11, 5, 1), (100, 50, 5, 1), (100, 60, 5, 2)];
        assert_eq!(surplus(&far, 5), None);
    }

    #[test]
    fn columns_that_disagree_are_in_doubt() {
        let files = [(0, 10, 5, 1), (1, 11, 5, 1), (100, 12, 4, 1)];
        assert_eq!(surplus(&files, 5), None);
    }

    #[test]
    fn many_files_are_not_combined() {
        let files: Vec<_> = (0..201).map(|n| (0, n, 1, u64::try_from(n).unwrap())).collect();
        assert_eq!((surplus(&files, 201), surplus(&files, 200)), (Some(vec![]), None));
        let equal: Vec<_> = (0..200).map(|n| (0, n, 1, 1)).collect();
        assert_eq!(surplus(&equal, 197), None);
    }
}
