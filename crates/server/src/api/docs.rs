//! The interface, described for programs (OpenAPI 3.1) and for people.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};

use crate::App;

#[derive(OpenApi)]
#[openapi(
    info(title = "Cofactor", description = "Recommendations from a model of matrix factorization, for known users and for somebody new in the same request."),
    tags(
        (name = "ask", description = "Questions to a model"),
        (name = "catalogue", description = "Models and items"),
        (name = "events", description = "What people do, kept for good"),
        (name = "refresh", description = "New models from new events"),
    )
)]
pub(crate) struct Document;

/// Adds what no handler says of itself; `keys`: whether this service asks for them.
pub(crate) fn finish(mut document: utoipa::openapi::OpenApi, keys: bool) -> utoipa::openapi::OpenApi {
    let key = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    if let Some(components) = &mut document.components {
        components.add_security_scheme("key", key);
    }
    if keys {
        document.security = Some(vec![SecurityRequirement::new("key", Vec::<String>::new())]);
    }
    document
}

/// `/openapi.json` and `/docs`.
pub(crate) fn router(document: &utoipa::openapi::OpenApi) -> Router<App> {
    let page: Arc<str> = readable(document).into();
    let json: Arc<str> = document.to_json().expect("the document is made of texts and numbers").into();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    Router::new()
        .route(
            "/openapi.json",
            get(move || {
                let json = json.to_string();
                async move { ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json) }
            }),
        )
        .route(
            "/docs",
            get(move || {
                let (page, html) = (page.to_string(), html.clone());
                async move { ([(header::CONTENT_TYPE, html)], page).into_response() }
            }),
        )
}

/// The document as a page.
fn readable(document: &utoipa::openapi::OpenApi) -> String {
    let value = serde_json::to_value(document).expect("the document is made of texts and numbers");
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Cofactor: the interface</title>\
         <link rel=\"stylesheet\" href=\"/assets/docs.css\"><main><h1>The interface of Cofactor</h1>",
    );
    let text = |value: &serde_json::Value| escape(value.as_str().unwrap_or_default());
    let _ = write!(
        page,
        "<p>{} The same for programs: <a href=\"/openapi.json\">OpenAPI</a>.</p>",
        text(&value["info"]["description"])
    );
    for tag in value["tags"].as_array().into_iter().flatten() {
        let _ = write!(page, "<h2>{}</h2>", text(&tag["description"]));
        for (path, methods) in value["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                if operation["tags"][0] != tag["name"] {
                    continue;
                }
                let _ = write!(
                    page,
                    "<section><h3><code>{} {}</code></h3><p>{}</p>",
                    method.to_uppercase(),
                    escape(path),
                    text(&operation["summary"])
                );
                parameters(&mut page, operation);
                let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
                fields(&mut page, &value, "Body", body);
                for status in ["200", "201", "202"] {
                    let answer =
                        &operation["responses"][status]["content"]["application/json"]["schema"]["$ref"];
                    fields(&mut page, &value, &format!("Answer {status}"), answer);
                }
                page.push_str("</section>");
            }
        }
    }
    page.push_str("<h2>Shapes</h2>");
    for name in value["components"]["schemas"].as_object().into_iter().flatten().map(|(name, _)| name) {
        let reference = serde_json::Value::String(format!("#/components/schemas/{name}"));
        let _ = write!(page, "<section id=\"{}\"><h3>{}</h3>", escape(name), escape(name));
        fields(&mut page, &value, "", &reference);
        page.push_str("</section>");
    }
    page.push_str("</main></html>");
    page
}

fn parameters(page: &mut String, operation: &serde_json::Value) {
    let Some(parameters) = operation["parameters"].as_array() else { return };
    page.push_str("<table><caption>Parameters</caption><tbody>");
    for parameter in parameters {
        row(page, parameter["name"].as_str(), &kind(&parameter["schema"]), parameter["description"].as_str());
    }
    page.push_str("</tbody></table>");
}

/// The table of a shape's fields, those of the shapes that it contains included.
fn fields(page: &mut String, document: &serde_json::Value, title: &str, reference: &serde_json::Value) {
    let Some(schema) = resolve(document, reference) else { return };
    let _ = write!(page, "<table><caption>{}</caption><tbody>", escape(title));
    rows(page, document, schema);
    page.push_str("</tbody></table>");
}

fn rows(page: &mut String, document: &serde_json::Value, schema: &serde_json::Value) {
    for part in schema["allOf"].as_array().into_iter().flatten() {
        rows(page, document, resolve(document, &part["$ref"]).unwrap_or(part));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        row(page, Some(name), &kind(property), property["description"].as_str());
    }
    if schema["properties"].is_null() && schema["allOf"].is_null() {
        row(page, None, &kind(schema), schema["description"].as_str());
    }
}

fn resolve<'a>(
    document: &'a serde_json::Value,
    reference: &serde_json::Value,
) -> Option<&'a serde_json::Value> {
    document.pointer(reference.as_str()?.strip_prefix('#')?)
}

fn row(page: &mut String, name: Option<&str>, kind: &str, description: Option<&str>) {
    let (name, description) = (escape(name.unwrap_or_default()), escape(description.unwrap_or_default()));
    let _ = write!(
        page,
        "<tr><th scope=\"row\"><code>{name}</code></th><td>{kind}</td><td>{description}</td></tr>"
    );
}

/// A type in words, with links to shapes.
fn kind(schema: &serde_json::Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("<a href=\"#{0}\">{0}</a>", escape(name));
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(options) = schema[choice].as_array() {
            return options.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return values
            .iter()
            .map(|value| format!("<code>{}</code>", escape(&value.to_string())))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    match &schema["type"] {
        serde_json::Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        serde_json::Value::String(name) => escape(name),
        serde_json::Value::Array(names) => {
            let names = names.iter().filter_map(|name| name.as_str()).filter(|name| *name != "null");
            let names: Vec<String> = names
                .map(|name| {
                    if name == "array" { format!("list of {}", kind(&schema["items"])) } else { escape(name) }
                })
                .collect();
            format!("{}, may be left out", names.join(" or "))
        }
        _ => String::new(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
