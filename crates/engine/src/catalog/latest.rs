//! The words `latest` and `latest(PATTERN)` in place of a name: the newest complete backup.

use model::name::BackupName;
use model::selection::matches;

use super::{BackupState, Catalog};
use crate::{Engine, Error, JobCtx};

impl Engine {
    /// Returns the backup that a name means: itself, or for `latest` and `latest(PATTERN)` the newest complete backup whose
    /// name matches. A backup that has such a name itself is meant first, which is a warning.
    pub async fn resolve_name(&self, name: BackupName, ctx: &JobCtx) -> Result<BackupName, Error> {
        let Some(pattern) = name.latest_pattern() else { return Ok(name) };
        let catalog = Catalog::open(self)?;
        if ctx.run(catalog.read_summary(&name)).await?.is_some() {
            ctx.warn(format!("{name} is the backup of this name, not the newest one"));
            return Ok(name);
        }
        ctx.run(catalog.find_latest(pattern)).await
    }
}

impl Catalog {
    /// Finds the newest complete backup whose name matches a pattern.
    async fn find_latest(&self, pattern: &str) -> Result<BackupName, Error> {
        let mut backups = self.list_summaries().await?;
        backups.retain(|backup| backup.state == BackupState::Complete && matches(pattern, &backup.name));
        let newest = backups.into_iter().max_by_key(|backup| backup.taken_ms);
        let newest = newest.and_then(|backup| backup.name.parse().ok());
        newest.ok_or_else(|| Error::NoLatest { pattern: pattern.to_owned(), place: self.describe_root() })
    }
}
