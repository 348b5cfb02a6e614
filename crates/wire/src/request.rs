//! What is asked for: the flags of a verb and the bodies of `/api/v2`, before they are the engine's requests.

use std::collections::BTreeMap;

use engine::{Advice, DeleteRequest};
use model::mapping::Mapping;
use model::name::BackupName;
use model::plan::backup::BackupRequest;
use model::plan::restore::RestoreRequest;
use model::selection::Selection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Existing, Strategy};
use crate::{Failure, Kind};

/// A backup to make.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"name": "nightly", "filter": "shop.*,default.books"}))]
pub struct NewBackup {
    /// Its name: a letter or `_`, then letters, digits, `_`; made of the time if not given.
    #[schema(pattern = "^([A-Za-z_][A-Za-z0-9_]{0,127})?$")]
    pub name: Option<String>,
    /// What to take: `db.*`, `db.coll`, `coll` (of `default`), `db.` alone; globs; by commas. Everything without it.
    pub filter: Option<String>,
    /// How the newest rows get into it.
    pub strategy: Option<Strategy>,
    /// Whether to fail if a collection is dropped while it is read.
    pub strict: bool,
    /// Whether to hold Milvus's garbage collection meanwhile, whatever the configuration says.
    pub pause_gc: bool,
    /// Whether to only tell what would be done.
    pub dry_run: bool,
}

impl NewBackup {
    /// The name, unless one is to be generated.
    pub fn chosen_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| !name.is_empty())
    }

    /// The request of the engine.
    pub fn request(&self) -> Result<BackupRequest, Failure> {
        let name = match self.chosen_name() {
            None => generated_name(),
            Some(name) => BackupName::for_create(name).map_err(engine::Error::Name)?,
        };
        Ok(BackupRequest {
            name,
            selection: selection(self.filter.as_deref())?,
            strategy: self.strategy.unwrap_or(Strategy::Auto).into(),
            strict: self.strict,
            pause_gc: self.pause_gc,
        })
    }
}

/// A restore to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"backup": "nightly", "filter": "shop.orders", "suffix": "_copy"}))]
pub struct NewRestore {
    /// The backup.
    pub backup: Option<String>,
    /// Which of its collections: `db.*`, `db.coll`, `coll` (of `default`), `db.` alone; globs; by commas.
    pub filter: Option<String>,
    /// New names by old ones: `db.coll` by `db.coll`, or `db.*` by `db.*`.
    pub rename: BTreeMap<String, String>,
    /// Appended to the name of every collection that is not renamed.
    pub suffix: Option<String>,
    /// Whether to leave the data out.
    pub meta_only: bool,
    /// Whether to create the backup's indexes.
    #[schema(default = true)]
    pub indexes: bool,
    /// Whether vector indexes become AUTOINDEX with the same metric.
    pub auto_index: bool,
    /// What to do with target collections that exist.
    #[schema(default = "refuse")]
    pub existing: Existing,
    /// Whether to drop the indexes of target collections that exist.
    pub drop_indexes: bool,
    /// Whether to load what was loaded.
    #[schema(default = true)]
    pub load: bool,
    /// Whether to create the aliases.
    #[schema(default = true)]
    pub aliases: bool,
    /// Whether to drop what was created for a collection that then fails.
    pub cleanup_on_failure: bool,
    /// Whether to only tell what would be done.
    pub dry_run: bool,
}

impl Default for NewRestore {
    fn default() -> Self {
        Self {
            backup: None,
            filter: None,
            rename: BTreeMap::new(),
            suffix: None,
            meta_only: false,
            indexes: true,
            auto_index: false,
            existing: Existing::Refuse,
            drop_indexes: false,
            load: true,
            aliases: true,
            cleanup_on_failure: false,
            dry_run: false,
        }
    }
}

impl NewRestore {
    /// The request of the engine; `keep_staged` is what the configuration says about staged files.
    pub fn request(&self, keep_staged: bool) -> Result<RestoreRequest, Failure> {
        let renames = self.rename.iter().map(|(from, to)| (from.as_str(), to.as_str()));
        let mapping = Mapping::from_renames(renames, self.suffix.as_deref());
        Ok(RestoreRequest {
            selection: selection(self.filter.as_deref())?,
            mapping: mapping.map_err(engine::Error::Mapping)?,
            meta_only: self.meta_only,
            indexes: self.indexes,
            auto_index: self.auto_index,
            existing: self.existing.into(),
            drop_indexes: self.drop_indexes,
            load: self.load,
            aliases: self.aliases,
            cleanup_on_failure: self.cleanup_on_failure,
            keep_staged,
            ..RestoreRequest::with_defaults(existing_name(self.backup.as_deref())?)
        })
    }
}

/// The name of a backup that is there.
pub fn existing_name(name: Option<&str>) -> Result<BackupName, Failure> {
    match name {
        None | Some("") => {
            Err(Failure::with_advice(Kind::Usage, "the request names no backup", Advice::NameBackup))
        }
        Some(name) => name.parse().map_err(|error| engine::Error::Name(error).into()),
    }
}

/// The request to delete a backup.
pub fn deletion(name: Option<&str>) -> Result<DeleteRequest, Failure> {
    Ok(DeleteRequest { name: existing_name(name)? })
}

fn selection(filter: Option<&str>) -> Result<Selection, Failure> {
    let selection = Selection::from_filter(filter.unwrap_or_default());
    selection.map_err(|error| Failure::from(engine::Error::Selection(error, None)).of_usage())
}

/// `backup_<UTC time>_<nanoseconds>`, as the Go tool names them.
pub(crate) fn generated_name() -> BackupName {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    BackupName::generated(
        now.year(),
        now.month(),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.subsec_nanosecond(),
    )
}
