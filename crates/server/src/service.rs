//! What REST and gRPC call: checks the caller's role, hands jobs in, asks the engine, and writes the audit line.
//!
//! Both front ends go through here, so that they cannot differ in what they allow or do.

use std::sync::Arc;

use engine::{
    BackupDetail, BackupSummary, Check, DeleteOutcome, DeleteRequest, Engine, EngineConfig, JobCtx,
    PreparedRestore,
};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use jobs::{Job, JobFilter, JobKind, JobPage, Jobs, JobsError, OtherPlace, Request, Submission};
use model::name::BackupName;
use model::plan::backup::{BackupPreview, BackupRequest};
use model::plan::restore::RestoreRequest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::audit;
use super::caller::{Caller, Role};
use wire::Failure;

/// How many look into the store or at Milvus at once; the others wait, so that memory does not grow with who asks.
const LOOKING: usize = 8;
/// How much is written down of what a request that was refused is about, characters.
const LONGEST_SUBJECT: usize = 255;

/// Who asks, and what is said beside the request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Who asks.
    pub caller: Caller,
    /// The id a job shall have, if the caller chose one.
    pub id: Option<String>,
    /// Whether any other will do where a job has that one already.
    pub any_id: bool,
    /// The key that makes a repeated submission the same one.
    pub idempotency_key: Option<String>,
    /// Whether the name of the backup was generated, because the caller chose none.
    pub name_generated: bool,
    /// Where backups lie, if not at the configured place.
    pub place: OtherPlace,
}

impl Asked {
    /// A caller who says nothing else.
    pub(crate) fn by(caller: Caller) -> Self {
        Self {
            caller,
            id: None,
            any_id: false,
            idempotency_key: None,
            name_generated: false,
            place: OtherPlace::default(),
        }
    }
}

/// The use cases as they are served.
#[derive(Clone)]
pub(crate) struct Service {
    engine: Engine,
    jobs: Jobs,
    looking: Arc<Semaphore>,
}

impl Service {
    /// Serves an engine and the jobs over it.
    pub(crate) fn new(engine: Engine, jobs: Jobs) -> Self {
        Self { engine, jobs, looking: Arc::new(Semaphore::new(LOOKING)) }
    }

    /// What the engine works on.
    pub(crate) fn config(&self) -> &EngineConfig {
        self.engine.config()
    }

    /// Refuses who may not hand in such a job, so that what else is wrong with a request is told only to who may.
    pub(crate) fn may(caller: &Caller, kind: JobKind, subject: &str) -> Result<(), Failure> {
        caller.may(needed(kind)).inspect_err(|refused| {
            // Nobody has looked at it, so it may be no name, and of any size.
            let subject: String = subject.chars().take(LONGEST_SUBJECT).collect();
            audit::record(caller, kind.as_str(), &subject, Err(refused));
        })
    }

    /// Hands in a backup.
    pub(crate) async fn backup(&self, asked: Asked, request: BackupRequest) -> Result<Job, Failure> {
        self.submit(asked, Request::Backup(request)).await
    }

    /// Hands in a restore.
    pub(crate) async fn restore(&self, asked: Asked, request: RestoreRequest) -> Result<Job, Failure> {
        self.submit(asked, Request::Restore(request)).await
    }

    /// Hands in a deletion.
    pub(crate) async fn delete(&self, asked: Asked, request: DeleteRequest) -> Result<Job, Failure> {
        self.submit(asked, Request::Delete(request)).await
    }

