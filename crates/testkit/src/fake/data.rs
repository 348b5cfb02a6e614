//! Calls about rows: insert, flush, segments, counts.

use proto::common::{ErrorCode, KeyValuePair, SegmentState};
use proto::milvus as wire;
use proto::schema::field_data::Field;
use proto::schema::{DataType, FieldData, LongArray, ScalarField, scalar_field};

use super::fault::Fault;
use super::files;
use super::reply::Refusal;
use super::state::{FakeState, Load};

type Answer<R> = Result<R, Refusal>;

impl FakeState {
    /// Counts the inserted rows; with a partition key, all rows go to the first partition.
    pub(super) fn insert(&mut self, request: &wire::InsertRequest) -> Answer<wire::MutationResult> {
        let held = self.collection(&request.db_name, &request.collection_name)?;
        let sent = |name: &str| request.fields_data.iter().any(|data| data.field_name == name);
        if let Some(field) = held.schema.fields.iter().find(|field| !field.auto_id && !sent(&field.name)) {
            return Err(Refusal::invalid(format!(
                "fieldSchema({}) has no corresponding fieldData pass in",
                field.name
            )));
        }
        let partition = match request.partition_name.as_str() {
            "" => self.first_partition(&request.db_name, &request.collection_name)?,
            name => held.partition(name)?.id,
        };
        self.add_growing_rows(
            &request.db_name,
            &request.collection_name,
            partition,
            request.num_rows.into(),
            false,
        )?;
        Ok(wire::MutationResult { insert_cnt: request.num_rows.into(), ..Default::default() })
    }

    pub(super) fn delete(&mut self, _: &wire::DeleteRequest) -> Answer<wire::MutationResult> {
        Err(Refusal::unexpected("the fake deletes nothing"))
    }

    pub(super) fn flush(&mut self, request: &wire::FlushRequest) -> Answer<wire::FlushResponse> {
        let mut reply = wire::FlushResponse::default();
        for name in &request.collection_names {
            let collection = self.collection(&request.db_name, name)?.id;
            let sealed = self.seal_segments(&request.db_name, name)?;
            let timestamp = self.next_timestamp();
            let seconds = i64::try_from((timestamp >> 18) / 1000).unwrap_or_default();
            reply.coll_seg_i_ds.insert(name.clone(), LongArray { data: sealed });
            reply.coll_seal_times.insert(name.clone(), seconds);
            if self.version >= (2, 3, 1) {
                reply.coll_flush_ts.insert(name.clone(), timestamp);
            }
            if self.version >= (2, 3, 15) {
                let channel_name = format!("by-dev-dml_0_{collection}v0");
                let position = proto::msg::MsgPosition {
                    channel_name: channel_name.clone(),
                    timestamp,
                    ..Default::default()
                };
                reply.channel_cps.insert(channel_name, position);
            }
        }
        Ok(reply)
    }

    pub(super) fn get_flush_state(
        &mut self,
        request: &wire::GetFlushStateRequest,
    ) -> Answer<wire::GetFlushStateResponse> {
        let ids = &request.segment_i_ds;
        let flushed = self.is_flushed(&request.db_name, &request.collection_name, ids)?;
        Ok(wire::GetFlushStateResponse { flushed, ..Default::default() })
    }

    pub(super) fn get_persistent_segment_info(
        &mut self,
        request: &wire::GetPersistentSegmentInfoRequest,
    ) -> Answer<wire::GetPersistentSegmentInfoResponse> {
        let asked = &request.collection_name;
        let hides_segment =
            |fault: &Fault| matches!(fault, Fault::SegmentUnlisted { collection, .. } if collection == asked);
        let hides_segment = self.faults.take_first(hides_segment).is_some();
        let held = self.advance_segments(&request.db_name, &request.collection_name)?;
        let collection_id = held.id;
        let name = held.name().to_owned();
        let infos = held.list_segments().map(|segment| wire::PersistentSegmentInfo {
            segment_id: segment.id,
            collection_id,
            partition_id: segment.partition,
            num_rows: i64::try_from(segment.listed_rows()).unwrap_or_default(),
            state: segment.state.into(),
            ..Default::default()
        });
        let mut infos: Vec<_> = infos.collect();
        if hides_segment {
            let at = self.lists_with_gap % infos.len().max(1);
            self.lists_with_gap += 1;
            infos.drain(at..infos.len().min(at + 1));
        }
        if let Some(rows) = self.faults.other_import(&name) {
            infos.push(wire::PersistentSegmentInfo {
                segment_id: i64::MAX,
                collection_id,
                num_rows: i64::try_from(rows).unwrap_or_default(),
                state: SegmentState::Importing.into(),
                ..Default::default()
            });
        }
        if self.faults.take_equal(&Fault::Compacted { collection: name.clone() }) {
            self.compact_segments(&request.db_name, &name)?;
        }
        Ok(wire::GetPersistentSegmentInfoResponse { infos, ..Default::default() })
    }

    /// Replaces every segment and its files by a copy with a new id.
    fn compact_segments(&mut self, database: &str, name: &str) -> Answer<()> {
        let held = self.collection(database, name)?;
        let (collection, old) = (held.id, std::mem::take(&mut held.segments));
        for segment in old {
            let dir = files::segment_dir(&self.root, collection, segment.partition, segment.id);
            std::fs::remove_dir_all(dir).map_err(|error| Refusal::unexpected(error.to_string()))?;
            self.add_segment(database, name, segment.partition, segment.rows)?;
        }
        Ok(())
    }

    pub(super) fn get_collection_statistics(
        &mut self,
        request: &wire::GetCollectionStatisticsRequest,
    ) -> Answer<wire::GetCollectionStatisticsResponse> {
        let asked = &request.collection_name;
        let counts =
            |fault: &Fault| matches!(fault, Fault::CountsMore { collection, .. } if collection == asked);
        let more = match self.faults.take_first(counts) {
            Some(Fault::CountsMore { rows, .. }) => rows,
            _ => self.faults.other_import(asked).unwrap_or_default(),
        };
        let rows = self.collection(&request.db_name, &request.collection_name)?.counted_rows() + more;
        let stats = vec![KeyValuePair { key: "row_count".to_owned(), value: rows.to_string() }];
        Ok(wire::GetCollectionStatisticsResponse { stats, ..Default::default() })
    }

    pub(super) fn query(&mut self, request: &wire::QueryRequest) -> Answer<wire::QueryResults> {
        let counts = self.version >= (2, 3, 0);
        let held = self.collection(&request.db_name, &request.collection_name)?;
        if held.load != Load::Done {
            let text = format!("collection not loaded[collection={}]", held.id);
            return Err(Refusal::new(101, ErrorCode::UnexpectedError, text));
        }
        if !counts || request.output_fields != ["count(*)"] || !request.expr.is_empty() {
            return Err(Refusal::unexpected("the fake answers count(*) alone, from 2.3 on"));
        }
        let rows = i64::try_from(held.all_rows()).unwrap_or_default();
        let count = scalar_field::Data::LongData(LongArray { data: vec![rows] });
        let column = FieldData {
            r#type: DataType::Int64.into(),
            field_name: "count(*)".to_owned(),
            field: Some(Field::Scalars(ScalarField { data: Some(count) })),
            ..FieldData::default()
        };
        Ok(wire::QueryResults { fields_data: vec![column], ..Default::default() })
    }
}
