//! The wording of advice: one text for each, in the terms of its reader.

use engine::{Advice, RemainingRestore, Setting};
use model::name::CollectionRef;
use model::plan::restore::ExistingTargetPolicy;

use crate::NewRestore;

/// The largest number of remaining collections that a request names.
const MAX_NAMED_COLLECTIONS: usize = 10;

/// The terms of a reader: what operations and options are called where the text is read.
///
/// The default methods give the terms of `/api/v2` and gRPC.
pub trait Terms {
    /// Names the operation that lists backups.
    fn list(&self) -> String {
        "GET /api/v2/backups".to_owned()
    }

    /// Names the operation that tests Milvus and both storages.
    fn check(&self) -> String {
        "GET /api/v2/check".to_owned()
    }

    /// Names the operation that shows the damaged files of a backup.
    fn show_files(&self) -> String {
        "GET /api/v2/backups/NAME".to_owned()
    }

    /// Names the command that shows where each value of the configuration comes from.
    fn show_configuration(&self) -> String {
        "`milvus-backup config show` on the server".to_owned()
    }

    /// Names the operation that deletes a backup.
    fn delete(&self, backup: &str) -> String {
        format!("DELETE /api/v2/backups/{backup}")
    }

    /// Writes the instruction to restore with this request; `None` if the reader cannot express it.
    fn restore(&self, request: &NewRestore) -> Option<String> {
        let backup = request.backup.as_deref().unwrap_or_default();
        Some(format!("restore {backup} again with the collections and options in `advice`"))
    }

    /// Tells by which names the reader knows the keys of the configuration.
    fn key_names(&self) -> KeyNames {
        KeyNames::Both
    }

    /// Names an option of a request, with its value if it has a fixed one.
    fn option(&self, option: RequestOption) -> &'static str {
        match option {
            RequestOption::Backup => "`backup`",
            RequestOption::Filter => "`filter`",
            RequestOption::Suffix => "`suffix`",
            RequestOption::Rename => "`rename`",
            RequestOption::UseExisting => "`existing`: `use`",
            RequestOption::DropExisting => "`existing`: `drop`",
            RequestOption::Strict => "`strict`",
            RequestOption::ReplaceUnfinished => "`replace_unfinished` of /api/v2",
            RequestOption::Force => "`force=true` of /api/v2",
            RequestOption::SerialFlush => "`strategy`: `serial_flush`",
            RequestOption::EncryptionKeys => "`ezk_mapping`",
            RequestOption::BinlogFormat => "`format`: `binlog`",
            RequestOption::InsertMode => "`mode`: `insert`",
            RequestOption::Columns => "`columns`",
        }
    }
}

/// The terms of `/api/v2` and gRPC.
#[derive(Clone, Copy, Debug)]
pub struct ApiTerms;

impl Terms for ApiTerms {}

/// The names of the keys in the configuration file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyNames {
    /// Those of version 1 with those of version 2 beside them, because the file is not known.
    #[default]
    Both,
    /// Those of version 1, which are those of Milvus Backup (Go) before 0.6.
    V1,
    /// Those of version 2.
    V2,
}

impl KeyNames {
    /// Writes a key by its names in both versions.
    fn write(self, v1: &str, v2: &str) -> String {
        match self {
            Self::V1 => v1.to_owned(),
            Self::V2 => v2.to_owned(),
            Self::Both if v1 == v2 => v1.to_owned(),
            Self::Both => format!("{v1} ({v2})"),
        }
    }
}

/// An option of a request that an advice names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOption {
    /// The name of the backup.
    Backup,
    /// The filter by source names.
    Filter,
    /// The suffix of target names.
    Suffix,
    /// The rename rules.
    Rename,
    /// Import into existing targets.
    UseExisting,
    /// Replace existing targets.
    DropExisting,
    /// Fail a backup from which a collection would be missing.
    Strict,
    /// Replace an unfinished backup.
    ReplaceUnfinished,
    /// Delete a backup that a run uses.
    Force,
    /// The flush strategy `serial_flush`.
    SerialFlush,
    /// The keys that replace those of encryption zones.
    EncryptionKeys,
    /// The format `binlog`.
    BinlogFormat,
    /// The mode `insert` of a restore.
    InsertMode,
    /// The fields to restore.
    Columns,
}

