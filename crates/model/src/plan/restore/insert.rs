//! The choice between import jobs and insert requests, and the schema of a target for inserts.

use std::collections::BTreeSet;

use super::{
    CollectionPlan, PartitionMethod, PartitionPlan, RestoreMethod, RestoreMode, RestoreRequest, TargetFacts,
};
use crate::ids::{FieldId, PartitionScope};
use crate::manifest::{Field, Function, Schema, StructArrayField};

/// The largest partition that mode auto inserts: its rows, and the size of its files in bytes.
const SMALL_PARTITION: (u64, u64) = (50_000, 64 << 20);

/// The duration of an import job on the releases that import one partition with each, in milliseconds.
const IMPORT_JOB_MS: u64 = 2_000;

/// The duration of the flush that follows the inserts into a collection, in milliseconds.
const FLUSH_MS: u64 = 4_000;

/// The number of bytes that a server accepts by inserts in a millisecond; real ones accept more.
const BYTES_PER_MS: u64 = 4 << 10;

/// Chooses how the rows of each partition get into the target, and removes the import jobs that are not needed.
pub(super) fn choose_methods(plan: &mut CollectionPlan, request: &RestoreRequest, facts: &TargetFacts) {
    let obstacle = facts.insert_obstacles.get(&plan.target);
    match request.mode() {
        RestoreMode::Insert => set_methods(plan, RestoreMethod::Insert, "requested"),
        RestoreMode::Import => set_methods(plan, RestoreMethod::Import, "requested"),
        RestoreMode::Auto => choose_by_cost(plan, obstacle, request, facts),
    }
    let inserted: BTreeSet<PartitionScope> =
        plan.inserted_partitions().map(|partition| PartitionScope::One(partition.id)).collect();
    plan.jobs.retain(|job| !inserted.contains(&job.scope));
}

/// Inserts the small partitions if that is faster than their import jobs, including the flush that inserts need.
fn choose_by_cost(
    plan: &mut CollectionPlan,
    obstacle: Option<&String>,
    request: &RestoreRequest,
    facts: &TargetFacts,
) {
    let reason = if let Some(obstacle) = obstacle {
        Some(format!("its rows cannot be inserted: {obstacle}"))
    } else if request.options.truncate_by_ts {
        Some("rows are left out by their time".to_owned())
    } else if facts.importer.max_segments.is_some() {
        Some("an import job of this Milvus has many segments".to_owned())
    } else {
        None
    };
    if let Some(reason) = reason {
        return set_methods(plan, RestoreMethod::Import, &reason);
    }
    let cost = |partition: &PartitionPlan| {
        let jobs = plan.jobs.iter().filter(|job| job.scope == PartitionScope::One(partition.id));
        jobs.fold((0_u64, 0_u64), |(jobs, bytes), job| (jobs + 1, bytes.saturating_add(job.bytes)))
    };
    let costs: Vec<(u64, u64)> = plan.partitions.iter().map(cost).collect();
    let is_small = |partition: &PartitionPlan, bytes: u64| {
        partition.rows.max <= SMALL_PARTITION.0 && bytes <= SMALL_PARTITION.1
    };
    let small =
        plan.partitions.iter().zip(&costs).filter(|(partition, (_, bytes))| is_small(partition, *bytes));
    let (jobs, bytes) =
        small.fold((0_u64, 0_u64), |(jobs, bytes), (_, own)| (jobs + own.0, bytes.saturating_add(own.1)));
    let pays = jobs * IMPORT_JOB_MS > FLUSH_MS + bytes / BYTES_PER_MS;
    for (partition, (_, bytes)) in plan.partitions.iter_mut().zip(&costs) {
        partition.method = match (is_small(partition, *bytes), pays) {
            (false, _) => method(RestoreMethod::Import, "it is large"),
            (true, false) => {
                method(RestoreMethod::Import, "few small partitions import as fast as they are flushed")
            }
            (true, true) => method(RestoreMethod::Insert, "an import job takes longer than its rows"),
        };
    }
}

fn set_methods(plan: &mut CollectionPlan, of_all: RestoreMethod, reason: &str) {
    for partition in &mut plan.partitions {
        partition.method = method(of_all, reason);
    }
}

fn method(method: RestoreMethod, reason: &str) -> PartitionMethod {
    PartitionMethod { method, reason: reason.to_owned() }
}

/// Returns the schema with which a target is created whose rows are inserted.
///
/// Inserts name fields, so the ids need not be those of the backup. Without `stores_nulls`, no field is nullable or has
/// a default. With `columns`, the target has only these fields, the keys, and the functions whose inputs it has.
pub fn schema_for_inserts(source: &Schema, stores_nulls: bool, columns: Option<&[String]>) -> Schema {
    let is_wanted = |name: &str| columns.is_none_or(|names| names.iter().any(|wanted| wanted == name));
    let is_kept = |field: &Field| is_wanted(&field.name) || field.is_primary_key || field.is_partition_key;
    let has_inputs = |function: &&Function| {
        let mut inputs = function.input_field_names.iter();
        inputs.all(|input| source.fields.iter().any(|field| field.name == *input && is_kept(field)))
    };
    let functions: Vec<Function> = source.functions.iter().filter(has_inputs).cloned().collect();
    let is_output = |name: &str| functions.iter().any(|it| it.output_field_names.iter().any(|it| it == name));
    let mut next = FieldId::FIRST_USER_FIELD.0;
    let mut number = |field: &Field| {
        let id = next;
        next += 1;
        adapt(field, id, stores_nulls)
    };
    let mut fields: Vec<&Field> =
        source
            .fields
            .iter()
            .filter(|field| !field.is_dynamic)
            .filter(|field| {
                if source.is_function_output(&field.name) { is_output(&field.name) } else { is_kept(field) }
            })
            .collect();
    fields.sort_by_key(|field| field.id);
    let fields: Vec<Field> = fields.into_iter().map(&mut number).collect();
    let arrays = source.struct_array_fields.iter().filter(|array| is_wanted(&array.name));
    let struct_array_fields = arrays
        .map(|array| {
            let own = number(&Field { name: array.name.clone(), ..Field::default() }).id;
            let fields = array.fields.iter().map(&mut number).collect();
            StructArrayField { id: own, fields, ..array.clone() }
        })
        .collect();
    Schema { fields, functions, struct_array_fields, ..source.clone() }
}

fn adapt(field: &Field, id: i64, stores_nulls: bool) -> Field {
    let default_value = field.default_value.clone().filter(|_| stores_nulls);
    Field { id, nullable: field.nullable && stores_nulls, default_value, ..field.clone() }
}
