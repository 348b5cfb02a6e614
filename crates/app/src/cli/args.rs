//! What the verbs' command lines share, and how they read Go's ways of writing flags.

use clap::{ArgAction, Args, Command, ValueEnum};

use crate::config;

/// Where the configuration comes from; before or after the verb.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Globals {
    /// Configuration file; "" for none [default: backup.yaml]
    #[arg(long, value_name = "FILE", help_heading = "Configuration", display_order = 100)]
    config: Option<String>,
    /// Set one value over file and environment; repeatable
    #[arg(long, value_name = "KEY=VALUE", action = ArgAction::Append, help_heading = "Configuration", display_order = 101)]
    set: Vec<String>,
}

impl Globals {
    /// These, and what stands before the verb for what these leave open.
    pub(super) fn over(&self, before: &Self) -> Self {
        Self {
            config: self.config.clone().or_else(|| before.config.clone()),
            set: before.set.iter().chain(&self.set).cloned().collect(),
        }
    }

    /// The file to use.
    pub(super) fn file(&self) -> &str {
        self.config.as_deref().unwrap_or(config::DEFAULT_FILE)
    }

    /// The file as it was given.
    pub(super) fn given_file(&self) -> Option<&str> {
        self.config.as_deref()
    }

    /// The items to set.
    pub(super) fn set(&self) -> &[String] {
        &self.set
    }
}

/// How results and progress are shown.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Style {
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
    /// Show progress as auto, plain, json or none [default: auto]
    #[arg(
        long,
        value_name = "MODE",
        help_heading = "Output",
        display_order = 111,
        hide_possible_values = true
    )]
    progress: Option<ProgressMode>,
    /// Print nothing but results asked for and errors
    #[arg(long, short, help_heading = "Output", display_order = 112)]
    quiet: bool,
}

impl Style {
    /// These, and what stands before the verb for what these leave open.
    pub(super) fn over(&self, before: &Self) -> Self {
        Self {
            output: self.output.or(before.output),
            progress: self.progress.or(before.progress),
            quiet: self.quiet || before.quiet,
        }
    }

    /// The format of results.
    pub(super) fn format(&self) -> Format {
        self.output.unwrap_or_default()
    }

    /// How progress is shown: not at all when quiet, unless a mode is asked for.
    pub(super) fn progress(&self) -> ProgressMode {
        let unasked = if self.quiet { ProgressMode::None } else { ProgressMode::Auto };
        self.progress.unwrap_or(unasked)
    }

    /// Whether notes and progress are unwanted.
    pub(super) fn quiet(&self) -> bool {
        self.quiet
    }
}

/// A format of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs; documented and stable.
    Json,
}

/// A way to show progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// Bars on a terminal, lines elsewhere.
    Auto,
    /// Lines.
    Plain,
    /// One JSON object a line.
    Json,
    /// Nothing.
    None,
}

/// What every verb takes.
#[derive(Args, Clone, Debug)]
pub(super) struct Shared {
    #[command(flatten)]
    pub globals: Globals,
    #[command(flatten)]
    pub style: Style,
    /// Log what happens to stderr, debug lines included
    #[arg(long, short, action = ArgAction::Count, help_heading = "Output", display_order = 113)]
    pub verbose: u8,
    #[arg(hide = true)]
    pub extra: Vec<String>,
}

/// Teaches a command what Go's parser takes: `--flag=false` for booleans, the last of repeated flags,
/// and the old spelling with `_` of every flag with `-`.
pub(super) fn as_go_does(command: Command) -> Command {
    command.args_override_self(true).mut_args(go_argument).mut_subcommands(as_go_does)
}

fn go_argument(argument: clap::Arg) -> clap::Arg {
    let old = argument.get_long().filter(|long| long.contains('-')).map(|long| long.replace('-', "_"));
    let argument = match old {
        Some(old) => argument.alias(old),
        None => argument,
    };
    if matches!(argument.get_action(), ArgAction::SetTrue) {
        boolean(argument).default_value("false")
    } else {
        argument
    }
}

/// A flag that takes `=true` and `=false`, and never the next word.
pub(super) fn boolean(argument: clap::Arg) -> clap::Arg {
    argument
        .action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(parse_boolean)
}

pub(super) fn parse_boolean(text: &str) -> Result<bool, String> {
    config::parse_bool(text).ok_or_else(|| "expected true or false".to_owned())
}
