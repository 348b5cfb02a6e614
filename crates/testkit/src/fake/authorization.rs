//! Who calls, and whether they may.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use super::databases::DEFAULT_DATABASE;
use super::grants::ALL;
use super::privileges::{is_cluster_call, needed_privilege};
use super::state::FakeState;
use super::target::{DescribesTarget, database_of_header};
use super::words::{V2_3, V2_5, V3_0};

/// Returns the user of a call, or refuses it in the words of the version.
pub(super) fn authenticate(state: &FakeState, metadata: &MetadataMap) -> Result<String, Status> {
    const WRONG: &str = "auth check failure, please check username and password are correct";
    let presented = metadata.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = STANDARD.decode(presented).ok().and_then(|token| String::from_utf8(token).ok());
    if let Some((user, password)) = token.as_ref().and_then(|token| token.split_once(':'))
        && state.users.is_login(user, password)
    {
        return Ok(user.to_owned());
    }
    if state.version < V2_3 {
        return Err(Status::unknown(WRONG));
    }
    Err(Status::unauthenticated(match token {
        _ if presented.is_empty() => "missing authorization in header",
        None => "invalid token format",
        Some(token) if token.contains(':') => WRONG,
        Some(_) => "auth check failure, please check api key is correct",
    }))
}

/// Refuses a call for which the user has no privilege.
pub(super) fn check_privilege<Q: DescribesTarget>(
    state: &FakeState,
    call: &str,
    request: &Request<Q>,
) -> Result<(), Status> {
    let Some(caller) = &state.caller else { return Ok(()) };
    let Some((object, privilege)) = needed_privilege(call, state.version) else { return Ok(()) };
    let target = request.get_ref();
    if target.subject().is_some_and(|subject| is_own(state, caller, subject)) {
        return Ok(());
    }
    let database = database_of(state, call, request);
    if state.users.has_privilege(caller, (object, privilege), &database, target.collection()) {
        return Ok(());
    }
    let suffix = match state.version {
        version if version < V2_3 => String::new(),
        version if version < V2_5 => format!(" to {caller}"),
        _ => format!(" to {caller} in the `{database}` database"),
    };
    Err(Status::permission_denied(format!("Privilege{privilege}: permission deny{suffix}")))
}

/// Returns whether a user or a role belongs to the caller, who may read it. 2.2 shows no grants that way.
fn is_own(state: &FakeState, caller: &str, subject: &str) -> bool {
    let has_role = || state.users.by_name.get(caller).is_some_and(|user| user.roles.contains(subject));
    subject == caller || state.version >= V2_3 && has_role()
}

/// Returns the database in which a call needs its privilege.
fn database_of<Q: DescribesTarget>(state: &FakeState, call: &str, request: &Request<Q>) -> String {
    if state.version >= V3_0 && is_cluster_call(call) {
        return ALL.to_owned();
    }
    let own = request.get_ref().own_database().filter(|_| state.version >= V3_0).map(str::to_owned);
    let named = own.or_else(|| database_of_header(request)).filter(|name| !name.is_empty());
    named.unwrap_or_else(|| DEFAULT_DATABASE.to_owned())
}

impl FakeState {
    /// Returns whether the caller's list of databases contains a database.
    pub(super) fn may_see_database(&self, name: &str) -> bool {
        match &self.caller {
            Some(caller) if self.version >= V2_5 && !self.users.is_administrator(caller) => {
                self.users.grants_of(caller).any(|grant| grant.is_in(name))
            }
            _ => true,
        }
    }

    /// Returns whether the caller's list of collections contains a collection.
    pub(super) fn may_see_collection(&self, database: &str, name: &str) -> bool {
        match &self.caller {
            Some(caller) if self.version >= V2_5 && !self.users.is_administrator(caller) => {
                let covers = |object: &str| object == ALL || object == name;
                self.users.grants_of(caller).any(|grant| grant.is_in(database) && covers(&grant.object_name))
            }
            _ => true,
        }
    }
}
