//! The proof that the target's Milvus reads the data: the run's first import job, sent alone.
//!
//! Until it is there, only one collection is touched: with a wrong bucket or root, every job would complete with no
//! rows, and every target that was to be replaced would be gone.

use tokio::sync::watch;

use crate::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody tries yet.
    Open,
    /// A collection is at it.
    Tried,
    /// The server read the data.
    Given,
    /// It did not.
    Failed,
}

/// The proof of one restore.
#[derive(Debug)]
pub(super) struct Proof(watch::Sender<State>);

/// What a collection may do.
#[derive(Debug)]
pub(super) enum Turn<'a> {
    /// Go ahead.
    Free,
    /// Go ahead, and send the first job alone.
    First(Prover<'a>),
}

/// The collection that tries; if it ends before its first job does, the next one tries.
#[derive(Debug)]
pub(super) struct Prover<'a>(&'a Proof);

impl Proof {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State::Open))
    }

    /// Waits for the collection's turn; an error once the proof failed.
    pub(super) async fn turn(&self, has_jobs: bool, target: &str) -> Result<Turn<'_>, Error> {
        if !has_jobs {
            return Ok(Turn::Free);
        }
        let mut seen = self.0.subscribe();
        loop {
            // the sender lives as long as we do
            let state = *seen
                .wait_for(|state| *state != State::Tried)
                .await
                .map_err(|e| Error::Task(e.to_string()))?;
            match state {
                State::Given => return Ok(Turn::Free),
                State::Failed => return Err(Error::NotProven(target.to_owned())),
                State::Open | State::Tried => {
                    let ours = self.0.send_if_modified(|state| {
                        let free = *state == State::Open;
                        if free {
                            *state = State::Tried;
                        }
                        free
                    });
                    if ours {
                        return Ok(Turn::First(Prover(self)));
                    }
                }
            }
        }
    }

    /// Whether nothing can come of the rest.
    pub(super) fn failed(&self) -> bool {
        *self.0.borrow() == State::Failed
    }
}

impl Prover<'_> {
    /// Tells the others how the first job ended.
    pub(super) fn tell(self, given: bool) {
        self.0.0.send_replace(if given { State::Given } else { State::Failed });
    }
}

impl Drop for Prover<'_> {
    fn drop(&mut self) {
        self.0.0.send_if_modified(|state| {
            let left = *state == State::Tried;
            if left {
                *state = State::Open;
            }
            left
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_next_collection_tries_when_the_first_ends_without_a_job() {
        let proof = Proof::new();
        let first = proof.turn(true, "a").await.unwrap();
        assert!(matches!(first, Turn::First(_)));
        drop(first);
        assert!(matches!(proof.turn(true, "b").await.unwrap(), Turn::First(_)));
    }

    #[tokio::test]
    async fn after_a_failed_proof_nothing_is_begun() {
        let proof = Proof::new();
        let Turn::First(prover) = proof.turn(true, "a").await.unwrap() else { panic!("not the first") };
        prover.tell(false);
        assert!(proof.failed());
        assert!(matches!(proof.turn(true, "b").await, Err(Error::NotProven(target)) if target == "b"));
        assert!(matches!(proof.turn(false, "empty").await, Ok(Turn::Free)));
    }
}
