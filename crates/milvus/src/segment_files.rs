//! The files of segments as Milvus describes them over REST (2.5.8 and later).

use model::ids::{CollectionId, FieldId, LogId, SegmentId};
use model::name::CollectionRef;
use serde::Deserialize;

use crate::call::Call;
use crate::connect::Milvus;
use crate::error::MilvusError;

/// The number of segments of one request.
const BATCH: usize = 256;
/// The number of the state of a segment whose files are all in the store.
const FLUSHED: i32 = 4;

/// A segment with the ids of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedSegment {
    /// The id of the segment.
    pub id: SegmentId,
    /// Whether it is flushed; dropped segments are described too until their files are removed.
    pub is_flushed: bool,
    /// The virtual channel through which it received its rows.
    pub virtual_channel: String,
    /// The insert logs of each column, or of each group of columns.
    pub insert_logs: Vec<(FieldId, Vec<LogId>)>,
    /// The delta logs.
    pub delta_logs: Vec<LogId>,
}

/// The data of an answer.
#[derive(Deserialize)]
struct Described {
    #[serde(rename = "segmentInfos", default)]
    infos: Vec<SegmentInfo>,
}

#[derive(Deserialize)]
struct SegmentInfo {
    #[serde(rename = "segmentID")]
    id: i64,
    #[serde(default)]
    state: i32,
    #[serde(rename = "vChannel", default)]
    channel: String,
    #[serde(rename = "insertLogs", default)]
    insert_logs: Option<Vec<FieldLogs>>,
    #[serde(rename = "deltaLogs", default)]
    delta_logs: Option<Vec<FieldLogs>>,
}

#[derive(Deserialize)]
struct FieldLogs {
    #[serde(rename = "fieldID", default)]
    field: i64,
    #[serde(rename = "logIDs", default)]
    logs: Option<Vec<i64>>,
}

impl Milvus {
    /// Describes segments of a collection with the ids of their files.
    ///
    /// Fails with `NotFound` if Milvus does not know one of the segments any more: another list is needed then. Fails
    /// with `Unsupported` where the server has no such route.
    pub async fn describe_segments(
        &self,
        collection: &CollectionRef,
        id: CollectionId,
        segments: &[SegmentId],
    ) -> Result<Vec<DescribedSegment>, MilvusError> {
        let call = Call::new("describe the segments of collection", collection, &collection.database);
        let mut described = Vec::with_capacity(segments.len());
        for batch in segments.chunks(BATCH) {
            let ids: Vec<i64> = batch.iter().map(|segment| segment.0).collect();
            let body = serde_json::json!({
                "dbName": collection.database,
                "collectionID": id.0,
                "segmentIDs": ids,
            });
            let reply: Described = self.rest_data(call, "segments/describe", body).await?;
            described.extend(reply.infos.into_iter().map(DescribedSegment::from));
        }
        Ok(described)
    }
}

impl From<SegmentInfo> for DescribedSegment {
    fn from(info: SegmentInfo) -> Self {
        let logs = |logs: Option<Vec<i64>>| logs.unwrap_or_default().into_iter().map(LogId).collect();
        let fields = info.insert_logs.unwrap_or_default().into_iter();
        let deltas = info.delta_logs.unwrap_or_default().into_iter();
        Self {
            id: SegmentId(info.id),
            is_flushed: info.state == FLUSHED,
            virtual_channel: info.channel,
            insert_logs: fields.map(|field| (FieldId(field.field), logs(field.logs))).collect(),
            // They belong to no field, whatever number is given.
            delta_logs: deltas.flat_map(|delta| logs(delta.logs)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_beyond_the_precision_of_a_float_and_absent_lists_are_read() {
        let text = r#"{"segmentInfos":[{"collectionID":470782822063013985,"segmentID":470782822063214683,
            "state":4,"vChannel":"by-dev-rootcoord-dml_0_1v0","insertLogs":[{"fieldID":100,"logIDs":[470782822063214673]}],
            "deltaLogs":null},{"segmentID":2,"state":6,"insertLogs":[],"deltaLogs":[{"fieldID":0,"logIDs":[7]}]}]}"#;
        let reply: Described = serde_json::from_str(text).unwrap();
        let found: Vec<DescribedSegment> = reply.infos.into_iter().map(DescribedSegment::from).collect();
        assert_eq!(found[0].insert_logs, [(FieldId(100), vec![LogId(470_782_822_063_214_673)])]);
        assert_eq!((found[0].is_flushed, found[0].delta_logs.len()), (true, 0));
        assert_eq!((found[1].is_flushed, &found[1].delta_logs), (false, &vec![LogId(7)]));
    }
}
