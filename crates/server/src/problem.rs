//! What goes wrong, in one shape: RFC 9457, `application/problem+json`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The kinds of problems, each with its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    InvalidRequest,
    UnknownUser,
    UnknownItem,
    AmbiguousItem,
    UnknownModel,
    Unsupported,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    UnsupportedMediaType,
    TooLarge,
    TooManyRequests,
    Timeout,
    Conflict,
    Unavailable,
    Internal,
}

impl Kind {
    /// Its name in the `type`, its title, its status.
    fn row(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::InvalidRequest => {
                ("invalid-request", "The request cannot be understood", StatusCode::BAD_REQUEST)
            }
            Self::UnknownUser => ("unknown-user", "The model does not know this user", StatusCode::NOT_FOUND),
            Self::UnknownItem => ("unknown-item", "The model does not know this item", StatusCode::NOT_FOUND),
            Self::AmbiguousItem => ("ambiguous-item", "The text fits several items", StatusCode::CONFLICT),
            Self::UnknownModel => ("unknown-model", "There is no such model", StatusCode::NOT_FOUND),
            Self::Unsupported => {
                ("unsupported", "This model cannot answer that", StatusCode::UNPROCESSABLE_ENTITY)
            }
            Self::Unauthorized => ("unauthorized", "A valid API key is needed", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", "The API key does not allow this", StatusCode::FORBIDDEN),
            Self::NotFound => ("not-found", "There is nothing here", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => {
                ("method-not-allowed", "Not by this method", StatusCode::METHOD_NOT_ALLOWED)
            }
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", "The body must be JSON", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::TooLarge => ("too-large", "The request is too large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::TooManyRequests => {
                ("too-many-requests", "Too many requests", StatusCode::TOO_MANY_REQUESTS)
            }
            Self::Timeout => ("timeout", "The request took too long", StatusCode::REQUEST_TIMEOUT),
            Self::Conflict => ("conflict", "This is being done already", StatusCode::CONFLICT),
            Self::Unavailable => ("unavailable", "Not possible right now", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal => ("internal", "Something went wrong here", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// A problem, as it is told.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    kind: Kind,
    detail: String,
    hint: Option<String>,
    /// After so many seconds it is worth asking again.
    retry_after: Option<u64>,
}

/// The body of every answer that is not a success (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// What kind it is: `/problems/` and its name.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request.
    detail: String,
    /// The way out, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), hint: None, retry_after: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into()).filter(|hint: &String| !hint.is_empty());
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn invalid(detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest, detail).hint(hint)
    }

    #[cfg(test)]
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

impl From<cofactor::Error> for Problem {
    /// The library's errors know what is wrong and the way out.
    fn from(error: cofactor::Error) -> Self {
        use cofactor::Error;
        let kind = match &error {
            Error::UnknownId { side: "user", .. } => Kind::UnknownUser,
            Error::UnknownId { .. } => Kind::UnknownItem,
            Error::Ambiguous { .. } => Kind::AmbiguousItem,
            Error::Parameter { .. } | Error::Input { .. } | Error::UnknownName { .. } => Kind::InvalidRequest,
            Error::Unsupported { .. } => Kind::Unsupported,
            Error::Interrupted => Kind::Unavailable,
            _ => Kind::Internal,
        };
        let (detail, hint) = error.parts();
        Self::new(kind, detail).hint(hint.unwrap_or_default())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (name, title, status) = self.kind.row();
        if status.is_server_error() {
            tracing::warn!(problem = name, detail = %self.detail, "answered with a problem");
        }
        let body = ProblemBody {
            kind: format!("/problems/{name}"),
            title,
            status: status.as_u16(),
            detail: self.detail,
            hint: self.hint,
        };
        let body = serde_json::to_vec(&body).expect("texts and numbers can be written as JSON");
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::Unauthorized {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
