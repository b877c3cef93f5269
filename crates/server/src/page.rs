//! The web page, which is part of the binary.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::problem::{Kind, Problem};

#[derive(RustEmbed)]
#[folder = "page"]
struct Files;

/// `GET /`
pub(crate) async fn index() -> Result<Response, Problem> {
    file("index.html")
}

/// `GET /assets/{name}`
pub(crate) async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    file(&name)
}

fn file(name: &str) -> Result<Response, Problem> {
    let Some(file) = Files::get(name) else {
        return Err(Problem::new(Kind::NotFound, "the page has no such file"));
    };
    let kind = match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    };
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], file.data).into_response())
}
