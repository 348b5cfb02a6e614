//! `/api/v2`: each handler converts the request, calls the service once, and responds with a document of [`wire`].

mod backups;
mod check;
mod contents;
mod events;
mod extract;
mod jobs;
mod page;
mod restores;
mod submit;

use utoipa::OpenApi;
use utoipa_axum::routes;

use super::described::DescribedRoutes;
use crate::policy::{Policy, RefusalForm};
use wire::Problem;

/// The path below which all routes are.
pub(crate) const BASE: &str = "/api/v2";

#[derive(OpenApi)]
#[openapi(
    components(schemas(Problem)),
    tags(
        (name = "backups", description = "Backups below the backup root"),
        (name = "restores", description = "Restores of backups"),
        (name = "jobs", description = "Backup, restore and deletion jobs"),
        (name = "check", description = "Checks of Milvus and both storages"),
    )
)]
struct Description;

/// The policy of a route that only reads.
const READS: Policy = Policy::reads(RefusalForm::Problem);
/// The policy of a route that changes something.
const CHANGES: Policy = Policy::changes(RefusalForm::Problem);

/// The routes with their descriptions.
pub(super) fn routes() -> DescribedRoutes {
    DescribedRoutes::new(BASE, Description::openapi())
        .add(READS, routes!(backups::list))
        .add(CHANGES, routes!(backups::create))
        .add(READS, routes!(backups::get))
        .add(CHANGES, routes!(backups::delete))
        .add(READS, routes!(contents::inspect))
        .add(READS, routes!(backups::plan))
        .add(READS, routes!(backups::plan_with_options))
        .add(CHANGES, routes!(restores::create))
        .add(READS, routes!(restores::list))
        .add(READS, routes!(jobs::list))
        .add(READS, routes!(jobs::get))
        .add(READS, routes!(events::watch))
        .add(CHANGES, routes!(jobs::cancel))
        .add(READS, routes!(check::check))
}

#[cfg(test)]
mod tests {
    use super::super::v1;
    use super::*;
    use http::Method;

    #[test]
    fn every_described_operation_has_a_policy() {
        let mut operations = 0;
        for described in [v1::routes(), routes()] {
            for (path, item) in &described.description.paths.paths {
                let template = path.split(':').next().unwrap_or_default();
                let form = if path.starts_with(BASE) { RefusalForm::Problem } else { RefusalForm::Envelope };
                let item = serde_json::to_value(item).unwrap();
                for method in item.as_object().unwrap().keys() {
                    let method: Method = method.to_uppercase().parse().unwrap();
                    let policy = described.routes.policies.find(&method, template);
                    assert_eq!(policy.map(|policy| policy.refusals), Some(form), "{method} {path}");
                    operations += 1;
                }
            }
        }
        assert_eq!(operations, 23);
    }
}
