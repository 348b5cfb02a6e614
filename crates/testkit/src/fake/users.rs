//! Users and their roles: whoever logs in is an administrator, and there are no others.

use proto::milvus as wire;

use super::reply::Refusal;
use super::state::FakeState;

impl FakeState {
    pub(super) fn may_see_database(&self, _: &str) -> bool {
        true
    }

    pub(super) fn may_see_collection(&self, _: &str, _: &str) -> bool {
        true
    }

    pub(super) fn select_user(
        &mut self,
        request: &wire::SelectUserRequest,
    ) -> Result<wire::SelectUserResponse, Refusal> {
        let admin = wire::RoleEntity { name: "admin".to_owned(), ..Default::default() };
        let user = wire::UserResult { user: request.user.clone(), roles: vec![admin] };
        Ok(wire::SelectUserResponse { results: vec![user], ..Default::default() })
    }

    pub(super) fn select_grant(
        &mut self,
        _: &wire::SelectGrantRequest,
    ) -> Result<wire::SelectGrantResponse, Refusal> {
        Ok(wire::SelectGrantResponse::default())
    }
}
