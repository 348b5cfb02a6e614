//! The flags of `restore` for its options: their meaning, and the flags for a request.

use std::path::PathBuf;

use clap::Args;
use model::mapping::Mapping;
use model::plan::restore::EzkMapping;
use wire::{Existing, Failure, NewRestore, RestoreMode};

use crate::config;
use crate::shell_word::shell_word;

/// The flags for the names of the targets and the other options of a restore.
#[derive(Args, Debug)]
pub(crate) struct RestoreFlags {
    /// Append TEXT to the name of every collection
    #[arg(long, short, value_name = "TEXT")]
    suffix: Option<String>,
    /// Rename collections or databases; see below
    #[arg(long, short, value_name = "OLD:NEW,…")]
    rename: Option<String>,
    /// Get the rows into the target in this way; see below [default: auto]
    #[arg(long, value_name = "MODE", value_parser = parse_mode)]
    mode: Option<RestoreMode>,
    /// Restore only this partition of each collection; may be repeated [default: all]
    #[arg(long, value_name = "NAME")]
    partition: Vec<String>,
    /// Restore at most N rows of each collection, by inserts [default: all]
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Restore only these fields, by inserts [default: all]
    #[arg(long, value_name = "FIELD,…", value_delimiter = ',')]
    columns: Vec<String>,
    /// Restore schemas and indexes without data
    #[arg(long = "meta-only")]
    meta_only: bool,
    /// Create the indexes of the backup [default: true]
    #[arg(long = "rebuild-index", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_boolean)]
    rebuild_index: Option<bool>,
    #[arg(long = "restore-index", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_boolean)]
    restore_index: Option<bool>,
    /// Create vector indexes as AUTOINDEX with the same metric
    #[arg(long = "use-auto-index")]
    use_auto_index: bool,
    /// Drop target collections that exist, and create them again
    #[arg(long = "drop-exist-collection")]
    drop_exist_collection: bool,
    /// Drop the indexes of target collections that exist
    #[arg(long = "drop-exist-index")]
    drop_exist_index: bool,
    /// Import into target collections that exist
    #[arg(long = "skip-create-collection")]
    skip_create_collection: bool,
    /// Do not load collections
    #[arg(long = "no-load")]
    no_load: bool,
    /// Do not create aliases
    #[arg(long = "no-aliases")]
    no_aliases: bool,
    /// Drop a collection that was created by this restore and then failed
    #[arg(long = "cleanup-on-failure")]
    cleanup_on_failure: bool,
    /// Add the users, roles and grants that Milvus lacks
    #[arg(long)]
    rbac: bool,
    /// Leave out the rows that are later than the checkpoints of the backup, from which replication resumes
    #[arg(long = "truncate-by-ts")]
    truncate_by_ts: bool,
    /// Import with other keys of encryption zones: a JSON file with an object of old keys and new ones
    #[arg(long = "ezk-mapping", value_name = "FILE")]
    ezk_mapping: Option<PathBuf>,
}

impl RestoreFlags {
    /// Returns the request of everything in a backup that is still to be named, and notes for the operator.
    ///
    /// Fails if a rename rule or the suffix is invalid.
    pub(crate) fn new_restore(&self) -> Result<(NewRestore, Vec<&'static str>), Failure> {
        let (rename, suffix) = (non_empty(self.rename.as_ref()), non_empty(self.suffix.as_ref()));
        // For its errors: the map below cannot express every violation of the syntax.
        Mapping::new(rename, suffix).map_err(engine::Error::Mapping)?;
        let renames = rename.into_iter().flat_map(|text| text.split(',')).filter_map(|rule| {
            let (from, to) = rule.split_once(':')?;
            Some((from.trim().to_owned(), to.trim().to_owned()))
        });
        let request = NewRestore {
            rename: renames.collect(),
            suffix: suffix.map(str::to_owned),
            mode: self.mode.unwrap_or(RestoreMode::Auto),
            partitions: self.partition.clone(),
            limit: self.limit,
            columns: self.columns.iter().map(|name| name.trim().to_owned()).collect(),
            meta_only: self.meta_only,
            indexes: self.rebuild_index.or(self.restore_index).unwrap_or(true),
            auto_index: self.use_auto_index,
            existing: self.existing(),
            drop_indexes: self.drop_exist_index,
            load: !self.no_load,
            aliases: !self.no_aliases,
            cleanup_on_failure: self.cleanup_on_failure,
            rbac: self.rbac,
            truncate_by_ts: self.truncate_by_ts,
            ezk_mapping: self.read_ezk_mapping()?,
            ..NewRestore::default()
        };
        Ok((request, self.notes()))
    }

