//! `delete`: removes a backup.

use std::io::{IsTerminal, Write};

use clap::Args;
use reqwest::Method;

use super::remote::{JobFlags, Order};
use super::session::Session;
use super::{Named, Shared};
use crate::render;
use wire::{DONE, Failure};
use wire::{DeletionReport, parse_delete_request};

/// Delete a backup
///
/// On a terminal it asks first, unless --yes. An unfinished or half-deleted backup is removed too.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup delete -n nightly
  milvus-backup delete -n nightly --dry-run
  milvus-backup delete -n nightly --yes")]
pub(super) struct Arguments {
    #[command(flatten)]
    named: Named,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Show what would be deleted and change nothing
    #[arg(long = "dry-run")]
    dry_run: bool,
    #[command(flatten)]
    pub there: JobFlags,
    #[command(flatten)]
    pub shared: Shared,
}

impl Arguments {
    /// Runs the verb.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let request = parse_delete_request(self.named.name.as_deref())?;
        let ask = !self.yes && !self.dry_run && std::io::stdin().is_terminal();
        if let Some(client) = session.server() {
            let path = &["backups", request.name.as_str()];
            if ask && !confirm(&client.would_delete(path).await?)? {
                session.note("nothing was deleted");
                return Ok(DONE);
            }
            let order = Order {
                to: (Method::DELETE, path),
                query: &[("dry_run", if self.dry_run { "true" } else { "false" })],
                body: None::<&()>,
                plan: render::text::delete_plan as fn(&DeletionReport) -> String,
            };
            return self.there.carry_out(session, client, order).await;
        }
        self.there.refuse_alone()?;
        let engine = session.engine()?;
        let prepared = engine.plan_delete(&request, session.silent_job()?.ctx()).await?;
        let would_delete = DeletionReport::new(prepared.contents(), true);
        if self.dry_run {
            return report_deletion(session, &would_delete);
        }
        if ask && !confirm(&would_delete)? {
            session.note("nothing was deleted");
            return Ok(DONE);
        }
        let job = session.job()?;
        let deleted = engine.delete(prepared, job.ctx()).await;
        job.finish();
        report_deletion(session, &DeletionReport::new(&deleted?, false))
    }
}

/// Prints what a deletion did, or would do; returns the exit code.
pub(super) fn report_deletion(session: &Session<'_>, deleted: &DeletionReport) -> Result<u8, Failure> {
    if deleted.dry_run {
        session.show(deleted, render::text::delete_plan)?;
    } else {
        session.report(deleted, render::text::deleted)?;
    }
    Ok(DONE)
}

/// Asks on the terminal; anything but yes means no.
fn confirm(found: &DeletionReport) -> std::io::Result<bool> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{} [y/N] ", render::text::delete_question(found))?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
