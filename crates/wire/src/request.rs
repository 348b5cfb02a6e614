//! The requests of `/api/v2` to create and delete a backup, which the command line also builds from its flags, and
//! their conversions to requests of the engine.

use engine::{Advice, DeleteRequest};
use model::name::{BackupName, CollectionRef};
use model::plan::backup::BackupRequest;
use model::selection::Selection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{BackupFormat, Failure, FailureKind, FlushStrategy};

/// The request to create a backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"name": "nightly", "filter": "shop.*,default.books"}))]
pub struct NewBackup {
    /// The name of the backup: a letter, a digit or `_`, then up to 127 letters, digits, `_`, `-` or `.`. Default:
    /// generated from the current time.
    #[schema(pattern = "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$")]
    pub name: Option<String>,
    /// The collections to back up, as a comma-separated list of `db.*`, `db.collection`, `collection` (in the database
    /// `default`) and `db.` (the database without its collections). Names may contain `*` and `?`. Default: everything.
    pub filter: Option<String>,
    /// The way in which the newest rows get into the backup. Default: `auto`.
    pub strategy: Option<FlushStrategy>,
    /// The format in which the backup stores rows. Default: `auto`.
    pub format: Option<BackupFormat>,
    /// Whether the backup fails if a collection is dropped while it is read or would lack rows. Otherwise, such a
    /// collection is left out and reported.
    pub strict: bool,
    /// Whether to pause Milvus's garbage collection during the backup, even if the configuration does not say so.
    pub pause_gc: bool,
    /// Whether to replace an unfinished backup of this name whose run has ended. The server's setting
    /// `server.replace_unfinished` makes it so for every request.
    pub replace_unfinished: bool,
    /// Whether the backup contains the users with the hashes of their passwords, roles and grants (Milvus 2.4.10 and
    /// later).
    pub rbac: bool,
    /// Whether to return the plan and change nothing.
    pub dry_run: bool,
}

impl NewBackup {
    /// Returns the name, unless one is to be generated.
    pub fn chosen_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| !name.is_empty())
    }

    /// Converts this to the request of the engine; generates the name if there is none.
    ///
    /// Fails if the name or the filter is invalid.
    pub fn to_engine_request(&self) -> Result<BackupRequest, Failure> {
        let name = match self.chosen_name() {
            None => generate_name(),
            Some(name) => parse_new_name(name)?,
        };
        Ok(BackupRequest {
            name,
            selection: parse_filter(self.filter.as_deref())?,
            strategy: self.strategy.unwrap_or(FlushStrategy::Auto).into(),
            format: self.format.unwrap_or(BackupFormat::Auto).into(),
            strict: self.strict,
            pause_gc: self.pause_gc,
            replace_unfinished: self.replace_unfinished,
            rbac: self.rbac,
        })
    }
}

/// Parses the name of a new backup; fails if it is invalid.
pub fn parse_new_name(name: &str) -> Result<BackupName, Failure> {
    BackupName::for_create(name).map_err(|error| engine::Error::Name(error).into())
}

/// Parses the name of an existing backup, which may be one that this program would not create.
///
/// Fails if the name is missing, empty or invalid.
pub fn parse_existing_name(name: Option<&str>) -> Result<BackupName, Failure> {
    match name {
        None | Some("") => {
            Err(Failure::with_advice(FailureKind::Usage, "the request names no backup", Advice::NameBackup))
        }
        Some(name) => name.parse().map_err(|error| engine::Error::Name(error).into()),
    }
}

/// Parses the name of a collection in a backup: `database.collection`, or `collection` in the database `default`.
pub fn parse_collection(name: &str) -> CollectionRef {
    let (database, collection) = name.split_once('.').unwrap_or(("", name));
    CollectionRef::new(database, collection)
}

/// Parses the request to delete the backup with this name, by force if another run uses it.
///
/// Fails like [`parse_existing_name`].
pub fn parse_delete_request(name: Option<&str>, force: bool) -> Result<DeleteRequest, Failure> {
    Ok(DeleteRequest { name: parse_existing_name(name)?, force })
}

/// Parses a filter; every error means that the request is wrong, also those that mean something else in the engine.
pub(crate) fn parse_filter(filter: Option<&str>) -> Result<Selection, Failure> {
    let selection = Selection::from_filter(filter.unwrap_or_default());
    selection.map_err(|error| Failure::from(engine::Error::Selection(error, None)).into_usage())
}

/// Generates a name from the current time, like the Go tool: `backup_<UTC time>_<nanoseconds>`.
fn generate_name() -> BackupName {
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