/// Writes an advice in the terms of its reader.
pub fn describe_advice(advice: &Advice, terms: &dyn Terms) -> String {
    use RequestOption as O;
    let option = |option| terms.option(option);
    match advice {
        Advice::NameBackup => {
            format!("name the backup with {}; to see which backups exist: {}", option(O::Backup), terms.list())
        }
        Advice::ChooseNameOrDelete { backup } => {
            format!("choose another name, or delete the backup first: {}", terms.delete(backup))
        }
        Advice::ChooseNameOrReplace { backup } => format!(
            "choose another name, replace it with {}, or delete it first: {}",
            option(O::ReplaceUnfinished),
            terms.delete(backup)
        ),
        Advice::ChooseNameOrWait { backup } => {
            format!("choose another name, or wait until the run that writes {backup} has ended")
        }
        Advice::ChooseNameOrInspect => "choose another name, or inspect the files in that directory".into(),
        Advice::InspectDirectory => {
            "nothing was deleted; inspect the files in that directory before you remove them".into()
        }
        Advice::ListBackups => format!("to see which backups exist: {}", terms.list()),
        Advice::WaitForRun { backup, lease_seconds } => format!(
            "wait until that run has ended; if it died, {backup} can be deleted {lease_seconds} s after its last sign of \
             life, or at once with {}",
            option(O::Force)
        ),
        Advice::DeleteAndCreateAgain { backup } => delete_and_create(backup, terms),
        Advice::InspectBackup { backup } => {
            format!("inspect {backup} first; if it is unfinished, {}", delete_and_create(backup, terms))
        }
        Advice::FindOtherRun => {
            "find out what removed or took over the files; then run it again, with other names if need be".into()
        }
        Advice::CreateAgain => "create the backup again".into(),
        Advice::DeleteAgain { backup, may_be_gone } => {
            let gone = if *may_be_gone { "; if it is not found, it is deleted completely" } else { "" };
            format!("to continue the deletion: {}{gone}", terms.delete(backup))
        }
        Advice::UseAnotherBackup => {
            "restore from another backup, or copy the files back from a copy of this one".into()
        }
        Advice::CreateAgainOrNotStrict => {
            format!("create the backup again, or without {}", option(O::Strict))
        }
        Advice::UseSerialFlush => format!("use {}, or the default strategy", option(O::SerialFlush)),
        Advice::UseBinlogFormat => format!("use {}, or the default format", option(O::BinlogFormat)),
        Advice::CopyBackupToTargetStore => {
            "copy the directory of the backup to the object store of the target, and restore it from there".into()
        }
        Advice::DropSnapshotOrChooseName => {
            "drop the snapshot in Milvus if no other run needs it, or choose another name for the backup".into()
        }
        Advice::DropSnapshotLater => {
            "an export or another program has pinned the snapshot; when that has ended, drop the snapshot in Milvus".into()
        }
        Advice::CompactCollection => {
            "if the error persists, files of an interrupted write are in the collection's directories; compact the \
             collection and create the backup again"
                .into()
        }
        Advice::WaitForQuietCollection => {
            "Milvus compacts the collection faster than it can be copied; try again when it changes less".into()
        }
        Advice::CorrectFilter => "a filter is a comma-separated list of db.*, db.collection, collection (of database \
             default) or db. for the database alone; names are those of the source"
            .into(),
        Advice::FilterBySourceNames { names } => format!(
            "filters match the names in the backup, not the new names; use {} with {}",
            option(O::Filter),
            join_names(names)
        ),
        Advice::FilterByTargetNames => {
            "the filter on targets matches the names in the target, not those in the backup".into()
        }
        Advice::CorrectRename => {
            "a rename rule is old:new, db.old:db.new or db1.*:db2.*; rules are separated by commas".into()
        }
        Advice::RestoreAgain { backup } => format!("restore {backup} again"),
        Advice::RestoreRemaining(remaining) => describe_remaining(remaining, terms),
        Advice::InspectTargets { backup } => {
            format!("inspect the target collections, then restore {backup} again")
        }
        Advice::InspectAliases => "inspect the aliases of the collections; some may be missing".into(),
        Advice::ChooseExistingTargets => format!(
            "restore under other names ({} or {}), into the existing collections ({}), or in their place ({})",
            option(O::Suffix),
            option(O::Rename),
            option(O::UseExisting),
            option(O::DropExisting)
        ),
        Advice::ReviewNewTargets => {
            "these collections were created after the restore was submitted; inspect them, then submit it again".into()
        }
        Advice::CreateTargets => {
            format!("restore without {}, so that they are created", option(O::UseExisting))
        }
        Advice::UseCollectionName => "use the name of the collection, or drop the alias first".into(),
        Advice::ReplaceCollectionOrUseAnotherBackup => {
            "rows were lost in the backup or during the import: drop the collection and restore it again; if rows are \
             still missing, restore from another backup"
                .into()
        }
        Advice::ReplaceCollectionAlone => {
            "two restores into one target at the same time double its rows: drop the collection and restore it again \
             alone"
                .into()
        }
        Advice::ReplaceCollection { when_milvus_answers: true } => {
            format!("when Milvus is available, restore the collection again with {}", option(O::DropExisting))
        }
        Advice::ReplaceCollection { when_milvus_answers: false } => format!(
            "inspect the logs of Milvus's data nodes, then restore the collection again with {}",
            option(O::DropExisting)
        ),
        Advice::RecreateTarget => format!(
            "restore under another name with {}, or replace the target with {}, which drops its rows",
            option(O::Suffix),
            option(O::DropExisting)
        ),
        Advice::RestoreCollectionAgain => {
            format!("restore the collection again with {}", option(O::DropExisting))
        }
        Advice::MendImport { cause, step } => format!("{cause}; {}", describe_advice(step, terms)),
        Advice::Several { steps } => {
            steps.iter().map(|step| describe_advice(step, terms)).collect::<Vec<_>>().join("; ")
        }
        Advice::SetInMilvus { key, value } => {
            format!("set {key} in milvus.yaml to {value}, then restore the collection again")
        }
        Advice::WaitForImports => {
            "wait until other imports have ended, then restore the collection again".into()
        }
        Advice::CorrectEncryptionKey => {
            format!("give the right key with {}, then restore the collection again", option(O::EncryptionKeys))
        }
        Advice::ReportBug => {
            "report this message with the releases of milvus-backup and Milvus as a fault of milvus-backup".into()
        }
        Advice::CreatePartition => "create the missing partition, or drop the target and restore again".into(),
        Advice::InspectBackupFiles => {
            format!("to see which files of the backup are missing or damaged: {}", terms.show_files())
        }
        Advice::UseNewerTarget => "restore into a later release of Milvus that can do this".into(),
        Advice::UseNewerTargetOrInserts => format!(
            "restore into a later release of Milvus that can do this, or without an import by {}",
            option(O::InsertMode)
        ),
        Advice::LeaveFieldsOut => format!(
            "name the fields to restore with {}, without those that cannot be inserted",
            option(O::Columns)
        ),
        Advice::AllowMilvusToRead => {
            "grant the credentials of the Milvus server read access to the backup".into()
        }
        Advice::InspectMilvusLogs => {
            "inspect the logs of Milvus's data coordinator and data nodes, then back the collection up again".into()
        }
        Advice::CompareWithMilvus { settings } => format!(
            "compare {} with Milvus's own milvus.yaml; to test them: {}",
            join_settings(settings, terms.key_names()),
            terms.check()
        ),
        Advice::CompareSettings { settings } => {
            format!("check {}; to test them: {}", join_settings(settings, terms.key_names()), terms.check())
        }
        Advice::SetRegion { setting } => format!(
            "set {} to the region of the bucket, such as eu-west-1; to test it: {}",
            key_of(*setting, terms.key_names()),
            terms.check()
        ),
        Advice::CreateBucket { setting } => {
            format!("check the name of the bucket ({}), or create it", key_of(*setting, terms.key_names()))
        }
        Advice::CheckStorePermissions => format!(
            "check the permissions of the access key (object store) or of this user (disk); to see where each value comes \
             from: {}",
            terms.show_configuration()
        ),
        Advice::FreeSpace => "free space there, then run the command again; delete an unfinished backup first".into(),
        Advice::ReduceConcurrency => {
            let key = terms.key_names().write("backup.parallelism.copydata", "transfer.concurrency");
            format!("the store is slow or limits the request rate; lower {key}")
        }
        Advice::GrantPrivilege => "grant the missing privilege to the user, or use root".into(),
        Advice::WaitForRateLimit => {
            "Milvus limits these requests (quotaAndLimits in milvus.yaml); try again later".into()
        }
        Advice::FreeQuota => {
            "raise the quota of Milvus (quotaAndLimits in milvus.yaml) or free some of it, then try again".into()
        }
        Advice::CheckName => "it was dropped in the meantime, or it is in another database".into(),
        Advice::SynchroniseClock => {
            "stores refuse requests signed with a clock that is more than 15 minutes wrong; synchronise the clock".into()
        }
        Advice::UpgradeMilvus => "upgrade Milvus to 2.2.9 or later".into(),
        Advice::TryAgain => "try again; if the error persists, the store does not keep what is written to it".into(),
    }
}

