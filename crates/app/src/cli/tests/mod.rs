//! Tests of the command definitions: every help page, and the reference `docs/cli.md`.

mod reference;

use clap::Command;

use super::usage::{definition, help_page};

/// All commands, each after its parent; hidden ones and `help` are left out.
fn commands() -> Vec<Command> {
    fn collect(command: Command, found: &mut Vec<Command>) {
        let below: Vec<Command> = command
            .get_subcommands()
            .filter(|below| !below.is_hide_set() && below.get_name() != "help")
            .cloned()
            .collect();
        found.push(command);
        for command in below {
            collect(command, found);
        }
    }
    let mut found = Vec::new();
    collect(definition(), &mut found);
    found
}

/// The words that call a command, such as `milvus-backup config show`.
fn path(command: &Command) -> String {
    command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned()
}

#[test]
fn every_help_page_is_as_recorded() {
    for command in commands() {
        let name = format!("help {}", path(&command)).replace(' ', "_");
        // The width of the program if stdout is not a terminal.
        let page = help_page(command).term_width(100).render_help().to_string();
        insta::assert_snapshot!(name, page);
    }
}
