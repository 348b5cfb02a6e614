//! What handlers are given.

use std::sync::Arc;

use super::{Service, Settings};

/// What handlers are given.
#[derive(Clone)]
pub(crate) struct State {
    /// The use cases.
    pub service: Service,
    /// How the server is set up.
    pub settings: Arc<Settings>,
}
