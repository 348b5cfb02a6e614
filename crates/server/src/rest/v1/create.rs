//! Conversion of the request `create` for the engine.

use model::name::BackupName;
use model::plan::backup::{BackupRequest, FlushStrategy, RequestedFormat};
use model::selection::Selection;

use super::requests::V1CreateRequest;
use super::{generated_names, selection};
use wire::Failure;

impl V1CreateRequest {
    /// Returns the request of the engine; generates a name if there is none.
    pub(crate) fn backup(&self) -> Result<BackupRequest, Failure> {
        self.reject_unsupported()?;
        let name = match self.backup_name.as_str() {
            "" => generated_names::backup_name(),
            name => BackupName::for_create_by_go_api(name).map_err(engine::Error::Name)?,
        };
        Ok(BackupRequest {
            name,
            selection: self.selection()?,
            strategy: self.strategy()?,
            format: self.format()?,
            pause_gc: self.gc_pause_enable,
            strict: false,
            replace_unfinished: false,
            rbac: self.rbac,
        })
    }

    /// Returns messages about options that have no effect.
    pub(crate) fn notes(&self) -> Vec<&'static str> {
        let notes = [
            (
                !self.gc_pause_address.is_empty(),
                "gc_pause_address has no effect: milvus.management.endpoint in the configuration is used",
            ),
            (
                self.gc_pause_seconds != 0,
                "gc_pause_seconds has no effect: the pause is renewed until the backup ends",
            ),
            (self.force && !self.strategy.is_empty(), "force has no effect, because strategy is set"),
            (self.meta_only && !self.strategy.is_empty(), "meta_only has no effect, because strategy is set"),
        ];
        notes.into_iter().filter_map(|(given, note)| given.then_some(note)).collect()
    }

    /// Returns the selection: `filter`, else `db_collections`, else `collection_names`.
    fn selection(&self) -> Result<Selection, Failure> {
        if let Some(selection) = selection::filter("filter", self.filter.as_ref())? {
            return Ok(selection);
        }
        if let Some(selection) = selection::databases("db_collections", self.db_collections.as_ref())? {
            return Ok(selection);
        }
        let collections = selection::collections("collection_names", &self.collection_names)?;
        Ok(collections.unwrap_or_else(Selection::everything))
    }

    /// Returns the flush strategy: `strategy`, else `meta_only`, else `force`. The last two together omit the data, as
    /// in 0.4.15.
    fn strategy(&self) -> Result<FlushStrategy, Failure> {
        match self.strategy.as_str() {
            "" if self.meta_only => Ok(FlushStrategy::MetaOnly),
            "" if self.force => Ok(FlushStrategy::Skip),
            word => FlushStrategy::from_word(word).ok_or_else(|| {
                let words = FlushStrategy::WORDS.join(", ");
                Failure::usage(format!("strategy {word:?}: expected one of {words}"))
            }),
        }
    }

    fn reject_unsupported(&self) -> Result<(), Failure> {
        if self.with_index_extra {
            return Err(Failure::not_supported_yet("with_index_extra (index details from etcd)")
                .hint("omit it: indexes are backed up with the parameters of their creation"));
        }
        Ok(())
    }

    fn format(&self) -> Result<RequestedFormat, Failure> {
        RequestedFormat::from_word(&self.format).ok_or_else(|| {
            Failure::usage(format!("format {:?}: expected auto, binlog or snapshot", self.format))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::go_json;
    use super::*;
    use wire::FailureKind;

    fn read(body: &Value) -> Result<BackupRequest, Failure> {
        go_json::from_slice::<V1CreateRequest>(body.to_string().as_bytes()).unwrap().backup()
    }

    fn selected(body: &Value) -> String {
        read(body).unwrap().selection.to_string()
    }

    #[test]
    fn a_missing_name_is_generated() {
        assert!(read(&json!({})).unwrap().name.as_str().starts_with("backup_20"));
        assert_eq!(read(&json!({"backup_name": "nightly"})).unwrap().name.as_str(), "nightly");
        for wrong in ["rest bad/name!", "../x", "insert_log", "9"] {
            assert_eq!(read(&json!({"backup_name": wrong})).unwrap_err().kind, FailureKind::Usage, "{wrong}");
        }
    }

    #[test]
    fn the_more_exact_selector_overrides_the_others() {
        let mut body = json!({});
        assert!(read(&body).unwrap().selection.is_everything());
        body["collection_names"] = json!(["a"]);
        assert_eq!(selected(&body), "a");
        body["db_collections"] = json!({"b": []});
        assert_eq!(selected(&body), "b.*");
        body["filter"] = json!({"c": {"colls": ["d"]}});
        assert_eq!(selected(&body), "c.d");
    }

    #[test]
    fn strategies_are_derived_from_strategy_meta_only_and_force() {
        let strategy = |body: Value| read(&body).map(|request| request.strategy);
        assert_eq!(strategy(json!({})).unwrap(), FlushStrategy::Auto);
        assert_eq!(strategy(json!({"force": true})).unwrap(), FlushStrategy::Skip);
        assert_eq!(strategy(json!({"meta_only": true})).unwrap(), FlushStrategy::MetaOnly);
        assert_eq!(strategy(json!({"meta_only": true, "force": true})).unwrap(), FlushStrategy::MetaOnly);
        let both = json!({"strategy": "serial_flush", "meta_only": true});
        assert_eq!(strategy(both).unwrap(), FlushStrategy::Serial);
        assert_eq!(strategy(json!({"strategy": "fast"})).unwrap_err().kind, FailureKind::Usage);
    }

    #[test]
    fn unsupported_options_are_named_and_others_passed_on() {
        assert!(read(&json!({"rbac": true})).unwrap().rbac);
        let extra = json!({"with_index_extra": true});
        assert_eq!(read(&extra).unwrap_err().kind, FailureKind::Unsupported);
        let format = |word: &str| read(&json!({"format": word})).unwrap().format;
        assert_eq!([format("auto"), format("snapshot")], [RequestedFormat::Auto, RequestedFormat::Snapshot]);
        assert_eq!(read(&json!({"format": "tar"})).unwrap_err().kind, FailureKind::Usage);
    }

    #[test]
    fn garbage_collection_is_paused_only_at_the_configured_address() {
        let body = json!({"gc_pause_enable": true, "gc_pause_seconds": 60, "gc_pause_address": "http://x"});
        assert!(read(&body).unwrap().pause_gc);
        let request: V1CreateRequest = serde_json::from_value(body).unwrap();
        assert_eq!(request.notes().len(), 2);
    }
}
