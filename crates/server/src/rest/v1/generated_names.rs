//! Generated names and ids in the form of the Go tool.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::name::BackupName;

/// Generates a name for a backup from the current time.
pub(super) fn backup_name() -> BackupName {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    let (year, month, day) = (now.year(), now.month(), now.day());
    BackupName::generated(year, month, day, now.hour(), now.minute(), now.second(), now.subsec_nanosecond())
}

/// Generates an id for a restore: `restore_<UTC time>_<nanoseconds>`.
pub(super) fn restore_id() -> String {
    let now = Timestamp::now();
    format!("restore_{}_{}", now.strftime("%Y_%m_%d_%H_%M_%S"), now.subsec_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_restore_ids_have_the_form_of_the_go_tool() {
        let id = restore_id();
        let parts: Vec<_> = id.split('_').collect();
        assert_eq!(parts.len(), 8, "{id}");
        assert!(parts[0] == "restore" && parts[1..].iter().all(|part| part.parse::<u32>().is_ok()), "{id}");
    }
}
