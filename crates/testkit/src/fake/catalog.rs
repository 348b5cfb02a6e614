//! Calls about the server itself.

use proto::common::ServerInfo;
use proto::milvus as wire;

use super::reply::Refusal;
use super::state::FakeState;

type Answer<R> = Result<R, Refusal>;

impl FakeState {
    pub(super) fn connect(&mut self, _: &wire::ConnectRequest) -> Answer<wire::ConnectResponse> {
        let server_info = ServerInfo {
            build_tags: self.version_text.clone(),
            build_time: "unknown".to_owned(),
            git_commit: "unknown".to_owned(),
            go_version: "unknown".to_owned(),
            deploy_mode: "STANDALONE".to_owned(),
        };
        let identifier = self.next_id();
        Ok(wire::ConnectResponse { server_info: Some(server_info), identifier, ..Default::default() })
    }

    pub(super) fn get_version(&mut self, _: &wire::GetVersionRequest) -> Answer<wire::GetVersionResponse> {
        Ok(wire::GetVersionResponse { version: self.version_text.clone(), ..Default::default() })
    }
}
