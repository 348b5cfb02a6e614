//! Object key to ids and back, for Milvus's storage and for a backup's.
//!
//! Both sides are built from ids alone and read back part by part; no text is ever replaced in a key.

pub mod backup;
pub mod milvus;

/// The directory of insert binlogs, in Milvus's storage and below `binlogs/` of a backup.
const INSERT_LOG: &str = "insert_log";
/// The directory of delete logs, in Milvus's storage and below `binlogs/` of a backup.
const DELTA_LOG: &str = "delta_log";

/// Reads the parts of a relative key as numbers, if it has exactly `N` and each is written as Milvus writes it:
/// decimal, no sign but `-`, no leading zeros.
fn ids<const N: usize>(relative: &str) -> Option<[i64; N]> {
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
