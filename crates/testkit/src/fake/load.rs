//! Calls about loading.

use proto::common::{LoadState, Status};
use proto::milvus as wire;

use super::index::no_index;
use super::limits::is_vector;
use super::reply::{Refusal, Version};
use super::state::{Collection, FakeState, Load};
use super::words::{V2_3, V2_4};

type Answer<R> = Result<R, Refusal>;

impl FakeState {
    pub(super) fn load_collection(&mut self, request: &wire::LoadCollectionRequest) -> Answer<Status> {
        let version = self.version;
        let held = self.collection(&request.db_name, &request.collection_name)?;
        begin_loading(held, request.replica_number, version)
    }

    /// Loads the whole collection: the fake does not track the load states of partitions.
    pub(super) fn load_partitions(&mut self, request: &wire::LoadPartitionsRequest) -> Answer<Status> {
        let version = self.version;
        let held = self.collection(&request.db_name, &request.collection_name)?;
        for name in &request.partition_names {
            held.partition(name)?;
        }
        begin_loading(held, request.replica_number, version)
    }

    pub(super) fn release_collection(&mut self, request: &wire::ReleaseCollectionRequest) -> Answer<Status> {
        self.collection(&request.db_name, &request.collection_name)?.load = Load::No;
        Ok(Status::default())
    }

    pub(super) fn get_load_state(
        &mut self,
        request: &wire::GetLoadStateRequest,
    ) -> Answer<wire::GetLoadStateResponse> {
        if self.faults.take_not_found("GetLoadState") {
            let state = LoadState::NotExist.into();
            return Ok(wire::GetLoadStateResponse { state, ..Default::default() });
        }
        let version = self.version;
        let state = match self.collection(&request.db_name, &request.collection_name) {
            Err(_) => LoadState::NotExist,
            Ok(held) => {
                if let (Some(partition), true) = (request.partition_names.first(), version >= V2_3) {
                    held.partition(partition)?;
                }
                match held.load {
                    Load::No => LoadState::NotLoad,
                    Load::Begun => {
                        held.load = Load::Done;
                        LoadState::Loading
                    }
                    Load::Done => LoadState::Loaded,
                }
            }
        };
        Ok(wire::GetLoadStateResponse { state: state.into(), ..Default::default() })
    }
}

/// Begins to load a collection on the only node, which takes one replica.
fn begin_loading(held: &mut Collection, replicas: i32, version: Version) -> Answer<Status> {
    let mut vectors = held.schema.fields.iter().filter(|field| is_vector(field.data_type, version));
    let indexed = |name: &str| held.indexes.iter().any(|index| index.field_name == name);
    if vectors.any(|field| !indexed(&field.name)) {
        return Err(match version {
            version if version < V2_3 => Refusal::worded("load.no_index", &[&held.id.to_string()]),
            _ => no_index(held, ""),
        });
    }
    let requested = replicas.max(1).to_string();
    match held.load {
        Load::No if replicas > 1 => return Err(Refusal::worded("load.replicas", &[&requested])),
        Load::No => held.load = Load::Begun,
        _ if replicas > 1 && version < V2_4 => {
            return Err(Refusal::worded("load.other_replicas", &[&requested]));
        }
        _ => {}
    }
    Ok(Status::default())
}
