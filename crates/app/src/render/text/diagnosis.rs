//! The text form of `config show`.

use super::super::units::columns;
use crate::config::Config;

/// The table of all values and their sources.
pub(crate) fn config(config: &Config) -> String {
    let mut rows = vec![["KEY", "VALUE", "SOURCE"].map(str::to_owned)];
    rows.extend(config.rows().into_iter().map(|row| {
        let source = match (row.source_key, row.inherited_from) {
            (Some(key), _) => format!("{} ({key})", row.source),
            (None, Some(from)) => format!("{} ({from})", row.source),
            (None, None) => row.source,
        };
        [row.key.to_owned(), row.value, source]
    }));
    columns(&rows)
}
