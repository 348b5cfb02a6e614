//! Commands that users can paste: advice in the terms of the command line.

use std::fmt::Write;
use std::path::Path;

use wire::{KeyNames, NewRestore, RequestOption, Terms};

use crate::restore_flags::write_flags;
use crate::shell_word::shell_word;

/// The terms of the command line, with the options of this run that a further command needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommandTerms {
    options: String,
    server: String,
    key_names: KeyNames,
}

impl CommandTerms {
    /// Creates the terms of a run: with its `--config`, and a note if it has `--set`, whose values may be secrets.
    pub(crate) fn new(config: Option<&str>, has_overrides: bool) -> Self {
        let mut options = config.map(|file| format!(" --config {}", shell_word(file))).unwrap_or_default();
        if has_overrides {
            options.push_str(" --set …");
        }
        Self { options, ..Self::default() }
    }

    /// Names keys of the configuration as the file of this run does.
    pub(crate) fn with_key_names(self, key_names: KeyNames) -> Self {
        Self { key_names, ..self }
    }

    /// Lets the commands run on the server at this URL, with the files that were named for it.
    pub(crate) fn on_server(mut self, url: &str, token_file: Option<&Path>, ca: Option<&Path>) -> Self {
        self.server = format!(" --server {}", shell_word(url));
        for (flag, file) in [("--token-file", token_file), ("--server-ca", ca)] {
            if let Some(file) = file {
                // Writing to a String cannot fail.
                let _ = write!(self.server, " {flag} {}", shell_word(&file.to_string_lossy()));
            }
        }
        self
    }

    /// Writes a command that a server can run, with these arguments.
    pub(crate) fn command(&self, verb: &str, arguments: &str) -> String {
        format!("milvus-backup {verb}{}{}{arguments}", self.options, self.server)
    }

    /// Writes a command that always runs on this machine.
    fn local_command(&self, verb: &str) -> String {
        format!("milvus-backup {verb}{}", self.options)
    }
}

impl Terms for CommandTerms {
    fn key_names(&self) -> KeyNames {
        self.key_names
    }

    fn list(&self) -> String {
        self.command("list", "")
    }

    fn check(&self) -> String {
        self.local_command("check")
    }

    fn show_files(&self) -> String {
        self.command("get", " -n NAME --detail")
    }

    fn show_configuration(&self) -> String {
        self.local_command("config show")
    }

    fn delete(&self, backup: &str) -> String {
        self.command("delete", &format!(" -n {}", shell_word(backup)))
    }

    fn restore(&self, request: &NewRestore) -> Option<String> {
        Some(self.command("restore", &write_flags(request)))
    }

