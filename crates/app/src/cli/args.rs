//! The flags that several commands share, and the ways to write flags that the Go tool accepts.

use clap::{ArgAction, Args, Command};
use model::name::{BackupName, CollectionRef};
use wire::{Failure, parse_collection, parse_existing_name};

use crate::config;
use crate::render::{Format, ProgressMode};
use crate::restore_flags::parse_boolean;

/// The flags for the configuration; accepted before and after the command.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ConfigFlags {
    /// Read this configuration file; "" for none [default: backup.yaml]
    #[arg(long, value_name = "FILE", help_heading = "Configuration", display_order = 100)]
    config: Option<String>,
    /// Override one value of file and environment; repeatable
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append, help_heading = "Configuration", display_order = 101)]
    set: Vec<String>,
}

impl ConfigFlags {
    /// These flags, completed by those before the command.
    pub(super) fn or(&self, before: &Self) -> Self {
        Self {
            config: self.config.clone().or_else(|| before.config.clone()),
            set: before.set.iter().chain(&self.set).cloned().collect(),
        }
    }

    /// The file to read; empty for none.
    pub(super) fn file(&self) -> &str {
        self.config.as_deref().unwrap_or(config::DEFAULT_FILE)
    }

    /// The value of `--config`, if given.
    pub(super) fn given_file(&self) -> Option<&str> {
        self.config.as_deref()
    }

    /// The values of `--set`.
    pub(super) fn set(&self) -> &[String] {
        &self.set
    }
}

/// The flags for the output; accepted before and after the command.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct OutputFlags {
    /// Print results as text or json [default: text]
    #[arg(
        long,
        short = 'o',
        value_name = "FORMAT",
        help_heading = "Output",
        display_order = 110,
        hide_possible_values = true
    )]
    output: Option<Format>,
    #[command(flatten)]
    progress: ProgressFlags,
}

/// The flags for what is printed beside the result.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ProgressFlags {
    /// Show progress as plain, json or none [default: bars on a terminal, only warnings elsewhere]
    #[arg(
        long,
        value_name = "MODE",
        help_heading = "Output",
        display_order = 111,
        hide_possible_values = true
    )]
    progress: Option<ProgressMode>,
    /// Print only the result, and errors
    #[arg(long, short, help_heading = "Output", display_order = 112)]
    quiet: bool,
}

impl OutputFlags {
    /// Combines flags that a command has of its own.
    pub(super) fn new(output: Option<Format>, progress: ProgressFlags) -> Self {
        Self { output, progress }
    }

    /// These flags, completed by those before the command.
    pub(super) fn or(&self, before: &Self) -> Self {
        Self {
            output: self.output.or(before.output),
            progress: ProgressFlags {
                progress: self.progress.progress.or(before.progress.progress),
                quiet: self.quiet() || before.quiet(),
            },
        }
    }

    /// The format of results.
    pub(super) fn format(&self) -> Format {
        self.output.unwrap_or_default()
    }

    /// The form of progress; none by default with `--quiet`.
    pub(super) fn progress(&self) -> ProgressMode {
        let default = if self.quiet() { ProgressMode::None } else { ProgressMode::Auto };
        self.progress.progress.unwrap_or(default)
    }

    /// Whether notes, warnings and reports are suppressed.
    pub(super) fn quiet(&self) -> bool {
        self.progress.quiet
    }
}

/// The flags of every command that reads the configuration.
#[derive(Args, Clone, Debug)]
pub(super) struct CommonFlags {
    #[command(flatten)]
    pub config: ConfigFlags,
    #[command(flatten)]
    pub output: OutputFlags,
    /// Log to stderr at debug level; -vv for trace
    #[arg(long, short, action = ArgAction::Count, help_heading = "Output", display_order = 113)]
    pub verbose: u8,
}

/// The flags that stand before the command.
#[derive(Args, Clone, Debug)]
pub(super) struct LeadingFlags {
    #[command(flatten)]
    pub config: ConfigFlags,
    #[command(flatten)]
    pub output: OutputFlags,
}

/// The name of an existing backup.
#[derive(Args, Debug)]
pub(super) struct BackupArgument {
    /// Select the backup of this name (required); latest, or latest(PATTERN) for the newest complete one
    #[arg(value_name = "NAME", id = "backup")]
    pub word: Option<String>,
    /// Select the backup of this name, in place of the argument
    #[arg(long, short, value_name = "NAME")]
    pub name: Option<String>,
}

impl BackupArgument {
    /// The name; a usage error if it is missing or invalid.
    pub(super) fn parse(&self) -> Result<BackupName, Failure> {
        parse_existing_name(choose_name(self.name.as_deref(), self.word.as_deref())?)
    }

    /// The names of the backup and of one of its collections, if that is given. With `--name`, the first word is the
    /// collection.
    pub(super) fn parse_with_collection(
        &self,
        collection: Option<&str>,
    ) -> Result<(BackupName, Option<CollectionRef>), Failure> {
        let Self { word, name } = self;
        let (backup, collection) = match (name.as_deref(), word.as_deref(), collection) {
            (Some(name), word, None) => (Some(name), word),
            (None, word, collection) => (word, collection),
            (Some(name), word, Some(_)) => {
                let word = word.unwrap_or_default();
                let problem = format!("unexpected word {word:?}: --name names the backup {name:?} already");
                return Err(Failure::usage(problem));
            }
        };
        Ok((parse_existing_name(backup)?, collection.map(parse_collection)))
    }
}

/// Returns the number of columns for results; without a terminal it is not limited.
pub(super) fn result_width() -> usize {
    let terminal = console::Term::stdout();
    if terminal.is_term() { terminal.size().1.into() } else { usize::MAX }
}

/// Returns the name that a flag or an argument gives; a usage error if both do.
pub(super) fn choose_name<'a>(
    flag: Option<&'a str>,
    word: Option<&'a str>,
) -> Result<Option<&'a str>, Failure> {
    match (flag, word) {
        (Some(flag), Some(word)) => {
            Err(Failure::usage(format!("unexpected word {word:?}: --name names the backup {flag:?} already")))
        }
        // An empty variable of a script, as in `create "$NAME"`; an empty --name has a meaning in the Go tool.
        (None, Some("")) => Err(Failure::usage("the name of the backup is empty".to_owned())),
        // The Go tool ignores the word in `--force true`.
        (None, Some(word @ ("true" | "false"))) => Err(Failure::usage(format!(
            "unexpected word {word:?}: a flag takes no word; for a backup of this name write --name {word}"
        ))),
        (flag, word) => Ok(flag.or(word)),
    }
}

/// Changes a command so that it accepts what the parser of the Go tool accepts: `--flag=false` for booleans, the last
/// of repeated flags, and `_` instead of `-` in the name of every flag.
pub(super) fn accept_go_syntax(command: Command) -> Command {
    command.args_override_self(true).mut_args(accept_go_flag).mut_subcommands(accept_go_syntax)
}

fn accept_go_flag(argument: clap::Arg) -> clap::Arg {
    let old = argument.get_long().filter(|long| long.contains('-')).map(|long| long.replace('-', "_"));
    let argument = match old {
        Some(old) => argument.alias(old),
        None => argument,
    };
    if !matches!(argument.get_action(), ArgAction::SetTrue) {
        return argument;
    }
    // The next word is never the value.
    argument
        .action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(parse_boolean)
        .default_value("false")
}
