//! The descriptions as JSON, and Swagger UI that shows them, all from the binary.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use utoipa_swagger_ui::{Config, Url};

use super::openapi::ApiVersion;

/// The routes; `base` is the path that a proxy puts before them.
pub(super) fn router(base: &str) -> Router {
    let [v1, v2] = [ApiVersion::V1, ApiVersion::V2].map(|version| Json(version.description(base)));
    // Relative, so that they hold behind a proxy too.
    let urls =
        [Url::with_primary("v2", "../../v2/openapi.json", false), Url::with_primary("v1", "doc.json", true)];
    let config = Config::new(urls).validator_url("none").persist_authorization(true);
    Router::new()
        .route("/api/v1/docs", get(to_the_page))
        .route("/api/v1/docs/", get(page))
        .route("/api/v1/docs/{*file}", get(file))
        .with_state(Arc::new(config))
        .route("/api/v1/docs/doc.json", get(async || v1))
        .route("/api/v2/openapi.json", get(async || v2))
}

async fn to_the_page() -> Response {
    (StatusCode::MOVED_PERMANENTLY, [("location", "docs/")]).into_response()
}

async fn page(config: State<Arc<Config<'static>>>) -> Response {
    file(config, Path("index.html".to_owned())).await
}

/// A file of Swagger UI.
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
