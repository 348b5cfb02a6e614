//! Server-sent events, as much of them as jobs use.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Response;

use super::Client;
use wire::Job;
use wire::{Failure, Kind};

/// How long a server may be silent, which sends comments while nothing happens.
const SILENCE: Duration = Duration::from_secs(30);
/// The longest line that is read; the document of a job with thousands of collections is some MiB.
const LONGEST: usize = 256 << 20;

/// The events of a job as they come.
pub(super) struct Events {
    client: Client,
    response: Response,
    lines: Lines,
}

impl Events {
    /// Opens the events of a job.
    pub(super) async fn open(client: &Client, id: &str) -> Result<Self, Failure> {
        let response = client.events(id).await?;
        Ok(Self { client: client.clone(), response, lines: Lines::default() })
    }

    /// The job at the next event; nothing once the stream has ended.
    pub(super) async fn next(&mut self) -> Result<Option<Job>, Failure> {
        loop {
            while let Some(line) = self.lines.next() {
                // The name of the event adds nothing to the state of the job.
                if let Some(data) = line.strip_prefix(b"data:") {
                    return serde_json::from_slice(data).map(Some).map_err(|error| {
                        self.failure(Kind::Failed, &format!("sent a job that cannot be understood: {error}"))
                    });
                }
            }
            match tokio::time::timeout(SILENCE, self.response.chunk()).await {
                Err(_) => return Err(self.failure(Kind::Timeout, "is silent")),
                Ok(Err(error)) => return Err(self.client.unreachable(&error)),
                Ok(Ok(None)) => return Ok(None),
                Ok(Ok(Some(chunk))) if self.lines.rest.len() + chunk.len() > LONGEST => {
                    return Err(self.failure(Kind::Failed, "sends a line without end"));
                }
                Ok(Ok(Some(chunk))) => self.lines.take(&chunk),
            }
        }
    }

    fn failure(&self, kind: Kind, what: &str) -> Failure {
        Failure::new(kind, format!("the server at {} {what}", self.client))
    }
}

/// Bytes cut into lines.
#[derive(Default)]
struct Lines {
    whole: VecDeque<Vec<u8>>,
    rest: Vec<u8>,
}

impl Lines {
    fn take(&mut self, chunk: &[u8]) {
        let mut parts = chunk.split(|byte| *byte == b'\n');
        self.rest.extend_from_slice(parts.next().unwrap_or_default());
        for part in parts {
            self.whole.push_back(std::mem::replace(&mut self.rest, part.to_vec()));
        }
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        self.whole.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_they_arrive(text in "[ab\n]{0,40}", cuts in prop::collection::vec(0usize..40, 0..5)) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.push(text.len());
            cuts.sort_unstable();
            let mut lines = Lines::default();
            let mut from = 0;
            for cut in cuts {
                lines.take(&text.as_bytes()[from..cut]);
                from = cut;
            }
            let mut expected: Vec<_> = text.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            let rest = expected.pop().unwrap();
            prop_assert_eq!(&lines.rest, &rest);
            prop_assert_eq!(std::iter::from_fn(|| lines.next()).collect::<Vec<_>>(), expected);
        }
    }
}
