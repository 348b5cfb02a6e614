//! The files of storage version 1: a descriptor and one event, which contains a Parquet file.

/// The first bytes of a file.
const MAGIC: i32 = 0x00FF_FABC;
/// The bytes of a descriptor before its extras, counted from its own start.
const DESCRIPTOR: usize = 81;
/// The bytes of an event before its content.
const EVENT: usize = 33;
/// The lengths of the headers of all kinds of events.
const HEADERS: [u8; 8] = [52, 16, 16, 16, 16, 16, 16, 16];

/// What a file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Insert = 1,
    Delete = 2,
}

/// The header of a file to write.
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The collection, the partition, the segment and the field.
    pub(super) ids: [i64; 4],
    /// The first and the last time of the rows.
    pub(super) times: [u64; 2],
    pub(super) data_type: i32,
    /// A JSON object.
    pub(super) extras: String,
}

/// A file that was read.
pub(super) struct Contents<'a> {
    pub(super) data_type: i32,
    pub(super) nullable: bool,
    pub(super) payload: &'a [u8],
}

/// Encodes a file.
pub(super) fn encode(header: &Header, payload: &[u8]) -> Vec<u8> {
    let descriptor = DESCRIPTOR + header.extras.len();
    let mut file = MAGIC.to_le_bytes().to_vec();
    let number = |length: usize| i32::try_from(length).unwrap_or(i32::MAX).to_le_bytes();
    file.extend(header.times[1].to_le_bytes());
    file.push(0);
    file.extend(number(descriptor));
    file.extend(number(4 + descriptor));
    header.ids.iter().for_each(|id| file.extend(id.to_le_bytes()));
    header.times.iter().for_each(|time| file.extend(time.to_le_bytes()));
    file.extend(header.data_type.to_le_bytes());
    file.extend(HEADERS);
    file.extend(number(header.extras.len()));
    file.extend(header.extras.as_bytes());
    let event = EVENT + payload.len();
    file.extend(header.times[1].to_le_bytes());
    file.push(header.kind as u8);
    file.extend(number(event));
    file.extend(number(4 + descriptor + event));
    header.times.iter().for_each(|time| file.extend(time.to_le_bytes()));
    file.extend(payload);
    file
}

/// Decodes the first event of a file; the error is in Milvus's words.
pub(super) fn decode(file: &[u8]) -> Result<Contents<'_>, String> {
    let number = |at: usize| {
        let bytes = file.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(i32::from_le_bytes).ok_or_else(|| "unexpected EOF".to_owned())
    };
    let magic = number(0)?;
    if magic != MAGIC {
        return Err(format!("parse magic number failed, expected: {MAGIC}, actual: {magic}"));
    }
    let length = |at: usize, least: usize| {
        let length = usize::try_from(number(at)?).ok().filter(|length| *length >= least);
        length.ok_or_else(|| "unexpected EOF".to_owned())
    };
    let start = 4 + length(13, DESCRIPTOR)?;
    // The content of a file that is cut off ends early.
    let end = (start + length(start + 9, EVENT)?).min(file.len());
    let payload = file.get(start + EVENT..end).ok_or("unexpected EOF")?;
    let extras = String::from_utf8_lossy(file.get(4 + DESCRIPTOR..start).unwrap_or_default());
    let nullable = extras.replace(' ', "").contains(r#""nullable":true"#);
    Ok(Contents { data_type: number(69)?, nullable, payload })
}
