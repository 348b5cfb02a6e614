//! Clients of the gRPC services of a running server.

use std::time::Duration;

use api::backup::milvus_backup_service_client::MilvusBackupServiceClient;
use api::v1::backup_service_client::BackupServiceClient;
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

/// The clients of all gRPC services of a server.
pub(crate) struct Calls {
    pub(crate) backups: BackupServiceClient<AuthorizedChannel>,
    pub(crate) go_service: MilvusBackupServiceClient<AuthorizedChannel>,
    pub(crate) jobs: JobServiceClient<AuthorizedChannel>,
    pub(crate) catalog: CatalogServiceClient<AuthorizedChannel>,
    pub(crate) channel: AuthorizedChannel,
}

/// A connection whose calls contain the token, if there is one.
pub(crate) type AuthorizedChannel = InterceptedService<Channel, Token>;

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
    /// Connects to the listener with this index in [`Serving::urls`].
    pub(crate) async fn connect(serving: &Serving, listener: usize, token: Option<&str>) -> Self {
        let endpoint = Endpoint::from_shared(serving.urls[listener].clone()).unwrap();
        let connection = endpoint.connect_timeout(DEADLINE).timeout(DEADLINE).connect().await.unwrap();
        let channel = InterceptedService::new(connection, Token(token.map(str::to_owned)));
        let unlimited = usize::MAX;
        Self {
            backups: BackupServiceClient::new(channel.clone()),
            go_service: MilvusBackupServiceClient::new(channel.clone()).max_decoding_message_size(unlimited),
            jobs: JobServiceClient::new(channel.clone()),
            catalog: CatalogServiceClient::new(channel.clone()),
            channel,
        }
    }

    /// Connects to the first listener without a token.
    pub(crate) async fn connect_without_token(serving: &Serving) -> Self {
        Self::connect(serving, 0, None).await
    }

    /// Watches a job until it is finished, and returns its last state.
    pub(crate) async fn wait_for_end(&mut self, id: &str) -> Job {
        let watch = WatchJobRequest { id: id.to_owned() };
        let mut watch = self.jobs.watch_job(watch).await.unwrap().into_inner();
        let mut last = None;
        while let Some(job) = watch.message().await.unwrap() {
            last = Some(job);
        }
        last.unwrap()
    }

    /// Waits until a job is in this state.
    pub(crate) async fn wait_for_state(&mut self, id: &str, state: JobState) {
        let watch = WatchJobRequest { id: id.to_owned() };
        let mut watch = self.jobs.watch_job(watch).await.unwrap().into_inner();
        let reached = async {
            while let Some(job) = watch.message().await.unwrap() {
                if job.state() == state {
                    return;
                }
            }
            panic!("job {id} is finished and was never {state:?}");
        };
        tokio::time::timeout(DEADLINE, reached).await.unwrap();
    }
}

/// Creates a request with a deadline.
pub(crate) fn request_with_deadline<T>(deadline: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}

/// Decodes the failure in the details of a status.
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