    fn option(&self, option: RequestOption) -> &'static str {
        match option {
            RequestOption::Backup => "-n NAME",
            RequestOption::Filter => "--filter",
            RequestOption::Suffix => "--suffix",
            RequestOption::Rename => "--rename",
            RequestOption::UseExisting => "--skip-create-collection",
            RequestOption::DropExisting => "--drop-exist-collection",
            RequestOption::Strict => "--strict",
            RequestOption::ReplaceUnfinished => "--replace-unfinished",
            RequestOption::Force => "--force",
            RequestOption::SerialFlush => "--strategy serial_flush",
            RequestOption::EncryptionKeys => "--ezk-mapping",
            RequestOption::BinlogFormat => "--format binlog",
            RequestOption::InsertMode => "--mode insert",
            RequestOption::Columns => "--columns",
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{Advice, RemainingRestore, Setting};
    use model::name::CollectionRef;
    use model::plan::restore::{RestoreOptions, RestoreRequest};
    use wire::{ApiTerms, Existing, describe_advice};

    use super::*;

    #[test]
    fn keys_are_named_as_in_the_configuration_file() {
        let advice = Advice::CompareSettings { settings: vec![Setting::MilvusAddress, Setting::MilvusUser] };
        let keys = |names| {
            let terms = CommandTerms::default().with_key_names(names);
            describe_advice(&advice, &terms).split(';').next().map(str::to_owned)
        };
        assert_eq!(keys(KeyNames::V1).as_deref(), Some("check milvus.address and milvus.user"));
        assert_eq!(keys(KeyNames::V2).as_deref(), Some("check milvus.grpc.address and milvus.user"));
        let both = "check milvus.address (milvus.grpc.address) and milvus.user";
        assert_eq!(keys(KeyNames::Both).as_deref(), Some(both));
    }

    #[test]
    fn commands_repeat_the_options_of_the_run() {
        let terms = CommandTerms::new(Some("my backup.yaml"), true);
        assert_eq!(terms.delete("a"), "milvus-backup delete --config 'my backup.yaml' --set … -n a");
        let terms = CommandTerms::new(None, false).on_server("http://[::1]:1", Some(Path::new("t")), None);
        assert_eq!(terms.list(), "milvus-backup list --server 'http://[::1]:1' --token-file t");
        assert_eq!(terms.check(), "milvus-backup check", "a server checks its own configuration");
    }

    #[test]
    fn a_restore_becomes_the_flags_that_it_differs_by() {
        let request = NewRestore {
            backup: Some("nightly".into()),
            filter: Some("default.books,shop.orders".into()),
            rename: [("shop.orders".to_owned(), "shop.orders_copy".to_owned())].into(),
            existing: Existing::Drop,
            load: false,
            ..NewRestore::default()
        };
        assert_eq!(
            CommandTerms::default().restore(&request).unwrap(),
            "milvus-backup restore -n nightly --filter default.books,shop.orders --rename shop.orders:shop.orders_copy \
             --drop-exist-collection --no-load"
        );
    }

    #[test]
    fn every_advice_names_the_next_step() {
        let backup = || "nightly".to_owned();
        let collection = |name: &str| CollectionRef::new("default", name);
        let request = RestoreRequest {
            options: RestoreOptions { meta_only: true, ..RestoreOptions::default() },
            ..RestoreRequest::with_defaults("nightly".parse().unwrap())
        };
        let (books, copy) = (collection("books"), collection("books_copy"));
        let remaining = RemainingRestore::new(&request, [(&books, &copy)], true);
        let mut into_existing = RemainingRestore { rows_may_repeat: true, ..remaining.clone() };
        into_existing.options.existing = Existing::Use.into();
        let several_targets = RemainingRestore::new(&request, [(&books, &copy), (&books, &books)], true);
        let advice = [
            Advice::NameBackup,
            Advice::ChooseNameOrDelete { backup: backup() },
            Advice::ChooseNameOrReplace { backup: backup() },
            Advice::ChooseNameOrWait { backup: backup() },
            Advice::ChooseNameOrInspect,
            Advice::InspectDirectory,
            Advice::ListBackups,
            Advice::WaitForRun { backup: backup(), lease_seconds: 180 },
            Advice::DeleteAndCreateAgain { backup: backup() },
            Advice::InspectBackup { backup: backup() },
            Advice::CreateAgain,
            Advice::DeleteAgain { backup: backup(), may_be_gone: false },
            Advice::DeleteAgain { backup: backup(), may_be_gone: true },
            Advice::FindOtherRun,
            Advice::UseAnotherBackup,
            Advice::CreateAgainOrNotStrict,
            Advice::UseSerialFlush,
            Advice::UseBinlogFormat,
            Advice::CopyBackupToTargetStore,
            Advice::DropSnapshotOrChooseName,
            Advice::DropSnapshotLater,
            Advice::CompactCollection,
            Advice::WaitForQuietCollection,
            Advice::CorrectFilter,
            Advice::FilterBySourceNames { names: vec![collection("books"), collection("tags")] },
            Advice::FilterByTargetNames,
            Advice::CorrectRename,
            Advice::RestoreAgain { backup: backup() },
            Advice::RestoreRemaining(Box::new(remaining)),
            Advice::RestoreRemaining(Box::new(into_existing)),
            Advice::RestoreRemaining(Box::new(several_targets)),
            Advice::InspectTargets { backup: backup() },
            Advice::InspectAliases,
            Advice::ChooseExistingTargets,
            Advice::ReviewNewTargets,
            Advice::CreateTargets,
            Advice::UseCollectionName,
            Advice::ReplaceCollectionOrUseAnotherBackup,
            Advice::ReplaceCollectionAlone,
            Advice::ReplaceCollection { when_milvus_answers: true },
            Advice::ReplaceCollection { when_milvus_answers: false },
            Advice::RecreateTarget,
            Advice::RestoreCollectionAgain,
            Advice::MendImport {
                cause: "someone else aborted the job".to_owned(),
                step: Box::new(Advice::RestoreCollectionAgain),
            },
            Advice::SetInMilvus { key: "a.b".to_owned(), value: "true".to_owned() },
            Advice::Several { steps: vec![Advice::UseNewerTarget, Advice::CreateTargets] },
            Advice::WaitForImports,
            Advice::CorrectEncryptionKey,
            Advice::ReportBug,
            Advice::CreatePartition,
            Advice::InspectBackupFiles,
            Advice::UseNewerTarget,
            Advice::AllowMilvusToRead,
            Advice::InspectMilvusLogs,
            Advice::CompareWithMilvus { settings: vec![Setting::MilvusBucket, Setting::MilvusRootPath] },
            Advice::CompareSettings {
                settings: vec![Setting::MilvusAddress, Setting::MilvusPort, Setting::MilvusTlsMode],
            },
            Advice::CompareSettings { settings: vec![Setting::MilvusUser, Setting::MilvusPassword] },
            Advice::CompareSettings {
                settings: vec![Setting::StorageAddress, Setting::StoragePort, Setting::StorageTls],
            },
            Advice::CompareSettings {
                settings: vec![Setting::BackupAddress, Setting::BackupPort, Setting::BackupTls],
            },
            Advice::SetRegion { setting: Setting::StorageRegion },
            Advice::SetRegion { setting: Setting::BackupRegion },
            Advice::CreateBucket { setting: Setting::BackupBucket },
            Advice::CompareSettings {
                settings: vec![Setting::StorageAccessKey, Setting::StorageSecretKey, Setting::StorageToken],
            },
            Advice::CheckStorePermissions,
            Advice::FreeSpace,
            Advice::ReduceConcurrency,
            Advice::GrantPrivilege,
            Advice::WaitForRateLimit,
            Advice::FreeQuota,
            Advice::CheckName,
            Advice::SynchroniseClock,
            Advice::UpgradeMilvus,
            Advice::TryAgain,
        ];
        let words = |terms: &dyn Terms| {
            advice.iter().map(|advice| describe_advice(advice, terms)).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!("advice_on_the_command_line", words(&CommandTerms::default()));
        insta::assert_snapshot!("advice_of_the_api", words(&ApiTerms));
    }
}
