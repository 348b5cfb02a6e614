//! Help, version, shell completions and man pages.

use std::path::Path;

use crate::tool::Tool;

/// The help pages that the unit tests record, by the words that call their commands.
fn recorded_pages() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/tests/snapshots");
    let pages = std::fs::read_dir(directory).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let (_, command) = name.split_once("__help_milvus-backup").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let (_, page) = text.split_once("\n---\n").unwrap();
        (command.trim_start_matches('_').replace('_', " "), page.trim_end().to_owned())
    });
    pages.collect()
}

#[test]
fn every_command_prints_its_recorded_page() {
    let pages = recorded_pages();
    assert!(pages.len() > 20);
    for (command, page) in pages {
        let arguments: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
        let help = Tool::without_config().run(&arguments).exits_with(0);
        assert_eq!((help.stdout.trim_end(), help.stderr.as_str()), (page.as_str(), ""), "{command}");
    }
}

#[test]
fn a_missing_command_is_a_usage_error_with_the_help_as_text() {
    let tool = Tool::without_config();
    let bare = tool.run(&[]).exits_with(2);
    assert_eq!((bare.stdout.as_str(), bare.stderr), ("", tool.run(&["-h"]).stdout));
}

#[test]
fn all_forms_of_help_for_a_command_print_the_same() {
    let tool = Tool::without_config();
    let help = tool.run(&["restore", "--help"]).exits_with(0).stdout;
    assert_eq!(help, tool.run(&["help", "restore"]).exits_with(0).stdout);
    assert_eq!(help, tool.run(&["restore", "-n", "x", "-h"]).exits_with(0).stdout);
    let migrate = tool.run(&["config", "migrate", "--help"]).exits_with(0).stdout;
    assert_eq!(migrate, tool.run(&["help", "config", "migrate"]).exits_with(0).stdout);
    assert!(migrate.starts_with("Migrate a v1 configuration"), "{migrate}");
}

#[test]
fn every_command_has_help_with_an_example() {
    for verb in ["create", "list", "get", "delete", "restore", "check", "server", "completion", "man"] {
        let help = Tool::without_config().run(&[verb, "--help"]).exits_with(0).stdout;
        assert!(help.contains("Examples:\n  milvus-backup "), "{help}");
        for hidden in ["--colls", "meta_only:", "--restore-index", "=<"] {
            assert!(!help.contains(hidden) || help.contains("rebuild-index[=<BOOL>]"), "{hidden} in\n{help}");
        }
    }
}

#[test]
fn the_version_contains_commit_and_build() {
    let tool = Tool::without_config();
    let version = tool.run(&["--version"]).exits_with(0).stdout;
    assert!(
        version.starts_with(concat!("milvus-backup ", env!("CARGO_PKG_VERSION"), " (commit ")),
        "{version}"
    );
    assert!(version.contains(std::env::consts::ARCH), "{version}");
    assert_eq!(version, tool.run(&["-v"]).exits_with(0).stdout);
    assert_eq!(version, tool.run(&["-V"]).exits_with(0).stdout);
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Tool::without_config().run(&["completion", shell]).exits_with(0).stdout;
        for word in ["milvus-backup", "restore", "drop-exist-collection"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
        assert!(!script.contains("backup_yaml"), "{shell} completes what is hidden");
    }
    Tool::without_config().run(&["completion", "basic"]).exits_with(2).prints_on_stderr(&["bash"]);
}

#[test]
fn one_man_page_is_written_for_each_command() {
    let tool = Tool::without_config();
    tool.run(&["man", "pages/man1"]).exits_with(0);
    let page = tool.read("pages/man1/milvus-backup-restore.1");
    assert!(page.contains("drop\\-exist\\-collection"), "{page}");
    for verb in
        ["", "-create", "-list", "-get", "-delete", "-l0compact", "-check", "-config-show", "-config-migrate"]
    {
        assert!(tool.path(&format!("pages/man1/milvus-backup{verb}.1")).is_file(), "no page of {verb}");
    }
    assert!(!tool.path("pages/man1/milvus-backup-migrate.1").exists());
    tool.write("file", "");
    tool.run(&["man", "file"]).exits_with(1).prints_on_stderr(&["error: cannot write man pages to file: "]);
}
