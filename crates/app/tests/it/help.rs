//! Help, version, shell completions and man pages.

use insta::assert_snapshot;

use crate::tool::Tool;

#[test]
fn the_help_lists_the_commands() {
    let help = Tool::without_config().run(&["--help"]).ends_with(0);
    assert_eq!(help.stderr, "");
    assert_snapshot!(help.stdout, @r#"
    Back up Milvus collections and restore them

    Usage: milvus-backup [OPTIONS] <COMMAND>

    Commands:
      create      Take a backup
      list        List backups, newest first
      get         Show one backup
      delete      Delete a backup
      restore     Restore a backup, or part of it
      check       Try Milvus and both storages: connection, rights, root path, the way between them
      jobs        Look at a server's jobs, follow and cancel them
      server      Serve REST and gRPC
      config      Show the configuration, or bring it to the newest form
      completion  Print a completion script for a shell
      man         Write man pages, one a verb, into a directory
      openapi     Print the OpenAPI description of what the server serves
      help        Print this message or the help of the given subcommand(s)

    Options:
      -v, --version  Print version, commit and build
      -h, --help     Print help

    Configuration:
          --config <FILE>    Configuration file; "" for none [default: backup.yaml]
          --set <KEY=VALUE>  Set one value over file and environment; repeatable

    Output:
      -o, --output <FORMAT>  Print results as text or json [default: text]
          --progress <MODE>  Show progress as auto, plain, json or none [default: auto]
      -q, --quiet            Print nothing but results asked for and errors

    Examples:
      milvus-backup check                       try Milvus and both storages
      milvus-backup create -n nightly           back up everything
      milvus-backup restore -n nightly --suffix _copy
      milvus-backup list

    Exit codes:
      0 done, 1 failed, 2 usage or configuration, 3 no such backup or collection, 4 exists already,
      5 cannot reach or not authorised, 6 done in part, 7 damaged backup, 130 interrupted

    `milvus-backup VERB --help` tells more.
    "#);
}

#[test]
fn a_missing_command_is_a_usage_error_with_the_help_as_text() {
    let tool = Tool::without_config();
    let bare = tool.run(&[]).ends_with(2);
    assert_eq!((bare.stdout.as_str(), bare.stderr), ("", tool.run(&["-h"]).stdout));
}

#[test]
fn all_forms_of_help_for_a_command_print_the_same() {
    let tool = Tool::without_config();
    let help = tool.run(&["restore", "--help"]).ends_with(0).stdout;
    assert_eq!(help, tool.run(&["help", "restore"]).ends_with(0).stdout);
    assert_eq!(help, tool.run(&["restore", "-n", "x", "-h"]).ends_with(0).stdout);
    assert_snapshot!(help, @r#"
    Restore a backup, or part of it

    Creates databases, collections, partitions and indexes, imports the data, counts the rows, and loads
    what was loaded. Target collections that exist are refused unless a flag says what to do with them.

    Usage: milvus-backup restore [OPTIONS]

    Options:
      -n, --name <NAME>             The backup
          --filter <RULES>          Take what matches: db.*, db.coll, coll (of default), db. alone;
                                    globs; by commas
      -s, --suffix <TEXT>           Append this to every collection's name
      -r, --rename <OLD:NEW,…>      Give collections or databases other names; see below
          --meta-only               Leave the data out
          --rebuild-index[=<BOOL>]  Create the backup's indexes [default: true]
          --use-auto-index          Make vector indexes AUTOINDEX with the same metric
          --drop-exist-collection   Drop target collections that exist
          --drop-exist-index        Drop the indexes of target collections that exist
          --skip-create-collection  Import into target collections that exist
          --no-load                 Leave collections unloaded
          --no-aliases              Create no aliases
          --cleanup-on-failure      Drop what was created for a collection that then fails
          --dry-run                 Show the plan and change nothing
      -h, --help                    Print help

    Server:
          --server <URL>       Let the server at this URL do it [env: MILVUS_BACKUP_SERVER]
          --token-file <FILE>  File with the server's token [or env: MILVUS_BACKUP_TOKEN(_FILE)]
          --server-ca <FILE>   PEM file with the authority of the server's certificate
          --detach             Print the job's id and do not follow it

    Configuration:
          --config <FILE>    Configuration file; "" for none [default: backup.yaml]
          --set <KEY=VALUE>  Set one value over file and environment; repeatable

    Output:
      -o, --output <FORMAT>  Print results as text or json [default: text]
          --progress <MODE>  Show progress as auto, plain, json or none [default: auto]
      -q, --quiet            Print nothing but results asked for and errors
      -v, --verbose...       Log what happens to stderr, debug lines included

    Renames (--rename): old:new, db1.old:db2.new, db1.*:db2.* (whole databases), by commas.

    Examples:
      milvus-backup restore -n nightly
      milvus-backup restore -n nightly --filter shop.orders --suffix _copy
      milvus-backup restore -n nightly --rename 'shop.*:shop2.*' --dry-run
      milvus-backup restore -n nightly --drop-exist-collection
    "#);
    let migrate = tool.run(&["config", "migrate", "--help"]).ends_with(0).stdout;
    assert_eq!(migrate, tool.run(&["help", "config", "migrate"]).ends_with(0).stdout);
    assert!(migrate.starts_with("Write a v2 configuration from a v1 file"), "{migrate}");
}

#[test]
fn every_command_has_help_with_an_example() {
    for verb in ["create", "list", "get", "delete", "restore", "check", "server", "completion", "man"] {
        let help = Tool::without_config().run(&[verb, "--help"]).ends_with(0).stdout;
        assert!(help.contains("Examples:\n  milvus-backup "), "{help}");
        for hidden in ["--colls", "meta_only:", "--rbac", "--restore-index", "=<"] {
            assert!(!help.contains(hidden) || help.contains("rebuild-index[=<BOOL>]"), "{hidden} in\n{help}");
        }
    }
}

#[test]
fn the_version_contains_commit_and_build() {
    let tool = Tool::without_config();
    let version = tool.run(&["--version"]).ends_with(0).stdout;
    assert!(
        version.starts_with(concat!("milvus-backup ", env!("CARGO_PKG_VERSION"), " (commit ")),
        "{version}"
    );
    assert!(version.contains(std::env::consts::ARCH), "{version}");
    assert_eq!(version, tool.run(&["-v"]).ends_with(0).stdout);
    assert_eq!(version, tool.run(&["-V"]).ends_with(0).stdout);
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Tool::without_config().run(&["completion", shell]).ends_with(0).stdout;
        for word in ["milvus-backup", "restore", "drop-exist-collection"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
        assert!(!script.contains("l0compact"), "{shell} completes what is hidden");
    }
    Tool::without_config().run(&["completion", "basic"]).ends_with(2).tells(&["bash"]);
}

#[test]
fn one_man_page_is_written_for_each_command() {
    let tool = Tool::without_config();
    tool.run(&["man", "pages/man1"]).ends_with(0);
    let page = tool.read("pages/man1/milvus-backup-restore.1");
    assert!(page.contains("drop\\-exist\\-collection"), "{page}");
    for verb in ["", "-create", "-list", "-get", "-delete", "-check", "-config-show", "-config-migrate"] {
        assert!(tool.path(&format!("pages/man1/milvus-backup{verb}.1")).is_file(), "no page of {verb}");
    }
    assert!(!tool.path("pages/man1/milvus-backup-migrate.1").exists());
    tool.write("file", "");
    tool.run(&["man", "file"]).ends_with(1).tells(&["error: cannot write man pages to file: "]);
}
