//! The standard service of health, which tells balancers and supervisors whether to send calls here.

use api::backup::milvus_backup_service_server::SERVICE_NAME as BACKUPS;
use api::v1::catalog_service_server::SERVICE_NAME as CATALOG;
use api::v1::job_service_server::SERVICE_NAME as JOBS;
use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use super::READS;
use crate::policy::Policy;

/// Each service, and the server as a whole.
const SERVICES: [&str; 4] = ["", BACKUPS, JOBS, CATALOG];

/// The policies of the calls.
pub(super) const POLICIES: &[(&str, Policy)] = &[("Check", READS.public()), ("Watch", READS.public())];

/// Every service serves until `stop` is pulled, and does not from then on.
pub(super) fn service(stop: CancellationToken) -> HealthServer<impl Health> {
    let (reporter, server) = tonic_health::server::health_reporter();
    // Nobody else holds the reporter yet, so that this is ready at once.
    let _ = say(&reporter, ServingStatus::Serving).now_or_never();
    tokio::spawn(async move {
        stop.cancelled().await;
        say(&reporter, ServingStatus::NotServing).await;
    });
    server
}

async fn say(reporter: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
