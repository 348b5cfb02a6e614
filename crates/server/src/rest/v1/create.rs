//! What `create` is asked, as the engine takes it.

use model::name::BackupName;
use model::plan::backup::{BackupRequest, FlushStrategy};
use model::selection::Selection;

use super::requests::CreateRequest;
use super::{names, selection};
use wire::Failure;

impl CreateRequest {
    /// The backup to make; a name made of the time if none is given.
    pub(crate) fn backup(&self) -> Result<BackupRequest, Failure> {
        self.refuse_what_comes_later()?;
        let name = match self.backup_name.as_str() {
            "" => names::backup(),
            name => BackupName::for_create(name).map_err(engine::Error::Name)?,
        };
        Ok(BackupRequest {
            name,
            selection: self.selection()?,
            strategy: self.strategy()?,
            pause_gc: self.gc_pause_enable,
            strict: false,
        })
    }

    /// What is taken but has no effect, in words.
    pub(crate) fn notes(&self) -> Vec<&'static str> {
        let notes = [
            (
                !self.gc_pause_address.is_empty(),
                "gc_pause_address is not used: milvus.management.endpoint of the configuration is",
            ),
            (
                self.gc_pause_seconds != 0,
                "gc_pause_seconds is not used: a pause is renewed for as long as it is needed",
            ),
            (self.force && !self.strategy.is_empty(), "force is not used, since strategy is given"),
            (self.meta_only && !self.strategy.is_empty(), "meta_only is not used, since strategy is given"),
        ];
        notes.into_iter().filter_map(|(given, note)| given.then_some(note)).collect()
    }

    /// `filter` over `db_collections` over `collection_names`.
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

    /// `strategy` over `meta_only` over `force`; the last two together leave the data out, as in 0.4.15.
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

    fn refuse_what_comes_later(&self) -> Result<(), Failure> {
        if self.rbac {
            return Err(Failure::not_supported_yet("rbac (users, roles and grants)").hint("leave out rbac"));
        }
        if self.with_index_extra {
            return Err(Failure::not_supported_yet("with_index_extra (index details from etcd)")
                .hint("leave it out: indexes are taken with the parameters they were created with"));
        }
        match self.format.as_str() {
            "" | "auto" | "binlog" => Ok(()),
            "snapshot" => Err(Failure::not_supported_yet("format snapshot (Milvus 3.0)")
                .hint("use the format binlog, or leave it out")),
            other => Err(Failure::usage(format!("format {other:?}: expected auto, binlog or snapshot"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::go_json;
    use super::*;
    use wire::Kind;

    fn read(body: &Value) -> Result<BackupRequest, Failure> {
        go_json::from_slice::<CreateRequest>(body.to_string().as_bytes()).unwrap().backup()
    }

    fn selected(body: &Value) -> String {
        read(body).unwrap().selection.to_string()
    }

    #[test]
    fn a_name_is_made_where_none_is_given() {
        assert!(read(&json!({})).unwrap().name.as_str().starts_with("backup_20"));
        assert_eq!(read(&json!({"backup_name": "nightly"})).unwrap().name.as_str(), "nightly");
        for wrong in ["rest bad/name!", "../x", "insert_log", "9"] {
            assert_eq!(read(&json!({"backup_name": wrong})).unwrap_err().kind, Kind::Usage, "{wrong}");
        }
    }

    #[test]
    fn the_more_exact_selector_counts() {
        let mut body = json!({});
        assert!(read(&body).unwrap().selection.is_everything());
        body["collection_names"] = json!(["a"]);
        assert_eq!(selected(&body), "default.a");
        body["db_collections"] = json!({"b": []});
        assert_eq!(selected(&body), "b.*");
        body["filter"] = json!({"c": {"colls": ["d"]}});
        assert_eq!(selected(&body), "c.d");
    }

    #[test]
    fn strategies() {
        let strategy = |body: Value| read(&body).map(|request| request.strategy);
        assert_eq!(strategy(json!({})).unwrap(), FlushStrategy::Auto);
        assert_eq!(strategy(json!({"force": true})).unwrap(), FlushStrategy::Skip);
        assert_eq!(strategy(json!({"meta_only": true})).unwrap(), FlushStrategy::MetaOnly);
        assert_eq!(strategy(json!({"meta_only": true, "force": true})).unwrap(), FlushStrategy::MetaOnly);
        let both = json!({"strategy": "serial_flush", "meta_only": true});
        assert_eq!(strategy(both).unwrap(), FlushStrategy::Serial);
        assert_eq!(strategy(json!({"strategy": "fast"})).unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn what_is_not_built_is_named() {
        for body in [json!({"rbac": true}), json!({"with_index_extra": true}), json!({"format": "snapshot"})]
        {
            assert_eq!(read(&body).unwrap_err().kind, Kind::Unsupported, "{body}");
        }
        assert_eq!(read(&json!({"format": "tar"})).unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn garbage_collection_is_paused_on_wish_but_never_elsewhere() {
        let body = json!({"gc_pause_enable": true, "gc_pause_seconds": 60, "gc_pause_address": "http://x"});
        assert!(read(&body).unwrap().pause_gc);
        let request: CreateRequest = serde_json::from_value(body).unwrap();
        assert_eq!(request.notes().len(), 2);
    }
}
