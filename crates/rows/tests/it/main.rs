//! Tests with files that Milvus 2.2 to 2.6 and its libraries wrote, and with damaged copies of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod damage;
mod deletes;
mod folding;
mod json_rows;
mod made;
mod recorded;
mod selection;
mod summaries;
