//! `create`: creates a backup.

use clap::Args;
use reqwest::Method;
use wire::{BackupFormat, BackupPlan, BackupReport, DONE, Failure, FlushStrategy, NewBackup};

use super::args::{CommonFlags, choose_name};
use super::remote::{JobFlags, Submission};
use super::report::report_backup;
use super::selection::{CREATE_COLLECTIONS, SelectionFlags};
use super::session::Session;
use crate::config::Usage;
use crate::render;

/// Create a backup
///
/// Flushes each selected collection, copies its files, and commits the backup once all files are verified. An
/// interrupted backup is shown as unfinished by `list`.
#[derive(Args, Debug)]
#[command(after_help = "\
Strategies (--strategy):
  auto          serial_flush (default)
  serial_flush  flush each collection just before it is read
  bulk_flush    flush the whole cluster once, at the start; needs Milvus 2.6.11 or later
  skip_flush    do not flush; rows that are not flushed yet are not included
  meta_only     copy schemas and indexes, no data

Formats (--format):
  auto          binlog on every version of Milvus (default)
  binlog        copy the files of each collection
  snapshot      let Milvus export a snapshot of each collection; needs Milvus 3.0.1 or later

Examples:
  milvus-backup create nightly
  milvus-backup create shop --filter 'shop.*,default.books'
  milvus-backup create nightly --replace-unfinished
  milvus-backup create nightly --dry-run")]
pub(super) struct Arguments {
    /// Name the backup: a letter, digit or _, then letters, digits, _, - or . [default: generated from the current time]
    #[arg(value_name = "NAME", id = "backup")]
    word: Option<String>,
    /// Name the backup, in place of the argument
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    selection: SelectionFlags,
    #[arg(long = "colls", short = 'c', hide = true, value_name = "COLL,…")]
    collections: Option<String>,
    /// Choose how the newest rows are written to files; see below [default: auto]
    #[arg(long, value_name = "STRATEGY")]
    strategy: Option<String>,
    #[arg(long, short, hide = true)]
    force: bool,
    #[arg(long = "meta-only", hide = true)]
    meta_only: bool,
    /// Choose how the rows are stored; see below [default: auto]
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Back up users with the hashes of their passwords, roles and grants too
    #[arg(long)]
    rbac: bool,
    #[arg(long = "backup-index-extra", hide = true)]
    backup_index_extra: bool,
    /// Fail if a collection is dropped during the backup, or if rows are missing in its files
    #[arg(long)]
    strict: bool,
    /// Replace an unfinished backup of this name if the run that left it has ended
    #[arg(long = "replace-unfinished")]
    replace_unfinished: bool,
    /// Show the plan and change nothing, not even by a flush
    #[arg(long = "dry-run")]
    dry_run: bool,
    #[command(flatten)]
    pub job: JobFlags,
    #[command(flatten)]
    pub common: CommonFlags,
}

impl Arguments {
    /// Runs the command; returns the exit code.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let new_backup = self.new_backup(session)?;
        if let Some(client) = session.server() {
            let submission = Submission {
                method: Method::POST,
                path: &["backups"],
                query: &[],
                body: Some(&new_backup),
                plan_text: render::text::backup_plan as fn(&BackupPlan) -> String,
            };
            return self.job.submit(session, client, submission).await;
        }
        self.job.reject_without_server()?;
        let request = new_backup.to_engine_request()?;
        let engine = session.engine(Usage::Milvus)?;
        let job = session.job()?;
        let prepared = job.finish_if_failed(engine.plan_backup(&request, job.ctx()).await)?;
        if self.dry_run {
            let preview = prepared.preview(job.ctx()).await;
            job.display().finish();
            session.show(&BackupPlan::from(&preview?), render::text::backup_plan)?;
            return Ok(DONE);
        }
        let report = engine.backup(prepared, job.ctx()).await;
        job.display().finish();
        let report = report?;
        job.display().warn_of_new(&report.warnings);
        report_backup(session, BackupReport::from(&report))
    }

    fn new_backup(&self, session: &Session<'_>) -> Result<NewBackup, Failure> {
        self.reject_unsupported()?;
        let selection = self.selection.first((CREATE_COLLECTIONS, self.collections.as_ref()), session)?;
        Ok(NewBackup {
            name: choose_name(self.name.as_deref(), self.word.as_deref())?.map(str::to_owned),
            filter: Some(selection.to_string()),
            strategy: Some(self.strategy(session)?),
            format: Some(self.format()?),
            strict: self.strict,
            pause_gc: false,
            replace_unfinished: self.replace_unfinished,
            rbac: self.rbac,
            dry_run: self.dry_run,
        })
    }

    fn reject_unsupported(&self) -> Result<(), Failure> {
        if self.backup_index_extra {
            return Err(Failure::not_supported_yet("create --backup_index_extra (index details from etcd)")
                .hint("omit it: indexes are backed up with the parameters with which they were created"));
        }
        Ok(())
    }

    fn format(&self) -> Result<BackupFormat, Failure> {
        let word = self.format.as_deref().unwrap_or_default();
        let format = model::plan::backup::RequestedFormat::from_word(word);
        format
            .map(BackupFormat::from)
            .ok_or_else(|| Failure::usage(format!("--format {word}: expected auto, binlog or snapshot")))
    }

    /// `--strategy` overrides `--meta_only`, which overrides `--force`, as in 0.4.15.
    fn strategy(&self, session: &Session<'_>) -> Result<FlushStrategy, Failure> {
        let word = self.strategy.as_deref().unwrap_or_default();
        if self.meta_only && self.force && word.is_empty() {
            session
                .note("--meta_only is deprecated, and --force is ignored with it; use --strategy meta_only");
            return Ok(FlushStrategy::MetaOnly);
        }
        for (given, flag, replacement) in
            [(self.meta_only, "--meta_only", "meta_only"), (self.force, "--force", "skip_flush")]
        {
            if given && word.is_empty() {
                session.note(&format!("{flag} is deprecated; use --strategy {replacement}"));
            } else if given {
                session.note(&format!("{flag} is ignored, because --strategy is given"));
            }
        }
        match word {
            "" if self.meta_only => Ok(FlushStrategy::MetaOnly),
            "" if self.force => Ok(FlushStrategy::Skip),
            "snapshot" => Err(Failure::usage("--strategy snapshot: snapshot is a format, not a strategy")
                .hint("use --format snapshot")),
            word => model::plan::backup::FlushStrategy::from_word(word).map(FlushStrategy::from).ok_or_else(
                || {
                    let words = model::plan::backup::FlushStrategy::WORDS.join(", ");
                    Failure::usage(format!("--strategy {word}: expected one of {words}"))
                },
            ),
        }
    }
}
