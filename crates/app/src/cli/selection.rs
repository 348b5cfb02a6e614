//! The flags that select, of all releases.

use clap::Args;
use model::selection::{Selection, SelectionError};

use super::session::Session;
use wire::Failure;

/// Selectors; empty ones count as not given, as in the Go tool.
#[derive(Args, Debug)]
pub(super) struct Selectors {
    /// Take what matches: db.*, db.coll, coll (of default), db. alone; globs; by commas
    #[arg(long, value_name = "RULES")]
    filter: Option<String>,
    #[arg(long, short = 'd', hide = true, value_name = "DB,…")]
    databases: Option<String>,
    #[arg(long = "database-collections", short = 'a', hide = true, value_name = "JSON")]
    database_collections: Option<String>,
}

impl Selectors {
    /// The selection of a backup: of several selectors the first of --filter, -a, -c, -d holds (0.5.16).
    pub(super) fn first(
        &self,
        collections: (&'static str, Option<&String>),
        session: &Session<'_>,
    ) -> Result<Selection, Failure> {
        let given = self.given(collections);
        for later in given.iter().skip(1) {
            session.note(&format!("{} is ignored, since {} is given", later.flag, given[0].flag));
        }
        Self::selection(given.first(), session)
    }

    /// The selection of a restore: several selectors are refused (0.5.16).
    pub(super) fn only(
        &self,
        collections: (&'static str, Option<&String>),
        session: &Session<'_>,
    ) -> Result<Selection, Failure> {
        match self.given(collections).as_slice() {
            [first, second, ..] => {
                Err(Failure::usage(format!("{} and {} exclude each other", first.flag, second.flag))
                    .hint("say all of it with --filter"))
            }
            given => Self::selection(given.first(), session),
        }
    }

    /// What is given; `collections` is the verb's flag of that kind.
    fn given<'a>(&'a self, collections: (&'static str, Option<&'a String>)) -> Vec<Given<'a>> {
        let given = |flag, text: Option<&'a String>, read, instead| {
            text.filter(|text| !text.is_empty()).map(|text| Given { flag, text, read, instead })
        };
        let candidates = [
            given("--filter", self.filter.as_ref(), Selection::from_filter as Read, ""),
            given(JSON, self.database_collections.as_ref(), Selection::from_json, "'db.*,db.coll'"),
            given(collections.0, collections.1, Selection::from_collections, "'db.coll,coll'"),
            given("--databases", self.databases.as_ref(), Selection::from_databases, "'db.*'"),
        ];
        candidates.into_iter().flatten().collect()
    }

    fn selection(given: Option<&Given<'_>>, session: &Session<'_>) -> Result<Selection, Failure> {
        let Some(given) = given else { return Ok(Selection::everything()) };
        if !given.instead.is_empty() {
            session.note(&format!("{} is deprecated; write --filter {}", given.flag, given.instead));
        }
        (given.read)(given.text).map_err(|error| {
            let failure = Failure::from(engine::Error::Selection(error, None)).into_usage();
            match given.flag {
                JSON => failure.hint(
                    r#"for example -a '{"default": ["books"], "shop": []}'; [] takes all of a database"#,
                ),
                _ => failure,
            }
        })
    }
}

/// The flag whose value is JSON.
const JSON: &str = "--database_collections";

type Read = fn(&str) -> Result<Selection, SelectionError>;

struct Given<'a> {
    flag: &'static str,
    text: &'a str,
    read: Read,
    instead: &'static str,
}
