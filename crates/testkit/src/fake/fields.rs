//! Calls that add fields to collections and drop them.

use prost::Message;
use proto::common::Status;
use proto::milvus as wire;
use proto::milvus::alter_collection_schema_request::action::Op;
use proto::milvus::alter_collection_schema_request::drop_request::Identifier;
use proto::milvus::alter_collection_schema_request::{AddRequest, DropRequest};
use proto::schema::{DataType, FieldSchema};

use super::external::is_external;
use super::limits::is_vector;
use super::reply::{Refusal, Version};
use super::schema_check::{check_auto_id, check_default, check_field};
use super::state::{Collection, FakeState};
use super::words::{Kind, V3_0};

type Answer<R> = Result<R, Refusal>;

const SYSTEM_FIELDS: [&str; 4] = ["RowID", "Timestamp", "$meta", "$namespace_id"];

fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::stated(Kind::Invalid, text)
}

impl FakeState {
    pub(super) fn add_collection_field(
        &mut self,
        request: &wire::AddCollectionFieldRequest,
    ) -> Answer<Status> {
        let version = self.version;
        let held = self.collection(&request.db_name, &request.collection_name)?;
        let field = FieldSchema::decode(request.schema.as_slice())
            .map_err(|_| Refusal::worded("schema.unreadable", &[]))?;
        held.check_added(&field, version)?;
        // The rows so far go to files without the field.
        self.seal_segments(&request.db_name, &request.collection_name)?;
        self.collection(&request.db_name, &request.collection_name)?.add_field(field, version)?;
        Ok(Status::default())
    }

    pub(super) fn alter_collection_schema(
        &mut self,
        request: &wire::AlterCollectionSchemaRequest,
    ) -> Answer<wire::AlterCollectionSchemaResponse> {
        let version = self.version;
        self.seal_segments(&request.db_name, &request.collection_name)?;
        let held = self.collection(&request.db_name, &request.collection_name)?;
        match request.action.as_ref().and_then(|action| action.op.as_ref()) {
            None => return Err(invalid("action is nil in alter schema task")),
            Some(Op::AddRequest(request)) => held.add_by_request(request, version)?,
            Some(Op::DropRequest(request)) => held.drop_by_request(request)?,
        }
        Ok(wire::AlterCollectionSchemaResponse::default())
    }
}

impl Collection {
    fn add_by_request(&mut self, request: &AddRequest, version: Version) -> Answer<()> {
        let fields: Vec<_> =
            request.field_infos.iter().filter_map(|info| info.field_schema.clone()).collect();
        if fields.iter().any(|field| field.is_function_output) {
            return Err(invalid(
                "adding a function field requires StorageV3; enable common.storage.useLoonFFI",
            ));
        }
        match <[FieldSchema; 1]>::try_from(fields) {
            Ok([field]) => self.add_field(field, version),
            Err(fields) if fields.is_empty() => Err(invalid("fieldInfos and function schema are both empty")),
            Err(_) => Err(invalid("For now, only one field info is supported")),
        }
    }

    /// Adds a field with the next id; the id of the request is ignored.
    fn add_field(&mut self, mut field: FieldSchema, version: Version) -> Answer<()> {
        self.check_added(&field, version)?;
        field.field_id = self.next_field_id;
        self.next_field_id += 1;
        self.schema.fields.push(field);
        self.note_field_ids(version);
        Ok(())
    }

    fn check_added(&self, field: &FieldSchema, version: Version) -> Answer<()> {
        let name = field.name.as_str();
        if SYSTEM_FIELDS.contains(&name) {
            return Err(invalid(format!("not support to add system field, field name = {name}")));
        }
        if field.is_primary_key {
            return Err(invalid(format!("not support to add pk field, field name = {name}")));
        }
        if is_external(&self.schema) {
            if field.external_field.is_empty() {
                return Err(invalid(format!(
                    "add field operation on external collection requires external_field mapping, field name = {name}"
                )));
            }
        } else if !field.nullable {
            return Err(invalid(format!(
                "added field must be nullable, please check it, field name = {name}"
            )));
        }
        check_auto_id(field)?;
        if field.is_partition_key {
            return Err(invalid(format!("not support to add partition key field, field name  = {name}")));
        }
        check_field(field, &self.schema.name, version)?;
        if field.data_type() == DataType::Text && version >= V3_0 {
            return Err(Refusal::worded("schema.text_type", &[]));
        }
        check_default(field, "schema.added_default_type")?;
        if self.schema.fields.iter().any(|own| own.name == name) {
            return Err(Refusal::worded("schema.field_exists", &[name]));
        }
        Ok(())
    }

    fn drop_by_request(&mut self, request: &DropRequest) -> Answer<()> {
        let fields = &self.schema.fields;
        match &request.identifier {
            None => Err(Refusal::stated(
                Kind::Missing,
                "drop request must specify field_name, field_id, or function_name",
            )),
            Some(Identifier::FieldName(name)) => match fields.iter().position(|field| field.name == *name) {
                Some(at) => self.drop_field(at),
                None => Err(invalid(format!("field not found: {name}"))),
            },
            Some(Identifier::FieldId(id)) => match fields.iter().position(|field| field.field_id == *id) {
                Some(at) => self.drop_field(at),
                None => Err(invalid(format!("field not found with id: {id}"))),
            },
            Some(Identifier::FunctionName(name)) => {
                self.drop_function(name, request.drop_function_output_fields)
            }
        }
    }

    /// Drops the field at a position of the schema with its index; its id does not come back.
    fn drop_field(&mut self, at: usize) -> Answer<()> {
        let Some(field) = self.schema.fields.get(at) else { return Ok(()) };
        let name = field.name.clone();
        if field.is_primary_key {
            return Err(invalid(format!("cannot drop primary key field: {name}")));
        }
        for function in &self.schema.functions {
            for (names, role) in
                [(&function.output_field_names, "output"), (&function.input_field_names, "input")]
            {
                if names.contains(&name) {
                    return Err(invalid(format!(
                        "field is referenced by function {} as {role}, drop function first",
                        function.name
                    )));
                }
            }
        }
        let is_vector = |field: &FieldSchema| is_vector(field.data_type, V3_0);
        if is_vector(field) && self.schema.fields.iter().filter(|field| is_vector(field)).count() == 1 {
            return Err(invalid(format!("cannot drop the last vector field: {name}")));
        }
        self.schema.fields.remove(at);
        self.indexes.retain(|index| index.field_name != name);
        Ok(())
    }

    fn drop_function(&mut self, name: &str, with_outputs: bool) -> Answer<()> {
        let Some(at) = self.schema.functions.iter().position(|function| function.name == name) else {
            return Err(invalid(format!("function not found: {name}")));
        };
        if !with_outputs {
            return Err(invalid(format!(
                "detaching a function without dropping its output field is not supported; drop_function always removes the function together with its output field: {name}"
            )));
        }
        let function = self.schema.functions.remove(at);
        self.schema.fields.retain(|field| !function.output_field_names.contains(&field.name));
        self.indexes.retain(|index| !function.output_field_names.contains(&index.field_name));
        Ok(())
    }
}
