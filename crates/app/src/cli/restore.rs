//! `restore`: restores collections of a backup.

use clap::Args;
use model::mapping::Mapping;
use reqwest::Method;
use wire::{DONE, Existing, Failure, NewRestore, RestorePlan, RestoreReport};

use super::args::{BackupFlag, CommonFlags, parse_boolean};
use super::remote::{JobFlags, Submission};
use super::report::report_restore;
use super::selection::{RESTORE_COLLECTIONS, SelectionFlags};
use super::session::Session;
use crate::render;

/// Restore a backup, or part of it
///
/// Creates databases, collections, partitions and indexes, imports the data, counts the rows, and loads the
/// collections that were loaded. Fails if a target collection exists, unless a flag says what to do with it.
#[derive(Args, Debug)]
#[command(after_help = "\
Renames (--rename): old:new, db1.old:db2.new, db1.*:db2.* (a whole database); comma-separated.

Examples:
  milvus-backup restore -n nightly
  milvus-backup restore -n nightly --filter shop.orders --suffix _copy
  milvus-backup restore -n nightly --rename 'shop.*:shop2.*' --dry-run
  milvus-backup restore -n nightly --drop-exist-collection")]
pub(super) struct Arguments {
    #[command(flatten)]
    backup: BackupFlag,
    #[command(flatten)]
    selection: SelectionFlags,
    #[arg(long = "collections", short = 'c', hide = true, value_name = "COLL,…")]
    collections: Option<String>,
    /// Append TEXT to the name of every collection
    #[arg(long, short, value_name = "TEXT")]
    suffix: Option<String>,
    /// Rename collections or databases; see below
    #[arg(long, short, value_name = "OLD:NEW,…")]
    rename: Option<String>,
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
    #[arg(long, hide = true)]
    rbac: bool,
    #[arg(long = "use-v2-restore", hide = true)]
    use_v2_restore: bool,
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
        self.common.extra.first().is_some_and(|word| word == "secondary")
            || self.source_cluster.is_some()
            || self.target_cluster.is_some()
    }

    /// Runs the command; returns the exit code.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let new_restore = self.new_restore(session)?;
        let request = new_restore.to_engine_request(session.config.keep_staged())?;
        if let Some(client) = session.server() {
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
        let engine = session.engine()?;
        let job = session.job()?;
        let prepared = job.finish_if_failed(engine.plan_restore(&request, job.ctx()).await)?;
        if self.dry_run {
            job.display().finish();
            session.show(&RestorePlan::new(&prepared), render::text::restore_plan)?;
            return Ok(DONE);
        }
        let report = engine.restore(prepared, job.ctx()).await;
        job.display().finish();
        let report = report?;
        job.display().warn_of_new(&report.warnings);
        report_restore(session, RestoreReport::from(&report))
    }

    fn new_restore(&self, session: &Session<'_>) -> Result<NewRestore, Failure> {
        if self.rbac {
            return Err(
                Failure::not_supported_yet("restore --rbac (users, roles and grants)").hint("omit --rbac")
            );
        }
        if self.use_v2_restore {
            session.note(
                "--use_v2_restore is ignored: the number of import jobs is always the smallest possible",
            );
        }
        if self.restore_index.is_some() {
            session.note("--restore_index is deprecated; indexes are restored unless --rebuild-index=false");
        }
        let (rename, suffix) = (non_empty(self.rename.as_ref()), non_empty(self.suffix.as_ref()));
        // For its errors: the map below cannot express every violation of the syntax.
        Mapping::new(rename, suffix).map_err(engine::Error::Mapping)?;
        let renames = rename.into_iter().flat_map(|text| text.split(',')).filter_map(|rule| {
            let (from, to) = rule.split_once(':')?;
            Some((from.trim().to_owned(), to.trim().to_owned()))
        });
        let selection = self.selection.only((RESTORE_COLLECTIONS, self.collections.as_ref()), session)?;
        Ok(NewRestore {
            backup: Some(self.backup.parse()?.to_string()),
            filter: Some(selection.to_string()),
            rename: renames.collect(),
            suffix: suffix.map(str::to_owned),
            meta_only: self.meta_only,
            indexes: self.rebuild_index.or(self.restore_index).unwrap_or(true),
            auto_index: self.use_auto_index,
            existing: self.existing(session),
            drop_indexes: self.drop_exist_index,
            load: !self.no_load,
            aliases: !self.no_aliases,
            cleanup_on_failure: self.cleanup_on_failure,
            dry_run: self.dry_run,
        })
    }

    /// The treatment of existing targets. 0.4.15 needs both flags to drop and create again, so both mean that.
    fn existing(&self, session: &Session<'_>) -> Existing {
        match (self.drop_exist_collection, self.skip_create_collection) {
            (true, both) => {
                if both {
                    session.note(
                        "--skip_create_collection is ignored, because --drop_exist_collection is given",
                    );
                }
                Existing::Drop
            }
            (false, true) => Existing::Use,
            (false, false) => Existing::Refuse,
        }
    }
}

/// The failure of `restore secondary`.
pub(super) fn secondary() -> Failure {
    Failure::not_supported_yet("restore secondary (the standby of a cluster pair)")
}

fn non_empty(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
