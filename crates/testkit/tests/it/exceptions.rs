//! The recorded exchanges that the simulated Milvus need not answer in the same way, each with the reason.

use milvus_backup_testkit::replay::Compared;

/// Exchanges that are not compared.
struct Exception {
    /// The recorded versions; none for all.
    versions: &'static [&'static str],
    /// The beginnings of the steps.
    steps: &'static [&'static str],
    /// The call; empty for all calls of the steps.
    method: &'static str,
    /// Words that the difference contains; empty for any difference.
    difference: &'static str,
    /// Why the answers need not agree.
    #[expect(dead_code, reason = "tells the reader why")]
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        versions: &["2.5.27", "2.6.19"],
        steps: &["load.good", "load.again", "load.other_replicas", "quota.deny."],
        method: "LoadCollection",
        difference: "",
        reason: "the recorded servers had no query node",
    },
    Exception {
        versions: &["2.5.27", "2.6.19"],
        steps: &["load."],
        method: "GetLoadState",
        difference: "",
        reason: "the recorded servers had no query node",
    },
    Exception {
        versions: &["2.3.5", "2.5.27", "2.6.19", "3.0.0"],
        steps: &["load.replicas"],
        method: "LoadCollection",
        difference: "",
        reason: "the collection is loaded already, because the product does not know the field resource_groups",
    },
    Exception {
        versions: &[],
        steps: &["load.resource_group", "load.fields_bad", "load.refresh"],
        method: "LoadCollection",
        difference: "",
        reason: "the product does not know the fields resource_groups, load_fields and refresh",
    },
    Exception {
        versions: &[],
        steps: &["collections.show.loaded", "partitions.show.loaded", "load.show"],
        method: "",
        difference: "",
        reason: "the product does not know the field that selects loaded collections",
    },
    Exception {
        versions: &["2.5.27", "2.6.19"],
        steps: &["connect.", "rbac."],
        method: "Connect",
        difference: "server_info.build_time",
        reason: "the recorded servers were built without time and version of the compiler",
    },
    Exception {
        versions: &[],
        steps: &[
            "alter.truncate.after",
            "snapshot_files.rename",
            "snapshot_files.truncate",
            "snapshot_files.pinned.drop_collection",
        ],
        method: "",
        difference: "",
        reason: "concerns a collection that another call renamed, which is not simulated",
    },
    Exception {
        versions: &["2.2.16", "2.3.5", "2.5.27"],
        steps: &["collections.", "aliases.", "end."],
        method: "",
        difference: "find collection: #",
        reason: "the proxy remembers the id of a dropped collection with the same name",
    },
    Exception {
        versions: &["2.2.16", "2.3.5", "2.5.27"],
        steps: &["collections.", "aliases.", "end."],
        method: "",
        difference: "instead of \"can't find collection collection not found[collection=#]",
        reason: "the proxy remembers the id of a dropped collection with the same name",
    },
    Exception {
        versions: &["2.2.16", "2.3.5", "2.5.27"],
        steps: &["end.drop"],
        method: "GetPersistentSegmentInfo",
        difference: "collection not found[collection=#]",
        reason: "the proxy remembers the id of a dropped collection with the same name",
    },
    Exception {
        versions: &["3.0.0"],
        steps: &["snapshots.dropped.describe", "snapshot_files.drop"],
        method: "",
        difference: "instead of \"collection not found[collection=#]",
        reason: "the proxy remembers the id of a dropped collection with the same name",
    },
    Exception {
        versions: &["2.6.19"],
        steps: &["aliases."],
        method: "DescribeCollection",
        difference: "added [\"aliases[]\"]",
        reason: "2.6 describes new aliases some time later",
    },
    Exception {
        versions: &["3.0.0"],
        steps: &["alter.add.struct", "alter.drop_field.after", "snapshot_files.kinds.w_plain2"],
        method: "DescribeCollection",
        difference: "schema.struct_array_fields",
        reason: "a struct that another call added, which is not simulated",
    },
    Exception {
        versions: &["2.2.16", "2.3.5"],
        steps: &["collections.bad.bytes"],
        method: "CreateCollection",
        difference: "proto:\\u{a0}",
        reason: "the words of the protocol library have another kind of space in some builds",
    },
    Exception {
        versions: &["2.6.19", "3.0.0"],
        steps: &["quota.deny.writing"],
        method: "",
        difference: "error_code \"48\" instead of \"0\"",
        reason: "the recorded servers took longer than the test to deny writing",
    },
    Exception {
        versions: &[],
        steps: &["rbac.user.deleted"],
        method: "",
        difference: "",
        reason: "a user whom another call deleted, which is not simulated",
    },
    Exception {
        versions: &["2.2.16", "2.3.5"],
        steps: &["data.flush.at_once"],
        method: "Flush",
        difference: "coll_segIDs",
        reason: "the recorded server was still writing the segments of the flush before",
    },
    Exception {
        versions: &["2.5.27", "2.6.19", "3.0.0"],
        steps: &["data.flush.at_once", "data.flush.alias"],
        method: "Flush",
        difference: "instead of \"49\"",
        reason: "the limit of flushes is off, because a replay is faster than the scenario",
    },
    Exception {
        versions: &["2.3.5", "2.5.27"],
        steps: &["flush_all.segments", "segments_describe.list"],
        method: "GetPersistentSegmentInfo",
        difference: "EnumNumber(3)",
        reason: "the recorded server was still writing a sealed segment",
    },
    Exception {
        versions: &["2.5.27"],
        steps: &["segments_describe."],
        method: "/v2/vectordb/segments/describe",
        difference: "state=3",
        reason: "the recorded server was still writing a sealed segment",
    },
    Exception {
        versions: &["2.3.5", "2.5.27"],
        steps: &["flush_all.state.db", "flush_all.db_missing"],
        method: "",
        difference: "error_code \"0\"",
        reason: "the product does not know the fields that name a database",
    },
    Exception {
        versions: &["2.6.19", "3.0.0"],
        steps: &["flush_all.state.unknown_channel"],
        method: "GetFlushAllState",
        difference: "pchannel by-dev-rootcoord-dml_0",
        reason: "the server names any of the missing channels",
    },
    Exception {
        versions: &["3.0.0"],
        steps: &[
            "segments_describe.text_ids",
            "imports.option_bool",
            "imports.flat_files",
            "imports.job.describe",
        ],
        method: "",
        difference: "mismatched type with value",
        reason: "the text shows the place in the JSON text, as another parser counts it",
    },
    Exception {
        versions: &[],
        steps: &["imports.end_ts.", "imports.start_ts."],
        method: "",
        difference: "",
        reason: "the product does not call AllocTimestamp, which gave the time between two inserts",
    },
    Exception {
        versions: &["2.2.16", "2.3.5"],
        steps: &["imports.grpc.unknown_", "imports.schema.vector_type"],
        method: "Import",
        difference: "stack trace",
        reason: "the recorded text is a stack trace, after many attempts",
    },
    Exception {
        versions: &["2.2.16"],
        steps: &["imports.grpc.list.missing"],
        method: "ListImportTasks",
        difference: "instead of \"9\"",
        reason: "the product does not know this code of 2.2",
    },
    Exception {
        versions: &["2.2.16", "2.3.5"],
        steps: &["imports.count", "load.count"],
        method: "Query",
        difference: "",
        reason: "the scenario waited by GetLoadingProgress, and asked 2.2 for all fields, which the product does not",
    },
    Exception {
        versions: &["2.6.19", "3.0.0"],
        steps: &["imports.grpc.three_paths", "imports.three_paths"],
        method: "",
        difference: "stack trace",
        reason: "the recorded text is a stack trace, after many attempts",
    },
    Exception {
        versions: &["2.5.27", "2.6.19", "3.0.0"],
        steps: &[
            "imports.form.segment.poll",
            "imports.form.empty_first.poll",
            "imports.broken.extra_file.poll",
        ],
        method: "",
        difference: "reason",
        reason: "the server names any of several faults, and its working directory has other files",
    },
    Exception {
        versions: &["2.5.27", "2.6.19", "3.0.0"],
        steps: &["imports.job.list"],
        method: "/v2/vectordb/jobs/import/list",
        difference: "values",
        reason: "lists the jobs whose reason is another of several faults",
    },
    Exception {
        versions: &["2.6.19", "3.0.0"],
        steps: &["imports.kinds.w_struct"],
        method: "",
        difference: "",
        reason: "the recorded servers read column groups with a stand-in that knows no lists of vectors",
    },
    Exception {
        versions: &["2.5.27"],
        steps: &["imports.index.after"],
        method: "DescribeIndex",
        difference: "pending_index_rows",
        reason: "the recorded server was still building",
    },
    Exception {
        versions: &["3.0.0"],
        steps: &["snapshot_files.restored"],
        method: "DescribeIndex",
        difference: "pending_index_rows",
        reason: "the recorded server was still building",
    },
    Exception {
        versions: &["3.0.0"],
        steps: &["schema_changes.restore.by_snapshot"],
        method: "GetPersistentSegmentInfo",
        difference: "infos",
        reason: "the scenario waited some seconds, but a simulated restore makes progress when it is asked for its state",
    },
    Exception {
        versions: &["2.3.5"],
        steps: &["imports.loaded.rows", "compaction.before", "compaction.after"],
        method: "GetPersistentSegmentInfo",
        difference: "values",
        reason: "the recorded server compacted the segments by itself",
    },
    Exception {
        versions: &["2.5.27", "2.6.19", "3.0.0"],
        steps: &["compaction.before", "compaction.after"],
        method: "GetPersistentSegmentInfo",
        difference: "values",
        reason: "the recorded server refused two rows in the section quota because of its settings",
    },
    Exception {
        versions: &["3.0.0"],
        steps: &["schema_changes.restore.ids.poll", "schema_changes.restore.no_ids.poll"],
        method: "",
        difference: "deserialize error",
        reason: "the server names any of several columns with another type",
    },
    Exception {
        versions: &["2.5.27", "2.6.19", "3.0.0"],
        steps: &["quota.max_jobs"],
        method: "",
        difference: "",
        reason: "the scenario changed the largest number of jobs, which is no setting of the simulated server",
    },
    Exception {
        versions: &["2.6.19", "3.0.0"],
        steps: &["rbac.denied.some_granted.rest"],
        method: "/v2/vectordb/jobs/import/list",
        difference: "values",
        reason: "lists the jobs whose reason is another of several faults",
    },
];

/// Returns whether an exchange that differs is an exception.
pub(crate) fn is_exception(version: &str, compared: &Compared) -> bool {
    let Some(difference) = &compared.agreement.difference else { return false };
    EXCEPTIONS.iter().any(|exception| {
        (exception.versions.is_empty() || exception.versions.contains(&version))
            && exception.steps.iter().any(|step| compared.step.starts_with(step))
            && (exception.method.is_empty() || exception.method == compared.method)
            && difference.contains(exception.difference)
    })
}
