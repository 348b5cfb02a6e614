//! `l0compact`: folds the deletes of a backup's L0 segments into its other segments.

use clap::{ArgAction, Args, ValueEnum};
use engine::L0CompactionRequest;
use model::name::BackupName;
use wire::{DONE, Failure, FailureKind, L0CompactionReport, parse_new_name};

use super::args::{BackupArgument, CommonFlags, ConfigFlags, OutputFlags, ProgressFlags};
use super::session::Session;
use crate::config::Usage;
use crate::render::Format;
use crate::render::text::{l0_compaction_plan, l0_compaction_report};

/// The end of the default name of the new backup.
const SUFFIX: &str = "_l0compacted";

/// The hint on a name that is taken.
const TAKEN_HINT: &str = "choose another name with --into, or delete the existing backup first with --force";

/// Copy a backup with its L0 deletes folded into the delta logs of its segments
///
/// Milvus 2.4 and later store deletes in L0 segments, which not every release imports. In the new backup, each segment
/// has the delete entries of its own rows. The backup itself is not changed. `restore` folds deletes by itself where the
/// target needs it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup l0compact nightly
  milvus-backup l0compact nightly --into nightly_for_2_3 --dry-run")]
pub(super) struct Arguments {
    #[command(flatten)]
    backup: BackupArgument,
    /// Name the new backup [default: the name of the backup with _l0compacted]
    #[arg(long, value_name = "NAME")]
    into: Option<String>,
    /// Delete an existing backup with the new name first
    #[arg(long)]
    force: bool,
    /// Show the plan and change nothing
    #[arg(long = "dry-run")]
    dry_run: bool,
    #[command(flatten)]
    config: ConfigFlags,
    /// Print results as text or json [default: text]; any other word names the new backup, as in the Go tool
    #[arg(long, short = 'o', value_name = "FORMAT", help_heading = "Output", display_order = 110)]
    output: Option<String>,
    #[command(flatten)]
    progress: ProgressFlags,
    /// Log to stderr at debug level; -vv for trace
    #[arg(long, short, action = ArgAction::Count, help_heading = "Output", display_order = 113)]
    verbose: u8,
}

impl Arguments {
    /// The flags that every command has; `--output` may have another meaning here.
    pub(super) fn common(&self) -> CommonFlags {
        let format = self.output.as_deref().and_then(parse_format);
        CommonFlags {
            config: self.config.clone(),
            output: OutputFlags::new(format, self.progress.clone()),
            verbose: self.verbose,
        }
    }

    /// Runs the command; returns the exit code.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let engine = session.engine(Usage::Backups)?;
        let job = session.job()?;
        let name = job.finish_if_failed(engine.resolve_name(self.backup.parse()?, job.ctx()).await)?;
        let request = self.request(name)?;
        let prepared = engine.plan_l0_compaction(&request, job.ctx()).await;
        let prepared = job.finish_if_failed(prepared).map_err(|failure| match failure.kind {
            FailureKind::AlreadyExists => failure.hint(TAKEN_HINT),
            _ => failure,
        })?;
        if self.dry_run {
            job.display().finish();
            let plan = L0CompactionReport::new(prepared.plan(), true);
            session.show(&plan, l0_compaction_plan)?;
            return Ok(DONE);
        }
        let outcome = engine.compact_l0(prepared, job.ctx()).await;
        job.display().finish();
        session.show(&L0CompactionReport::new(&outcome?, false), l0_compaction_report)?;
        Ok(DONE)
    }

    fn request(&self, name: BackupName) -> Result<L0CompactionRequest, Failure> {
        let as_output = self.output.as_deref().filter(|word| parse_format(word).is_none());
        let into = match (&self.into, as_output) {
            (Some(into), None) => into.clone(),
            (None, Some(word)) => word.to_owned(),
            (None, None) => format!("{name}{SUFFIX}"),
            (Some(into), Some(word)) => {
                let problem =
                    format!("--output {word}: expected text or json, because --into names {into:?}");
                return Err(Failure::usage(problem));
            }
        };
        Ok(L0CompactionRequest { name, into: parse_new_name(&into)?, replace: self.force })
    }
}

fn parse_format(word: &str) -> Option<Format> {
    Format::from_str(word, false).ok()
}
