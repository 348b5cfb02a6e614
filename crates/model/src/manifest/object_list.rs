//! The object list of a collection, `mb_objects_<collection id>.jsonl`, which a backup stores compressed with gzip.
//!
//! It contains every file of the collection with size and `ETag`, one on each line. Lines contain ids instead of paths
//! to keep the file small. The first line names the format version, the collection and the columns.

use std::borrow::Cow;
use std::io;

use serde::{Deserialize, Serialize};

use super::json::JsonError;
use crate::ids::{CollectionId, FieldId, FileId, LogId, PartitionScope, SegmentId};

const FORMAT_VERSION: u32 = 1;
const COLUMNS: [&str; 6] = ["partition", "segment", "field", "log", "size", "etag"];

/// One file of a collection in its object list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile<'a> {
    /// The partition that the file belongs to, or all.
    pub scope: PartitionScope,
    /// The segment, field and log id.
    pub file: FileId,
    /// The size in bytes.
    pub size: u64,
    /// The `ETag` that the backup store reported; a disk has none.
    pub etag: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Serialize)]
struct Header {
    format_version: u32,
    collection: i64,
    #[serde(skip_deserializing)]
    columns: [&'static str; 6],
}

/// The columns of a line; field and `ETag` can be null.
type Line<'a> = (i64, i64, Option<i64>, i64, u64, Option<Cow<'a, str>>);

/// Writes the first line.
pub fn write_header(collection: CollectionId, to: impl io::Write) -> Result<(), JsonError> {
    let header = Header { format_version: FORMAT_VERSION, collection: collection.0, columns: COLUMNS };
    write_line(&header, to)
}

/// Writes the line of one file.
pub fn write_file(listed: &ListedFile<'_>, to: impl io::Write) -> Result<(), JsonError> {
    let FileId { segment, field, log } = listed.file;
    let field = field.map(|field| field.0);
    write_line(&(listed.scope.to_wire(), segment.0, field, log.0, listed.size, listed.etag.as_deref()), to)
}

fn write_line(value: &impl Serialize, mut to: impl io::Write) -> Result<(), JsonError> {
    serde_json::to_writer(&mut to, value)?;
    Ok(to.write_all(b"\n")?)
}

/// Reads the list of a collection, one file at a time.
///
/// Fails if the first line names another collection or another format version; a line that cannot be
/// read is an error in its place.
pub fn read_files(
    collection: CollectionId,
    from: impl io::BufRead,
) -> Result<impl Iterator<Item = Result<ListedFile<'static>, JsonError>>, JsonError> {
    let mut lines = from.lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let header: Header = serde_json::from_str(&first)?;
    if header.format_version != FORMAT_VERSION {
        return Err(JsonError::UnknownObjectList { version: header.format_version });
    }
    if header.collection != collection.0 {
        return Err(JsonError::ObjectListOf { collection: header.collection });
    }
    Ok(lines.map(|line| {
        let line = line?;
        let (partition, segment, field, log, size, etag): Line<'_> = serde_json::from_str(&line)?;
        let file = FileId { segment: SegmentId(segment), field: field.map(FieldId), log: LogId(log) };
        let etag = etag.map(|etag| Cow::Owned(etag.into_owned()));
        Ok(ListedFile { scope: PartitionScope::from_wire(partition), file, size, etag })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PartitionId;

    fn listed(field: Option<i64>, etag: Option<&'static str>) -> ListedFile<'static> {
        let file = FileId { segment: SegmentId(3), field: field.map(FieldId), log: LogId(9) };
        let scope = field.map_or(PartitionScope::All, |_| PartitionScope::One(PartitionId(2)));
        ListedFile { scope, file, size: 70, etag: etag.map(Cow::Borrowed) }
    }

    #[test]
    fn a_list_is_read_back_as_written() {
        let files = [listed(Some(100), Some("\"abc\"")), listed(None, None)];
        let mut text = Vec::new();
        write_header(CollectionId(4), &mut text).unwrap();
        for file in &files {
            write_file(file, &mut text).unwrap();
        }
        assert_eq!(
            String::from_utf8(text.clone()).unwrap(),
            "{\"format_version\":1,\"collection\":4,\
             \"columns\":[\"partition\",\"segment\",\"field\",\"log\",\"size\",\"etag\"]}\n\
             [2,3,100,9,70,\"\\\"abc\\\"\"]\n[-1,3,null,9,70,null]\n"
        );
        let read: Vec<_> = read_files(CollectionId(4), &text[..]).unwrap().map(Result::unwrap).collect();
        assert_eq!(read, files);
    }

    #[test]
    fn a_list_of_another_collection_or_a_later_format_is_an_error() {
        let mut text = Vec::new();
        write_header(CollectionId(4), &mut text).unwrap();
        let other = read_files(CollectionId(5), &text[..]).err().unwrap();
        assert_eq!(other.to_string(), "the object list belongs to collection 4");
        let later = text.iter().map(|b| if *b == b'1' { b'2' } else { *b }).collect::<Vec<_>>();
        let later = read_files(CollectionId(4), &later[..]).err().unwrap();
        assert_eq!(
            later.to_string(),
            "the object list has format version 2, which this version does not read"
        );
        assert!(read_files(CollectionId(4), &b""[..]).is_err());
    }

    #[test]
    fn a_damaged_line_is_an_error_in_its_place() {
        let mut text = Vec::new();
        write_header(CollectionId(4), &mut text).unwrap();
        text.extend(b"[2,3]\n");
        write_file(&listed(None, None), &mut text).unwrap();
        let read: Vec<_> = read_files(CollectionId(4), &text[..]).unwrap().map(|line| line.is_ok()).collect();
        assert_eq!(read, [false, true]);
    }
}
