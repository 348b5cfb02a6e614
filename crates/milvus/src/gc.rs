//! Pausing the server's garbage collection.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::connect::Milvus;
use crate::error::MilvusError;

/// What identifies a pause of garbage collection; empty before 2.6.8, where there is only one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GcPauseTicket(Option<String>);

impl GcPauseTicket {
    /// Returns whether the pause can be told from others.
    pub fn is_some(&self) -> bool {
        self.0.is_some()
    }
}

/// The answer to a pause.
#[derive(Default, Deserialize)]
struct Paused {
    #[serde(default)]
    ticket: Option<String>,
}

impl Milvus {
    /// Returns the address at which garbage collection is paused, if one is configured.
    pub fn management_address(&self) -> Option<&str> {
        self.management.as_deref()
    }

    /// Pauses the deletion of files for `time`, in whole seconds; not supported before Milvus 2.3.6.
    ///
    /// From 2.6.8 on every call adds a pause of its own; before, it lengthens the one that there is.
    pub async fn gc_pause(&self, time: Duration) -> Result<GcPauseTicket, MilvusError> {
        let seconds = time.as_secs().to_string();
        let query = Some(("pause_seconds", seconds.as_str()));
        let text = self.call_management("pause garbage collection of", &route("pause"), query).await?;
        let answer: Paused = serde_json::from_str(&text).unwrap_or_default();
        Ok(GcPauseTicket(answer.ticket))
    }

    /// Resumes the deletion of files before the time of the pause is over.
    pub async fn gc_resume(&self, ticket: &GcPauseTicket) -> Result<(), MilvusError> {
        let query = ticket.0.as_deref().map(|ticket| ("ticket", ticket));
        self.call_management("resume garbage collection of", &route("resume"), query).await.map(drop)
    }
}

fn route(action: &str) -> String {
    format!("datacoord/garbage_collection/{action}")
}
