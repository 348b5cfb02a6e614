//! Users, with their passwords and roles.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::common::Status;
use proto::milvus as wire;

use super::grants::Grant;
use super::limits::limits;
use super::reply::Refusal;
use super::state::FakeState;

type Answer<R> = Result<R, Refusal>;

const ROOT: &str = "root";
const ROOT_PASSWORD: &str = "Milvus";
pub(super) const ADMIN_ROLE: &str = "admin";
pub(super) const PUBLIC_ROLE: &str = "public";
const SHORTEST_PASSWORD: usize = 6;
const LONGEST_USER: usize = 32;

/// The users of the server, with roles, grants and groups of privileges.
#[derive(Debug)]
pub(super) struct Users {
    /// The users, each with what the server stores of them.
    pub(super) by_name: BTreeMap<String, User>,
    /// The roles, each with its description.
    pub(super) roles: BTreeMap<String, String>,
    pub(super) grants: Vec<Grant>,
    /// The groups that users made, each with its privileges.
    pub(super) groups: BTreeMap<String, BTreeSet<String>>,
    /// The user who may do everything, beside the administrators.
    pub(super) superuser: String,
}

/// A user as the server stores it.
#[derive(Clone, Debug, Default)]
pub(super) struct User {
    /// The hash of the password, or whatever was restored as such.
    pub(super) hash: String,
    pub(super) roles: BTreeSet<String>,
}

impl Users {
    /// Creates the users of a fresh server: root, and the one of `user:password`.
    pub(super) fn new(login: Option<&str>) -> Self {
        let (superuser, password) =
            login.and_then(|login| login.split_once(':')).unwrap_or((ROOT, ROOT_PASSWORD));
        let by_name = BTreeMap::from([
            (ROOT.to_owned(), User { hash: hash(ROOT_PASSWORD), ..User::default() }),
            (superuser.to_owned(), User { hash: hash(password), ..User::default() }),
        ]);
        Self {
            by_name,
            roles: [ADMIN_ROLE, PUBLIC_ROLE].map(|role| (role.to_owned(), String::new())).into(),
            grants: Vec::new(),
            groups: BTreeMap::new(),
            superuser: superuser.to_owned(),
        }
    }

    /// Returns whether these are the credentials of a user.
    pub(super) fn is_login(&self, user: &str, password: &str) -> bool {
        self.by_name.get(user).is_some_and(|held| held.hash == hash(password))
    }

    pub(super) fn is_administrator(&self, user: &str) -> bool {
        let has_role = || self.by_name.get(user).is_some_and(|held| held.roles.contains(ADMIN_ROLE));
        user == self.superuser || user == ROOT || has_role()
    }
}

/// Returns a stand-in for the hash of a password, in the form of the real ones.
fn hash(password: &str) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(password.as_bytes());
    format!("$2a$04${:032}", hasher.finish())
}

impl FakeState {
    pub(super) fn create_credential(&mut self, request: &wire::CreateCredentialRequest) -> Answer<Status> {
        let wire::CreateCredentialRequest { username, password } = request;
        check_user_name(username)?;
        let Ok(password) = STANDARD.decode(password) else {
            return Err(Refusal::worded("user.not_base64", &[username]));
        };
        let longest = limits(self.version).password;
        if !(SHORTEST_PASSWORD..=longest).contains(&password.len()) {
            let length = password.len().to_string();
            return Err(Refusal::worded("user.password", &[&length, &longest.to_string()]));
        }
        if self.users.by_name.contains_key(username) {
            return Err(Refusal::worded("user.user_exists", &[username]));
        }
        let user = User { hash: hash(&String::from_utf8_lossy(&password)), ..User::default() };
        self.users.by_name.insert(username.clone(), user);
        Ok(Status::default())
    }

    pub(super) fn select_user(
        &mut self,
        request: &wire::SelectUserRequest,
    ) -> Answer<wire::SelectUserResponse> {
        let wanted = request.user.as_ref().map(|user| user.name.as_str());
        let found = self.users.by_name.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name));
        let results = found.map(|(name, user)| wire::UserResult {
            user: Some(wire::UserEntity { name: name.clone() }),
            roles: user
                .roles
                .iter()
                .filter(|_| request.include_role_info)
                .map(|role| role_entity(role))
                .collect(),
        });
        Ok(wire::SelectUserResponse { results: results.collect(), ..Default::default() })
    }
}

pub(super) fn role_entity(name: &str) -> wire::RoleEntity {
    wire::RoleEntity { name: name.to_owned(), ..Default::default() }
}

fn check_user_name(name: &str) -> Answer<()> {
    if name.is_empty() {
        return Err(Refusal::worded("user.no_name", &[]));
    }
    if name.len() > LONGEST_USER {
        return Err(Refusal::worded("user.long_name", &[name, &name.len().to_string()]));
    }
    let describe = |character: char| [character.to_string(), u32::from(character).to_string()];
    let refuse = |wording, character| {
        let [shown, number] = describe(character);
        Err(Refusal::worded(wording, &[name, &shown, &number]))
    };
    if let Some(first) = name.chars().next().filter(|first| !first.is_ascii_alphabetic()) {
        return refuse("user.first_character", first);
    }
    match name.chars().find(|other| !other.is_ascii_alphanumeric() && *other != '_') {
        Some(other) => refuse("user.characters", other),
        None => Ok(()),
    }
}
