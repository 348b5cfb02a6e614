//! The command that resumes an interrupted restore: the `restore` command for the remaining collections.

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter, Result, Write as _};

use model::name::CollectionRef;
use model::plan::restore::{ExistingTargetPolicy, RestoreRequest, SkipParams};

use crate::job::{Job, OtherPlace};

/// The largest number of collections that a command lists.
const MAX_NAMED_COLLECTIONS: usize = 10;

/// The options of a restore other than its selection and its targets.
///
/// `Display` writes the corresponding flags of the command line, each after a space; defaults are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreFlags {
    /// The treatment of target collections that exist.
    pub existing: ExistingTargetPolicy,
    /// Whether only the collections are created, without data.
    pub meta_only: bool,
    /// Whether the indexes of the backup are created.
    pub indexes: bool,
    /// Whether vector indexes are replaced by AUTOINDEX with the same metric.
    pub auto_index: bool,
    /// Whether the indexes of target collections that exist are dropped.
    pub drop_indexes: bool,
    /// Whether the collections that were loaded in the source are loaded.
    pub load: bool,
    /// Whether the aliases of the backup are created.
    pub aliases: bool,
    /// Whether a collection that was created and then fails is dropped.
    pub cleanup_on_failure: bool,
}

impl RestoreFlags {
    /// Returns the options that restore the remaining collections.
    ///
    /// `begun` says whether some of these collections may exist by now; `ExistingTargetPolicy::Refuse` then becomes
    /// `ExistingTargetPolicy::Drop`.
    #[must_use]
    pub fn for_the_rest(self, begun: bool) -> Self {
        match self.existing {
            ExistingTargetPolicy::Refuse if begun => Self { existing: ExistingTargetPolicy::Drop, ..self },
            ExistingTargetPolicy::Refuse | ExistingTargetPolicy::Drop | ExistingTargetPolicy::Use => self,
        }
    }
}

impl Default for RestoreFlags {
    fn default() -> Self {
        Self {
            existing: ExistingTargetPolicy::Refuse,
            meta_only: false,
            indexes: true,
            auto_index: false,
            drop_indexes: false,
            load: true,
            aliases: true,
            cleanup_on_failure: false,
        }
    }
}

impl From<&RestoreRequest> for RestoreFlags {
    fn from(request: &RestoreRequest) -> Self {
        Self {
            existing: request.existing,
            meta_only: request.meta_only,
            indexes: request.indexes,
            auto_index: request.auto_index,
            drop_indexes: request.drop_indexes,
            load: request.load,
            aliases: request.aliases,
            cleanup_on_failure: request.cleanup_on_failure,
        }
    }
}

impl Display for RestoreFlags {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let flags = [
            ("--drop-exist-collection", self.existing == ExistingTargetPolicy::Drop),
            ("--skip-create-collection", self.existing == ExistingTargetPolicy::Use),
            ("--meta-only", self.meta_only),
            ("--rebuild-index=false", !self.indexes),
            ("--use-auto-index", self.auto_index),
            ("--drop-exist-index", self.drop_indexes),
            ("--no-load", !self.load),
            ("--no-aliases", !self.aliases),
            ("--cleanup-on-failure", self.cleanup_on_failure),
        ];
        flags.iter().filter(|(_, given)| *given).try_for_each(|(flag, _)| write!(f, " {flag}"))
    }
}

/// Formats the instruction that restores the remaining collections of a job.
///
/// It is a command if the command line can express the restore with at most ten collections, and a sentence otherwise.
pub(crate) fn format_resume_instruction(
    job: &Job,
    request: &RestoreRequest,
    remaining: &[&(CollectionRef, CollectionRef)],
    flags: RestoreFlags,
) -> String {
    let name = &request.name;
    let sources: BTreeSet<&CollectionRef> = remaining.iter().map(|(source, _)| source).collect();
    // The flags cannot select one of several targets of a source.
    let several_targets = sources.len() < remaining.len();
    if remaining.is_empty()
        || remaining.len() > MAX_NAMED_COLLECTIONS
        || several_targets
        || !has_only_flag_options(job, request)
    {
        let drop = match flags.existing {
            ExistingTargetPolicy::Refuse => "",
            ExistingTargetPolicy::Drop => ", and with --drop-exist-collection (existing: drop)",
            ExistingTargetPolicy::Use => ", and with --skip-create-collection (existing: use)",
        };
        return format!(
            "restore {name} again with the same suffix and renames, with a filter for what is not done{drop}"
        );
    }
    let mut command = format!("milvus-backup restore -n {name} --filter {}", join_with_commas(sources));
    let renamed = remaining.iter().filter(|(source, target)| source != target);
    let renames = join_with_commas(renamed.map(|(source, target)| format!("{source}:{target}")));
    if !renames.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(command, " --rename {renames}");
    }
    let _ = write!(command, "{flags}");
    command
}

/// Returns whether the command line has flags for everything that the job differs in from the defaults.
fn has_only_flag_options(job: &Job, request: &RestoreRequest) -> bool {
    job.place == OtherPlace::default()
        && request.overrides.is_empty()
        && request.max_shards.is_none()
        && request.skip == SkipParams::default()
}

fn join_with_commas(texts: impl IntoIterator<Item = impl ToString>) -> String {
    texts.into_iter().map(|text| text.to_string()).collect::<Vec<_>>().join(",")
}
