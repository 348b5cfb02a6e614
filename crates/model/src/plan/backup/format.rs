//! The format of a backup: as requested, and as chosen for a server.

use super::ResolvedFlush;
use crate::manifest::BackupFormat;
use crate::version::Capabilities;

/// The format in which a backup stores rows, as a request names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestedFormat {
    /// Chooses the binlog format: it restores into every release, and segments that it cannot hold are refused.
    #[default]
    Auto,
    /// Copies Milvus's binlogs file by file.
    Binlog,
    /// Lets Milvus export snapshots of the collections (Milvus 3.0.1 and later).
    Snapshot,
}

impl RequestedFormat {
    /// The values of `--format`.
    pub const WORDS: [&str; 3] = ["auto", "binlog", "snapshot"];

    /// Parses a value of `--format`; the empty text means `auto`, and an unknown value gives `None`.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "" | "auto" => Self::Auto,
            "binlog" => Self::Binlog,
            "snapshot" => Self::Snapshot,
            _ => return None,
        })
    }

    /// Returns the value of `--format` for this format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Binlog => "binlog",
            Self::Snapshot => "snapshot",
        }
    }

    /// Chooses the format of a backup of this server.
    ///
    /// Fails if snapshots are requested and the server cannot export them, or if the backup has no rows.
    pub fn resolve(self, flush: ResolvedFlush, server: &Capabilities) -> Result<BackupFormat, FormatError> {
        match self {
            Self::Auto | Self::Binlog => Ok(BackupFormat::Binlog),
            Self::Snapshot if !server.snapshots => {
                Err(FormatError::NoSnapshots(server.version().to_string()))
            }
            Self::Snapshot if !server.exports_snapshots => {
                Err(FormatError::NoExport(server.version().to_string()))
            }
            Self::Snapshot if !flush.copies_rows() => Err(FormatError::WithoutRows),
            Self::Snapshot => Ok(BackupFormat::Snapshot),
        }
    }
}

/// The reason why the snapshot format cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The server has no snapshots.
    #[error("format snapshot needs Milvus 3.0.1 or later, and this is {0}")]
    NoSnapshots(String),
    /// The server has snapshots, but does not implement their export.
    #[error("Milvus {0} cannot export snapshots (format snapshot needs 3.0.1 or later)")]
    NoExport(String),
    /// The backup has no rows, but a snapshot always has them.
    #[error("format snapshot always contains the rows, so strategy meta_only needs format binlog")]
    WithoutRows,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::ServerVersion;

    fn resolve(format: RequestedFormat, version: &str) -> Result<BackupFormat, String> {
        let capabilities = Capabilities::from_version(&ServerVersion::parse(version));
        format.resolve(ResolvedFlush::Serial, &capabilities).map_err(|error| error.to_string())
    }

    #[test]
    fn every_value_is_parsed_and_written() {
        for word in RequestedFormat::WORDS {
            assert_eq!(RequestedFormat::from_word(word).map(RequestedFormat::as_str), Some(word));
        }
        assert_eq!(RequestedFormat::from_word(""), Some(RequestedFormat::Auto));
        assert_eq!(RequestedFormat::from_word("tar"), None);
    }

    #[test]
    fn snapshots_are_chosen_only_on_request_and_where_milvus_exports_them() {
        use RequestedFormat::{Auto, Binlog, Snapshot};
        for version in ["2.2.16", "2.6.19", "3.0.0", "3.0.1"] {
            for format in [Auto, Binlog] {
                assert_eq!(resolve(format, version), Ok(BackupFormat::Binlog), "{version}");
            }
        }
        assert_eq!(resolve(Snapshot, "3.0.1"), Ok(BackupFormat::Snapshot));
        assert_eq!(
            resolve(Snapshot, "2.6.19").unwrap_err(),
            "format snapshot needs Milvus 3.0.1 or later, and this is 2.6.19"
        );
        assert_eq!(
            resolve(Snapshot, "3.0.0").unwrap_err(),
            "Milvus 3.0.0 cannot export snapshots (format snapshot needs 3.0.1 or later)"
        );
        let newest = Capabilities::from_version(&ServerVersion::parse("3.0.1"));
        assert_eq!(Snapshot.resolve(ResolvedFlush::MetaOnly, &newest), Err(FormatError::WithoutRows));
    }
}
