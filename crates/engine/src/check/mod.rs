//! Checks the requirements of backups and restores, with one line of result for each.

mod privileges;

pub(crate) use privileges::describe_shortened_lists;

use bytes::Bytes;
use milvus::{Milvus, MilvusErrorKind};
use model::key::ObjectKey;
use model::layout::milvus::MilvusLayout;
use model::manifest::Schema;
use model::plan::restore::DataAccess;
use storage::{CopyItem, StorageErrorKind, Store};

use crate::backup::{confirm_source_root, create_mover, describe_copy_method, list_instance};
use crate::catalog::Catalog;
use crate::clock::now_ms;
use crate::error::chain;
use crate::instance::Instance;
use crate::restore::{describe_silent_rest, determine_data_access};
use crate::{Advice, Engine, Error, JobCtx};

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// The requirement is met.
    Ok,
    /// The line is information only.
    Info,
    /// The requirement is met with a restriction.
    Warn,
    /// The requirement is not met.
    Fail,
}

/// The work that a check prepares for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckPurpose {
    /// Backups and restores; what only restores need is a warning.
    #[default]
    Everything,
    /// Backups only.
    Backup,
    /// Restores only.
    Restore,
}

/// One line of the result of [`Engine::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The result of the check.
    pub state: CheckState,
    /// The name of the checked service or requirement.
    pub subject: &'static str,
    /// The observation, or the error with its causes.
    pub detail: String,
    /// The suggested next step, if one is needed.
    pub advice: Option<Advice>,
}

/// What the credentials of the backup storage may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BackupAccess {
    Full,
    ReadOnly,
}

impl Check {
    fn new(state: CheckState, subject: &'static str, detail: impl Into<String>) -> Self {
        Self { state, subject, detail: detail.into(), advice: None }
    }

    fn from_error(subject: &'static str, error: &Error) -> Self {
        Self { advice: error.advice(), ..Self::new(CheckState::Fail, subject, chain(error)) }
    }
}

/// The difference between the clocks of this machine and of a store that causes a warning, in milliseconds.
const MAX_CLOCK_SKEW_MS: i64 = 60_000;

/// The content of the objects that a check writes.
const PROBE: &[u8] = b"milvus-backup check";

impl Engine {
    /// Checks Milvus, both storages and their permissions, and copying between them, as far as the purpose needs them.
    ///
    /// Every object that a check writes is removed again. A check that fails is a line of the result, not an error.
    pub async fn check(&self, purpose: CheckPurpose, ctx: &JobCtx) -> Result<Vec<Check>, Error> {
        ctx.run(Box::pin(async { Ok::<_, Error>(self.run_checks(purpose, ctx).await) })).await
    }

    async fn run_checks(&self, purpose: CheckPurpose, ctx: &JobCtx) -> Vec<Check> {
        let mut lines = Vec::new();
        let milvus = self.check_milvus(&mut lines).await;
        if let Some(milvus) = &milvus {
            privileges::check_privileges(milvus, purpose, &mut lines).await;
        }
        let source = self.check_source(&mut lines).await;
        if let (Some(milvus), Some(store)) = (&milvus, &source) {
            let layout = MilvusLayout::new(self.config.source.root.clone());
            let source = Instance { milvus: milvus.clone(), store: store.clone(), layout };
            lines.push(check_root(&source).await);
        }
        let catalog =
            Catalog::open(self).map_err(|e| lines.push(Check::from_error("backup storage", &e))).ok();
        if let Some(catalog) = &catalog {
            let access = self.check_backup(catalog, purpose, &mut lines).await;
            if access.is_some() && catalog.store.keeps_versions().await {
                let detail =
                    "the bucket keeps old versions: its lifecycle rules free the space of deleted backups";
                lines.push(Check::new(CheckState::Info, "versions", detail));
            }
            if let (Some(source), Some(access)) = (&source, access) {
                if access == BackupAccess::Full && purpose != CheckPurpose::Restore {
                    lines.push(self.check_copy(source, catalog, ctx).await);
                }
                if purpose != CheckPurpose::Backup {
                    self.check_restores(source, catalog, (access, purpose), &mut lines).await;
                }
            }
        }
        if let Some(milvus) = milvus.as_ref().filter(|_| purpose != CheckPurpose::Backup) {
            lines.extend(check_imports(milvus).await);
        }
        if let Some(milvus) = milvus.filter(|_| purpose != CheckPurpose::Restore) {
            lines.push(self.check_gc(&milvus).await);
        }
        lines
    }