    /// Reads the file of encryption keys. They are not given as a flag, because other users see the flags of a process.
    fn read_ezk_mapping(&self) -> Result<EzkMapping, Failure> {
        let Some(path) = &self.ezk_mapping else { return Ok(EzkMapping::default()) };
        let place = path.display();
        let text =
            std::fs::read(path).map_err(|error| Failure::usage(format!("cannot read {place}: {error}")))?;
        // The error of the parser could show a key.
        serde_json::from_slice(&text).map_err(|error| {
            Failure::usage(format!("line {} of {place} is not part of a JSON object of texts", error.line()))
        })
    }

    /// The treatment of existing targets. 0.4.15 needs both flags to drop and create again, so both mean that.
    fn existing(&self) -> Existing {
        match (self.drop_exist_collection, self.skip_create_collection) {
            (true, _) => Existing::Drop,
            (false, true) => Existing::Use,
            (false, false) => Existing::Refuse,
        }
    }

    fn notes(&self) -> Vec<&'static str> {
        let notes = [
            (
                self.restore_index.is_some(),
                "--restore_index is deprecated; indexes are restored unless --rebuild-index=false",
            ),
            (
                self.drop_exist_collection && self.skip_create_collection,
                "--skip-create-collection is ignored, because --drop-exist-collection is given",
            ),
        ];
        notes.into_iter().filter_map(|(given, note)| given.then_some(note)).collect()
    }
}

/// Writes a request as flags of `restore`, each after a space; defaults are left out.
pub(crate) fn write_flags(request: &NewRestore) -> String {
    let renames: Vec<String> = request.rename.iter().map(|(from, to)| format!("{from}:{to}")).collect();
    let (mode, columns) = (request.mode.to_string(), request.columns.join(","));
    let limit = request.limit.map(|limit| limit.to_string());
    let partitions = request.partitions.iter().map(|name| format!(" --partition {}", shell_word(name)));
    let values = [
        ("-n", request.backup.as_deref()),
        ("--filter", request.filter.as_deref()),
        ("--rename", Some(renames.join(",")).as_deref().filter(|renames| !renames.is_empty())),
        ("--suffix", request.suffix.as_deref()),
        ("--mode", Some(mode.as_str()).filter(|_| request.mode != RestoreMode::Auto)),
        ("--limit", limit.as_deref()),
        ("--columns", Some(columns.as_str()).filter(|columns| !columns.is_empty())),
    ]
    .map(|(flag, value)| value.map(|value| format!(" {flag} {}", shell_word(value))));
    let flags = [
        ("--drop-exist-collection", request.existing == Existing::Drop),
        ("--skip-create-collection", request.existing == Existing::Use),
        ("--meta-only", request.meta_only),
        ("--rebuild-index=false", !request.indexes),
        ("--use-auto-index", request.auto_index),
        ("--drop-exist-index", request.drop_indexes),
        ("--no-load", !request.load),
        ("--no-aliases", !request.aliases),
        ("--cleanup-on-failure", request.cleanup_on_failure),
        ("--rbac", request.rbac),
        ("--truncate-by-ts", request.truncate_by_ts),
    ]
    .map(|(flag, given)| given.then(|| format!(" {flag}")));
    values.into_iter().chain(flags).flatten().chain(partitions).collect()
}

/// Parses a mode.
fn parse_mode(text: &str) -> Result<RestoreMode, String> {
    serde_json::from_value(text.into())
        .map_err(|_| format!("expected one of {}", RestoreMode::WORDS.join(", ")))
}

/// Parses a boolean as the Go tool writes it.
pub(crate) fn parse_boolean(text: &str) -> Result<bool, String> {
    config::parse_bool(text).ok_or_else(|| "expected true or false".to_owned())
}

fn non_empty(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
