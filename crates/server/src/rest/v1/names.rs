//! Names and ids that are made of the time where a request gives none, in the Go tool's form.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::name::BackupName;

/// A name for a backup.
pub(super) fn backup() -> BackupName {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    let (year, month, day) = (now.year(), now.month(), now.day());
    BackupName::generated(year, month, day, now.hour(), now.minute(), now.second(), now.subsec_nanosecond())
}

/// An id for a restore: `restore_<UTC time>_<nanoseconds>`.
pub(super) fn restore() -> String {
    let now = Timestamp::now();
    format!("restore_{}_{}", now.strftime("%Y_%m_%d_%H_%M_%S"), now.subsec_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_restores_look_as_those_of_the_go_tool() {
        let id = restore();
        let parts: Vec<_> = id.split('_').collect();
        assert_eq!(parts.len(), 8, "{id}");
        assert!(parts[0] == "restore" && parts[1..].iter().all(|part| part.parse::<u32>().is_ok()), "{id}");
    }
}