    /// Connects to Milvus and lists its databases.
    async fn check_milvus(&self, lines: &mut Vec<Check>) -> Option<Milvus> {
        let attempt = async {
            let milvus = self.connect_milvus().await?;
            milvus.server().version.supported()?;
            // Connecting needs no authentication, but listing does. The privilege for it is checked later.
            match milvus.list_databases().await {
                Err(error) if error.kind() != MilvusErrorKind::PermissionDenied => Err(Error::from(error)),
                _ => Ok(milvus),
            }
        };
        match attempt.await {
            Ok(milvus) => {
                let server = milvus.server();
                lines.push(Check::new(
                    CheckState::Ok,
                    "milvus",
                    format!("{} at {}", server.version, server.address),
                ));
                lines.push(describe_capabilities(&milvus));
                if let Some(unknown) = server.version.describe_unknown() {
                    lines.push(Check::new(CheckState::Warn, "milvus", unknown));
                }
                Some(milvus)
            }
            Err(error) => {
                lines.push(Check::from_error("milvus", &error));
                None
            }
        }
    }

    /// Lists objects below the root path of Milvus's files.
    async fn check_source(&self, lines: &mut Vec<Check>) -> Option<Store> {
        let root = self.config.source.root.as_prefix();
        let attempt = async {
            let store = self.open_source_store()?;
            store.has_objects_below(&root).await?;
            Ok::<_, Error>(store)
        };
        match attempt.await {
            Ok(store) => {
                let place = format!("{}: read", store.describe(&root));
                lines.push(Check::new(CheckState::Ok, "source storage", place));
                Some(store)
            }
            Err(error) => {
                lines.push(Check::from_error("source storage", &error));
                None
            }
        }
    }

    /// Writes, reads and deletes one object below the backup root; returns `None` if not even reading succeeds.
    async fn check_backup(
        &self,
        catalog: &Catalog,
        purpose: CheckPurpose,
        lines: &mut Vec<Check>,
    ) -> Option<BackupAccess> {
        let subject = "backup storage";
        let key = new_probe_key(&self.config.backup.root);
        match probe_store(&catalog.store, &key).await {
            Ok(skew) => {
                lines.push(Check::new(
                    CheckState::Ok,
                    subject,
                    format!("{}: read, write, delete", catalog.describe_root()),
                ));
                if let Some(skew) = skew.filter(|skew| skew.abs() > MAX_CLOCK_SKEW_MS) {
                    let mut line = Check::new(
                        CheckState::Warn,
                        "clock",
                        format!(
                            "this machine's clock is {} s {} the store's",
                            skew.abs() / 1000,
                            if skew > 0 { "ahead of" } else { "behind" }
                        ),
                    );
                    line.advice = Some(Advice::SynchroniseClock);
                    lines.push(line);
                }
                Some(BackupAccess::Full)
            }
            Err(error) if self.may_only_read(catalog, &error).await => {
                let detail = format!(
                    "{}: read; backups cannot be created or deleted: {}",
                    catalog.describe_root(),
                    chain(&error)
                );
                let (state, advice) = match purpose {
                    CheckPurpose::Everything => (CheckState::Warn, error.advice()),
                    CheckPurpose::Backup => (CheckState::Fail, error.advice()),
                    CheckPurpose::Restore => (CheckState::Ok, None),
                };
                lines.push(Check { advice, ..Check::new(state, subject, detail) });
                Some(BackupAccess::ReadOnly)
            }
            Err(error) => {
                lines.push(Check::from_error(subject, &error));
                None
            }
        }
    }

