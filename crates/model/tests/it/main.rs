//! Tests of the model with recorded backups and with generated input.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails by panicking")]

mod any_manifest;
mod encoding;
mod fixtures;
mod round_trip;
mod snapshots;
