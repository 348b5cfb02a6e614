//! The service for jobs.

use api::v1::job_service_server::JobService;
use api::v1::{CancelJobRequest, GetJobRequest, Job, ListJobsRequest, ListJobsResponse, WatchJobRequest};
use futures::StreamExt;
use futures::stream::BoxStream;
use jobs::{JobFilter, JobKind, JobState};
use tonic::{Request, Response, Status};

use super::call_context::caller;
use super::deadline::until_deadline;
use super::page::limit;
use super::status::status;
use super::{CHANGES, READS, job};
use crate::policy::Policy;
use crate::{Role, Service};
use wire::Failure;

/// The policies of the calls.
pub(super) const POLICIES: &[(&str, Policy)] =
    &[("GetJob", READS), ("ListJobs", READS), ("CancelJob", CHANGES), ("WatchJob", READS)];

/// The calls for jobs.
pub(super) struct JobCalls {
    pub service: Service,
}

impl JobCalls {
    fn list(&self, request: &Request<ListJobsRequest>) -> Result<ListJobsResponse, Failure> {
        let wanted = request.get_ref();
        let filter = JobFilter {
            kinds: parse_enum("kind", &wanted.kinds, |number| {
                JobKind::ALL.into_iter().find(|kind| i32::from(job::kind(*kind)) == number)
            })?,
            states: parse_enum("state", &wanted.states, |number| {
                JobState::ALL.into_iter().find(|state| i32::from(job::state(*state)) == number)
            })?,
            backup: (!wanted.backup.is_empty()).then(|| wanted.backup.clone()),
        };
        let page = (!wanted.page_token.is_empty()).then_some(wanted.page_token.as_str());
        let page =
            self.service.jobs(&caller(request.extensions())?, &filter, page, limit(wanted.page_size)?)?;
        Ok(ListJobsResponse {
            jobs: page.jobs.iter().map(job::job).collect(),
            next_page_token: page.next.unwrap_or_default(),
        })
    }

    fn watch(
        &self,
        request: &Request<WatchJobRequest>,
    ) -> Result<BoxStream<'static, Result<Job, Status>>, Failure> {
        let jobs = self.service.watch(&caller(request.extensions())?, require_id(&request.get_ref().id)?)?;
        Ok(until_deadline(request.metadata(), jobs.map(|now| Ok(job::job(&now)))))
    }
}

/// Returns the id of a job; fails if it is empty.
fn require_id(id: &str) -> Result<&str, Failure> {
    if id.is_empty() { Err(Failure::usage("the job id is missing")) } else { Ok(id) }
}

/// Converts the numbers of an enum in a filter; fails for unknown numbers.
fn parse_enum<T>(what: &str, numbers: &[i32], find: impl Fn(i32) -> Option<T>) -> Result<Vec<T>, Failure> {
    let unknown = |number: &i32| Failure::usage(format!("unknown job {what} {number}"));
    numbers.iter().map(|number| find(*number).ok_or_else(|| unknown(number))).collect()
}

#[tonic::async_trait]
impl JobService for JobCalls {
    type WatchJobStream = BoxStream<'static, Result<Job, Status>>;

    async fn get_job(&self, request: Request<GetJobRequest>) -> Result<Response<Job>, Status> {
        let found = caller(request.extensions())
            .and_then(|caller| self.service.job(&caller, require_id(&request.get_ref().id)?));
        found.map(|found| Response::new(job::job(&found))).map_err(status)
    }

    async fn list_jobs(
        &self,
        request: Request<ListJobsRequest>,
    ) -> Result<Response<ListJobsResponse>, Status> {
        self.list(&request).map(Response::new).map_err(status)
    }

    async fn cancel_job(&self, request: Request<CancelJobRequest>) -> Result<Response<Job>, Status> {
        let cancelled = caller(request.extensions()).and_then(|caller| {
            let id = require_id(&request.get_ref().id);
            // Callers that cannot cancel any job see only that refusal.
            self.service
                .cancel(&caller, id.or_else(|left_out| caller.require(Role::Backup).and(Err(left_out)))?)
        });
        cancelled.map(|cancelled| Response::new(job::job(&cancelled))).map_err(status)
    }

    async fn watch_job(
        &self,
        request: Request<WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        self.watch(&request).map(Response::new).map_err(status)
    }
}
