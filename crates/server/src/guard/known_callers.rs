//! The callers that the configuration knows: tokens, users, and the names of client certificates.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::caller::Caller;
use crate::settings::{Access, User};

/// The time for which a verified password is not hashed again.
const VERIFIED_FOR: Duration = Duration::from_mins(5);
/// The largest number of verified passwords that are remembered.
const MAX_VERIFIED: usize = 256;
/// The number of passwords that are hashed at the same time; each needs 19 MiB and a thread.
const CONCURRENT_HASHES: usize = 2;

/// The known callers.
pub(super) struct KnownCallers {
    access: Access,
    /// A random salt, so that fingerprints of passwords are useless outside of this process.
    salt: [u8; 16],
    verified: Mutex<HashMap<[u8; 32], (Caller, Instant)>>,
    hashing: Arc<Semaphore>,
}

impl KnownCallers {
    pub(super) fn new(access: Access) -> Self {
        Self {
            access,
            salt: *uuid::Uuid::new_v4().as_bytes(),
            verified: Mutex::default(),
            hashing: Arc::new(Semaphore::new(CONCURRENT_HASHES)),
        }
    }

    /// Returns whether authentication is disabled.
    pub(super) fn requires_nothing(&self) -> bool {
        self.access.open
    }

    /// Returns the caller with a token. Takes the same time for every token.
    pub(super) fn find_by_token(&self, token: &SecretString) -> Option<Caller> {
        let hash: [u8; 32] = Sha256::digest(token.expose_secret()).into();
        let mut found = None;
        for known in &self.access.tokens {
            if hash.ct_eq(&known.sha256).into() {
                found = Some(Caller { name: known.name.clone(), role: known.role });
            }
        }
        found
    }

    /// Returns the caller with one of the names of a client certificate.
    pub(super) fn find_by_certificate(&self, names: &[String]) -> Option<Caller> {
        let known = self.access.client_names.iter().find(|(name, _)| names.contains(name))?;
        Some(Caller { name: known.0.clone(), role: known.1 })
    }

    /// Returns the caller of a password that was verified recently.
    pub(super) fn find_verified(&self, user: &str, password: &SecretString) -> Option<Caller> {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.retain(|_, (_, since)| since.elapsed() < VERIFIED_FOR);
        verified.get(&self.fingerprint(user, password)).map(|(caller, _)| caller.clone())
    }

    /// Returns the caller of a password, if `attempt` allows the expensive hashing. An unknown user takes as long as a
    /// wrong password.
    pub(super) async fn verify_password<E>(
        &self,
        user: &str,
        password: &SecretString,
        attempt: impl FnOnce() -> Result<(), E>,
    ) -> Result<Option<Caller>, E> {
        let known = self.access.users.iter().find(|known| known.name == user);
        let Some(User { hash, .. }) = known.or(self.access.users.first()) else {
            return Ok(None);
        };
        // The semaphore is never closed.
        let permit = Arc::clone(&self.hashing).acquire_owned().await.ok();
        // A concurrent request may have verified the password meanwhile.
        if let Some(caller) = self.find_verified(user, password) {
            return Ok(Some(caller));
        }
        attempt()?;
        let (hash, context) = (hash.clone(), password.clone());
        let right = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            hash_matches(&hash, &context)
        });
        let right = right.await.unwrap_or(false);
        let Some(known) = known.filter(|_| right) else { return Ok(None) };
        let caller = Caller { name: known.name.clone(), role: known.role };
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= MAX_VERIFIED {
            verified.clear();
        }
        verified.insert(self.fingerprint(user, password), (caller.clone(), Instant::now()));
        Ok(Some(caller))
    }

    fn fingerprint(&self, user: &str, password: &SecretString) -> [u8; 32] {
        let hash = Sha256::new().chain_update(self.salt).chain_update(user.len().to_be_bytes());
        hash.chain_update(user).chain_update(password.expose_secret()).finalize().into()
    }
}

fn hash_matches(hash: &SecretString, password: &SecretString) -> bool {
    PasswordHash::new(hash.expose_secret()).is_ok_and(|hash| {
        Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Role;
    use crate::settings::Token;

    #[tokio::test]
    async fn callers_are_found_by_token_password_and_certificate() {
        let hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21l$";
        assert!(PasswordHash::new(hash).is_err(), "a hash without its output is invalid");
        let made = argon2::PasswordHasher::hash_password(&Argon2::default(), b"secret").unwrap();
        let token = Token { name: "ci".to_owned(), role: Role::Read, sha256: Sha256::digest("abc").into() };
        let user = User { name: "ops".to_owned(), role: Role::Admin, hash: made.to_string().into() };
        let access = Access {
            tokens: vec![token],
            users: vec![user],
            client_names: vec![("agent".to_owned(), Role::Backup)],
            ..Access::default()
        };
        let known = KnownCallers::new(access);
        assert_eq!(known.find_by_token(&"abc".into()).map(|caller| caller.name).as_deref(), Some("ci"));
        assert_eq!(known.find_by_token(&"abd".into()), None);
        assert_eq!(
            known.find_by_certificate(&["x".into(), "agent".into()]).map(|c| c.role),
            Some(Role::Backup)
        );
        assert_eq!(known.find_verified("ops", &"secret".into()), None);
        let ask = async |user: &str, password: &str| {
            known.verify_password(user, &password.into(), || Ok::<(), ()>(())).await.unwrap()
        };
        let caller = ask("ops", "secret").await;
        assert_eq!(caller.as_ref().map(|caller| caller.role), Some(Role::Admin));
        assert_eq!(known.find_verified("ops", &"secret".into()), caller);
        for (user, password) in [("ops", "Secret"), ("op", "ssecret"), ("nobody", "secret")] {
            assert_eq!(known.find_verified(user, &password.into()), None);
            assert_eq!(ask(user, password).await, None);
        }
        let not_now = known.verify_password("ops", &"not now".into(), || Err("wait")).await;
        assert_eq!(not_now, Err("wait"));
        // A verified password is not an attempt.
        assert_eq!(known.verify_password("ops", &"secret".into(), || Err("wait")).await, Ok(caller));
    }
}
