//! The service of jobs.

use api::v1::job_service_server::JobService;
use api::v1::{CancelJobRequest, GetJobRequest, Job, ListJobsRequest, ListJobsResponse, WatchJobRequest};
use futures::StreamExt;
use futures::stream::BoxStream;
use jobs::{JobFilter, JobKind, JobState};
use tonic::{Request, Response, Status};

use super::asked::caller;
use super::deadline::until_deadline;
use super::page::limit;
use super::status::status;
use super::{CHANGES, READS, job};
use crate::policy::Policy;
use crate::{Role, Service};
use wire::Failure;

const KINDS: [JobKind; 3] = [JobKind::Backup, JobKind::Restore, JobKind::Delete];
const STATES: [JobState; 7] = [
    JobState::Queued,
    JobState::Running,
    JobState::Succeeded,
    JobState::Partial,
    JobState::Failed,
    JobState::Cancelled,
    JobState::Interrupted,
];

/// The policies of the calls.
pub(super) const POLICIES: &[(&str, Policy)] =
    &[("GetJob", READS), ("ListJobs", READS), ("CancelJob", CHANGES), ("WatchJob", READS)];

/// The calls about jobs.
pub(super) struct Jobs {
    pub service: Service,
}

impl Jobs {
    fn list(&self, request: &Request<ListJobsRequest>) -> Result<ListJobsResponse, Failure> {
        let wanted = request.get_ref();
        let filter = JobFilter {
            kinds: known("kind", &wanted.kinds, |number| {
                KINDS.into_iter().find(|kind| i32::from(job::kind(*kind)) == number)
            })?,
            states: known("state", &wanted.states, |number| {
                STATES.into_iter().find(|state| i32::from(job::state(*state)) == number)
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
        let jobs = self.service.watch(&caller(request.extensions())?, named(&request.get_ref().id)?)?;
        Ok(until_deadline(request.metadata(), jobs.map(|now| Ok(job::job(&now)))))
    }
}

/// The id of a job, which nobody can mean who left it out.
fn named(id: &str) -> Result<&str, Failure> {
    if id.is_empty() { Err(Failure::usage("no id of a job is given")) } else { Ok(id) }
}

/// The values that numbers of an enum stand for.
fn known<T>(what: &str, numbers: &[i32], find: impl Fn(i32) -> Option<T>) -> Result<Vec<T>, Failure> {
    let unknown =
        |number: &i32| Failure::usage(format!("there is no {what} of jobs with the number {number}"));
    numbers.iter().map(|number| find(*number).ok_or_else(|| unknown(number))).collect()
}

#[tonic::async_trait]
impl JobService for Jobs {
    type WatchJobStream = BoxStream<'static, Result<Job, Status>>;

    async fn get_job(&self, request: Request<GetJobRequest>) -> Result<Response<Job>, Status> {
        let found = caller(request.extensions())
            .and_then(|caller| self.service.job(&caller, named(&request.get_ref().id)?));
        found.map(|found| Response::new(job::job(&found))).map_err(status)
    }

    async fn list_jobs(
        &self,
        request: Request<ListJobsRequest>,
    ) -> Result<Response<ListJobsResponse>, Status> {
        self.list(&request).map(Response::new).map_err(status)
    }

    async fn cancel_job(&self, request: Request<CancelJobRequest>) -> Result<Response<Job>, Status> {
        let told = caller(request.extensions()).and_then(|caller| {
            let id = named(&request.get_ref().id);
            // Who may not cancel anything is not told what else is wrong.
            self.service.cancel(&caller, id.or_else(|left_out| caller.may(Role::Backup).and(Err(left_out)))?)
        });
        told.map(|told| Response::new(job::job(&told))).map_err(status)
    }

    async fn watch_job(
        &self,
        request: Request<WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        self.watch(&request).map(Response::new).map_err(status)
    }
}
