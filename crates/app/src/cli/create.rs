//! `create`: takes a backup.

use clap::Args;
use reqwest::Method;

use super::Shared;
use super::remote::{JobFlags, Order};
use super::selection::Selectors;
use super::session::Session;
use crate::render;
use wire::{BackupPlan, BackupReport, FlushStrategy, NewBackup, Reword};
use wire::{DONE, Failure};

/// Take a backup
///
/// Flushes each selected collection, copies its files and commits the backup once all of them are verified.
/// Without a selection everything is taken. What is interrupted shows as unfinished in `list`.
#[derive(Args, Debug)]
#[command(after_help = "\
Strategies (--strategy):
  auto          what suits the server (default)
  serial_flush  flush each collection just before it is read
  bulk_flush    one flush of the cluster; needs Milvus 2.6.11 or later
  skip_flush    only what is flushed already; the newest rows stay out
  meta_only     schemas and indexes, no data

Examples:
  milvus-backup create -n nightly
  milvus-backup create -n shop --filter 'shop.*,default.books'
  milvus-backup create -n nightly --dry-run")]
pub(super) struct Arguments {
    /// Name of the backup: a letter or _, then letters, digits, _; made of the time if not given
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    selectors: Selectors,
    #[arg(long = "colls", short = 'c', hide = true, value_name = "COLL,…")]
    collections: Option<String>,
    /// How the newest rows get into files; see below
    #[arg(long, value_name = "WORD")]
    strategy: Option<String>,
    #[arg(long, short, hide = true)]
    force: bool,
    #[arg(long = "meta-only", hide = true)]
    meta_only: bool,
    /// How data is stored: auto or binlog
    #[arg(long, value_name = "WORD", hide = true)]
    format: Option<String>,
    #[arg(long, hide = true)]
    rbac: bool,
    #[arg(long = "backup-index-extra", hide = true)]
    backup_index_extra: bool,
    /// Fail if a collection is dropped while it is read
    #[arg(long)]
    strict: bool,
    /// Show what would be done, before any flush, and change nothing
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
        let asked = self.asked(session)?;
        if let Some(client) = session.server() {
            let order = Order {
                to: (Method::POST, &["backups"]),
                query: &[],
                body: Some(&asked),
                plan: render::text::backup_plan as fn(&BackupPlan) -> String,
            };
            return self.there.carry_out(session, client, order).await;
        }
        self.there.refuse_alone()?;
        let request = asked.to_engine_request()?;
        let engine = session.engine()?;
        let job = session.job()?;
        let prepared = job.finish_if_failed(engine.plan_backup(&request, job.ctx()).await)?;
        if self.dry_run {
            let preview = prepared.preview(job.ctx()).await;
            job.finish();
            session.show(&BackupPlan::from(&preview?), render::text::backup_plan)?;
            return Ok(DONE);
        }
        let report = engine.backup(prepared, job.ctx()).await;
        job.finish();
        let report = report?;
        job.warn_of(&report.warnings);
        report_backup(session, BackupReport::from(&report))
    }

    fn asked(&self, session: &Session<'_>) -> Result<NewBackup, Failure> {
        self.refuse_what_comes_later()?;
        let selection = self.selectors.first(("--colls", self.collections.as_ref()), session)?;
        Ok(NewBackup {
            name: self.name.clone(),
            filter: Some(selection.to_string()),
            strategy: Some(self.strategy(session)?),
            strict: self.strict,
            pause_gc: false,
            dry_run: self.dry_run,
        })
    }

    fn refuse_what_comes_later(&self) -> Result<(), Failure> {
        if self.rbac {
            return Err(Failure::not_supported_yet("create --rbac (users, roles and grants)")
                .hint("leave out --rbac"));
        }
        if self.backup_index_extra {
            return Err(Failure::not_supported_yet("create --backup_index_extra (index details from etcd)")
                .hint("leave it out: indexes are taken with the parameters they were created with"));
        }
        match self.format.as_deref() {
            None | Some("" | "auto" | "binlog") => Ok(()),
            Some("snapshot") => Err(Failure::not_supported_yet("create --format snapshot (Milvus 3.0)")
                .hint("use --format binlog, or leave it out")),
            Some(other) => {
                Err(Failure::usage(format!("--format {other}: expected auto, binlog or snapshot")))
            }
        }
    }

    /// `--strategy` over `--meta_only` over `--force`; the last two together leave the data out, as in 0.4.15.
    fn strategy(&self, session: &Session<'_>) -> Result<FlushStrategy, Failure> {
        let word = self.strategy.as_deref().unwrap_or_default();
        if self.meta_only && self.force && word.is_empty() {
            session.note(
                "--meta_only is deprecated and --force beside it is ignored; write --strategy meta_only",
            );
            return Ok(FlushStrategy::MetaOnly);
        }
        for (given, flag, instead) in
            [(self.meta_only, "--meta_only", "meta_only"), (self.force, "--force", "skip_flush")]
        {
            if given && word.is_empty() {
                session.note(&format!("{flag} is deprecated; write --strategy {instead}"));
            } else if given {
                session.note(&format!("{flag} is ignored, since --strategy is given"));
            }
        }
        match word {
            "" if self.meta_only => Ok(FlushStrategy::MetaOnly),
            "" if self.force => Ok(FlushStrategy::Skip),
            "snapshot" => Err(Failure::usage("--strategy snapshot: snapshot is a format, not a strategy")
                .hint("formats are chosen with --format; snapshot comes with a later version")),
            word => model::plan::backup::FlushStrategy::from_word(word).map(FlushStrategy::from).ok_or_else(
                || {
                    let words = model::plan::backup::FlushStrategy::WORDS.join(", ");
                    Failure::usage(format!("--strategy {word}: expected one of {words}"))
                },
            ),
        }
    }
}

/// Prints what a backup did; returns the exit code.
pub(super) fn report_backup(session: &Session<'_>, mut report: BackupReport) -> Result<u8, Failure> {
    report.reword(session.terms());
    session.report(&report, |report| render::text::backup_report(report, session.terms()))?;
    Ok(report.exit_code)
}
