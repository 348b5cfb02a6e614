//! Conversion between object keys and ids, for Milvus's storage and for backups.
//!
//! Keys are built from ids alone and parsed part by part; text is never replaced within a key.

pub mod backup;
pub mod milvus;

/// The directory of insert binlogs, in Milvus's storage and below `binlogs/` of a backup.
const INSERT_LOG: &str = "insert_log";
/// The directory of delta logs, in Milvus's storage and below `binlogs/` of a backup.
const DELTA_LOG: &str = "delta_log";

/// Parses the parts of a relative key as numbers.
///
/// Returns `None` unless there are exactly `N` parts, each written as Milvus writes it: decimal, without a sign other
/// than `-`, without leading zeros.
fn parse_ids<const N: usize>(relative: &str) -> Option<[i64; N]> {
    let mut ids = [0; N];
    let mut parts = relative.split('/');
    for id in &mut ids {
        let part = parts.next()?;
        let digits = part.strip_prefix('-').unwrap_or(part);
        if !digits.starts_with(|c: char| c.is_ascii_digit()) || (digits.starts_with('0') && part != "0") {
            return None;
        }
        *id = part.parse().ok()?;
    }
    parts.next().is_none().then_some(ids)
}
