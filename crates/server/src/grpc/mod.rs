//! gRPC: the services for backups, jobs and lists, the service of release 0.4.15, and the standard ones for health and
//! reflection.

mod backups;
mod call_context;
mod catalog;
pub(crate) mod deadline;
mod go_service;
mod health;
mod info;
mod job;
mod jobs;
mod json;
mod page;
mod requests;
mod schema;
mod status;
mod task;
mod wait_for_job;

use std::sync::Arc;

use api::backup::milvus_backup_service_server::{self, MilvusBackupServiceServer};
use api::v1::backup_service_server::{self, BackupServiceServer};
use api::v1::catalog_service_server::{self, CatalogServiceServer};
use api::v1::job_service_server::{self, JobServiceServer};
use axum::middleware::map_response;
use axum::response::Response;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Code, Status};

use crate::policy::{DeclaredRoutes, Policy, PolicyTable, RefusalForm};
use crate::{ServerState, Service, Settings};
use wire::{Failure, FailureKind};

pub(crate) use self::status::status;

/// The policy of a call that only reads.
const READS: Policy = Policy::reads(RefusalForm::GrpcStatus);
/// The policy of a call that changes something.
const CHANGES: Policy = Policy::changes(RefusalForm::GrpcStatus);

/// Returns the routes of all services; after `stop` is cancelled, health reports that they do not serve.
///
/// Received messages are limited to `server.max_body`, sent messages are not limited.
pub(crate) fn routes(service: Service, settings: Arc<Settings>, stop: CancellationToken) -> DeclaredRoutes {
    let limit = settings.limits.max_body;
    let jobs = JobServiceServer::new(jobs::JobCalls { service: service.clone() });
    let catalog = CatalogServiceServer::new(catalog::CatalogCalls { service: service.clone() });
    let state = ServerState { service, settings };
    let backups = BackupServiceServer::new(backups::BackupCalls { state: state.clone() });
    let go_service = MilvusBackupServiceServer::new(go_service::GoServiceCalls { state });
    let routes = Routes::new(go_service.max_decoding_message_size(limit))
        .add_service(backups.max_decoding_message_size(limit))
        .add_service(jobs.max_decoding_message_size(limit))
        .add_service(catalog.max_decoding_message_size(limit))
        .add_service(health::service(stop));
    let router = with_reflection(routes).into_axum_router().layer(map_response(explain_tonic_error));
    DeclaredRoutes { router, policies: policies() }
}

/// The policies of all calls.
fn policies() -> PolicyTable {
    // Only the calls of reflection take more than one message.
    const REFLECTION: &[(&str, Policy)] = &[("ServerReflectionInfo", READS.streamed())];
    let mut policies = PolicyTable::default();
    policies.declare_calls(milvus_backup_service_server::SERVICE_NAME, go_service::POLICIES);
    policies.declare_calls(backup_service_server::SERVICE_NAME, backups::POLICIES);
    policies.declare_calls(job_service_server::SERVICE_NAME, jobs::POLICIES);
    policies.declare_calls(catalog_service_server::SERVICE_NAME, catalog::POLICIES);
    policies.declare_calls(tonic_health::pb::health_server::SERVICE_NAME, health::POLICIES);
    policies.declare_calls(tonic_reflection::pb::v1::server_reflection_server::SERVICE_NAME, REFLECTION);
    policies.declare_calls(tonic_reflection::pb::v1alpha::server_reflection_server::SERVICE_NAME, REFLECTION);
    policies
}

/// Replaces errors of tonic, which have no details, by failures of the status table.
///
/// tonic reports a message that is too large as out of range, and one that cannot be parsed as internal.
async fn explain_tonic_error(response: Response) -> Response {
    let Some(error) = Status::from_header_map(response.headers()).filter(|error| error.details().is_empty())
    else {
        return response;
    };
    let failure = match error.code() {
        Code::OutOfRange => Failure::new(FailureKind::TooLarge, "the message is larger than server.max_body"),
        Code::Internal => Failure::usage(format!("cannot parse the request: {}", error.message())),
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

/// Adds reflection in both versions that clients use.
fn with_reflection(routes: Routes) -> Routes {
    let builder = || {
        // The descriptors of both versions are registered explicitly.
        let builder = tonic_reflection::server::Builder::configure().include_reflection_service(false);
        DESCRIPTORS
            .into_iter()
            .fold(builder, tonic_reflection::server::Builder::register_encoded_file_descriptor_set)
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes.add_service(v1).add_service(v1alpha),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "gRPC reflection is disabled: cannot read the descriptors");
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
        assert_eq!(services.len(), 7, "{services:?}");
    }
}
