//! Validation of responses against the description that the server serves.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::serving::{Reply, Serving};

/// The JSON schema of `OpenAPI` 3.1 documents, as published by the `OpenAPI` Initiative; its `$id` contains the date.
const OPENAPI_3_1: &str = include_str!("schema/openapi-3.1.json");

/// The `OpenAPI` description of an interface, as the server serves it.
pub(crate) struct Described {
    document: Value,
}

impl Described {
    /// Fetches the description of `/api/v1`.
    pub(crate) async fn v1(serving: &Serving) -> Self {
        Self { document: serving.get("/api/v1/docs/doc.json").await.has_status(200).json() }
    }

    /// Fetches the description of `/api/v2`.
    pub(crate) async fn v2(serving: &Serving) -> Self {
        Self { document: serving.get("/api/v2/openapi.json").await.has_status(200).json() }
    }

    /// Asserts that the description contains this response to `method path`: its status, its content type and its body.
    #[track_caller]
    pub(crate) fn answers(&self, method: &str, path: &str, reply: &Reply) {
        let path = path.split('?').next().unwrap_or_default();
        let (template, operation) = self.operation(method, path);
        let responses = &operation["responses"];
        let (status, range) = (reply.status.to_string(), format!("{}XX", reply.status / 100));
        let response = [status.as_str(), range.as_str(), "default"]
            .iter()
            .find_map(|status| responses.get(status))
            .unwrap_or_else(|| {
                panic!("{method} {template} does not describe {}: {}", reply.status, reply.text)
            });
        let kind = strip_parameters(reply.header("content-type"));
        let Some(content) = response.get("content") else {
            assert_eq!(reply.text, "", "{method} {template}: {} has no body", reply.status);
            return;
        };
        let described =
            content.as_object().unwrap().iter().find(|(described, _)| strip_parameters(described) == kind);
        let (_, media) = described.unwrap_or_else(|| {
            panic!("{method} {template}: {} is described as {content}, not {kind}", reply.status)
        });
        if kind.ends_with("json") {
            self.validates(&media["schema"], &reply.json(), &format!("{method} {template} {}", reply.status));
        }
    }

    /// Asserts that a value is valid for a schema of the description.
    #[track_caller]
    pub(crate) fn validates(&self, schema: &Value, value: &Value, what: &str) {
        let mut whole = schema.clone();
        whole["components"] = forbid_additional_properties(&self.document["components"]);
        let validator = jsonschema::draft202012::new(&whole).unwrap();
        let wrong: Vec<_> = validator
            .iter_errors(value)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{what}: {wrong:#?}\n{value:#}");
    }

    fn operation(&self, method: &str, path: &str) -> (&str, &Value) {
        let paths = self.document["paths"].as_object().unwrap();
        let mut found: Vec<_> = paths.iter().filter(|(template, _)| matches(template, path)).collect();
        // A path without parameters has precedence over one with parameters.
        found.sort_by_key(|(template, _)| template.matches('{').count());
        let named = found
            .iter()
            .find_map(|(template, item)| Some((template.as_str(), item.get(method.to_ascii_lowercase())?)));
        named.unwrap_or_else(|| panic!("{method} {path} is not described"))
    }
}

/// Returns a media type without its parameters.
fn strip_parameters(media: &str) -> &str {
    media.split(';').next().unwrap_or_default()
}

/// Returns whether a path matches a template such as `/jobs/{id}:cancel`.
fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(path).all(|(part, text)| match part.split_once('{') {
            None => *part == text,
            Some((before, rest)) => {
                let after = rest.split_once('}').map_or("", |(_, after)| after);
                text.starts_with(before)
                    && text.ends_with(after)
                    && (!after.is_empty() || !text.contains(':'))
            }
        })
}

/// Returns the schemas with additional properties forbidden, except in schemas that are below an `allOf`.
fn forbid_additional_properties(components: &Value) -> Value {
    let mut components = components.clone();
    let mut parts = BTreeSet::new();
    collect_all_of(&components, &mut parts);
    let schemas = components["schemas"].as_object_mut().unwrap();
    for (name, schema) in schemas {
        let plain = schema.get("properties").is_some() && schema.get("additionalProperties").is_none();
        if plain && !parts.contains(&format!("#/components/schemas/{name}")) {
            schema["additionalProperties"] = json!(false);
        }
    }
    components
}

/// Collects the references below every `allOf`.
fn collect_all_of(value: &Value, parts: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Array(all)) = object.get("allOf") {
                parts.extend(all.iter().filter_map(|part| Some(part.get("$ref")?.as_str()?.to_owned())));
            }
            object.values().for_each(|value| collect_all_of(value, parts));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_all_of(value, parts)),
        _ => {}
    }
}

#[tokio::test]
async fn the_descriptions_are_valid_openapi_documents() {
    let world = crate::serving::World::new();
    let serving = world.serve(json!({ "swaggerBasePath": "/ops/milvus" }), &[]);
    let schema: Value = serde_json::from_str(OPENAPI_3_1).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for described in [Described::v1(&serving).await, Described::v2(&serving).await] {
        let document = &described.document;
        let wrong: Vec<_> = validator.iter_errors(document).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            assert!(jsonschema::draft202012::meta::is_valid(schema), "{name}: {schema:#}");
            for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
                if let Some(usual) = schema.get("default") {
                    described.validates(schema, usual, &format!("the default of {name}.{field}"));
                }
            }
        }
        assert_eq!(document["servers"][0]["url"], "/ops/milvus");
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert!(
            document["security"].as_array().is_some_and(|ways| ways.len() > 1),
            "{}",
            document["security"]
        );
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for operation in
                item.as_object().unwrap().values().filter(|value| value.get("responses").is_some())
            {
                let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
                assert!(!id.is_empty() && names.insert(id.clone()), "{path}: {id:?}");
                assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{path} {id}");
            }
        }
    }
}

#[tokio::test]
async fn responses_of_v1_match_its_description() {
    let world = crate::serving::World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let described = Described::v1(&serving).await;
    let create = |name: &str| json!({ "backup_name": name });
    for (path, body, status) in [
        ("/api/v1/create", create("b"), 200),
        ("/api/v1/create", create("b"), 409),
        ("/api/v1/create", create("../b"), 400),
        ("/api/v1/restore", json!({ "backup_name": "b", "collection_suffix": "_2", "id": "r" }), 200),
        ("/api/v1/restore", json!({ "backup_name": "none" }), 404),
        ("/api/v1/restore_secondary", json!({ "backup_name": "b" }), 501),
    ] {
        described.answers("POST", path, &serving.post(path, &body).await.has_status(status));
    }
    for (path, status) in [
        ("/api/v1/hello", 200),
        ("/api/v1/check", 200),
        ("/api/v1/list", 200),
        ("/api/v1/get_backup?backup_name=b", 200),
        ("/api/v1/get_backup?backup_name=none", 404),
        ("/api/v1/get_restore?id=r", 200),
        ("/api/v1/get_restore?id=none", 404),
    ] {
        described.answers("GET", path, &serving.get(path).await.has_status(status));
    }
    for status in [200, 404] {
        let path = "/api/v1/delete?backup_name=b";
        described.answers("DELETE", path, &serving.delete(path).await.has_status(status));
    }
}

#[test]
fn templates_match_paths() {
    assert!(matches("/jobs/{id}:cancel", "/jobs/1:cancel") && !matches("/jobs/{id}", "/jobs/1:cancel"));
    assert!(matches("/a/{b}/c", "/a/x/c") && !matches("/a/{b}", "/a/x/c"));
}
