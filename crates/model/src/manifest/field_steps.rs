//! The order in which the fields of a target are created, so that they get the ids that they have in the backup.
//!
//! An import assigns columns by the ids of their fields. Milvus ignores the ids in a request: it numbers the fields of a
//! new collection from 100 in their order, then arrays of structs, each before its own fields, then the hidden fields.
//! Fields that are added later get the ids after these.

use super::{DataType, Field, Schema, StructArrayField};
use crate::ids::FieldId;

/// The name of the field that takes the id of a field that was dropped in the source, until it is dropped too.
const PLACEHOLDER: &str = "mb_dropped_field_";
/// The key that Milvus makes for an external collection, and refuses to be given.
const VIRTUAL_KEY: &str = "__virtual_pk__";
/// The largest number of ids between two fields that counts as a gap of dropped fields; a larger one is damage.
const MAX_GAP: i64 = 1024;

/// The steps that give every field of a schema its id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSteps {
    /// The fields of the new collection, in order, without the hidden ones.
    pub created: Vec<Field>,
    /// The arrays of structs of the new collection, in order.
    pub created_structs: Vec<StructArrayField>,
    /// The fields to add to the collection afterwards, in order.
    pub added: Vec<Field>,
    /// The names of created and added fields to drop at the end: those of fields that were dropped in the source.
    pub dropped: Vec<String>,
    /// The names of what no step can give its id: arrays of structs that were added later, and ids far apart.
    pub impossible: Vec<String>,
}

/// A field, or an array of structs with its fields.
enum Item<'a> {
    Field(&'a Field),
    Struct(&'a StructArrayField),
}

impl Item<'_> {
    fn id(&self) -> i64 {
        match self {
            Self::Field(field) => field.id,
            Self::Struct(array) => array.id,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Field(field) => &field.name,
            Self::Struct(array) => &array.name,
        }
    }

    /// Returns the number of ids that it takes.
    fn ids(&self) -> i64 {
        match self {
            Self::Field(_) => 1,
            Self::Struct(array) => 1 + i64::try_from(array.fields.len()).unwrap_or(i64::MAX - 1),
        }
    }
}

impl FieldSteps {
    /// Finds the steps for a schema.
    pub fn new(schema: &Schema) -> Self {
        let is_given = |field: &&Field| !field.is_dynamic && field.name != VIRTUAL_KEY;
        let fields = schema.fields.iter().filter(is_given).map(Item::Field);
        let mut items: Vec<Item<'_>> =
            fields.chain(schema.struct_array_fields.iter().map(Item::Struct)).collect();
        items.sort_by_key(Item::id);
        let declared = schema.fields.iter().find(|field| field.is_dynamic).map(|field| field.id);
        let hidden = declared.or_else(|| schema.hidden_field().map(|id| id.0));
        let mut steps = Self::default();
        // The key that Milvus makes for an external collection has the first id.
        let mut next = FieldId::FIRST_USER_FIELD.0 + i64::from(schema.is_external());
        let mut is_created = false;
        for item in &items {
            // A field after an array of structs, or after the hidden field, was added later.
            let is_late = hidden.is_some_and(|hidden| item.id() > hidden)
                || (matches!(item, Item::Field(_)) && !steps.created_structs.is_empty());
            if is_late && !is_created {
                is_created = true;
                next = steps.end_creation(next, hidden, schema.enable_namespace);
            }
            if !steps.fill_gap(next, item.id(), is_created) {
                steps.impossible.push(item.name().to_owned());
                continue;
            }
            match item {
                Item::Field(field) if is_created => steps.added.push((*field).clone()),
                Item::Field(field) => steps.created.push((*field).clone()),
                Item::Struct(array) if is_created => steps.impossible.push(array.name.clone()),
                Item::Struct(array) => steps.created_structs.push((*array).clone()),
            }
            next = item.id().saturating_add(item.ids());
        }
        if !is_created {
            steps.end_creation(next, hidden, schema.enable_namespace);
        }
        steps
    }

    /// Adds what the creation needs so that the hidden field gets its id, and returns the next free id.
    fn end_creation(&mut self, next: i64, hidden: Option<i64>, has_namespaces: bool) -> i64 {
        let Some(hidden) = hidden else { return next.saturating_add(i64::from(has_namespaces)) };
        if !self.fill_gap(next, hidden, false) {
            self.impossible.push("the dynamic field".to_owned());
        }
        hidden.saturating_add(1 + i64::from(has_namespaces))
    }

