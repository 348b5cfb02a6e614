//! `rows` for people.

use std::fmt::Write;
use std::ops::ControlFlow;

use engine::StoredRows;

use super::super::units::{columns, count};

/// The number of rows in a table, unless a limit is given.
pub(crate) const TABLE_ROWS: u64 = 100;

/// The number of characters of a cell.
const CELL_WIDTH: usize = 32;

/// A table of rows: the names of the fields, and one line for each row with shortened values.
pub(crate) struct RowTable {
    lines: Vec<Vec<String>>,
    most: u64,
    has_more: bool,
}

impl RowTable {
    /// Creates a table that shows this many rows, and says so if there are more.
    pub(crate) fn new(most: u64) -> Self {
        Self { lines: Vec::new(), most, has_more: false }
    }

    /// Adds rows; breaks if there are more than the table shows.
    pub(crate) fn add(&mut self, rows: &StoredRows<'_>) -> ControlFlow<()> {
        if self.lines.is_empty() {
            self.lines.push(rows.columns().map(str::to_owned).collect());
        }
        for row in 0..rows.count() {
            // The first line is not a row.
            if self.lines.len() as u64 > self.most {
                self.has_more = true;
                return ControlFlow::Break(());
            }
            self.lines.push(rows.json_values(row).map(|value| cell(&value)).collect());
        }
        ControlFlow::Continue(())
    }

    /// Returns the text.
    pub(crate) fn into_text(self) -> String {
        if self.lines.is_empty() {
            return "No rows\n".to_owned();
        }
        let mut text = columns(&self.lines);
        if self.has_more {
            let shown = count(self.most);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "the first {shown} rows; --limit N shows N, and --output json shows all");
        }
        text
    }
}

/// Returns the JSON of a value as a cell; a text loses its quotation marks.
fn cell(json: &str) -> String {
    shorten(&serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned()))
}

/// Shortens a value to a cell in one line.
pub(super) fn shorten(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    if text.chars().count() <= CELL_WIDTH {
        return text;
    }
    text.chars().take(CELL_WIDTH - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_shortened_and_texts_have_no_quotation_marks() {
        assert_eq!(cell(r#""a \"b\"""#), r#"a "b""#);
        assert_eq!(cell("[0.125,0.25]"), "[0.125,0.25]");
        assert_eq!(cell(&format!("[{}]", "0.5,".repeat(40))), format!("[{}0.…", "0.5,".repeat(7)));
        assert_eq!(cell("null"), "null");
        assert_eq!(cell(r#""two\nlines \u001b[31mred""#), "two lines  [31mred");
    }
}
