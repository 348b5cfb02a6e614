//! Clients of the gRPC services of a running server.

use std::time::Duration;

use api::backup::milvus_backup_service_client::MilvusBackupServiceClient;
use api::v1::catalog_service_client::CatalogServiceClient;
use api::v1::job_service_client::JobServiceClient;
use api::v1::{Failure, Job, JobState, WatchJobRequest};
use prost::Message;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::serving::{DEADLINE, Serving};

/// The services of a server.
pub(crate) struct Calls {
    pub(crate) backups: MilvusBackupServiceClient<Door>,
    pub(crate) jobs: JobServiceClient<Door>,
    pub(crate) catalog: CatalogServiceClient<Door>,
    pub(crate) door: Door,
}

/// A connection on which every call shows a token, if there is one.
pub(crate) type Door = InterceptedService<Channel, Token>;

#[derive(Clone)]
pub(crate) struct Token(Option<String>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            let value = MetadataValue::try_from(format!("Bearer {token}")).unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

impl Calls {
    /// Of the listener with this place among those of the server.
    pub(crate) async fn of(serving: &Serving, listener: usize, token: Option<&str>) -> Self {
        let endpoint = Endpoint::from_shared(serving.urls[listener].clone()).unwrap();
        let channel = endpoint.connect_timeout(DEADLINE).timeout(DEADLINE).connect().await.unwrap();
        let door = InterceptedService::new(channel, Token(token.map(str::to_owned)));
        let most = usize::MAX;
        Self {
            backups: MilvusBackupServiceClient::new(door.clone()).max_decoding_message_size(most),
            jobs: JobServiceClient::new(door.clone()),
            catalog: CatalogServiceClient::new(door.clone()),
            door,
        }
    }

    /// Of the first listener, as nobody.
    pub(crate) async fn open(serving: &Serving) -> Self {
        Self::of(serving, 0, None).await
    }

    /// Follows a job until it is over.
    pub(crate) async fn over(&mut self, id: &str) -> Job {
        let watch = WatchJobRequest { id: id.to_owned() };
        let mut watch = self.jobs.watch_job(watch).await.unwrap().into_inner();
        let mut last = None;
        while let Some(job) = watch.message().await.unwrap() {
            last = Some(job);
        }
        last.unwrap()
    }

    /// Waits until a job is in a state.
    pub(crate) async fn becomes(&mut self, id: &str, state: JobState) {
        let watch = WatchJobRequest { id: id.to_owned() };
        let mut watch = self.jobs.watch_job(watch).await.unwrap().into_inner();
        let reached = async {
            while let Some(job) = watch.message().await.unwrap() {
                if job.state() == state {
                    return;
                }
            }
            panic!("job {id} is over and never was {state:?}");
        };
        tokio::time::timeout(DEADLINE, reached).await.unwrap();
    }
}

/// A request with a deadline.
pub(crate) fn within<T>(deadline: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}

/// What a status says of the failure in its details.
pub(crate) fn failure(status: &Status) -> Failure {
    #[derive(Message)]
    struct Details {
        #[prost(message, repeated, tag = "3")]
        details: Vec<prost_types::Any>,
    }
    let details = Details::decode(status.details()).unwrap().details;
    assert_eq!(details[0].type_url, "type.googleapis.com/milvus_backup.v1.Failure");
    Failure::decode(details[0].value.as_slice()).unwrap()
}
