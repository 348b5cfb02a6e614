//! The operations behind REST and gRPC: each checks the role, calls the jobs or the engine, and writes the audit line.
//!
//! All front ends use it, so they allow and do the same.

use std::sync::Arc;

use engine::{
    BackupDetail, BackupSummary, Check, CheckPurpose, CollectionContents, DeleteOutcome, DeleteRequest,
    Engine, EngineConfig, JobCtx, PreparedRestore,
};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use jobs::{
    EngineRequest, JobEffect, JobFilter, JobKind, JobPage, JobSnapshot, Jobs, JobsError, OtherPlace,
    Submission,
};
use model::name::{BackupName, CollectionRef};
use model::plan::backup::{BackupPreview, BackupRequest};
use model::plan::restore::RestoreRequest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::audit;
use super::caller::{Caller, Role};
use wire::Failure;

/// The number of requests that use the engine at the same time; the others wait, which bounds memory.
const CONCURRENT_READS: usize = 8;
/// The largest length of the subject of a refused request in the audit log, in characters.
const MAX_SUBJECT_CHARS: usize = 255;
/// The name of a look into a backup in the audit log.
const INSPECT: &str = "inspect";

/// The caller and the options that are not part of the request itself.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    /// The caller.
    pub caller: Caller,
    /// The id for the job, if the caller chose one.
    pub id: Option<String>,
    /// Whether the job gets another id if that id is taken.
    pub any_id: bool,
    /// The key that makes a repeated submission return the existing job.
    pub idempotency_key: Option<String>,
    /// Whether the name of the backup was generated, because the caller chose none.
    pub name_generated: bool,
    /// The backup location; the default is the configured one.
    pub place: OtherPlace,
}

impl RequestContext {
    /// Creates the context of a caller without options.
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

/// The operations.
#[derive(Clone)]
pub(crate) struct Service {
    jobs: Jobs,
    /// Whether every backup replaces an unfinished one of its name.
    replace_unfinished: bool,
    engine_permits: Arc<Semaphore>,
}

impl Service {
    /// Creates the operations on jobs and their engine.
    pub(crate) fn new(jobs: Jobs, replace_unfinished: bool) -> Self {
        Self { jobs, replace_unfinished, engine_permits: Arc::new(Semaphore::new(CONCURRENT_READS)) }
    }

    /// Returns the configuration of the engine.
    pub(crate) fn config(&self) -> &EngineConfig {
        self.jobs.engine().config()
    }

    /// Fails if the caller lacks the role for a kind of job.
    ///
    /// Handlers call it before they report other errors, so that only permitted callers see those. It is the one place
    /// of this rule; [`crate::policy`] has the rule for routes.
    pub(crate) fn check_role(caller: &Caller, kind: JobKind, subject: &str) -> Result<(), Failure> {
        check_role(caller, role_for(kind), kind.as_str(), subject)
    }

    /// Fails if the caller may not see the keys of rows.
    pub(crate) fn check_inspection(caller: &Caller, subject: &str) -> Result<(), Failure> {
        check_role(caller, Role::Restore, INSPECT, subject)
    }

    /// Submits a job.
    pub(crate) async fn submit(
        &self,
        context: RequestContext,
        request: EngineRequest,
    ) -> Result<JobSnapshot, Failure> {
        let RequestContext { caller, id, any_id, idempotency_key, name_generated, place } = context;
        let (action, subject) = (request.kind().as_str(), request.backup().to_owned());
        let role = role_for(request.kind());
        let request = match request {
            EngineRequest::Backup(backup) => EngineRequest::Backup(self.with_settings(backup)),
            other => other,
        };
        let submission =
            Submission { request, place, id, idempotency_key, name_generated, by: caller.name.clone() };
        let submitted = match caller.require(role) {
            Ok(()) => self.resolve_and_submit(submission, any_id).boxed().await,
            Err(refused) => Err(refused),
        };
        audit::record_request(&caller, action, &subject, submitted.as_ref().map(|job| Some(job.id.as_str())));
        submitted
    }

