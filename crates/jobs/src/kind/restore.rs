//! Jobs that restore a backup.

use std::fmt::Write as _;

use engine::{
    Advice, CollectionOutcome, CollectionPhase, CollectionProgress, Phase, RemainingRestore, RestoreReport,
};
use model::name::CollectionRef;
use model::plan::restore::{ExistingTargetPolicy, RestoreRequest};

use super::interrupted::{Interrupted, display_name, format_names};
use crate::failure::JobFailure;

/// Returns what an interrupted restore changed, and the advice.
pub(super) fn describe_interruption(
    job: &Interrupted<'_>,
    request: Option<&RestoreRequest>,
    report: Option<&RestoreReport>,
) -> (String, Advice) {
    let &Interrupted { progress, targets, is_elsewhere, crash, .. } = job;
    let Some(request) = request else {
        let result = "the target collections may be incomplete".to_owned();
        return (result, Advice::InspectTargets { backup: job.backup.to_owned() });
    };
    if matches!(progress.phase, None | Some(Phase::Preflight)) {
        let result = if crash {
            "the job had just started; no change in Milvus is known"
        } else {
            "nothing was changed in Milvus"
        };
        return (result.to_owned(), Advice::RestoreAgain { backup: request.name.to_string() });
    }
    let remaining = find_remaining(job, report);
    let total = progress.selected.max(targets.len());
    let mut result = format!("{} of {total} collections are restored", total - remaining.len().min(total));
    let incomplete = find_incomplete_targets(job, request, report);
    if !incomplete.is_empty() {
        let condition = match (request.options.existing, crash) {
            (ExistingTargetPolicy::Use, _) => "rows may have been imported into",
            (_, false) => "left in place and incomplete",
            (_, true) => "left in place and possibly incomplete",
        };
        // Writing to a String cannot fail.
        let _ = write!(result, ", {condition}: {}", format_names(&incomplete));
    }
    if crash {
        result.push_str(
            "; the restore may have progressed further; imports that Milvus had accepted may continue there, and the \
             next restore removes staged files",
        );
    }
    if remaining.is_empty() {
        return (result, Advice::InspectAliases);
    }
    let may_exist = crash || !incomplete.is_empty();
    let remaining = RemainingRestore::new(request, remaining.into_iter().map(|(s, t)| (s, t)), may_exist);
    let options_are_complete = remaining.options_are_complete && !is_elsewhere;
    (result, Advice::RestoreRemaining(Box::new(RemainingRestore { options_are_complete, ..remaining })))
}

/// Returns the sources and targets that are not known to be restored.
fn find_remaining<'a>(
    job: &Interrupted<'a>,
    report: Option<&RestoreReport>,
) -> Vec<&'a (CollectionRef, CollectionRef)> {
    let is_done = |(source, target): &(CollectionRef, CollectionRef)| match report {
        Some(report) => {
            report.collections.iter().any(|c| c.target == *target && c.outcome == CollectionOutcome::Done)
        }
        None => progress_of(job, source, target).is_some_and(has_succeeded),
    };
    job.targets.iter().filter(|pair| !is_done(pair)).collect()
}

fn has_succeeded(progress: &CollectionProgress) -> bool {
    progress.phase == Some(CollectionPhase::Done)
}

/// Returns the targets whose restore was started but not completed, so that they may contain some of the data.
fn find_incomplete_targets(
    job: &Interrupted<'_>,
    request: &RestoreRequest,
    report: Option<&RestoreReport>,
) -> Vec<CollectionRef> {
    if let Some(report) = report {
        let uses_existing = request.options.existing == ExistingTargetPolicy::Use;
        let incomplete = report.collections.iter().filter(|c| match c.outcome {
            CollectionOutcome::Done | CollectionOutcome::NotBegun => false,
            CollectionOutcome::Failed(_) => c.created || uses_existing,
        });
        return incomplete.map(|c| c.target.clone()).collect();
    }
    let is_incomplete = |(source, target): &&(CollectionRef, CollectionRef)| {
        let progress = progress_of(job, source, target);
        progress.is_some_and(|progress| progress.phase.is_some() && !has_succeeded(progress))
    };
    job.targets.iter().filter(is_incomplete).map(|(_, target)| target.clone()).collect()
}

fn progress_of<'a>(
    job: &Interrupted<'a>,
    source: &CollectionRef,
    target: &CollectionRef,
) -> Option<&'a CollectionProgress> {
    job.progress.collections.get(display_name(job.targets, source, target))
}

/// Describes the failure of a restore by the first collection that failed; the report contains the others. `None` if
/// everything was restored.
pub(super) fn describe_failure(report: &RestoreReport) -> Option<JobFailure> {
    let kind = report.kind()?;
    let done = report.collections.iter().filter(|c| c.outcome == CollectionOutcome::Done).count();
    let failed = report.collections.iter().find_map(|c| match &c.outcome {
        CollectionOutcome::Failed(failure) => Some((&c.target, failure)),
        _ => None,
    });
    let total = report.collections.len();
    let lack = || report.collections.iter().find_map(|c| c.lacks.first());
    let cause = match failed {
        Some((target, failure)) => format!("; {target}: {}", failure.message),
        None => lack().map(|lack| format!("; {lack}")).unwrap_or_default(),
    };
    Some(JobFailure {
        kind,
        message: format!("restored {done} of {total} collections from {}{cause}", report.name),
        context: None,
        advice: failed.and_then(|(_, failure)| failure.advice.clone()),
    })
}
