//! `list`: which backups there are.

use super::remote::{ServerFlags, all_backups};
use super::session::Session;
use super::{Format, Shared};
use crate::render;
use clap::{Args, ValueEnum};
use wire::{BackupList, BackupState, BackupSummary};
use wire::{DONE, Failure};

/// List backups, newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup list
  milvus-backup list --state unfinished,damaged
  milvus-backup list --sort size --limit 10 --output json")]
pub(super) struct Arguments {
    /// Only these states: complete, unfinished, running, damaged; by commas
    #[arg(long, value_name = "STATE,…", value_delimiter = ',', hide_possible_values = true)]
    state: Vec<State>,
    /// Order by taken (newest first), name or size (largest first)
    #[arg(
        long,
        value_name = "BY",
        default_value = "taken",
        hide_possible_values = true,
        hide_default_value = true
    )]
    sort: Sort,
    /// The other way round
    #[arg(long)]
    reverse: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[arg(long, short = 'c', hide = true)]
    collection: Option<String>,
    #[command(flatten)]
    pub server: ServerFlags,
    #[command(flatten)]
    pub shared: Shared,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    Complete,
    Unfinished,
    Running,
    Damaged,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sort {
    Taken,
    Name,
    Size,
}

impl Arguments {
    /// Runs the verb.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        if self.collection.as_deref().is_some_and(|name| !name.is_empty()) {
            return Err(Failure::usage("list --collection was removed in 0.5")
                .hint("`milvus-backup get -n NAME` shows a backup's collections"));
        }
        let found = match session.server() {
            Some(client) => all_backups(client).await?,
            None => Self::here(session).await?,
        };
        session.show(&BackupList { backups: self.arrange(found) }, render::text::list)?;
        Ok(DONE)
    }

    async fn here(session: &Session<'_>) -> Result<Vec<BackupSummary>, Failure> {
        let engine = session.engine()?;
        let job = session.silent_job()?;
        let found = engine.list(job.ctx()).await?;
        if found.is_empty() && session.format() == Format::Text {
            session.note(&format!("no backups below {}", session.config.backup_place()));
        }
        Ok(found.iter().map(BackupSummary::from).collect())
    }

    fn arrange(&self, mut backups: Vec<BackupSummary>) -> Vec<BackupSummary> {
        backups.retain(|backup| self.state.is_empty() || self.state.contains(&State::from(backup.state)));
        // They come sorted by name, which stays the order among equals.
        match self.sort {
            Sort::Name => {}
            Sort::Taken => backups.sort_by_key(|backup| std::cmp::Reverse(backup.taken)),
            Sort::Size => backups.sort_by_key(|backup| std::cmp::Reverse(backup.bytes)),
        }
        if self.reverse {
            backups.reverse();
        }
        backups.truncate(self.limit.unwrap_or(usize::MAX));
        backups
    }
}

impl From<BackupState> for State {
    fn from(state: BackupState) -> Self {
        match state {
            BackupState::Complete => Self::Complete,
            BackupState::Unfinished => Self::Unfinished,
            BackupState::Running => Self::Running,
            BackupState::Damaged => Self::Damaged,
        }
    }
}
