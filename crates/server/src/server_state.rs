//! The state of the handlers.

use std::sync::Arc;

use jobs::OtherPlace;

use super::{Service, Settings};
use wire::{Failure, FailureKind};

/// The state of the handlers.
#[derive(Clone)]
pub(crate) struct ServerState {
    /// The operations.
    pub service: Service,
    /// The settings.
    pub settings: Arc<Settings>,
}

impl ServerState {
    /// Returns the backup location that a request may use: the configured one, or another one if the configuration
    /// allows it.
    pub(crate) fn place(&self, place: OtherPlace) -> Result<OtherPlace, Failure> {
        let configured = &self.service.config().backup;
        // A disk has no bucket, and the Go tool's clients name one together with the root.
        let own_bucket = configured.store.bucket();
        let other_bucket = |named: &String| own_bucket.is_some_and(|own| !named.is_empty() && *named != own);
        let trimmed = |root: &str| root.trim_matches('/').to_owned();
        let place = OtherPlace {
            bucket: place.bucket.filter(other_bucket),
            root: place
                .root
                .filter(|named| !named.is_empty() && trimmed(named) != trimmed(&configured.root_text)),
        };
        if place == OtherPlace::default() || self.settings.allow_backup_root_path {
            return Ok(place);
        }
        let message = "the request has another bucket or backup root, which this server does not allow";
        Err(Failure::new(FailureKind::Forbidden, message)
            .hint("omit it, or set server.allow_backup_root_path in the configuration of the server"))
    }
}
