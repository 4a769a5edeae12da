//! The OpenAPI document, made from the types.

use actix_web::HttpResponse;
use serde_json::{Value, json};
use tieline_model::{outcome::Code, schema};

use crate::routes::ROUTES;

/// `GET /v1/openapi.json`
pub async fn get() -> HttpResponse {
    HttpResponse::Ok().json(document())
}

/// Builds the document (<https://spec.openapis.org/oas/v3.1.0>).
pub fn document() -> Value {
    let mut paths = serde_json::Map::new();
    for route in ROUTES.iter().filter(|route| route.path.starts_with("/v1/") || route.path == "/healthz") {
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        let mut operation = json!({
            "summary": route.summary,
            "responses": { "200": { "description": "The outcome.", "content": answer_of(route.path) },
                           "default": { "description": "A refusal or a fault; the status comes from its code.",
                                        "content": json_content("OutcomeJson") } },
        });
        let parameters: Vec<Value> = route
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')))
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .chain(
                route.query.iter().map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string" } })),
            )
            .collect();
        if !parameters.is_empty() {
            operation["parameters"] = Value::Array(parameters);
        }
        if route.method == "POST" {
            operation["requestBody"] = json!({ "required": true, "content": json_content("Command") });
            operation["parameters"] = json!([{
                "name": crate::commands::IDEMPOTENCY_KEY, "in": "header", "schema": { "type": "string", "maxLength": 128 },
                "description": "Makes a repeat of the same command harmless.",
            }]);
        }
        if route.path == "/healthz" {
            operation["security"] = json!([]);
        }
        entry[route.method.to_lowercase()] = operation;
    }
    let codes: Vec<Value> = Code::ALL
        .iter()
        .map(|code| json!({ "code": code.as_str(), "http_status": code.http_status(), "exit_code": code.exit_code() }))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Tieline", "version": env!("CARGO_PKG_VERSION"),
                  "description": "Every command goes through POST /v1/commands; the GETs are reading commands in another dress.",
                  "x-codes": codes },
        "paths": paths,
        "components": {
            "schemas": schema::components(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
        "security": [{ "token": [] }],
    })
}

fn json_content(schema: &str) -> Value {
    json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } })
}

fn answer_of(path: &str) -> Value {
    match path {
        "/v1/events" => json!({ "text/event-stream": { "schema": { "type": "string" } } }),
        "/v1/openapi.json" | "/v1/observe" | "/healthz" => {
            json!({ "application/json": { "schema": { "type": "object" } } })
        }
        _ => json_content("OutcomeJson"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_refers_only_to_what_it_holds() {
        let document = document();
        let schemas = &document["components"]["schemas"];
        let text = document.to_string();
        let mut references = 0;
        for part in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(schemas.get(name).is_some(), "{name}");
            references += 1;
        }
        assert!(references > 20, "{references}");
    }
}