fn delete_and_create(backup: &str, terms: &dyn Terms) -> String {
    format!("delete the backup: {}; then create it again", terms.delete(backup))
}

fn describe_remaining(remaining: &RemainingRestore, terms: &dyn Terms) -> String {
    let instruction = NewRestore::of_remaining(remaining)
        .and_then(|request| terms.restore(&request))
        .unwrap_or_else(|| {
            let existing = match remaining.options.existing {
                ExistingTargetPolicy::Refuse => String::new(),
                ExistingTargetPolicy::Drop => {
                    format!(", and with {}", terms.option(RequestOption::DropExisting))
                }
                ExistingTargetPolicy::Use => {
                    format!(", and with {}", terms.option(RequestOption::UseExisting))
                }
            };
            format!(
                "restore {} again as before, with a filter for the remaining collections{existing}",
                remaining.backup
            )
        });
    if remaining.rows_may_repeat {
        format!(
            "a second import repeats the rows that are already there, so empty those collections first; then: {instruction}"
        )
    } else {
        format!("to restore the remaining collections: {instruction}")
    }
}

impl NewRestore {
    /// Returns the request that restores the remaining collections.
    ///
    /// `None` if there are more than ten, if a source has several targets, or if the restore had options that such a
    /// request does not have.
    pub(crate) fn of_remaining(remaining: &RemainingRestore) -> Option<Self> {
        let collections = &remaining.collections;
        let mut sources: Vec<&CollectionRef> = collections.iter().map(|c| &c.source).collect();
        sources.sort_unstable();
        sources.dedup();
        if !remaining.options_are_complete
            || sources.len() < collections.len()
            || !(1..=MAX_NAMED_COLLECTIONS).contains(&collections.len())
        {
            return None;
        }
        let renamed = collections.iter().filter(|c| c.source != c.target);
        Some(Self {
            backup: Some(remaining.backup.clone()),
            filter: Some(join_names(sources)),
            rename: renamed.map(|c| (c.source.to_string(), c.target.to_string())).collect(),
            partitions: remaining.subset.partitions.clone(),
            limit: remaining.subset.limit,
            columns: remaining.subset.columns.clone(),
            ..Self::from(remaining.options)
        })
    }
}

