//! `restore`: brings collections of a backup back.

use clap::Args;
use model::mapping::Mapping;
use reqwest::Method;

use super::remote::{JobFlags, Order};
use super::selection::Selectors;
use super::session::Session;
use super::{Format, Named, Shared};
use crate::render;
use wire::{DONE, Failure};
use wire::{Existing, NewRestore, RestorePlan, RestoreReport, Reword};

/// Restore a backup, or part of it
///
/// Creates databases, collections, partitions and indexes, imports the data, counts the rows, and loads what was
/// loaded. Target collections that exist are refused unless a flag says what to do with them.
#[derive(Args, Debug)]
#[command(after_help = "\
Renames (--rename): old:new, db1.old:db2.new, db1.*:db2.* (whole databases), by commas.

Examples:
  milvus-backup restore -n nightly
  milvus-backup restore -n nightly --filter shop.orders --suffix _copy
  milvus-backup restore -n nightly --rename 'shop.*:shop2.*' --dry-run
  milvus-backup restore -n nightly --drop-exist-collection")]
pub(super) struct Arguments {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    selectors: Selectors,
    #[arg(long = "collections", short = 'c', hide = true, value_name = "COLL,…")]
    collections: Option<String>,
    /// Append this to every collection's name
    #[arg(long, short, value_name = "TEXT")]
    suffix: Option<String>,
    /// Give collections or databases other names; see below
    #[arg(long, short, value_name = "OLD:NEW,…")]
    rename: Option<String>,
    /// Leave the data out
    #[arg(long = "meta-only")]
    meta_only: bool,
    /// Create the backup's indexes [default: true]
    #[arg(long = "rebuild-index", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = super::args::parse_boolean)]
    rebuild_index: Option<bool>,
    #[arg(long = "restore-index", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = super::args::parse_boolean)]
    restore_index: Option<bool>,
    /// Make vector indexes AUTOINDEX with the same metric
    #[arg(long = "use-auto-index")]
    use_auto_index: bool,
    /// Drop target collections that exist
    #[arg(long = "drop-exist-collection")]
    drop_exist_collection: bool,
    /// Drop the indexes of target collections that exist
    #[arg(long = "drop-exist-index")]
    drop_exist_index: bool,
    /// Import into target collections that exist
    #[arg(long = "skip-create-collection")]
    skip_create_collection: bool,
    /// Leave collections unloaded
    #[arg(long = "no-load")]
    no_load: bool,
    /// Create no aliases
    #[arg(long = "no-aliases")]
    no_aliases: bool,
    /// Drop what was created for a collection that then fails
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
    pub there: JobFlags,
    #[command(flatten)]
    pub shared: Shared,
    #[arg(long = "source-cluster-id", hide = true)]
    source_cluster: Option<String>,
    #[arg(long = "target-cluster-id", hide = true)]
    target_cluster: Option<String>,
}

impl Arguments {
    /// Whether `restore secondary` or one of its flags is asked for.
    pub(super) fn is_secondary(&self) -> bool {
        self.shared.extra.first().is_some_and(|word| word == "secondary")
            || self.source_cluster.is_some()
            || self.target_cluster.is_some()
    }

    /// Runs the verb.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let asked = self.asked(session)?;
        let request = asked.to_engine_request(session.config.keep_staged())?;
        if let Some(client) = session.server() {
            let order = Order {
                to: (Method::POST, &["restores"]),
                query: &[],
                body: Some(&asked),
                plan: render::text::restore_plan as fn(&RestorePlan) -> String,
            };
            return self.there.carry_out(session, client, order).await;
        }
        self.there.refuse_alone()?;
        let engine = session.engine()?;
        let job = session.job()?;
        let prepared = job.finish_if_failed(engine.plan_restore(&request, job.ctx()).await)?;
        if self.dry_run {
            job.finish();
            session.show(&RestorePlan::new(&prepared), render::text::restore_plan)?;
            return Ok(DONE);
        }
        let report = engine.restore(prepared, job.ctx()).await;
        job.finish();
        let report = report?;
        job.warn_of(&report.warnings);
        report_restore(session, RestoreReport::from(&report))
    }

    fn asked(&self, session: &Session<'_>) -> Result<NewRestore, Failure> {
        self.refuse_what_comes_later()?;
        if self.use_v2_restore {
            session.note("--use_v2_restore is not needed: as few import jobs are sent as the server takes");
        }
        if self.restore_index.is_some() {
            session.note("--restore_index is deprecated; indexes are restored unless --rebuild-index=false");
        }
        let (rename, suffix) = (non_empty(self.rename.as_ref()), non_empty(self.suffix.as_ref()));
        // Read here for its rules alone, which a map of names cannot all break.
        Mapping::new(rename, suffix).map_err(engine::Error::Mapping)?;
        let renames = rename.into_iter().flat_map(|text| text.split(',')).filter_map(|rule| {
            let (from, to) = rule.split_once(':')?;
            Some((from.trim().to_owned(), to.trim().to_owned()))
        });
        let selection = self.selectors.only(("--collections", self.collections.as_ref()), session)?;
        Ok(NewRestore {
            backup: Some(self.named.parse()?.to_string()),
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

    /// 0.4.15 needs both flags to drop and create anew, so both together mean that.
    fn existing(&self, session: &Session<'_>) -> Existing {
        match (self.drop_exist_collection, self.skip_create_collection) {
            (true, both) => {
                if both {
                    session
                        .note("--skip_create_collection is ignored, since --drop_exist_collection is given");
                }
                Existing::Drop
            }
            (false, true) => Existing::Use,
            (false, false) => Existing::Refuse,
        }
    }

    fn refuse_what_comes_later(&self) -> Result<(), Failure> {
        if self.rbac {
            return Err(Failure::not_supported_yet("restore --rbac (users, roles and grants)")
                .hint("leave out --rbac"));
        }
        Ok(())
    }
}

/// Prints what a restore did; returns the exit code.
pub(super) fn report_restore(session: &Session<'_>, mut report: RestoreReport) -> Result<u8, Failure> {
    report.reword(session.terms());
    if report.exit_code == DONE {
        session.report(&report, render::text::restore_report)?;
    } else {
        session.error_text(&render::text::restore_failure(&report));
        if session.format() == Format::Json {
            session.print(&render::json::text(&report))?;
        }
    }
    Ok(report.exit_code)
}

/// The answer to `restore secondary`.
pub(super) fn secondary() -> Failure {
    Failure::not_supported_yet("restore secondary (the standby of a cluster pair)")
}

fn non_empty(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
