//! Calls about indexes and loading.

use proto::common::{ErrorCode, IndexState, LoadState, Status};
use proto::milvus as wire;
use proto::schema::DataType;

use super::names::{Named, check_name};
use super::reply::Refusal;
use super::state::{Collection, FakeState, Load};

type Answer<R> = Result<R, Refusal>;

fn index_not_found(collection: &Collection) -> Refusal {
    let text = format!("index doesn't exist, collectionID {}: index not found", collection.id);
    Refusal::new(700, ErrorCode::IndexNotExist, text)
}

impl FakeState {
    pub(super) fn describe_index(
        &mut self,
        request: &wire::DescribeIndexRequest,
    ) -> Answer<wire::DescribeIndexResponse> {
        let held = self.collection(&request.db_name, &request.collection_name)?;
        if held.indexes.is_empty() {
            return Err(index_not_found(held));
        }
        let rows = i64::try_from(held.counted_rows()).unwrap_or_default();
        let descriptions = held.indexes.iter().map(|index| wire::IndexDescription {
            indexed_rows: rows,
            total_rows: rows,
            state: IndexState::Finished.into(),
            ..index.clone()
        });
        Ok(wire::DescribeIndexResponse { index_descriptions: descriptions.collect(), ..Default::default() })
    }

    pub(super) fn create_index(&mut self, request: &wire::CreateIndexRequest) -> Answer<Status> {
        let (version, index_id) = (self.version, self.next_id());
        let held = self.collection(&request.db_name, &request.collection_name)?;
        let Some(field) = held.schema.fields.iter().find(|field| field.name == request.field_name) else {
            let text = format!("cannot create index on non-exist field: {}", request.field_name);
            return Err(Refusal::invalid(text));
        };
        if !request.index_name.is_empty() {
            check_name(Named::Index, &request.index_name, version)?;
        }
        let is_vector = field.data_type >= DataType::BinaryVector.into();
        if is_vector && !request.extra_params.iter().any(|param| param.key == "metric_type") {
            return Err(Refusal::invalid("metric type not set for vector index"));
        }
        let index_name =
            if request.index_name.is_empty() { &request.field_name } else { &request.index_name };
        let requested = wire::IndexDescription {
            index_name: index_name.clone(),
            field_name: request.field_name.clone(),
            params: request.extra_params.clone(),
            ..Default::default()
        };
        for index in &held.indexes {
            if (wire::IndexDescription { index_id: 0, ..index.clone() }) == requested {
                return Ok(Status::default());
            }
            if index.index_name == requested.index_name || index.field_name == requested.field_name {
                return Err(Refusal::unexpected("at most one distinct index is allowed per field"));
            }
        }
        held.indexes.push(wire::IndexDescription { index_id, ..requested });
        Ok(Status::default())
    }

    pub(super) fn drop_index(&mut self, request: &wire::DropIndexRequest) -> Answer<Status> {
        let held = self.collection(&request.db_name, &request.collection_name)?;
        if held.load != Load::No {
            return Err(Refusal::unexpected(
                "index cannot be dropped, collection is loaded, please release it first",
            ));
        }
        held.indexes.retain(|index| index.index_name != request.index_name);
        Ok(Status::default())
    }

    pub(super) fn load_collection(&mut self, request: &wire::LoadCollectionRequest) -> Answer<Status> {
        let held = self.collection(&request.db_name, &request.collection_name)?;
        begin_loading(held)
    }

    /// Loads the whole collection: the fake does not track the load states of partitions.
    pub(super) fn load_partitions(&mut self, request: &wire::LoadPartitionsRequest) -> Answer<Status> {
        let held = self.collection(&request.db_name, &request.collection_name)?;
        for name in &request.partition_names {
            held.partition(name)?;
        }
        begin_loading(held)
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
        if let (Ok(held), [partition, ..]) =
            (self.collection(&request.db_name, &request.collection_name), request.partition_names.as_slice())
        {
            held.partition(partition)?;
        }
        let state = match self.collection(&request.db_name, &request.collection_name) {
            Err(_) => LoadState::NotExist,
            Ok(held) => match held.load {
                Load::No => LoadState::NotLoad,
                Load::Begun => {
                    held.load = Load::Done;
                    LoadState::Loading
                }
                Load::Done => LoadState::Loaded,
            },
        };
        Ok(wire::GetLoadStateResponse { state: state.into(), ..Default::default() })
    }
}

fn begin_loading(held: &mut Collection) -> Answer<Status> {
    let vectors = held.schema.fields.iter().filter(|field| field.data_type >= DataType::BinaryVector.into());
    let indexed = |name: &str| held.indexes.iter().any(|index| index.field_name == name);
    if vectors.into_iter().any(|field| !indexed(&field.name)) {
        return Err(index_not_found(held));
    }
    if held.load == Load::No {
        held.load = Load::Begun;
    }
    Ok(Status::default())
}
