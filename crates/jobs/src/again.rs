//! The command that does what a restore left undone.

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter, Result, Write as _};

use model::name::CollectionRef;
use model::plan::restore::{Existing, RestoreRequest, SkipParams};

use crate::job::{Job, OtherPlace};

/// The most collections that a command names.
const NAMED: usize = 10;

/// How a restore is done, beside what of it and where to; shown as flags of the command line, each after a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreFlags {
    /// What is done with target collections that exist.
    pub existing: Existing,
    /// Whether data is left out.
    pub meta_only: bool,
    /// Whether the backup's indexes are created.
    pub indexes: bool,
    /// Whether vector indexes become AUTOINDEX with the same metric.
    pub auto_index: bool,
    /// Whether the indexes of target collections that exist are dropped.
    pub drop_indexes: bool,
    /// Whether is loaded what was loaded.
    pub load: bool,
    /// Whether the aliases are created.
    pub aliases: bool,
    /// Whether is dropped what was created for a collection that then fails.
    pub cleanup_on_failure: bool,
}

impl RestoreFlags {
    /// Those that do the rest of a restore, after something of that rest may have been `begun`.
    #[must_use]
    pub fn for_the_rest(self, begun: bool) -> Self {
        match self.existing {
            Existing::Refuse if begun => Self { existing: Existing::Drop, ..self },
            Existing::Refuse | Existing::Drop | Existing::Use => self,
        }
    }
}

impl Default for RestoreFlags {
    fn default() -> Self {
        Self {
            existing: Existing::Refuse,
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
            ("--drop-exist-collection", self.existing == Existing::Drop),
            ("--skip-create-collection", self.existing == Existing::Use),
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

/// What restores some of the collections of a job again: a command where one can say it, else words.
pub(crate) fn again(
    job: &Job,
    request: &RestoreRequest,
    rest: &[&(CollectionRef, CollectionRef)],
    flags: RestoreFlags,
) -> String {
    let name = &request.name;
    let sources: BTreeSet<&CollectionRef> = rest.iter().map(|(source, _)| source).collect();
    // of a source that goes to several targets no rule says which
    if rest.is_empty() || rest.len() > NAMED || sources.len() < rest.len() || !can_be_said(job, request) {
        let drop = match flags.existing {
            Existing::Refuse => "",
            Existing::Drop => ", and with --drop-exist-collection (existing: drop)",
            Existing::Use => ", and with --skip-create-collection (existing: use)",
        };
        return format!(
            "restore {name} again with the same suffix and renames, with a filter for what is not done{drop}"
        );
    }
    let mut line = format!("milvus-backup restore -n {name} --filter {}", joined(sources));
    let renamed = rest.iter().filter(|(source, target)| source != target);
    let renames = joined(renamed.map(|(source, target)| format!("{source}:{target}")));
    if !renames.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(line, " --rename {renames}");
    }
    let _ = write!(line, "{flags}");
    line
}

/// Whether the command line has a flag for all that was asked for.
fn can_be_said(job: &Job, request: &RestoreRequest) -> bool {
    job.place == OtherPlace::default()
        && request.overrides.is_empty()
        && request.max_shards.is_none()
        && request.skip == SkipParams::default()
}

fn joined(texts: impl IntoIterator<Item = impl ToString>) -> String {
    texts.into_iter().map(|text| text.to_string()).collect::<Vec<_>>().join(",")
}