/// Writes the key of a setting.
fn key_of(setting: Setting, names: KeyNames) -> String {
    let (v1, v2) = match setting {
        Setting::MilvusAddress => ("milvus.address", "milvus.grpc.address"),
        Setting::MilvusPort => ("milvus.port", "milvus.grpc.port"),
        Setting::MilvusTlsMode => ("milvus.tlsMode", "milvus.grpc.tlsMode"),
        Setting::MilvusUser => ("milvus.user", "milvus.user"),
        Setting::MilvusPassword => ("milvus.password", "milvus.password"),
        Setting::MilvusBucket => ("minio.bucketName", "milvus.storage.bucketName"),
        Setting::MilvusRootPath => ("minio.rootPath", "milvus.storage.rootPath"),
        Setting::StorageAddress => ("minio.address", "milvus.storage.address"),
        Setting::StoragePort => ("minio.port", "milvus.storage.port"),
        Setting::StorageTls => ("minio.useSSL", "milvus.storage.useSSL"),
        Setting::StorageAccessKey => ("minio.accessKeyID", "milvus.storage.auth.accessKeyID"),
        Setting::StorageSecretKey => ("minio.secretAccessKey", "milvus.storage.auth.secretAccessKey"),
        Setting::StorageToken => ("minio.token", "milvus.storage.auth.sessionToken"),
        Setting::StorageRegion => ("minio.region", "milvus.storage.region"),
        Setting::BackupAddress => ("minio.backupAddress", "backup.storage.address"),
        Setting::BackupPort => ("minio.backupPort", "backup.storage.port"),
        Setting::BackupTls => ("minio.backupUseSSL", "backup.storage.useSSL"),
        Setting::BackupRegion => ("minio.backupRegion", "backup.storage.region"),
        Setting::BackupBucket => ("minio.backupBucketName", "backup.storage.bucketName"),
        Setting::BackupAccessKey => ("minio.backupAccessKeyID", "backup.storage.auth.accessKeyID"),
        Setting::BackupSecretKey => ("minio.backupSecretAccessKey", "backup.storage.auth.secretAccessKey"),
        Setting::BackupToken => ("minio.backupToken", "backup.storage.auth.sessionToken"),
    };
    names.write(v1, v2)
}

fn join_settings(settings: &[Setting], names: KeyNames) -> String {
    let keys: Vec<String> = settings.iter().map(|setting| key_of(*setting, names)).collect();
    match keys.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

fn join_names<'a>(names: impl IntoIterator<Item = &'a CollectionRef>) -> String {
    names.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// A document whose hints can be expressed in the terms of another reader.
pub trait Reword {
    /// Writes the hints again, in these terms, where the document has the advice as data.
    fn reword(&mut self, terms: &dyn Terms);
}

/// Writes a hint again in these terms, if its advice is known.
pub(crate) fn reword_hint(hint: &mut Option<String>, advice: Option<&Advice>, terms: &dyn Terms) {
    if let Some(advice) = advice {
        *hint = Some(describe_advice(advice, terms));
    }
}

/// Writes the hint of a document: the text of an advice in the terms of the API.
pub(crate) fn hint_of(advice: Option<&Advice>) -> Option<String> {
    advice.map(|advice| describe_advice(advice, &ApiTerms))
}
