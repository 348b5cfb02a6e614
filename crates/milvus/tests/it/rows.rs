//! Tests of calls that write, count and find rows.

use milvus::{MilvusErrorKind, RowKeys};
use model::manifest::{DataType, Field};
use proto::schema::field_data::Field as Values;
use proto::schema::scalar_field::Data;
use proto::schema::vector_field::Data as Vectors;
use proto::schema::{FieldData, FloatArray, LongArray, ScalarField, StringArray, VectorField};
use testkit::servers;
use testkit::test_milvus::TestMilvus;

use crate::fixtures::{connect, field, flat_index, load_and_wait, new_name, small_collection};

#[tokio::test]
async fn rows_are_written_counted_and_found() {
    let Some(server) = servers::milvus() else { return };
    check_rows(&connect(&server).await).await;
}

#[tokio::test]
async fn rows_are_written_and_found_on_an_old_server() {
    let Some(server) = servers::milvus_2216() else { return };
    check_rows(&connect(&server).await).await;
}

/// Returns the columns of rows of [`small_collection`], whose key is text if `is_text`.
pub(crate) fn columns(keys: std::ops::Range<i64>, is_text: bool) -> (Vec<FieldData>, u32) {
    let rows = u32::try_from(keys.end - keys.start).unwrap();
    let scalars = |name: &str, data_type: DataType, data| FieldData {
        r#type: data_type.0,
        field_name: name.to_owned(),
        field: Some(Values::Scalars(ScalarField { data: Some(data) })),
        ..FieldData::default()
    };
    let texts = |keys: std::ops::Range<i64>| {
        Data::StringData(StringArray { data: keys.map(|key| format!("row \"{key}\", \\n")).collect() })
    };
    let key = if is_text {
        scalars("id", DataType::VARCHAR, texts(keys.clone()))
    } else {
        scalars("id", DataType::INT64, Data::LongData(LongArray { data: keys.clone().collect() }))
    };
    let vectors = FloatArray { data: vec![0.5; 4 * rows as usize] };
    let vectors = VectorField { dim: 4, data: Some(Vectors::FloatVector(vectors)) };
    let vector = FieldData {
        r#type: DataType::FLOAT_VECTOR.0,
        field_name: "vector".to_owned(),
        field: Some(Values::Vectors(vectors)),
        ..FieldData::default()
    };
    (vec![key, scalars("text", DataType::VARCHAR, texts(keys)), vector], rows)
}

/// Checks all calls on rows, with keys of both types.
pub(crate) async fn check_rows(milvus: &TestMilvus) {
    let is_old = !milvus.capabilities().upserts;
    for is_text in [false, true] {
        let target = new_name("rows");
        let mut definition = small_collection(&target);
        if is_text {
            let params = [("max_length", "100")];
            definition.schema.fields[0] =
                Field { is_primary_key: true, ..field("id", DataType::VARCHAR, &params) };
        }
        milvus.create_collection(&definition).await.unwrap();
        milvus.create_partition(&target, "old").await.unwrap();
        let keys = |keys: std::ops::Range<i64>| {
            if is_text {
                RowKeys::VarChar(keys.map(|key| format!("row \"{key}\", \\n")).collect())
            } else {
                RowKeys::Int64(keys.collect())
            }
        };
        let (fields, rows) = columns(0..10, is_text);
        assert_eq!(milvus.insert_rows(&target, None, fields, rows).await.unwrap().rows, 10);
        let (fields, rows) = columns(10..15, is_text);
        assert_eq!(milvus.insert_rows(&target, Some("old"), fields, rows).await.unwrap().rows, 5);
        // All rows but one exist already.
        let (fields, rows) = columns(5..11, is_text);
        let upserted = milvus.upsert_rows(&target, None, fields, rows).await;
        if is_old {
            assert_eq!(upserted.unwrap_err().kind(), MilvusErrorKind::Unsupported);
        } else {
            assert_eq!(upserted.unwrap().rows, 6);
        }
        let unloaded = milvus.query_keys(&target, None, "id", &keys(0..3)).await.unwrap_err();
        assert_eq!(unloaded.kind(), MilvusErrorKind::NotLoaded, "{unloaded}");
        milvus.create_index(&target, &flat_index()).await.unwrap();
        load_and_wait(milvus, &target).await;
        if is_old {
            let error = milvus.count_rows(&target, None).await.unwrap_err();
            assert_eq!(error.kind(), MilvusErrorKind::Unsupported, "{error}");
        } else {
            assert_eq!(milvus.count_rows(&target, Some("old")).await.unwrap(), 5);
            assert_eq!(milvus.count_rows(&target, Some("_default")).await.unwrap(), 11);
        }
        let found = async |partition, wanted| {
            let found = milvus.query_keys(&target, partition, "id", &keys(wanted)).await.unwrap();
            found.len()
        };
        assert_eq!(found(Some("old"), 8..20).await, 5);
        assert_eq!(found(None, 20..22).await, 0);
        milvus.delete_rows(&target, Some("old"), "id", &keys(11..30)).await.unwrap();
        milvus.delete_rows(&target, None, "id", &keys(0..1)).await.unwrap();
        assert_eq!(found(Some("old"), 8..20).await, 1);
        assert_eq!(found(Some("_default"), 0..10).await, 9);
        milvus.drop_collection(&target).await.unwrap();
    }
}
