//! Import tasks of 2.2 and 2.3, which the next release replaced by jobs.

use proto::common::{ErrorCode, ImportState, KeyValuePair};
use proto::milvus as wire;

use super::cell::user_columns;
use super::fault::Fault;
use super::import_v1_files::read_files;
use super::reply::{Refusal, Version};
use super::state::FakeState;
use super::words::Kind;

type Answer<R> = Result<R, Refusal>;

/// An import task, which makes one step of progress at each call of `GetImportState`.
#[derive(Clone, Debug)]
pub(super) struct Task {
    outcome: Outcome,
    polls: u32,
    collection_id: i64,
    collection: String,
    partition: String,
    /// The paths of the request, joined by commas.
    files: String,
    segments: Vec<i64>,
}

#[derive(Clone, Debug)]
enum Outcome {
    Rows(usize),
    Failed(String),
    Stuck,
}

impl FakeState {
    pub(super) fn import_task(&mut self, request: &wire::ImportRequest) -> Answer<wire::ImportResponse> {
        let version = self.version;
        let held = self.collection(&request.db_name, &request.collection_name)?;
        let option = |key: &str| request.options.iter().find(|pair| pair.key == key);
        let is_backup = option("backup").is_some_and(|pair| pair.value == "true");
        if request.files.is_empty() {
            return Err(Refusal::stated(Kind::Invalid, "import request is empty"));
        }
        if is_backup && request.partition_name.is_empty() {
            return Err(Refusal::worded("import.no_partition", &[]));
        }
        let (name, collection) = (&request.partition_name, held.name().to_owned());
        let partition = held.partition(name).map(|partition| partition.id);
        let partition =
            partition.map_err(|_| Refusal::worded("import.unknown_partition", &[name, &collection]))?;
        let collection_id = held.id;
        let columns = user_columns(held, version);
        let mut range = [0, u64::MAX];
        for (key, limit) in ["start_ts", "end_ts"].into_iter().zip(&mut range) {
            if let Some(pair) = option(key) {
                let milliseconds: u64 = pair.value.parse().map_err(|_| {
                    let text = format!("strconv.ParseUint: parsing \"{}\": invalid syntax", pair.value);
                    bad_option(&text, 65535, version)
                })?;
                *limit = milliseconds.saturating_mul(1 << 18);
            }
        }
        if range[0] > range[1] {
            return Err(bad_option("start_ts shouldn't be larger than end_ts", 2100, version));
        }
        let mut segments = Vec::new();
        let outcome = match self.faults.take_first(|fault| {
            matches!(fault, Fault::ImportFails(_) | Fault::ImportStuck | Fault::ImportEmpty)
        }) {
            Some(Fault::ImportFails(reason)) => Outcome::Failed(reason),
            Some(Fault::ImportStuck) => Outcome::Stuck,
            Some(_) => Outcome::Rows(0),
            None => {
                match read_files(&self.local_paths(&request.files), is_backup, &columns, range, version) {
                    Err(reason) if version < (2, 3, 0) => Outcome::Failed(reason),
                    Err(reason) => Outcome::Failed(format!("{reason}: importing data failed")),
                    Ok(mut rows) => {
                        // The rows get a new time and keep their ids.
                        let time = self.next_timestamp();
                        for row in &mut rows {
                            row.time = time;
                        }
                        let count = rows.len();
                        segments =
                            self.add_imported_rows(&request.db_name, &collection, partition, rows, 0)?;
                        Outcome::Rows(count)
                    }
                }
            }
        };
        let id = self.next_id();
        let files = request.files.join(",");
        let partition = request.partition_name.clone();
        self.tasks
            .insert(id, Task { outcome, polls: 0, collection_id, collection, partition, files, segments });
        Ok(wire::ImportResponse { tasks: vec![id], ..Default::default() })
    }

    pub(super) fn list_tasks(&mut self, collection: Option<i64>) -> Vec<wire::GetImportStateResponse> {
        let of_collection = |task: &&Task| collection.is_none_or(|id| task.collection_id == id);
        let ids: Vec<i64> =
            self.tasks.iter().filter(|(_, task)| of_collection(task)).map(|(id, _)| *id).collect();
        ids.into_iter().filter_map(|id| self.tasks.get(&id).map(|task| task.describe(id))).collect()
    }

    pub(super) fn task_state(&mut self, id: i64) -> Answer<wire::GetImportStateResponse> {
        let task = self.tasks.get_mut(&id);
        let task = task.ok_or_else(|| Refusal::worded("import.no_task", &[&id.to_string()]))?;
        task.polls += 1;
        Ok(task.describe(id))
    }
}

/// Returns the refusal of an option that cannot be read.
fn bad_option(cause: &str, code: i32, version: Version) -> Refusal {
    let form = "10-digit physical timestamp, e.g. 1665995420, default";
    Refusal::unexpected(match (version < (2, 3, 0), code) {
        (true, _) => format!(
            "request options is not illegal    \n{cause}    \nIllegal option format    \nstart_ts: {form} 0 \nend_ts: {form} math.MaxInt \n"
        ),
        (false, 2100) => {
            return Refusal::new(code, ErrorCode::UnexpectedError, format!("{cause}: importing data failed"));
        }
        (false, _) => cause.to_owned(),
    })
}

impl Task {
    fn describe(&self, id: i64) -> wire::GetImportStateResponse {
        let (state, percent) = match (self.polls, &self.outcome) {
            (0 | 1, _) | (_, Outcome::Stuck) => (ImportState::ImportStarted, "20"),
            (_, Outcome::Failed(_)) => (ImportState::ImportFailed, "0"),
            (2, Outcome::Rows(_)) => (ImportState::ImportPersisted, "90"),
            (_, Outcome::Rows(_)) => (ImportState::ImportCompleted, "100"),
        };
        let reason = match &self.outcome {
            Outcome::Failed(reason) if state == ImportState::ImportFailed => reason.as_str(),
            _ => "",
        };
        let infos = [
            ("files", self.files.as_str()),
            ("collection", &self.collection),
            ("partition", &self.partition),
            ("failed_reason", reason),
            ("progress_percent", percent),
        ];
        let pair = |(key, value): (&str, &str)| KeyValuePair { key: key.to_owned(), value: value.to_owned() };
        let row_count = match self.outcome {
            Outcome::Rows(rows) if self.polls > 1 => i64::try_from(rows).unwrap_or_default(),
            _ => 0,
        };
        wire::GetImportStateResponse {
            status: None,
            state: state.into(),
            row_count,
            infos: infos.into_iter().map(pair).collect(),
            id,
            collection_id: self.collection_id,
            segment_ids: self.segments.clone(),
        }
    }
}
