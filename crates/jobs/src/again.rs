//! The command that does what a restore left undone.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use model::name::CollectionRef;
use model::plan::restore::{Existing, RestoreRequest, SkipParams};

use crate::job::{Job, OtherPlace};

/// The most collections that a command names.
const NAMED: usize = 10;

/// What restores some of the collections of a job again: a command where one can say it, else words.
pub(crate) fn again(
    job: &Job,
    request: &RestoreRequest,
    rest: &[&(CollectionRef, CollectionRef)],
    existing: Existing,
) -> String {
    let name = &request.name;
    let sources: BTreeSet<&CollectionRef> = rest.iter().map(|(source, _)| source).collect();
    // of a source that goes to several targets no rule says which
    if rest.is_empty() || rest.len() > NAMED || sources.len() < rest.len() || !can_be_said(job, request) {
        let drop = match existing {
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
    let flags = [
        ("--drop-exist-collection", existing == Existing::Drop),
        ("--skip-create-collection", existing == Existing::Use),
        ("--meta-only", request.meta_only),
        ("--rebuild-index=false", !request.indexes),
        ("--use-auto-index", request.auto_index),
        ("--drop-exist-index", request.drop_indexes),
        ("--no-load", !request.load),
        ("--no-aliases", !request.aliases),
        ("--cleanup-on-failure", request.cleanup_on_failure),
    ];
    for (flag, _) in flags.into_iter().filter(|(_, given)| *given) {
        let _ = write!(line, " {flag}");
    }
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