    /// Submits a job; one that restores the newest backup gets its name, which is another one tomorrow.
    async fn resolve_and_submit(
        &self,
        mut submission: Submission,
        any_id: bool,
    ) -> Result<JobSnapshot, Failure> {
        let OtherPlace { bucket, root } = &submission.place;
        if let EngineRequest::Restore(restore) = &mut submission.request
            && restore.name.latest_pattern().is_some()
        {
            let engine = self.jobs.engine().with_backup(bucket.as_deref(), root.as_deref())?;
            restore.name = engine.resolve_name(restore.name.clone(), &JobCtx::detached()).await?;
        }
        Ok(self.submit_to_queue(submission, any_id).await?)
    }

    async fn submit_to_queue(&self, submission: Submission, any_id: bool) -> Result<JobSnapshot, JobsError> {
        let without_id = any_id.then(|| Submission { id: None, ..submission.clone() });
        match (self.jobs.submit(submission).await, without_id) {
            (Err(JobsError::IdTaken(_)), Some(without_id)) => self.jobs.submit(without_id).await,
            (submitted, _) => submitted,
        }
    }

    /// Plans a backup.
    pub(crate) async fn plan_backup(
        &self,
        context: &RequestContext,
        request: &BackupRequest,
    ) -> Result<BackupPreview, Failure> {
        let (access, ctx) = (self.engine(context).await?, JobCtx::detached());
        let request = self.with_settings(request.clone());
        Ok(access.engine.plan_backup(&request, &ctx).await?.preview(&ctx).await?)
    }

    /// Applies the settings of the server to the request of a backup.
    fn with_settings(&self, request: BackupRequest) -> BackupRequest {
        let replace_unfinished = request.replace_unfinished || self.replace_unfinished;
        BackupRequest { replace_unfinished, ..request }
    }

    /// Plans a restore.
    pub(crate) async fn plan_restore(
        &self,
        context: &RequestContext,
        request: &RestoreRequest,
    ) -> Result<PreparedRestore, Failure> {
        let access = self.engine(context).await?;
        let name = access.engine.resolve_name(request.name.clone(), &JobCtx::detached()).await?;
        let request = RestoreRequest { name, ..request.clone() };
        Ok(access.engine.plan_restore(&request, &JobCtx::detached()).await?)
    }

    /// Plans a deletion.
    pub(crate) async fn plan_delete(
        &self,
        context: &RequestContext,
        request: &DeleteRequest,
    ) -> Result<DeleteOutcome, Failure> {
        let prepared = self.engine(context).await?.engine.plan_delete(request, &JobCtx::detached()).await?;
        Ok(prepared.contents().clone())
    }

    /// Lists the backups by name.
    pub(crate) async fn list(&self, context: &RequestContext) -> Result<Vec<BackupSummary>, Failure> {
        Ok(self.engine(context).await?.engine.list(&JobCtx::detached()).await?)
    }

    /// Gets a backup.
    pub(crate) async fn get(
        &self,
        context: &RequestContext,
        name: &BackupName,
    ) -> Result<BackupDetail, Failure> {
        let access = self.engine(context).await?;
        let name = access.engine.resolve_name(name.clone(), &JobCtx::detached()).await?;
        Ok(access.engine.get(&name, &JobCtx::detached()).await?)
    }

    /// Reads what a backup, or one of its collections, holds according to its files; returns its name too, which the
    /// caller need not know.
    ///
    /// The keys of rows are data of customers, so this needs the role that restores, and every request is recorded.
    pub(crate) async fn inspect(
        &self,
        context: &RequestContext,
        name: &BackupName,
        collection: Option<&CollectionRef>,
    ) -> Result<(BackupName, Vec<CollectionContents>), Failure> {
        let subject = collection.map_or(name.to_string(), |collection| format!("{name} {collection}"));
        Self::check_inspection(&context.caller, &subject)?;
        let read = self.read_contents(context, name, collection).boxed().await;
        let subject = shorten_subject(&subject);
        audit::record_request(&context.caller, INSPECT, &subject, read.as_ref().map(|_| None));
        read
    }

    async fn read_contents(
        &self,
        context: &RequestContext,
        name: &BackupName,
        collection: Option<&CollectionRef>,
    ) -> Result<(BackupName, Vec<CollectionContents>), Failure> {
        let (access, ctx) = (self.engine(context).await?, JobCtx::detached());
        let name = access.engine.resolve_name(name.clone(), &ctx).await?;
        let contents = access.engine.inspect_rows(&name, collection, &ctx).await?;
        Ok((name, contents))
    }