    async fn submit(&self, asked: Asked, request: Request) -> Result<Job, Failure> {
        let Asked { caller, id, any_id, idempotency_key, name_generated, place } = asked;
        let (action, subject) = (request.kind().as_str(), request.backup().to_owned());
        let role = needed(request.kind());
        let submission =
            Submission { request, place, id, idempotency_key, name_generated, by: caller.name.clone() };
        let submitted = match caller.may(role) {
            Ok(()) => self.hand_in(submission, any_id).boxed().await.map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        audit::record(&caller, action, &subject, submitted.as_ref().map(|job| job.id.as_str()));
        submitted
    }

    async fn hand_in(&self, submission: Submission, any_id: bool) -> Result<Job, JobsError> {
        let again = any_id.then(|| Submission { id: None, ..submission.clone() });
        match (self.jobs.submit(submission).await, again) {
            (Err(JobsError::IdTaken(_)), Some(again)) => self.jobs.submit(again).await,
            (handed_in, _) => handed_in,
        }
    }

    /// What a backup would do.
    pub(crate) async fn plan_backup(
        &self,
        asked: &Asked,
        request: &BackupRequest,
    ) -> Result<BackupPreview, Failure> {
        let (look, ctx) = (self.look(asked).await?, JobCtx::detached());
        Ok(look.engine.plan_backup(request, &ctx).await?.preview(&ctx).await?)
    }

    /// What a restore would do.
    pub(crate) async fn plan_restore(
        &self,
        asked: &Asked,
        request: &RestoreRequest,
    ) -> Result<PreparedRestore, Failure> {
        Ok(self.look(asked).await?.engine.plan_restore(request, &JobCtx::detached()).await?)
    }

    /// What a deletion would remove.
    pub(crate) async fn plan_delete(
        &self,
        asked: &Asked,
        request: &DeleteRequest,
    ) -> Result<DeleteOutcome, Failure> {
        let prepared = self.look(asked).await?.engine.plan_delete(request, &JobCtx::detached()).await?;
        Ok(prepared.contents().clone())
    }

    /// The backups, by name.
    pub(crate) async fn list(&self, asked: &Asked) -> Result<Vec<BackupSummary>, Failure> {
        Ok(self.look(asked).await?.engine.list(&JobCtx::detached()).await?)
    }

    /// One backup.
    pub(crate) async fn get(&self, asked: &Asked, name: &BackupName) -> Result<BackupDetail, Failure> {
        Ok(self.look(asked).await?.engine.get(name, &JobCtx::detached()).await?)
    }

    /// Bytes of the files that say what a backup holds.
    pub(crate) async fn meta_size(&self, asked: &Asked, name: &BackupName) -> Result<u64, Failure> {
        Ok(self.look(asked).await?.engine.meta_size(name, &JobCtx::detached()).await?)
    }

    /// The version of the Milvus that is served.
    pub(crate) async fn milvus_version(&self, asked: &Asked) -> Result<String, Failure> {
        Ok(self.look(asked).await?.engine.server_version().await?)
    }

    /// Whether Milvus and both storages serve.
    pub(crate) async fn check(&self, asked: &Asked) -> Result<Vec<Check>, Failure> {
        Ok(self.look(asked).await?.engine.check(&JobCtx::detached()).await?)
    }

    /// The engine on the place that was asked for, for who may read, once it is their turn.
    async fn look(&self, asked: &Asked) -> Result<Look, Failure> {
        asked.caller.may(Role::Read)?;
        let OtherPlace { bucket, root } = &asked.place;
        let engine = self.engine.with_backup(bucket.as_deref(), root.as_deref())?;
        // the semaphore is never closed
        let turn = Arc::clone(&self.looking).acquire_owned().await.ok();
        Ok(Look { engine, _turn: turn })
    }

    /// A page of the jobs, newest first.
    pub(crate) fn jobs(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        page: Option<&str>,
        limit: usize,
    ) -> Result<JobPage, Failure> {
        caller.may(Role::Read)?;
        Ok(self.jobs.list(filter, page, limit)?)
    }

    /// One job.
    pub(crate) fn job(&self, caller: &Caller, id: &str) -> Result<Job, Failure> {
        caller.may(Role::Read)?;
        Ok(self.jobs.get(id)?)
    }

    /// The job that makes a backup of this name right now.
    pub(crate) fn live_backup(&self, caller: &Caller, name: &str) -> Result<Option<Job>, Failure> {
        caller.may(Role::Read)?;
        Ok(self.jobs.by_backup(name)?)
    }

    /// Tells a job to stop; whoever may hand in its kind may stop it.
    pub(crate) fn cancel(&self, caller: &Caller, id: &str) -> Result<Job, Failure> {
        // Which ids there are is told only to who may cancel something.
        let job = caller.may(Role::Backup).and_then(|()| self.job(caller, id));
        let cancelled = job.and_then(|job| {
            caller.may(needed(job.request.kind()))?;
            Ok(self.jobs.cancel(id)?)
        });
        audit::record(caller, "cancel", id, cancelled.as_ref().map(|job| job.id.as_str()));
        cancelled
    }

    /// The job as it is, again and again until it is over.
    pub(crate) fn watch(&self, caller: &Caller, id: &str) -> Result<BoxStream<'static, Job>, Failure> {
        caller.may(Role::Read)?;
        Ok(self.jobs.watch(id)?.boxed())
    }

    /// The job once it is over.
    pub(crate) async fn wait(&self, id: &str) -> Result<Job, Failure> {
        Ok(self.jobs.wait(id).await?)
    }
}

/// An engine to look with, while it is one's turn.
struct Look {
    engine: Engine,
    _turn: Option<OwnedSemaphorePermit>,
}

/// The role that hands in such a job.
const fn needed(kind: JobKind) -> Role {
    match kind {
        JobKind::Backup => Role::Backup,
        JobKind::Restore => Role::Restore,
        JobKind::Delete => Role::Admin,
    }
}
