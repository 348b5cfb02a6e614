//! gRPC: the service of release 0.4.15, ours for jobs and for backups in pieces, and the standard ones for health and
//! reflection.

mod asked;
mod backups;
mod catalog;
pub(crate) mod deadline;
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

use api::backup::milvus_backup_service_server::{self, MilvusBackupServiceServer};
use api::v1::catalog_service_server::{self, CatalogServiceServer};
use api::v1::job_service_server::{self, JobServiceServer};
use axum::middleware::map_response;
use axum::response::Response;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Code, Status};

use crate::policy::{DeclaredRoutes, Policy, PolicyTable, RefusalForm};
use crate::{Service, Settings, State};
use wire::{Failure, Kind};

pub(crate) use self::status::status;

/// The policy of a call that only reads.
const READS: Policy = Policy::reads(RefusalForm::GrpcStatus);
/// The policy of a call that changes something.
const CHANGES: Policy = Policy::changes(RefusalForm::GrpcStatus);

/// The routes of all services; once `stop` is pulled they say that they serve no more.
///
/// Messages that come in are as large as bodies may be, those that go out as large as they have to.
pub(crate) fn routes(service: Service, settings: Arc<Settings>, stop: CancellationToken) -> DeclaredRoutes {
    let most = settings.limits.max_body;
    let jobs = JobServiceServer::new(jobs::Jobs { service: service.clone() });
    let catalog = CatalogServiceServer::new(catalog::Catalog { service: service.clone() });
    let backups = MilvusBackupServiceServer::new(backups::Backups { state: State { service, settings } });
    let routes = Routes::new(backups.max_decoding_message_size(most))
        .add_service(jobs.max_decoding_message_size(most))
        .add_service(catalog.max_decoding_message_size(most))
        .add_service(health::service(stop));
    let router = with_reflection(routes).into_axum_router().layer(map_response(of_the_table));
    DeclaredRoutes { router, policies: policies() }
}

/// The policies of all calls.
fn policies() -> PolicyTable {
    // Only the calls of reflection take more than one message.
    const REFLECTION: &[(&str, Policy)] = &[("ServerReflectionInfo", READS.streamed())];
    let mut policies = PolicyTable::default();
    policies.declare_calls(milvus_backup_service_server::SERVICE_NAME, backups::POLICIES);
    policies.declare_calls(job_service_server::SERVICE_NAME, jobs::POLICIES);
    policies.declare_calls(catalog_service_server::SERVICE_NAME, catalog::POLICIES);
    policies.declare_calls(tonic_health::pb::health_server::SERVICE_NAME, health::POLICIES);
    policies.declare_calls(tonic_reflection::pb::v1::server_reflection_server::SERVICE_NAME, REFLECTION);
    policies.declare_calls(tonic_reflection::pb::v1alpha::server_reflection_server::SERVICE_NAME, REFLECTION);
    policies
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
        _ => return response,
    };
    status(failure).into_http()
}

/// The descriptors of all services.
const DESCRIPTORS: [&[u8]; 4] = [
    api::DESCRIPTORS,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
];

/// Both versions of reflection that clients ask by.
fn with_reflection(routes: Routes) -> Routes {
    let builder = || {
        // each is told of both
        let builder = tonic_reflection::server::Builder::configure().include_reflection_service(false);
        DESCRIPTORS
            .into_iter()
            .fold(builder, tonic_reflection::server::Builder::register_encoded_file_descriptor_set)
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes.add_service(v1).add_service(v1alpha),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "there is no reflection over gRPC: the descriptors cannot be read");
            routes
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::Method;
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_described_call_has_a_policy() {
        let policies = policies();
        let mut services = BTreeSet::new();
        for file in DESCRIPTORS.into_iter().flat_map(|set| FileDescriptorSet::decode(set).unwrap().file) {
            for service in &file.service {
                let name = format!("{}.{}", file.package(), service.name());
                for call in &service.method {
                    let path = format!("/{name}/{}", call.name());
                    let policy = policies.find(&Method::POST, &path).unwrap_or_else(|| panic!("{path}"));
                    assert_eq!(policy.refusals, RefusalForm::GrpcStatus, "{path}");
                    let streamed = policy.body == crate::policy::BodyMode::Streamed;
                    assert_eq!(streamed, call.client_streaming(), "{path}");
                }
                services.insert(name);
            }
        }
        assert_eq!(services.len(), 6, "{services:?}");
    }
}
