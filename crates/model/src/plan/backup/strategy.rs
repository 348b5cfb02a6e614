//! How the newest rows get into a backup.

use crate::version::Capabilities;

/// How the newest rows get into segments before these are copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlushStrategy {
    /// What suits the server.
    #[default]
    Auto,
    /// Each collection is flushed just before it is read.
    Serial,
    /// One flush of the whole cluster (Milvus 2.6.11 and later).
    Bulk,
    /// Only what is flushed already; the newest rows stay out.
    Skip,
    /// Schemas and indexes, no data.
    MetaOnly,
}

impl FlushStrategy {
    /// The words of `--strategy`.
    pub const WORDS: [&str; 5] = ["auto", "serial_flush", "bulk_flush", "skip_flush", "meta_only"];

    /// Reads a word of `--strategy`; the empty word means auto.
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

    /// The word of `--strategy`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Serial => "serial_flush",
            Self::Bulk => "bulk_flush",
            Self::Skip => "skip_flush",
            Self::MetaOnly => "meta_only",
        }
    }

    /// What is done on this server: never `Auto`.
    pub fn resolve(self, server: &Capabilities) -> Result<Self, StrategyError> {
        match self {
            Self::Auto => Ok(Self::Serial),
            Self::Bulk if !server.bulk_flush => Err(StrategyError::BulkFlush),
            other => Ok(other),
        }
    }
}

/// Why a flush strategy cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    /// The server has no usable `FlushAll`.
    #[error("strategy bulk_flush needs Milvus 2.6.11 or later")]
    BulkFlush,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::ServerVersion;

    #[test]
    fn every_word_is_read_and_written() {
        for word in FlushStrategy::WORDS {
            assert_eq!(FlushStrategy::from_word(word).map(FlushStrategy::as_str), Some(word));
        }
        assert_eq!(FlushStrategy::from_word(""), Some(FlushStrategy::Auto));
        assert_eq!(FlushStrategy::from_word("Auto"), None);
        assert_eq!(FlushStrategy::default(), FlushStrategy::Auto);
    }

    #[test]
    fn what_is_done_depends_on_the_server() {
        use FlushStrategy::{Auto, Bulk, MetaOnly, Serial, Skip};
        let old = Capabilities::of(&ServerVersion::parse("2.3.5"));
        assert_eq!(
            [Auto, Serial, Skip, MetaOnly].map(|s| s.resolve(&old)),
            [Serial, Serial, Skip, MetaOnly].map(Ok)
        );
        assert_eq!(
            Bulk.resolve(&old).unwrap_err().to_string(),
            "strategy bulk_flush needs Milvus 2.6.11 or later"
        );
        assert_eq!(Bulk.resolve(&Capabilities::of(&ServerVersion::parse("2.6.11"))), Ok(Bulk));
    }
}
