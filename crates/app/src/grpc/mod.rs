//! gRPC: the service of release 0.4.15, ours for jobs and for backups in pieces, and the standard ones for health and
//! reflection.

mod asked;
mod backups;
mod catalog;
mod held;
mod info;
mod job;
mod jobs;
mod page;
mod requests;
mod schema;
mod status;
mod task;

use std::sync::Arc;

use api::backup::milvus_backup_service_server::MilvusBackupServiceServer;
use api::v1::catalog_service_server::CatalogServiceServer;
use api::v1::job_service_server::JobServiceServer;
use axum::middleware::map_response;
use axum::response::Response;
use futures::FutureExt;
use tonic::service::Routes;
use tonic::{Code, Status};

use crate::server::{Service, Settings, State};
use crate::status::{Failure, Kind};

/// The routes of all services.
///
/// Messages that come in are as large as bodies may be, those that go out as large as they have to.
pub(crate) fn routes(service: Service, settings: Arc<Settings>) -> Routes {
    let most = settings.limits.max_body;
    let (health, health_server) = tonic_health::server::health_reporter();
    // Nobody else holds the reporter, so that these are ready at once.
    let _ = health.set_serving::<MilvusBackupServiceServer<backups::Backups>>().now_or_never();
    let _ = health.set_serving::<JobServiceServer<jobs::Jobs>>().now_or_never();
    let _ = health.set_serving::<CatalogServiceServer<catalog::Catalog>>().now_or_never();
    let jobs = JobServiceServer::new(jobs::Jobs { service: service.clone() });
    let catalog = CatalogServiceServer::new(catalog::Catalog { service: service.clone() });
    let backups = MilvusBackupServiceServer::new(backups::Backups { state: State { service, settings } });
    let routes = Routes::new(backups.max_decoding_message_size(most))
        .add_service(jobs.max_decoding_message_size(most))
        .add_service(catalog.max_decoding_message_size(most))
        .add_service(health_server);
    with_reflection(routes).into_axum_router().layer(map_response(of_the_table)).into()
}

/// Tonic says of a message that is too large that it is out of range, which no kind of failure is.
async fn of_the_table(response: Response) -> Response {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() == Code::OutOfRange => {
            let message = "the message is larger than server.max_body".to_owned();
            self::status::status(Failure { kind: Kind::TooLarge, ..Failure::usage(message) }).into_http()
        }
        _ => response,
    }
}

/// Both versions of reflection that clients ask by.
fn with_reflection(routes: Routes) -> Routes {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(api::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes.add_service(v1).add_service(v1alpha),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "there is no reflection over gRPC: the descriptors cannot be read");
            routes
        }
    }
}
