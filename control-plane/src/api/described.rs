//! Routes that cannot be without a description.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::Api;

/// Routes, and what the OpenAPI document says of them: both come from one registration, and there is no other.
pub(super) struct Described(OpenApiRouter<Api>);

impl Described {
    /// None yet.
    pub(super) fn new() -> Self {
        Self(OpenApiRouter::with_openapi(super::openapi::head()))
    }

    /// These, and the handlers of one path, by `routes!`, which takes none without `#[utoipa::path]`.
    pub(super) fn add(self, handlers: UtoipaMethodRouter<Api>) -> Self {
        Self(self.0.routes(handlers))
    }

    /// These, and `others` below `path`.
    pub(super) fn nest(self, path: &str, others: Self) -> Self {
        Self(self.0.nest(path, others.0))
    }

    /// These, and `others`.
    pub(super) fn merge(self, others: Self) -> Self {
        Self(self.0.merge(others.0))
    }

    /// The routes.
    pub(super) fn router(self) -> Router<Api> {
        self.0.split_for_parts().0
    }

    /// The description.
    pub(super) fn description(self) -> OpenApi {
        self.0.split_for_parts().1
    }
}
