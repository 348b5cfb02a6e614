//! The standard health service, for load balancers and supervisors.

use api::backup::milvus_backup_service_server::SERVICE_NAME as GO_SERVICE;
use api::v1::backup_service_server::SERVICE_NAME as BACKUPS;
use api::v1::catalog_service_server::SERVICE_NAME as CATALOG;
use api::v1::job_service_server::SERVICE_NAME as JOBS;
use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use super::READS;
use crate::policy::Policy;

/// Each service, and the empty name for the server as a whole.
const SERVICES: [&str; 5] = ["", GO_SERVICE, BACKUPS, JOBS, CATALOG];

/// The policies of the calls.
pub(super) const POLICIES: &[(&str, Policy)] = &[("Check", READS.public()), ("Watch", READS.public())];

/// Returns the service: every service serves until `stop` is cancelled.
pub(super) fn service(stop: CancellationToken) -> HealthServer<impl Health> {
    let (reporter, server) = tonic_health::server::health_reporter();
    // The reporter is not shared yet, so the future is ready at once.
    let _ = report(&reporter, ServingStatus::Serving).now_or_never();
    tokio::spawn(async move {
        stop.cancelled().await;
        report(&reporter, ServingStatus::NotServing).await;
    });
    server
}

async fn report(reporter: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
