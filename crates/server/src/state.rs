//! What handlers are given.

use std::sync::Arc;

use jobs::OtherPlace;

use super::{Service, Settings};
use wire::{Failure, Kind};

/// What handlers are given.
#[derive(Clone)]
pub(crate) struct State {
    /// The use cases.
    pub service: Service,
    /// How the server is set up.
    pub settings: Arc<Settings>,
}

impl State {
    /// The place if a request may name it: the configured one always, another where the configuration says so.
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
        let message = "this server does not let requests name another bucket or backup root than its own";
        Err(Failure::new(Kind::Forbidden, message)
            .hint("leave it out, or set server.allow_backup_root_path in the server's configuration"))
    }
}