    /// Returns whether writing failed for lack of permission, and the backup store can be listed.
    async fn may_only_read(&self, catalog: &Catalog, error: &Error) -> bool {
        let is_denied =
            matches!(error, Error::Storage(error) if error.kind() == StorageErrorKind::PermissionDenied);
        is_denied && catalog.store.has_objects_below(&self.config.backup.root.as_prefix()).await.is_ok()
    }

    /// Copies one file of Milvus to the backup root with the mover of a backup, and removes the copy.
    async fn check_copy(&self, source: &Store, catalog: &Catalog, ctx: &JobCtx) -> Check {
        let subject = "copy";
        let mover = match create_mover(source, &catalog.store, &self.config.limits) {
            Ok(mover) => mover,
            Err(error) => return Check::from_error(subject, &error),
        };
        let way = describe_copy_method(mover.copy_method());
        let from = match find_first_binlog(source, &self.config.source.root).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                return Check::new(
                    CheckState::Info,
                    subject,
                    format!(
                        "{way}; not tested, no files below {}",
                        source.describe(&self.config.source.root.as_prefix())
                    ),
                );
            }
            Err(error) => return Check::from_error(subject, &error),
        };
        let to = new_probe_key(&self.config.backup.root);
        let item = CopyItem { from: from.0, to: to.clone(), size: from.1 };
        let copied = mover.copy_all(std::iter::once(item), ctx.cancel(), |_, _| {}).await;
        let removed = catalog.store.delete(&[to]).await;
        match (copied, removed) {
            (Ok(()), Ok(())) => Check::new(
                CheckState::Ok,
                subject,
                format!("{} -> {}: {way}", source.location(), catalog.store.location()),
            ),
            (Err(error), _) => Check::from_error(subject, &Error::from(error.error)),
            (_, Err(error)) => Check::from_error(subject, &Error::from(error)),
        }
    }

    /// Determines how restores give Milvus access to a backup; where they stage it, writes, reads and deletes an object
    /// in Milvus's own store.
    async fn check_restores(
        &self,
        source: &Store,
        catalog: &Catalog,
        (access, purpose): (BackupAccess, CheckPurpose),
        lines: &mut Vec<Check>,
    ) {
        let subject = "restores";
        let probe = new_probe_key(&self.config.backup.root);
        let mode = self.config.limits.copy_mode;
        // Without permission to write, no object is known by which the two stores could be compared.
        let data_access = if access == BackupAccess::Full {
            let written = catalog.store.write(&probe, Bytes::from_static(PROBE)).await;
            let data_access = determine_data_access(&catalog.store, source, mode, &probe).await;
            if let Err(error) = written.and(catalog.store.delete(&[probe]).await) {
                lines.push(Check::from_error(subject, &Error::from(error)));
                return;
            }
            data_access
        } else {
            determine_data_access(&catalog.store, source, mode, &probe).await
        };
        let DataAccess::Staged(why) = data_access else {
            let text = "the target's Milvus reads the backup in place";
            lines.push(Check::new(CheckState::Ok, subject, text));
            return;
        };
        lines.push(Check::new(CheckState::Info, "restores will be staged", why));
        let key = new_probe_key(&self.config.source.root);
        if let Err(error) = probe_store(source, &key).await {
            let failed = Check::from_error(subject, &error);
            let for_restores = purpose == CheckPurpose::Restore;
            lines.push(if for_restores { failed } else { Check { state: CheckState::Warn, ..failed } });
        }
    }

    /// Pauses the garbage collection of Milvus for one second and lifts the pause, if backups would pause it.
    async fn check_gc(&self, milvus: &Milvus) -> Check {
        let subject = "garbage collection";
        if !self.config.limits.pause_gc {
            return Check::new(CheckState::Info, subject, "is not paused during a backup, as configured");
        }
        match milvus.gc_pause(std::time::Duration::from_secs(1)).await {
            Ok(ticket) => match milvus.gc_resume(&ticket).await {
                Ok(()) => Check::new(CheckState::Ok, subject, "can be paused"),
                Err(error) => Check::from_error(subject, &Error::from(error)),
            },
            Err(error) if error.kind() == MilvusErrorKind::Unsupported => Check::new(
                CheckState::Warn,
                subject,
                "this version of Milvus cannot pause it; files replaced by compaction remain for 24 h",
            ),
            Err(error) => Check::new(CheckState::Warn, subject, format!("cannot be paused: {error}")),
        }
    }
}

