//! The flags that select databases and collections, including those of earlier releases.

use clap::Args;
use model::selection::{Selection, SelectionError};
use wire::Failure;

use super::session::Session;

/// The old flag of `create` with collections.
pub(super) const CREATE_COLLECTIONS: &str = "--colls";
/// The old flag of `restore` with collections.
pub(super) const RESTORE_COLLECTIONS: &str = "--collections";
/// The old flag whose value is JSON.
const JSON: &str = "--database_collections";

/// Selecting flags. Empty values count as not given, as in the Go tool.
#[derive(Args, Debug)]
pub(super) struct SelectionFlags {
    /// Select what matches these comma-separated rules: db.*, db.coll, coll (in database default), db. (the database
    /// without its collections); * and ? are wildcards [default: everything]
    #[arg(long, value_name = "RULES")]
    filter: Option<String>,
    #[arg(long, short = 'd', hide = true, value_name = "DB,…")]
    databases: Option<String>,
    #[arg(long = "database-collections", short = 'a', hide = true, value_name = "JSON")]
    database_collections: Option<String>,
}

impl SelectionFlags {
    /// The selection of a backup: the first given one of --filter, -a, -c and -d is used, as in 0.5.16.
    ///
    /// `collections` is the old flag with collections and its value.
    pub(super) fn first(
        &self,
        collections: (&'static str, Option<&String>),
        session: &Session<'_>,
    ) -> Result<Selection, Failure> {
        let given = self.given(collections);
        for ignored in given.iter().skip(1) {
            session.note(&format!("{} is ignored, because {} is given", ignored.flag, given[0].flag));
        }
        parse(given.first(), session)
    }

    /// The selection of a restore: several flags are rejected, as in 0.5.16.
    ///
    /// `collections` is the old flag with collections and its value.
    pub(super) fn only(
        &self,
        collections: (&'static str, Option<&String>),
        session: &Session<'_>,
    ) -> Result<Selection, Failure> {
        match self.given(collections).as_slice() {
            [first, second, ..] => {
                Err(Failure::usage(format!("{} and {} exclude each other", first.flag, second.flag))
                    .hint("use --filter for the whole selection"))
            }
            given => parse(given.first(), session),
        }
    }

    fn given<'a>(&'a self, collections: (&'static str, Option<&'a String>)) -> Vec<Given<'a>> {
        let given = |flag, text: Option<&'a String>, read, replacement| {
            text.filter(|text| !text.is_empty()).map(|text| Given { flag, text, read, replacement })
        };
        let candidates = [
            given("--filter", self.filter.as_ref(), Selection::from_filter as Read, ""),
            given(JSON, self.database_collections.as_ref(), Selection::from_json, "'db.*,db.coll'"),
            given(collections.0, collections.1, Selection::from_collections, "'db.coll,coll'"),
            given("--databases", self.databases.as_ref(), Selection::from_databases, "'db.*'"),
        ];
        candidates.into_iter().flatten().collect()
    }
}

fn parse(given: Option<&Given<'_>>, session: &Session<'_>) -> Result<Selection, Failure> {
    let Some(given) = given else { return Ok(Selection::everything()) };
    if !given.replacement.is_empty() {
        session.note(&format!("{} is deprecated; use --filter {}", given.flag, given.replacement));
    }
    (given.read)(given.text).map_err(|error| {
        let failure = Failure::from(engine::Error::Selection(error, None)).into_usage();
        match given.flag {
            JSON => failure
                .hint(r#"for example -a '{"default": ["books"], "shop": []}'; [] selects a whole database"#),
            _ => failure,
        }
    })
}

type Read = fn(&str) -> Result<Selection, SelectionError>;

/// A flag that is given, and the pattern that replaces it; empty if the flag is not deprecated.
struct Given<'a> {
    flag: &'static str,
    text: &'a str,
    read: Read,
    replacement: &'static str,
}
