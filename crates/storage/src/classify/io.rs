//! Errors of the operating system.

use std::io;

use super::sentence_part;
use crate::error::{Cause, StorageErrorKind};

/// Classifies an error of the operating system; its reason is the system's own text.
pub(crate) fn io_error(error: &io::Error) -> Cause {
    use io::ErrorKind as Io;
    let (kind, temporary) = match error.kind() {
        // No object can exist below a file, or under a name longer than the file system allows.
        Io::NotFound | Io::NotADirectory | Io::InvalidFilename => (StorageErrorKind::NotFound, false),
        Io::AlreadyExists => (StorageErrorKind::AlreadyExists, false),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => (StorageErrorKind::PermissionDenied, false),
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => (StorageErrorKind::NoSpace, false),
        Io::TimedOut => (StorageErrorKind::Timeout, true),
        Io::Interrupted | Io::WouldBlock | Io::StaleNetworkFileHandle => (StorageErrorKind::Unexpected, true),
        _ => (StorageErrorKind::Unexpected, false),
    };
    Cause { kind, temporary, reason: sentence_part(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_a_permanent_no_space_error() {
        let cause = io_error(&io::Error::from_raw_os_error(28));
        assert_eq!((cause.kind, cause.temporary), (StorageErrorKind::NoSpace, false));
        assert_eq!(cause.reason, "no space left on device");
    }

    #[test]
    fn a_stale_network_file_handle_is_temporary() {
        assert!(io_error(&io::Error::from_raw_os_error(116)).temporary);
    }
}
