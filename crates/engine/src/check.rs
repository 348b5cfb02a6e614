//! `check`: proves that everything a backup and a restore need is there, a line each.

use bytes::Bytes;
use milvus::Milvus;
use model::key::ObjectKey;
use model::layout::milvus::MilvusLayout;
use model::plan::restore::Reach;
use storage::{CopyItem, Store};

use crate::backup::{everything, mover, storage_is_milvus, way_in_words};
use crate::catalog::Catalog;
use crate::clock::now_ms;
use crate::instance::Instance;
use crate::{Engine, Error, JobCtx};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// Good to know.
    Info,
    /// It works, but not as one may expect.
    Warn,
    /// It does not work.
    Fail,
}

impl CheckState {
    /// The state in a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// One line of `check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// How it ended.
    pub state: CheckState,
    /// What was looked at.
    pub subject: &'static str,
    /// What was seen.
    pub detail: String,
    /// What to do, where something is to be done.
    pub hint: Option<String>,
}

impl Check {
    fn new(state: CheckState, subject: &'static str, detail: impl Into<String>) -> Self {
        Self { state, subject, detail: detail.into(), hint: None }
    }

    fn failed(subject: &'static str, error: &Error) -> Self {
        Self { hint: error.hint(), ..Self::new(CheckState::Fail, subject, error.chain()) }
    }
}

/// By how much this machine's clock may differ from a store's before signatures are refused, milliseconds.
const SKEW_MS: i64 = 60_000;

impl Engine {
    /// Looks at Milvus, both stores, the rights there, and the way between them. Everything it writes it removes.
    pub async fn check(&self, ctx: &JobCtx) -> Result<Vec<Check>, Error> {
        ctx.run(Box::pin(async { Ok::<_, Error>(self.checks(ctx).await) })).await
    }

    async fn checks(&self, ctx: &JobCtx) -> Vec<Check> {
        let mut lines = Vec::new();
        let milvus = self.check_milvus(&mut lines).await;
        let source = self.check_source(&mut lines).await;
        if let (Some(milvus), Some(store)) = (&milvus, &source) {
            let layout = MilvusLayout::new(self.config.source.root.clone());
            let source = Instance { milvus: milvus.clone(), store: store.clone(), layout };
            lines.push(check_root(&source).await);
        }
        let catalog = Catalog::open(self).map_err(|e| lines.push(Check::failed("backup storage", &e))).ok();
        if let Some(catalog) = &catalog {
            let written = self.check_backup(catalog, &mut lines).await;
            if let (Some(source), true) = (&source, written) {
                lines.push(self.check_copy(source, catalog, ctx).await);
                lines.push(match crate::restore::reach(&catalog.store, source) {
                    Reach::InPlace => Check::new(
                        CheckState::Ok,
                        "restores",
                        "the target's Milvus reads the backup where it lies",
                    ),
                    Reach::Staged(why) => Check::new(CheckState::Info, "restores will be staged", why),
                });
            }
        }
        if let Some(milvus) = &milvus {
            lines.push(self.check_gc(milvus).await);
        }
        lines
    }

    async fn check_milvus(&self, lines: &mut Vec<Check>) -> Option<Milvus> {
        let asked = async {
            let milvus = self.milvus().await?;
            milvus.server().version.supported()?;
            // connecting needs no login; listing does
            milvus.list_databases().await?;
            Ok::<_, Error>(milvus)
        };
        match asked.await {
            Ok(milvus) => {
                let server = milvus.server();
                lines.push(Check::new(
                    CheckState::Ok,
                    "milvus",
                    format!("{} at {}", server.version, server.address),
                ));
                Some(milvus)
            }
            Err(error) => {
                lines.push(Check::failed("milvus", &error));
                None
            }
        }
    }

    async fn check_source(&self, lines: &mut Vec<Check>) -> Option<Store> {
        let root = self.config.source.root.as_dir();
        let asked = async {
            let store = self.source()?;
            store.any_below(&root).await?;
            Ok::<_, Error>(store)
        };
        match asked.await {
            Ok(store) => {
                let place = format!("{}: read", store.describe(&root));
                lines.push(Check::new(CheckState::Ok, "source storage", place));
                Some(store)
            }
            Err(error) => {
                lines.push(Check::failed("source storage", &error));
                None
            }
        }
    }