    /// Returns the size of the metadata files of a backup, in bytes.
    pub(crate) async fn meta_size(
        &self,
        context: &RequestContext,
        name: &BackupName,
    ) -> Result<u64, Failure> {
        Ok(self.engine(context).await?.engine.meta_size(name, &JobCtx::detached()).await?)
    }

    /// Returns the version of Milvus.
    pub(crate) async fn milvus_version(&self, context: &RequestContext) -> Result<String, Failure> {
        Ok(self.engine(context).await?.engine.server_version().await?)
    }

    /// Checks Milvus and both storages.
    pub(crate) async fn check(
        &self,
        context: &RequestContext,
        purpose: CheckPurpose,
    ) -> Result<Vec<Check>, Failure> {
        Ok(self.engine(context).await?.engine.check(purpose, &JobCtx::detached()).await?)
    }

    /// Waits for a permit and returns the engine for the backup location of the context.
    async fn engine(&self, context: &RequestContext) -> Result<EngineAccess, Failure> {
        context.caller.require(Role::Read)?;
        let OtherPlace { bucket, root } = &context.place;
        let engine = self.jobs.engine().with_backup(bucket.as_deref(), root.as_deref())?;
        // The semaphore is never closed.
        let permit = Arc::clone(&self.engine_permits).acquire_owned().await.ok();
        Ok(EngineAccess { engine, _permit: permit })
    }

    /// Returns a page of the jobs, newest first.
    pub(crate) fn jobs(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        page: Option<&str>,
        limit: usize,
    ) -> Result<JobPage, Failure> {
        caller.require(Role::Read)?;
        Ok(self.jobs.list(filter, page, limit)?)
    }

    /// Gets a job.
    pub(crate) fn job(&self, caller: &Caller, id: &str) -> Result<JobSnapshot, Failure> {
        caller.require(Role::Read)?;
        Ok(self.jobs.get(id)?)
    }

    /// Returns the active job that creates a backup of this name.
    pub(crate) fn active_backup_job(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<Option<JobSnapshot>, Failure> {
        caller.require(Role::Read)?;
        Ok(self.jobs.by_backup(name)?)
    }

    /// Cancels a job. It needs the role that submits such a job.
    pub(crate) fn cancel(&self, caller: &Caller, id: &str) -> Result<JobSnapshot, Failure> {
        // Callers that cannot cancel any job do not learn which ids exist.
        let job = caller.require(Role::Backup).and_then(|()| self.job(caller, id));
        let cancelled = job.and_then(|job| {
            caller.require(role_for(job.kind))?;
            Ok(self.jobs.cancel(id)?)
        });
        audit::record_request(caller, "cancel", id, cancelled.as_ref().map(|job| Some(job.id.as_str())));
        cancelled
    }

    /// Returns a stream of the states of a job until it is finished.
    pub(crate) fn watch(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<BoxStream<'static, JobSnapshot>, Failure> {
        caller.require(Role::Read)?;
        Ok(self.jobs.watch(id)?.boxed())
    }

    /// Waits for the end of a job.
    pub(crate) async fn wait(&self, id: &str) -> Result<JobSnapshot, Failure> {
        Ok(self.jobs.wait(id).await?)
    }
}

/// An engine with the permit to use it.
struct EngineAccess {
    engine: Engine,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Fails if the caller lacks a role, and records the refusal.
fn check_role(caller: &Caller, needed: Role, action: &str, subject: &str) -> Result<(), Failure> {
    caller.require(needed).inspect_err(|refused| {
        audit::record_request(caller, action, &shorten_subject(subject), Err(refused));
    })
}

/// Shortens the subject of a request for the audit log: it may not be validated yet, and so have any size.
fn shorten_subject(subject: &str) -> String {
    subject.chars().take(MAX_SUBJECT_CHARS).collect()
}

/// Returns the role that a kind of job needs.
const fn role_for(kind: JobKind) -> Role {
    match kind.effect() {
        JobEffect::AddsBackup => Role::Backup,
        JobEffect::ChangesMilvus => Role::Restore,
        JobEffect::DeletesBackup => Role::Admin,
    }
}
