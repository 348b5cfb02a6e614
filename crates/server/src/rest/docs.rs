//! The `OpenAPI` descriptions as JSON, and Swagger UI, all contained in the binary.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::{Config, Url};

use super::openapi::ApiVersion;
use crate::policy::{DeclaredRoutes, Policy, RefusalForm};

/// The policy of what belongs to `/api/v1`.
const V1: Policy = Policy::reads(RefusalForm::Envelope).public();
/// The policy of what belongs to `/api/v2`.
const V2: Policy = Policy::reads(RefusalForm::Problem).public();

/// Returns the routes; `base` is the path that a proxy adds before them.
pub(super) fn routes(base: &str) -> DeclaredRoutes {
    let [v1, v2] = [ApiVersion::V1, ApiVersion::V2].map(|version| Json(version.description(base)));
    // Relative, so that they are valid behind a proxy too.
    let urls =
        [Url::with_primary("v2", "../../v2/openapi.json", false), Url::with_primary("v1", "doc.json", true)];
    let config = Config::new(urls).validator_url("none").persist_authorization(true);
    let files = DeclaredRoutes::new()
        .get("/api/v1/docs", V1, to_the_page)
        .get("/api/v1/docs/", V1, page)
        .get("/api/v1/docs/{*file}", V1, file)
        .with_state(Arc::new(config));
    files.get("/api/v1/docs/doc.json", V1, async || v1).get("/api/v2/openapi.json", V2, async || v2)
}

async fn to_the_page() -> Response {
    (StatusCode::MOVED_PERMANENTLY, [("location", "docs/")]).into_response()
}

async fn page(config: State<Arc<Config<'static>>>) -> Response {
    file(config, Path("index.html".to_owned())).await
}

/// Returns a file of Swagger UI.
async fn file(State(config): State<Arc<Config<'static>>>, Path(name): Path<String>) -> Response {
    match utoipa_swagger_ui::serve(&name, config) {
        Ok(Some(file)) => {
            let charset = if file.content_type == "text/html" { "; charset=utf-8" } else { "" };
            let kind = [(CONTENT_TYPE, format!("{}{charset}", file.content_type))];
            let encoding = file.gzpipped.then_some([(CONTENT_ENCODING, "gzip")]);
            let content = Bytes::from(file.bytes.into_owned());
            match encoding {
                Some(encoding) => (kind, encoding, content).into_response(),
                None => (kind, content).into_response(),
            }
        }
        Ok(None) => (StatusCode::NOT_FOUND, "404 page not found").into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
