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

/// How long a password that was found right need not be hashed again.
const REMEMBERED: Duration = Duration::from_mins(5);
/// How many right passwords are remembered.
const MOST_REMEMBERED: usize = 256;
/// How many passwords are hashed at once; each takes 19 MiB and a thread.
const HASHED_AT_ONCE: usize = 2;

/// The known callers.
pub(super) struct KnownCallers {
    access: Access,
    /// What keeps remembered passwords from being looked up outside this process.
    salt: [u8; 16],
    remembered: Mutex<HashMap<[u8; 32], (Caller, Instant)>>,
    hashing: Arc<Semaphore>,
}

impl KnownCallers {
    pub(super) fn new(access: Access) -> Self {
        Self {
            access,
            salt: *uuid::Uuid::new_v4().as_bytes(),
            remembered: Mutex::default(),
            hashing: Arc::new(Semaphore::new(HASHED_AT_ONCE)),
        }
    }

    /// Whether nobody has to say who they are.
    pub(super) fn is_open(&self) -> bool {
        self.access.open
    }

    /// Whose token it is. Takes the same time whichever it is.
    pub(super) fn of_token(&self, token: &SecretString) -> Option<Caller> {
        let hash: [u8; 32] = Sha256::digest(token.expose_secret()).into();
        let mut found = None;
        for known in &self.access.tokens {
            if hash.ct_eq(&known.sha256).into() {
                found = Some(Caller { name: known.name.clone(), role: known.role });
            }
        }
        found
    }

    /// The caller behind a name of a client certificate.
    pub(super) fn of_certificate(&self, names: &[String]) -> Option<Caller> {
        let known = self.access.client_names.iter().find(|(name, _)| names.contains(name))?;
        Some(Caller { name: known.0.clone(), role: known.1 })
    }

    /// Whose password was found right lately.
    pub(super) fn remembered(&self, user: &str, password: &SecretString) -> Option<Caller> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.retain(|_, (_, since)| since.elapsed() < REMEMBERED);
        remembered.get(&self.mark(user, password)).map(|(caller, _)| caller.clone())
    }

    /// Whose password it is, if `attempt` lets it be tried: hashing is dear. A user nobody knows takes as long as a
    /// wrong password.
    pub(super) async fn of_password<E>(
        &self,
        user: &str,
        password: &SecretString,
        attempt: impl FnOnce() -> Result<(), E>,
    ) -> Result<Option<Caller>, E> {
        let known = self.access.users.iter().find(|known| known.name == user);
        let Some(User { hash, .. }) = known.or(self.access.users.first()) else {
            return Ok(None);
        };
        // the semaphore is never closed
        let permit = Arc::clone(&self.hashing).acquire_owned().await.ok();
        // The same may have been found right meanwhile.
        if let Some(caller) = self.remembered(user, password) {
            return Ok(Some(caller));
        }
        attempt()?;
        let (hash, asked) = (hash.clone(), password.clone());
        let right = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            verify(&hash, &asked)
        });
        let right = right.await.unwrap_or(false);
        let Some(known) = known.filter(|_| right) else { return Ok(None) };
        let caller = Caller { name: known.name.clone(), role: known.role };
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(self.mark(user, password), (caller.clone(), Instant::now()));
        Ok(Some(caller))
    }

    fn mark(&self, user: &str, password: &SecretString) -> [u8; 32] {
        let hash = Sha256::new().chain_update(self.salt).chain_update(user.len().to_be_bytes());
        hash.chain_update(user).chain_update(password.expose_secret()).finalize().into()
    }
}

fn verify(hash: &SecretString, password: &SecretString) -> bool {
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
    async fn who_knows_a_secret_is_let_in_under_its_name() {
        let hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21l$";
        assert!(PasswordHash::new(hash).is_err(), "a hash without its output is none");
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
        assert_eq!(known.of_token(&"abc".into()).map(|caller| caller.name).as_deref(), Some("ci"));
        assert_eq!(known.of_token(&"abd".into()), None);
        assert_eq!(known.of_certificate(&["x".into(), "agent".into()]).map(|c| c.role), Some(Role::Backup));
        assert_eq!(known.remembered("ops", &"secret".into()), None);
        let ask = async |user: &str, password: &str| {
            known.of_password(user, &password.into(), || Ok::<(), ()>(())).await.unwrap()
        };
        let caller = ask("ops", "secret").await;
        assert_eq!(caller.as_ref().map(|caller| caller.role), Some(Role::Admin));
        assert_eq!(known.remembered("ops", &"secret".into()), caller);
        for (user, password) in [("ops", "Secret"), ("op", "ssecret"), ("nobody", "secret")] {
            assert_eq!(known.remembered(user, &password.into()), None);
            assert_eq!(ask(user, password).await, None);
        }
        let not_now = known.of_password("ops", &"not now".into(), || Err("wait")).await;
        assert_eq!(not_now, Err("wait"));
        // What is remembered is no attempt.
        assert_eq!(known.of_password("ops", &"secret".into(), || Err("wait")).await, Ok(caller));
    }
}
