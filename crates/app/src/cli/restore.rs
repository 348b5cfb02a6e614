//! `restore`: restores collections of a backup.

use clap::Args;
use model::plan::restore::ExistingTargetPolicy;
use reqwest::Method;
use tokio_util::sync::CancellationToken;
use wire::{DONE, Failure, NewRestore, RestorePlan, RestoreReport};

use super::args::{BackupArgument, CommonFlags};
use super::confirm::{can_confirm, confirm};
use super::remote::{JobFlags, Submission};
use super::report::report_restore;
use super::selection::{RESTORE_COLLECTIONS, SelectionFlags};
use super::session::Session;
use crate::config::Usage;
use crate::render;
use crate::restore_flags::RestoreFlags;

/// Restore a backup, or part of it
///
/// Creates databases, collections, partitions and indexes, imports the data, counts the rows, and loads the
/// collections that were loaded. Fails if a target collection exists, unless a flag says what to do with it. Asks for
/// confirmation on a terminal before it drops collections.
#[derive(Args, Debug)]
#[command(after_help = "\
Renames (--rename): old:new, db1.old:db2.new, db1.*:db2.* (a whole database); comma-separated.

Modes (--mode):
  auto    insert small partitions where that is faster, import all others
  import  Milvus imports the files from its own storage
  insert  read the rows and insert them: into any release or service, without its storage

Examples:
  milvus-backup restore nightly
  milvus-backup restore nightly --filter shop.orders --suffix _copy
  milvus-backup restore nightly --rename 'shop.*:shop2.*' --dry-run
  milvus-backup restore nightly --drop-exist-collection
  milvus-backup restore nightly --mode insert --columns id,title,vector")]
pub(super) struct Arguments {
    #[command(flatten)]
    backup: BackupArgument,
    #[command(flatten)]
    selection: SelectionFlags,
    #[arg(long = "collections", short = 'c', hide = true, value_name = "COLL,…")]
    collections: Option<String>,
    #[command(flatten)]
    options: RestoreFlags,
    #[arg(long = "use-v2-restore", hide = true)]
    use_v2_restore: bool,
    /// Drop existing collections (--drop-exist-collection) without confirmation
    #[arg(long, short)]
    yes: bool,
    /// Show the plan and change nothing
    #[arg(long = "dry-run")]
    dry_run: bool,
    #[command(flatten)]
    pub job: JobFlags,
    #[command(flatten)]
    pub common: CommonFlags,
    #[arg(long = "source-cluster-id", hide = true)]
    source_cluster: Option<String>,
    #[arg(long = "target-cluster-id", hide = true)]
    target_cluster: Option<String>,
}

impl Arguments {
    /// Whether `restore secondary` or one of its flags is given.
    pub(super) fn is_secondary(&self) -> bool {
        self.backup.word.as_deref() == Some("secondary")
            || self.source_cluster.is_some()
            || self.target_cluster.is_some()
    }

    /// Runs the command; returns the exit code.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let mut new_restore = self.new_restore(session)?;
        let mut request = new_restore.to_engine_request(session.config.keep_staged())?;
        let asks = !self.yes && !self.dry_run && can_confirm();
        if let Some(client) = session.server() {
            if asks && request.options.existing == ExistingTargetPolicy::Drop {
                let plan = client.plan_restore(&NewRestore { dry_run: true, ..new_restore.clone() }).await?;
                if !may_drop(session, &plan, None).await? {
                    return Ok(DONE);
                }
                // The backup in question, even if a newer one was created meanwhile.
                new_restore.backup = Some(plan.name);
            }
            let submission = Submission {
                method: Method::POST,
                path: &["restores"],
                query: &[],
                body: Some(&new_restore),
                plan_text: render::text::restore_plan as fn(&RestorePlan) -> String,
            };
            return self.job.submit(session, client, submission).await;
        }
        self.job.reject_without_server()?;
        let engine = session.engine(Usage::Milvus)?;
        let job = session.job()?;
        let resolved = engine.resolve_name(request.name.clone(), job.ctx()).await;
        request.name = job.finish_if_failed(resolved)?;
        let prepared = job.finish_if_failed(engine.plan_restore(&request, job.ctx()).await)?;
        if self.dry_run {
            job.display().finish();
            session.show(&RestorePlan::new(&prepared), render::text::restore_plan)?;
            return Ok(DONE);
        }
        if asks && !may_drop(session, &RestorePlan::new(&prepared), Some(job.ctx().cancel())).await? {
            return Ok(DONE);
        }
        let report = engine.restore(prepared, job.ctx()).await;
        job.display().finish();
        let report = report?;
        job.display().warn_of_new(&report.warnings);
        report_restore(session, RestoreReport::from(&report))
    }

    fn new_restore(&self, session: &Session<'_>) -> Result<NewRestore, Failure> {
        if self.use_v2_restore {
            session.note(
                "--use_v2_restore is ignored: the number of import jobs is always the smallest possible",
            );
        }
        let selection = self.selection.only((RESTORE_COLLECTIONS, self.collections.as_ref()), session)?;
        let (new_restore, notes) = self.options.new_restore()?;
        for note in notes {
            session.note(note);
        }
        Ok(NewRestore {
            backup: Some(self.backup.parse()?.to_string()),
            filter: Some(selection.to_string()),
            dry_run: self.dry_run,
            ..new_restore
        })
    }
}

/// Asks whether collections may be dropped, if the plan drops some.
async fn may_drop(
    session: &Session<'_>,
    plan: &RestorePlan,
    cancel: Option<&CancellationToken>,
) -> Result<bool, Failure> {
    match render::text::restore_question(plan) {
        Some(question) => confirm(session, &question, "nothing was changed", cancel).await,
        None => Ok(true),
    }
}

/// The failure of `restore secondary`.
pub(super) fn secondary() -> Failure {
    Failure::not_supported_yet("restore secondary (the standby of a cluster pair)")
}