/// Checks that the release of a Milvus imports backups, and that its REST service answers; no line if all is well.
async fn check_imports(milvus: &Milvus) -> Option<Check> {
    let subject = "imports";
    if let Some(problem) = milvus.capabilities().import_problems(&Schema::default()).first() {
        return Some(Check::new(
            CheckState::Fail,
            subject,
            format!("this release does not restore: {problem}"),
        ));
    }
    describe_silent_rest(milvus).await.map(|detail| Check::new(CheckState::Warn, subject, detail))
}

/// Describes what the release of a Milvus can do.
fn describe_capabilities(milvus: &Milvus) -> Check {
    let (has, lacks) = milvus.capabilities().describe();
    let lacks = if lacks.is_empty() { String::new() } else { format!("not: {}", lacks.join(", ")) };
    let parts = [has.join(", "), lacks].into_iter().filter(|part| !part.is_empty());
    Check::new(CheckState::Info, "capabilities", parts.collect::<Vec<_>>().join("; "))
}

/// Returns a new key below the root path, for an object that a check writes and removes.
fn new_probe_key(root: &ObjectKey) -> ObjectKey {
    root.join(&format!("mb_check_{}", uuid::Uuid::new_v4().simple()))
}

/// Checks that the configured root path contains the files of this Milvus.
async fn check_root(source: &Instance) -> Check {
    let subject = "source is Milvus's";
    let attempt = async {
        let contents = list_instance(source).await?;
        confirm_source_root(source, &contents.collections).await
    };
    match attempt.await {
        Ok(Some(name)) => Check::new(
            CheckState::Ok,
            subject,
            format!("files of {name} found below {}", source.describe_root()),
        ),
        Ok(None) => Check::new(CheckState::Info, subject, "unknown: no collection has flushed rows yet"),
        Err(Error::Milvus(error)) if error.kind() == MilvusErrorKind::PermissionDenied => {
            Check::new(CheckState::Info, subject, "unknown: the user may not list the collections")
        }
        Err(error) => Check::from_error(subject, &error),
    }
}

/// Writes, reads and deletes an object.
///
/// Returns by how many milliseconds the clock of this machine is ahead of that of the store; `None` if the store
/// reports no time of change.
async fn probe_store(store: &Store, key: &ObjectKey) -> Result<Option<i64>, Error> {
    let content = Bytes::from_static(PROBE);
    store.write(key, content.clone()).await?;
    let written = now_ms();
    let read = store.read(key).await.map_err(Error::from);
    let meta = store.metadata(key).await.map_err(Error::from);
    store.delete(std::slice::from_ref(key)).await?;
    if read? != content {
        return Err(Error::Copied {
            key: store.describe(key),
            found: "other content".into(),
            expected: "the written content".into(),
        });
    }
    Ok(meta?.and_then(|m| m.modified_ms).map(|modified| written - modified))
}

/// Returns the key and size of the first insert binlog below the root path, if there is one.
async fn find_first_binlog(store: &Store, root: &ObjectKey) -> Result<Option<(ObjectKey, u64)>, Error> {
    use futures::TryStreamExt;
    let mut entries = store.list(&root.join("insert_log/"));
    let first = entries.try_next().await?;
    Ok(first.map(|entry| (entry.key, entry.meta.size)))
}
