//! The route `/backups/{name}/inspect`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use wire::{BackupContents, parse_collection, parse_existing_name};

use super::super::problem::{ProblemOr, ProblemResponses};
use super::extract::{Authenticated, PathName, QueryParameters};
use super::submit::hide_errors_without_role;
use crate as server;

/// The parameters of a look into a backup.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct InspectQuery {
    /// Only this collection: `database.collection`, or `collection` in the database `default`
    collection: Option<String>,
}

/// Show what a backup holds according to its files
///
/// Reads the keys and timestamps from the files of the backup. The response shows keys of rows, so it needs the role
/// `restore`.
#[utoipa::path(get, path = "/backups/{name}/inspect", tag = "backups", operation_id = "inspect_backup",
    params(("name" = String, Path, description = "Name of the backup"), InspectQuery),
    responses((status = 200, description = "The contents", body = BackupContents), ProblemResponses))]
pub(super) async fn inspect(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    PathName(name): PathName,
    QueryParameters(query): QueryParameters<InspectQuery>,
) -> ProblemOr<Json<BackupContents>> {
    let parsed = parse_existing_name(Some(&name));
    let backup =
        hide_errors_without_role(parsed, || server::Service::check_inspection(&context.caller, &name))?;
    let collection = query.collection.as_deref().map(parse_collection);
    let (backup, contents) = state.service.inspect(&context, &backup, collection.as_ref()).await?;
    Ok(Json(BackupContents::new(&backup, &contents)))
}
