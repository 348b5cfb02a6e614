//! The proof that the target Milvus can read the data: the first import job of a restore, which runs alone.
//!
//! Until the proof is given, the restore touches only one collection with data. With a wrong bucket or root path every
//! job would complete without rows, and all targets to replace would be lost.

use tokio::sync::watch;

use crate::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProofState {
    /// No collection is giving the proof.
    Open,
    /// A collection is giving the proof.
    Running,
    /// The first job imported the expected rows.
    Given,
    /// The first job failed or imported other rows.
    Failed,
}

/// The proof of one restore.
#[derive(Debug)]
pub(super) struct Proof(watch::Sender<ProofState>);

/// The permission of a collection to start.
#[derive(Debug)]
pub(super) enum Turn<'a> {
    /// The collection may start without restrictions.
    Free,
    /// The collection may start, and must give the proof with its first job.
    First(Prover<'a>),
}

/// The duty to give the proof; if it is dropped without a result, it passes to the next collection.
#[derive(Debug)]
pub(super) struct Prover<'a>(&'a Proof);

impl Proof {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(ProofState::Open))
    }

    /// Waits until a collection may start; fails if the proof failed. A collection without jobs need not wait.
    pub(super) async fn wait_for_turn(&self, has_jobs: bool, target: &str) -> Result<Turn<'_>, Error> {
        if !has_jobs {
            return Ok(Turn::Free);
        }
        let mut states = self.0.subscribe();
        loop {
            // This does not fail, because `self` owns the sender.
            let state = *states
                .wait_for(|state| *state != ProofState::Running)
                .await
                .map_err(|e| Error::Task(e.to_string()))?;
            match state {
                ProofState::Given => return Ok(Turn::Free),
                ProofState::Failed => return Err(Error::NotProven(target.to_owned())),
                ProofState::Open | ProofState::Running => {
                    let is_first = self.0.send_if_modified(|state| {
                        let is_open = *state == ProofState::Open;
                        if is_open {
                            *state = ProofState::Running;
                        }
                        is_open
                    });
                    if is_first {
                        return Ok(Turn::First(Prover(self)));
                    }
                }
            }
        }
    }

    /// Returns whether the proof failed, so that no other collection can be restored.
    pub(super) fn has_failed(&self) -> bool {
        *self.0.borrow() == ProofState::Failed
    }
}

impl Prover<'_> {
    /// Reports the result of the first job to the waiting collections.
    pub(super) fn report_result(self, given: bool) {
        self.0.0.send_replace(if given { ProofState::Given } else { ProofState::Failed });
    }
}

impl Drop for Prover<'_> {
    fn drop(&mut self) {
        self.0.0.send_if_modified(|state| {
            let has_no_result = *state == ProofState::Running;
            if has_no_result {
                *state = ProofState::Open;
            }
            has_no_result
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_next_collection_gives_the_proof_if_the_first_one_ends_without_a_job() {
        let proof = Proof::new();
        let first = proof.wait_for_turn(true, "a").await.unwrap();
        assert!(matches!(first, Turn::First(_)));
        drop(first);
        assert!(matches!(proof.wait_for_turn(true, "b").await.unwrap(), Turn::First(_)));
    }

    #[tokio::test]
    async fn no_collection_with_jobs_starts_after_a_failed_proof() {
        let proof = Proof::new();
        let Turn::First(prover) = proof.wait_for_turn(true, "a").await.unwrap() else {
            panic!("not the first")
        };
        prover.report_result(false);
        assert!(proof.has_failed());
        assert!(
            matches!(proof.wait_for_turn(true, "b").await, Err(Error::NotProven(target)) if target == "b")
        );
        assert!(matches!(proof.wait_for_turn(false, "empty").await, Ok(Turn::Free)));
    }
}