    /// Adds a field for every id from `next` to the one before `until`; returns `false` if they cannot be filled.
    fn fill_gap(&mut self, next: i64, until: i64, is_created: bool) -> bool {
        if !(0..=MAX_GAP).contains(&until.saturating_sub(next)) {
            return false;
        }
        for id in next..until {
            let name = format!("{PLACEHOLDER}{id}");
            let of_type = DataType::INT64;
            let field =
                Field { id, name: name.clone(), data_type: of_type, nullable: true, ..Field::default() };
            self.dropped.push(name);
            if is_created {
                self.added.push(field);
            } else {
                self.created.push(field);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(id: i64) -> Field {
        Field { id, name: format!("f{id}"), ..Field::default() }
    }

    fn schema(ids: &[i64], is_dynamic: bool) -> Schema {
        Schema {
            fields: ids.iter().map(|id| field(*id)).collect(),
            enable_dynamic_field: is_dynamic,
            ..Schema::default()
        }
    }

    /// Returns the ids that Milvus would give in these steps, and the ids of the placeholders.
    fn ids(steps: &FieldSteps) -> (Vec<i64>, Vec<i64>, Vec<String>) {
        let ids = |fields: &[Field]| fields.iter().map(|field| field.id).collect();
        (ids(&steps.created), ids(&steps.added), steps.dropped.clone())
    }

    #[test]
    fn fields_without_gaps_are_created_in_the_order_of_their_ids() {
        let steps = FieldSteps::new(&schema(&[101, 100, 102], true));
        assert_eq!(ids(&steps), (vec![100, 101, 102], vec![], vec![]));
    }

    #[test]
    fn fields_after_the_hidden_field_are_added_later() {
        let steps = FieldSteps::new(&schema(&[100, 101, 102, 104, 105], true));
        assert_eq!(ids(&steps), (vec![100, 101, 102], vec![104, 105], vec![]));
        let steps = FieldSteps::new(&schema(&[100, 101, 102, 103], false));
        assert_eq!(ids(&steps), (vec![100, 101, 102, 103], vec![], vec![]), "the order alone decides");
    }

    #[test]
    fn the_ids_of_dropped_fields_are_taken_by_fields_that_are_dropped_at_the_end() {
        let names = |ids: &[i64]| ids.iter().map(|id| format!("mb_dropped_field_{id}")).collect::<Vec<_>>();
        let steps = FieldSteps::new(&schema(&[100, 102, 105], false));
        assert_eq!(ids(&steps), (vec![100, 101, 102, 103, 104, 105], vec![], names(&[101, 103, 104])));
        let mut dynamic = schema(&[100, 102, 106], true);
        dynamic.fields.push(Field { is_dynamic: true, ..field(104) });
        let steps = FieldSteps::new(&dynamic);
        assert_eq!(ids(&steps), (vec![100, 101, 102, 103], vec![105, 106], names(&[101, 103, 105])));
    }

    #[test]
    fn an_array_of_structs_takes_its_own_id_and_those_of_its_fields() {
        let array = StructArrayField { id: 102, fields: vec![field(103), field(104)], ..Default::default() };
        let mut with_array = schema(&[100, 101, 106], true);
        with_array.struct_array_fields = vec![array.clone()];
        let steps = FieldSteps::new(&with_array);
        assert_eq!(ids(&steps), (vec![100, 101], vec![106], vec![]));
        assert_eq!(steps.created_structs, std::slice::from_ref(&array));
        let mut late = schema(&[100, 101], true);
        late.struct_array_fields = vec![StructArrayField { id: 103, name: "s".to_owned(), ..array }];
        assert_eq!(FieldSteps::new(&late).impossible, ["s"]);
    }

    #[test]
    fn the_key_of_an_external_collection_is_not_created() {
        let mut schema = schema(&[100, 101, 102], false);
        VIRTUAL_KEY.clone_into(&mut schema.fields[0].name);
        schema.external_source = "s3://a/b/".to_owned();
        assert_eq!(ids(&FieldSteps::new(&schema)), (vec![101, 102], vec![], vec![]));
    }

    #[test]
    fn a_namespace_has_a_hidden_field_too() {
        let mut schema = schema(&[100, 101, 104], true);
        schema.enable_namespace = true;
        let steps = FieldSteps::new(&schema);
        assert_eq!(ids(&steps), (vec![100, 101], vec![104], vec![]));
    }
}
