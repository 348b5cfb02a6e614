//! The flush strategy, which decides how the newest rows get into a backup: as requested, and as executed on a server.

use crate::version::Capabilities;

/// How the newest rows of a collection get into segments before the segments are copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlushStrategy {
    /// Chooses the strategy that suits the server.
    #[default]
    Auto,
    /// Flushes each collection just before it is copied.
    Serial,
    /// Flushes the whole cluster once (Milvus 2.6.11 and later).
    Bulk,
    /// Copies only rows that are flushed already, without the newest ones.
    Skip,
    /// Backs up schemas and indexes without data.
    MetaOnly,
}

impl FlushStrategy {
    /// The values of `--strategy`.
    pub const WORDS: [&str; 5] = ["auto", "serial_flush", "bulk_flush", "skip_flush", "meta_only"];

    /// Parses a value of `--strategy`; the empty text means `auto`, and an unknown value gives `None`.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "" | "auto" => Self::Auto,
            "serial_flush" => Self::Serial,
            "bulk_flush" => Self::Bulk,
            "skip_flush" => Self::Skip,
            "meta_only" => Self::MetaOnly,
            _ => return None,
        })
    }

    /// Returns the value of `--strategy` for this strategy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Serial => "serial_flush",
            Self::Bulk => "bulk_flush",
            Self::Skip => "skip_flush",
            Self::MetaOnly => "meta_only",
        }
    }

    /// Chooses how a backup of this server flushes; fails if the server does not support the strategy.
    pub fn resolve(self, server: &Capabilities) -> Result<ResolvedFlush, StrategyError> {
        match self {
            Self::Auto | Self::Serial => Ok(ResolvedFlush::Serial),
            Self::Bulk if !server.bulk_flush => Err(StrategyError::ServerTooOld),
            Self::Bulk => Ok(ResolvedFlush::Bulk),
            Self::Skip => Ok(ResolvedFlush::Skip),
            Self::MetaOnly => Ok(ResolvedFlush::MetaOnly),
        }
    }
}

/// How a backup flushes: a strategy that was chosen for a server and can be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolvedFlush {
    /// Flushes each collection just before it is copied.
    Serial,
    /// Flushes the whole cluster once, before the first collection is copied.
    Bulk,
    /// Copies only rows that are flushed already.
    Skip,
    /// Backs up schemas and indexes without data, so nothing is flushed.
    MetaOnly,
}

impl ResolvedFlush {
    /// Returns whether the backup contains rows.
    pub const fn copies_rows(self) -> bool {
        match self {
            Self::Serial | Self::Bulk | Self::Skip => true,
            Self::MetaOnly => false,
        }
    }

    /// Returns whether the newest rows are flushed.
    pub const fn flushes(self) -> bool {
        match self {
            Self::Serial | Self::Bulk => true,
            Self::Skip | Self::MetaOnly => false,
        }
    }
}

impl From<ResolvedFlush> for FlushStrategy {
    fn from(flush: ResolvedFlush) -> Self {
        match flush {
            ResolvedFlush::Serial => Self::Serial,
            ResolvedFlush::Bulk => Self::Bulk,
            ResolvedFlush::Skip => Self::Skip,
            ResolvedFlush::MetaOnly => Self::MetaOnly,
        }
    }
}

/// The reason why a flush strategy cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    /// The server has no `FlushAll` call that returns its flush messages.
    #[error("strategy bulk_flush needs Milvus 2.6.11 or later")]
    ServerTooOld,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::ServerVersion;

    #[test]
    fn every_value_is_parsed_and_written() {
        for word in FlushStrategy::WORDS {
            assert_eq!(FlushStrategy::from_word(word).map(FlushStrategy::as_str), Some(word));
        }
        assert_eq!(FlushStrategy::from_word(""), Some(FlushStrategy::Auto));
        assert_eq!(FlushStrategy::from_word("Auto"), None);
        assert_eq!(FlushStrategy::default(), FlushStrategy::Auto);
    }

    #[test]
    fn the_resolved_strategy_depends_on_the_server() {
        use FlushStrategy::{Auto, Bulk, MetaOnly, Serial, Skip};
        let capabilities = |raw| Capabilities::from_version(&ServerVersion::parse(raw));
        let old = capabilities("2.3.5");
        assert_eq!(
            [Auto, Serial, Skip, MetaOnly].map(|s| s.resolve(&old).map(FlushStrategy::from)),
            [Serial, Serial, Skip, MetaOnly].map(Ok)
        );
        assert_eq!(
            Bulk.resolve(&old).unwrap_err().to_string(),
            "strategy bulk_flush needs Milvus 2.6.11 or later"
        );
        assert_eq!(Bulk.resolve(&capabilities("2.6.11")), Ok(ResolvedFlush::Bulk));
    }
}
