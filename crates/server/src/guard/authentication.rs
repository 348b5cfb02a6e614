//! Authentication: who sends a request, by its credentials or by the certificate of its connection.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use http::HeaderMap;
use secrecy::SecretString;

use super::credentials::{self, PresentedCredentials};
use super::known_callers::KnownCallers;
use super::password_attempts::PasswordAttempts;
use super::refusal::Refusal;
use crate::caller::Caller;
use crate::metrics;
use crate::peer::Peer;
use crate::settings::Access;

/// The largest number of names of a certificate in a message.
const MAX_NAMES: usize = 4;
/// The largest length of such a name, in characters.
const MAX_NAME_CHARS: usize = 64;

/// Authenticates callers.
pub(super) struct Authenticator {
    known: KnownCallers,
    attempts: PasswordAttempts,
}

impl Authenticator {
    /// Creates an authenticator for the tokens, users and client names of a configuration.
    pub(super) fn new(access: Access) -> Self {
        Self { known: KnownCallers::new(access), attempts: PasswordAttempts::default() }
    }

    /// Returns the caller: by the header, else by the certificate of the connection.
    pub(super) async fn authenticate(&self, headers: &HeaderMap, peer: &Peer) -> Result<Caller, Refusal> {
        if self.known.requires_nothing() {
            return Ok(Caller::anyone());
        }
        let found = match credentials::read(headers) {
            PresentedCredentials::Missing => {
                let known = self.known.find_by_certificate(&peer.names);
                return known.ok_or_else(|| Refusal::unauthenticated(&describe_missing(&peer.names)));
            }
            // A token cannot be guessed and is cheap to look up, so there is nothing to slow down.
            PresentedCredentials::Token(token) => self.known.find_by_token(&token),
            PresentedCredentials::Password(user, password) => {
                match self.known.find_verified(&user, &password) {
                    None => self.verify_password(peer.client(), &user, &password).await?,
                    found => found,
                }
            }
            PresentedCredentials::Unreadable => None,
        };
        found.ok_or_else(|| {
            metrics::count_refused_login();
            Refusal::unauthenticated("authentication failed: unknown token, user or password")
        })
    }

    /// Verifies a password. Hashing is expensive, so a client with many wrong attempts is refused before it.
    async fn verify_password(
        &self,
        from: IpAddr,
        user: &str,
        password: &SecretString,
    ) -> Result<Option<Caller>, Refusal> {
        if let Some(wait) = self.attempts.wait_time(from, Instant::now()) {
            return Err(too_many_attempts(wait));
        }
        let attempt = || self.attempts.begin(from, Instant::now()).map_err(too_many_attempts);
        let found = self.known.verify_password(user, password, attempt).await?;
        if found.is_some() {
            self.attempts.revoke(from);
        }
        Ok(found)
    }
}

fn too_many_attempts(wait: Duration) -> Refusal {
    metrics::count_refused_login();
    Refusal::rate_limited("too many wrong passwords from this address", wait)
}

/// Explains that a request has no credentials, and that its certificate, if it has one, has no known name.
fn describe_missing(names: &[String]) -> String {
    if names.is_empty() {
        return "authentication required".to_owned();
    }
    let shown: Vec<String> =
        names.iter().take(MAX_NAMES).map(|name| name.chars().take(MAX_NAME_CHARS).collect()).collect();
    format!("authentication required: no name of the client certificate is in server.client_names: {shown:?}")
}
