//! `delete`: removes a backup.

use std::io::{IsTerminal, Write};

use clap::Args;
use engine::DeleteRequest;

use super::session::Session;
use super::{Format, Named, Shared};
use crate::render;
use crate::status::{DONE, Failure};

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
    pub shared: Shared,
}

impl Arguments {
    /// Runs the verb.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let name = self.named.parse()?;
        let engine = session.engine()?;
        let request = |dry_run| DeleteRequest { name: name.clone(), dry_run };
        let ask = !self.yes && !self.dry_run && std::io::stdin().is_terminal();
        if ask {
            let job = session.silent_job()?;
            let found = engine.delete(&request(true), job.ctx()).await?;
            if !confirm(&render::text::delete_question(&found))? {
                session.note("nothing was deleted");
                return Ok(DONE);
            }
        }
        let job = session.job()?;
        let outcome = engine.delete(&request(self.dry_run), job.ctx()).await;
        job.finish();
        let outcome = outcome?;
        match session.format() {
            Format::Text if self.dry_run => session.print(&render::text::delete_plan(&outcome))?,
            Format::Text => session.tell(&render::text::deleted(&outcome))?,
            Format::Json => session.print_json(&render::json::deleted(&outcome, self.dry_run))?,
        }
        Ok(DONE)
    }
}

/// Asks on the terminal; anything but yes means no.
fn confirm(question: &str) -> std::io::Result<bool> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
