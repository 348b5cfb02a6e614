//! `docs/cli.md`, the reference of the command line in Markdown.

use std::fmt::Write;

use clap::{Arg, Command};

use super::super::usage::help_page;
use super::{commands, path};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
const UPDATE: &str = "UPDATE_DOCS=1 cargo test -p milvus-backup --bins cli_reference";

#[test]
fn cli_reference_is_up_to_date() {
    let reference = reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(FILE, &reference).unwrap();
    }
    let written = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        written == reference,
        "docs/cli.md differs from the command definitions; update it with: {UPDATE}"
    );
}

fn reference() -> String {
    let mut text = format!(
        "# Command line\n\n\
         The commands of `milvus-backup` with their options. The same texts are printed by `--help`.\n\n\
         Exit codes are described in [json.md](json.md#exit-codes), JSON output in [json.md](json.md), and the\n\
         differences from Milvus Backup (Go) in [compatibility.md](compatibility.md).\n\n\
         <!-- Generated from the command definitions. Update with: {UPDATE} -->\n"
    );
    for command in commands() {
        write_command(&mut text, help_page(command));
    }
    text
}

fn write_command(text: &mut String, mut command: Command) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.render_usage().to_string();
    let usage: Vec<_> =
        usage.trim_start_matches("Usage: ").lines().map(|line| format!("`{}`", line.trim())).collect();
    // Writing to a String cannot fail.
    let _ = write!(text, "\n## {}\n\n{about}\n\nUsage: {}\n", path(&command), usage.join(" or "));
    write_options(text, "Arguments", command.get_positionals().filter(|argument| !argument.is_hide_set()));
    let mut headings = vec![None];
    for option in command.get_opts().chain(command.get_arguments()) {
        let heading = option.get_help_heading();
        if !option.is_positional() && !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let options = command.get_arguments().filter(|option| {
            !option.is_positional() && !option.is_hide_set() && option.get_help_heading() == heading
        });
        write_options(text, heading.unwrap_or("Options"), options);
    }
    if let Some(after) = command.get_after_help() {
        let _ = write!(text, "\n```text\n{}\n```\n", after.to_string().trim_end());
    }
}

fn write_options<'a>(text: &mut String, heading: &str, options: impl Iterator<Item = &'a Arg>) {
    let mut rows = options.map(row).peekable();
    if rows.peek().is_some() {
        let _ = write!(text, "\n| {heading} | Description |\n|---|---|\n");
        rows.for_each(|row| text.push_str(&row));
    }
}

fn row(option: &Arg) -> String {
    let short = option.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    let help = option.get_help().map(ToString::to_string).unwrap_or_default();
    let shows_default = option.get_action().takes_values() && !option.is_hide_default_value_set();
    let default = match option.get_default_values() {
        [default] if shows_default => format!(" [default: {}]", default.to_string_lossy()),
        _ => String::new(),
    };
    let escaped = format!("{help}{default}").replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*");
    format!("| `{short}{option}` | {escaped} |\n")
}