    /// Writes, reads and deletes one object below the backup root; returns whether that went well.
    async fn check_backup(&self, catalog: &Catalog, lines: &mut Vec<Check>) -> bool {
        let subject = "backup storage";
        let key = probe_key(&self.config.backup.root);
        match probe(&catalog.store, &key).await {
            Ok(skew) => {
                lines.push(Check::new(
                    CheckState::Ok,
                    subject,
                    format!("{}: read, write, delete", catalog.place()),
                ));
                if let Some(skew) = skew.filter(|skew| skew.abs() > SKEW_MS) {
                    let mut line = Check::new(
                        CheckState::Warn,
                        "clock",
                        format!(
                            "this machine's clock is {} s {} the store's",
                            skew.abs() / 1000,
                            if skew > 0 { "ahead of" } else { "behind" }
                        ),
                    );
                    line.hint = Some(
                        "stores refuse requests signed with a clock more than 15 minutes off; synchronise it"
                            .into(),
                    );
                    lines.push(line);
                }
                true
            }
            Err(error) => {
                lines.push(Check::failed(subject, &error));
                false
            }
        }
    }

    /// Copies one object of Milvus's into the backup root, the way a backup does, and removes it.
    async fn check_copy(&self, source: &Store, catalog: &Catalog, ctx: &JobCtx) -> Check {
        let subject = "copy";
        let mover = match mover(source, &catalog.store, &self.config.limits) {
            Ok(mover) => mover,
            Err(error) => return Check::failed(subject, &error),
        };
        let way = way_in_words(mover.way());
        let from = match first_object(source, &self.config.source.root).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                return Check::new(
                    CheckState::Info,
                    subject,
                    format!(
                        "{way}; not tried, nothing lies below {}",
                        source.describe(&self.config.source.root.as_dir())
                    ),
                );
            }
            Err(error) => return Check::failed(subject, &error),
        };
        let to = probe_key(&self.config.backup.root);
        let item = CopyItem { from: from.0, to: to.clone(), size: from.1 };
        let copied = mover.copy_all(std::iter::once(item), ctx.cancel(), |_, _| {}).await;
        let removed = catalog.store.delete(&[to]).await;
        match (copied, removed) {
            (Ok(()), Ok(())) => Check::new(
                CheckState::Ok,
                subject,
                format!("{} -> {}: {way}", source.location(), catalog.store.location()),
            ),
            (Err(error), _) => Check::failed(subject, &Error::from(error.error)),
            (_, Err(error)) => Check::failed(subject, &Error::from(error)),
        }
    }

    async fn check_gc(&self, milvus: &Milvus) -> Check {
        let subject = "garbage collection";
        if !self.config.limits.pause_gc {
            return Check::new(CheckState::Info, subject, "is not paused during a backup, as configured");
        }
        match milvus.gc_pause(std::time::Duration::from_secs(1)).await {
            Ok(()) => match milvus.gc_resume().await {
                Ok(()) => Check::new(CheckState::Ok, subject, "can be paused"),
                Err(error) => Check::failed(subject, &Error::from(error)),
            },
            Err(error) if error.kind() == milvus::ErrorKind::Unsupported => Check::new(
                CheckState::Warn,
                subject,
                "this Milvus has no pause; files dropped by compaction live 24 h here",
            ),
            Err(error) => Check::new(CheckState::Warn, subject, format!("cannot be paused: {error}")),
        }
    }
}

fn probe_key(root: &ObjectKey) -> ObjectKey {
    root.join(&format!("mb_check_{}", uuid::Uuid::new_v4().simple()))
}

async fn check_root(source: &Instance) -> Check {
    let subject = "source is Milvus's";
    let looked = async {
        let found = everything(source).await?;
        storage_is_milvus(source, &found.collections).await
    };
    match looked.await {
        Ok(Some(name)) => {
            Check::new(CheckState::Ok, subject, format!("files of {name} found below {}", source.place()))
        }
        Ok(None) => {
            Check::new(CheckState::Info, subject, "cannot be told: no collection has flushed rows yet")
        }
        Err(error) => Check::failed(subject, &error),
    }
}

/// Writes, reads back and deletes an object; returns by how much this clock is ahead of the store's.
async fn probe(store: &Store, key: &ObjectKey) -> Result<Option<i64>, Error> {
    let content = Bytes::from_static(b"milvus-backup check");
    store.write(key, content.clone()).await?;
    let written = now_ms();
    let read = store.read(key).await.map_err(Error::from);
    let meta = store.stat(key).await.map_err(Error::from);
    store.delete(std::slice::from_ref(key)).await?;
    if read? != content {
        return Err(Error::Copied {
            key: store.describe(key),
            found: "other bytes".into(),
            expected: "what was written".into(),
        });
    }
    Ok(meta?.and_then(|m| m.modified_ms).map(|modified| written - modified))
}

/// Any object of Milvus's, for trying a copy.
async fn first_object(store: &Store, root: &ObjectKey) -> Result<Option<(ObjectKey, u64)>, Error> {
    use futures::TryStreamExt;
    let mut entries = store.list(&root.join("insert_log/"));
    let first = entries.try_next().await?;
    Ok(first.map(|entry| (entry.key, entry.meta.size)))
}
