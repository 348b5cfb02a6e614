//! Groups of privileges that users make.

use std::collections::BTreeSet;

use proto::common::{ErrorCode, Status};
use proto::milvus as wire;

use super::privileges::{level_of_group, object_of};
use super::reply::Refusal;
use super::state::FakeState;
use super::words::Kind;

type Answer<R> = Result<R, Refusal>;

const NAME: Kind = Kind::Coded(1402, ErrorCode::UnexpectedError);

impl FakeState {
    pub(super) fn create_privilege_group(
        &mut self,
        request: &wire::CreatePrivilegeGroupRequest,
    ) -> Answer<Status> {
        let name = &request.group_name;
        let Some(first) = name.chars().next() else {
            let text =
                "invalid privilege group name[privilegeGroup=privilege group name should not be empty]";
            return Err(Refusal::stated(NAME, text));
        };
        if !first.is_ascii_alphabetic() && first != '_' {
            return Err(Refusal::stated(
                NAME,
                format!(
                    "{name}: invalid privilege group name[privilegeGroup=the first character of a privilege group name %s must be an underscore or letter]"
                ),
            ));
        }
        if self.users.groups.contains_key(name) {
            return Err(Refusal::worded("group.taken", &[name, "users"]));
        }
        if level_of_group(name).is_some() || object_of(name).is_some() {
            let system = "built in privileges or privilege groups in system";
            return Err(Refusal::worded("group.taken", &[name, system]));
        }
        self.users.groups.insert(name.clone(), BTreeSet::new());
        Ok(Status::default())
    }

    pub(super) fn operate_privilege_group(
        &mut self,
        request: &wire::OperatePrivilegeGroupRequest,
    ) -> Answer<Status> {
        if !self.users.groups.contains_key(&request.group_name) {
            return Err(Refusal::worded("group.missing", &[&request.group_name]));
        }
        let names = || request.privileges.iter().map(|privilege| privilege.name.clone());
        if let Some(unknown) = names().find(|name| !self.users.is_privilege(name)) {
            return Err(Refusal::worded("group.unknown", &[&unknown]));
        }
        let adds = request.r#type() == wire::OperatePrivilegeGroupType::AddPrivilegesToGroup;
        if let Some(held) = self.users.groups.get_mut(&request.group_name) {
            if adds {
                held.extend(names());
            } else {
                held.retain(|name| !names().any(|removed| removed == *name));
            }
        }
        Ok(Status::default())
    }
}
