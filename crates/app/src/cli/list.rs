//! `list`: lists the backups.

use std::cmp::Reverse;

use clap::{Args, ValueEnum};
use wire::{BackupList, BackupState, BackupSummary, DONE, Failure};

use super::args::{CommonFlags, result_width};
use super::remote::{ServerFlags, all_backups};
use super::session::Session;
use crate::config::Usage;
use crate::render::{self, Format};

/// List backups, newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup list
  milvus-backup list --state unfinished,damaged
  milvus-backup list --sort size --limit 10 --output json")]
pub(super) struct Arguments {
    /// Show only these states (comma-separated): complete, unfinished, running, damaged, unreadable [default: all]
    #[arg(long, value_name = "STATE,…", value_delimiter = ',', hide_possible_values = true)]
    state: Vec<StateArgument>,
    /// Sort by taken (newest first), name or size (largest first) [default: taken]
    #[arg(
        long,
        value_name = "BY",
        default_value = "taken",
        hide_possible_values = true,
        hide_default_value = true
    )]
    sort: Sort,
    /// Reverse the order
    #[arg(long)]
    reverse: bool,
    /// Show at most N backups [default: all]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[arg(long, short = 'c', hide = true)]
    collection: Option<String>,
    #[command(flatten)]
    pub server: ServerFlags,
    #[command(flatten)]
    pub common: CommonFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StateArgument {
    Complete,
    Unfinished,
    Running,
    Damaged,
    Unreadable,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sort {
    Taken,
    Name,
    Size,
}

impl Arguments {
    /// Runs the command; returns the exit code.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        if self.collection.as_deref().is_some_and(|name| !name.is_empty()) {
            return Err(Failure::usage("list --collection was removed in 0.5")
                .hint("to show the collections of a backup: milvus-backup get -n NAME"));
        }
        let found = match session.server() {
            Some(client) => all_backups(client).await?,
            None => list_locally(session).await?,
        };
        let width = result_width();
        session.show(&BackupList { backups: self.select(found) }, |list| render::text::list(list, width))?;
        Ok(DONE)
    }

    /// Filters, sorts and limits the backups, which must be sorted by name.
    fn select(&self, mut backups: Vec<BackupSummary>) -> Vec<BackupSummary> {
        backups.retain(|backup| {
            self.state.is_empty() || self.state.contains(&StateArgument::from(backup.state))
        });
        match self.sort {
            Sort::Name => {}
            Sort::Taken => backups.sort_by_key(|backup| Reverse(backup.taken)),
            Sort::Size => backups.sort_by_key(|backup| Reverse(backup.bytes)),
        }
        if self.reverse {
            backups.reverse();
        }
        backups.truncate(self.limit.unwrap_or(usize::MAX));
        backups
    }
}

async fn list_locally(session: &Session<'_>) -> Result<Vec<BackupSummary>, Failure> {
    let engine = session.engine(Usage::Backups)?;
    let job = session.silent_job()?;
    let found = engine.list(job.ctx()).await?;
    if found.is_empty() && session.format() == Format::Text {
        session.note(&format!("no backups below {}", session.config.backup_place()));
    }
    Ok(found.iter().map(BackupSummary::from).collect())
}

impl From<BackupState> for StateArgument {
    fn from(state: BackupState) -> Self {
        match state {
            BackupState::Complete => Self::Complete,
            BackupState::Unfinished => Self::Unfinished,
            BackupState::Running => Self::Running,
            BackupState::Damaged => Self::Damaged,
            BackupState::Unreadable => Self::Unreadable,
        }
    }
}
