//! The `OpenAPI` descriptions of `/api/v1` and `/api/v2`, generated from the handlers.

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, InfoBuilder, LicenseBuilder, ObjectBuilder, OneOfBuilder, OpenApi, RefOr, Schema,
    ServerBuilder, Type,
};

use super::{v1, v2};

const V1: &str = "For clients of the Go tool: requests and responses of its releases 0.4.15 and later.";
const V2: &str = "Backups of Milvus, and the jobs that create, restore and delete them.\n\n\
    A request that takes long creates a job: the response is 202, and its `Location` is the URL of the job. \
    A repeated request with the same `Idempotency-Key` returns the job of the first request.";

/// A version of the REST interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiVersion {
    /// The routes of the Go tool.
    V1,
    /// Jobs, plans, pages and problem documents.
    V2,
}

impl ApiVersion {
    /// Returns the `OpenAPI` description; `base` is the path that a proxy adds before the routes.
    ///
    /// The base path of the Go tool ends with `/api/v1`, which is a part of the paths here.
    pub fn description(self, base: &str) -> OpenApi {
        let (mut description, title, about) = match self {
            Self::V1 => (v1::routes().description, "Milvus Backup, routes of the Go tool", V1),
            Self::V2 => (v2::routes().description, "Milvus Backup", V2),
        };
        let licence = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
        description.info = InfoBuilder::new()
            .title(title)
            .description(Some(about))
            .version(env!("CARGO_PKG_VERSION"))
            .license(Some(licence))
            .build();
        let base = format!("/{}", base.trim_matches('/'));
        let base = base.strip_suffix("/api/v1").unwrap_or(&base).trim_matches('/');
        description.servers = Some(vec![ServerBuilder::new().url(format!("/{base}")).build()]);
        let components = description.components.get_or_insert_default();
        data_may_be_null(components);
        let http = |scheme| SecurityScheme::Http(Http::new(scheme));
        components.add_security_scheme("token", http(HttpAuthScheme::Bearer));
        components.add_security_scheme("user", http(HttpAuthScheme::Basic));
        let nothing: [&str; 0] = [];
        // A server without tokens requires no authentication.
        let ways = [
            SecurityRequirement::new("token", nothing),
            SecurityRequirement::new("user", nothing),
            SecurityRequirement::default(),
        ];
        description.security = Some(ways.into());
        description
    }
}

/// Adds that `data` of an envelope may be null, which the description of a generic parameter loses.
fn data_may_be_null(components: &mut Components) {
    for schema in components.schemas.values_mut() {
        let RefOr::T(Schema::AllOf(all)) = schema else { continue };
        for part in &mut all.items {
            let RefOr::T(Schema::Object(object)) = part else { continue };
            if let Some(data) = object.properties.get_mut("data") {
                let null = ObjectBuilder::new().schema_type(Type::Null);
                *data = OneOfBuilder::new().item(data.clone()).item(null).into();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_path_of_the_go_tool_is_not_repeated() {
        for (given, url) in [
            ("", "/"),
            ("/api/v1", "/"),
            ("/proxy", "/proxy"),
            ("/proxy/api/v1/", "/proxy"),
            ("proxy/api/v1", "/proxy"),
            ("/myapi/v1", "/myapi/v1"),
        ] {
            for version in [ApiVersion::V1, ApiVersion::V2] {
                let servers = version.description(given).servers.unwrap();
                assert_eq!(servers[0].url, url, "{given}");
            }
        }
    }
}
