//! gRPC: the service of release 0.4.15, ours for jobs and for backups in pieces, and the standard ones for health and
//! reflection.

mod asked;
mod backups;
mod catalog;
mod deadline;
mod health;
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
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Code, Status};

use crate::{Service, Settings, State};
use wire::{Failure, Kind};

pub(crate) use self::status::status;

/// The routes of all services; once `stop` is pulled they say that they serve no more.
///
/// Messages that come in are as large as bodies may be, those that go out as large as they have to.
pub(crate) fn routes(service: Service, settings: Arc<Settings>, stop: CancellationToken) -> Routes {
    let most = settings.limits.max_body;
    let jobs = JobServiceServer::new(jobs::Jobs { service: service.clone() });
    let catalog = CatalogServiceServer::new(catalog::Catalog { service: service.clone() });
    let backups = MilvusBackupServiceServer::new(backups::Backups { state: State { service, settings } });
    let routes = Routes::new(backups.max_decoding_message_size(most))
        .add_service(jobs.max_decoding_message_size(most))
        .add_service(catalog.max_decoding_message_size(most))
        .add_service(health::service(stop));
    with_reflection(routes).into_axum_router().layer(map_response(of_the_table)).into()
}

/// What tonic says by itself, before a call is made, in the words of the table: our own answers have details.
///
/// A message that is too large it calls out of range, and one that cannot be read an internal error.
async fn of_the_table(response: Response) -> Response {
    let Some(said) = Status::from_header_map(response.headers()).filter(|said| said.details().is_empty())
    else {
        return response;
    };
    let failure = match said.code() {
        Code::OutOfRange => Failure::new(Kind::TooLarge, "the message is larger than server.max_body"),
        Code::Internal => Failure::usage(format!("the request cannot be read: {}", said.message())),
        Code::Unimplemented if said.message().is_empty() => {
            Failure::new(Kind::Unsupported, "no such call here")
        }
        _ => return response,
    };
    status(failure).into_http()
}

/// Both versions of reflection that clients ask by.
fn with_reflection(routes: Routes) -> Routes {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(api::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
            // each is told of both
            .include_reflection_service(false)
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes.add_service(v1).add_service(v1alpha),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "there is no reflection over gRPC: the descriptors cannot be read");
            routes
        }
    }
}
