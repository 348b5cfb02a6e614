//! Jobs of a server as text.

use std::fmt::Write;

use wire::{Job, JobCollection, JobPage, UtcTime};

use super::super::progress::words::percent_and_totals;
use super::super::units::{bytes, columns, count, counted, duration, minute};
use super::warnings;

/// The table of jobs.
pub(crate) fn jobs(page: &JobPage) -> String {
    let mut rows =
        vec![["ID", "KIND", "BACKUP", "STATE", "DONE", "CREATED (UTC)", "TOOK", "BY"].map(str::to_owned)];
    rows.extend(page.jobs.iter().map(|job| {
        [
            job.id.clone(),
            job.kind.to_string(),
            job.backup.clone(),
            job.state.to_string(),
            format!("{} %", job.progress.percent),
            job.created.map_or_else(dash, minute),
            took(job),
            job.by.clone(),
        ]
    }));
    let mut text = columns(&rows);
    if page.next_page_token.is_some() {
        text.push_str("There are more jobs; use --limit N to show more.\n");
    }
    text
}

fn dash() -> String {
    "-".to_owned()
}

fn took(job: &Job) -> String {
    let milliseconds = |from: UtcTime, to: UtcTime| u64::try_from(to.ms() - from.ms()).ok();
    let took = job.started.zip(job.ended).and_then(|(from, to)| milliseconds(from, to));
    took.map_or_else(dash, |ms| duration(std::time::Duration::from_millis(ms)))
}

/// The details of one job; `result` describes its result.
pub(crate) fn job(job: &Job, result: &str) -> String {
    let line = |name: &str, value: String| [format!("{name}:"), value];
    let at = |time: Option<UtcTime>| time.map_or_else(dash, |time| format!("{} UTC", minute(time)));
    let mut head = vec![
        line("Job", job.id.clone()),
        line("Kind", job.kind.to_string()),
        line("Backup", job.backup.clone()),
        line("State", state(job)),
        line("Created", format!("{} by {}", at(job.created), job.by)),
        line("Started", at(job.started)),
        line("Ended", at(job.ended)),
    ];
    if let Some(filter) = &job.request.filter {
        head.push(line("Selection", filter.clone()));
    }
    if !job.waits_for.is_empty() {
        head.push(line("Waits for", format!("the end of {}", job.waits_for.join(" or "))));
    }
    if let Some(phase) = job.progress.phase {
        head.push(line("Phase", phase.to_string()));
    }
    head.push(line("Progress", percent_and_totals(&job.progress)));
    let mut text = columns(&head);
    if !job.progress.collections.is_empty() {
        let mut rows =
            vec![["COLLECTION", "PHASE", "OBJECTS", "SIZE", "IMPORT JOBS", "ROWS"].map(str::to_owned)];
        rows.extend(job.progress.collections.iter().map(collection));
        text.push('\n');
        text.push_str(&columns(&rows));
    }
    warnings(&mut text, &job.progress.warnings);
    text.push_str(result);
    // Writing to a String cannot fail.
    if let Some(error) = &job.error {
        let _ = writeln!(text, "Error: {}", error.message);
        for (name, text_of) in [("  ", &error.context), ("  hint: ", &error.hint)] {
            if let Some(value) = text_of {
                let _ = writeln!(text, "{name}{value}");
            }
        }
    }
    text
}

/// The state of a job, and its position in the queue.
pub(crate) fn state(job: &Job) -> String {
    let state = job.state;
    match job.ahead {
        _ if job.cancelling => format!("{state}, cancelling"),
        Some(0) => match job.waits_for.first() {
            // The list has no room for the id.
            Some(running) => format!("{state}, waits for {}", running.split(" (").next().unwrap_or_default()),
            None => format!("{state}, next to run"),
        },
        Some(ahead) => format!("{state} after {}", counted(ahead, "job")),
        None => state.to_string(),
    }
}

fn collection(of: &JobCollection) -> [String; 6] {
    let copied = of.objects.is_of_copied_objects(of.import_jobs);
    let if_copied = |text: String| if copied { text } else { dash() };
    let reason = of.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    [
        of.shown_name().to_owned(),
        format!("{}{reason}", of.phase.as_deref().unwrap_or("-")),
        if_copied(format!("{}/{}", count(of.objects.done), count(of.objects.all))),
        if_copied(bytes(of.bytes.done)),
        format!("{}/{}", of.import_jobs.done, of.import_jobs.all),
        count(of.rows),
    ]
}

/// The result of a request to cancel a job.
pub(crate) fn cancelled(job: &Job) -> String {
    let (id, backup, kind) = (&job.id, &job.backup, job.kind);
    if job.cancelling {
        format!("Job {id} ({kind} {backup}) stops at the next safe point.\n")
    } else {
        format!("Job {id} ({kind} {backup}) is {}.\n", job.state)
    }
}
