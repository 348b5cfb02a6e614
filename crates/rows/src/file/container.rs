//! The container of storage version 1: a magic number, a descriptor event, and data events with Parquet payloads.
//!
//! It is parsed from the ranges of a file that are needed: the head with the descriptor, and the header of each data
//! event. All numbers are little endian.

use std::ops::Range;

use serde::Deserialize;

use super::Fault;
use crate::error::{Reason, Unsupported};

/// The first bytes of a file.
pub(super) const MAGIC: [u8; 4] = [0xbc, 0xfa, 0xff, 0x00];
/// The largest extras that are accepted, in bytes; real ones take less than 200.
const MAX_EXTRAS: usize = 64 << 10;
/// The offset of the extras in a file: the magic number and the fixed part of the descriptor.
const EXTRAS_AT: usize = 85;
/// The number of bytes at the beginning of a file that contain the whole descriptor and the first event's header.
pub(super) const HEAD_BYTES: usize = EXTRAS_AT + MAX_EXTRAS + EVENT_HEADER_BYTES;
/// The size of a data event before its payload, in bytes.
pub(super) const EVENT_HEADER_BYTES: usize = 33;
/// The sizes of the fixed parts of each event type, which Milvus repeats in every descriptor.
const POST_HEADER_LENGTHS: [u8; 8] = [52, 16, 16, 16, 16, 16, 16, 16];

/// What the descriptor event says about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// The ids of the collection, the partition, the segment and the field; the field is -1 in delta logs.
    pub(crate) ids: [i64; 4],
    /// The first and the last timestamp of the rows; both 0 where the writer did not know them.
    pub(crate) timestamps: [u64; 2],
    /// Milvus's number of the payload's type.
    pub(crate) data_type: i32,
    /// Whether a delta log has a column for the keys and one for the timestamps, instead of one for both.
    pub(crate) multi_field: bool,
    /// The offset of the first data event.
    pub(super) events_at: u64,
}

/// The extras that matter; unknown ones are ignored.
#[derive(Deserialize)]
struct Extras {
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    edek: Option<String>,
    #[serde(default)]
    encryption_zone: Option<i64>,
}

/// One data event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataEvent {
    /// Milvus's number of the type: 1 for values of one column, 2 for deletes.
    pub(crate) kind: u8,
    /// The range of the Parquet file in the binlog.
    pub(crate) payload: Range<u64>,
}

/// Parses the descriptor from the first [`HEAD_BYTES`] of a file, or from all of a shorter file.
pub(super) fn parse_descriptor(head: &[u8]) -> Result<Descriptor, Fault> {
    let mut from = Reader { bytes: head, at: 0 };
    if from.array()? != MAGIC {
        return Err(from.fault("not a binlog of storage version 1"));
    }
    from.array::<8>()?;
    if from.array()? != [0] {
        return Err(from.fault("the first event is not a descriptor"));
    }
    let length = from.size()?;
    from.array::<4>()?; // the position of the next event, which some writers set to -1
    let ids = [from.int()?, from.int()?, from.int()?, from.int()?];
    let timestamps = [u64::from_le_bytes(from.array()?), u64::from_le_bytes(from.array()?)];
    let data_type = i32::from_le_bytes(from.array()?);
    if from.array()? != POST_HEADER_LENGTHS {
        return Err(from.fault("the descriptor has unknown post-header lengths"));
    }
    let extras_length = from.size()?;
    if extras_length > MAX_EXTRAS {
        return Err(
            from.fault(format!("extras of {extras_length} bytes exceed the limit of {MAX_EXTRAS} bytes"))
        );
    }
    if EXTRAS_AT - MAGIC.len() + extras_length != length {
        return Err(from.fault("the length of the descriptor contradicts that of its extras"));
    }
    let extras = from.slice(extras_length)?;
    let extras: Extras = serde_json::from_slice(extras)
        .map_err(|error| from.fault(format!("the extras of the descriptor are malformed: {error}")))?;
    if extras.edek.is_some() {
        return Err(Reason::from(Unsupported::Encrypted { zone: extras.encryption_zone }).into());
    }
    Ok(Descriptor {
        ids,
        timestamps,
        data_type,
        multi_field: extras.version.as_deref() == Some("MULTI_FIELD"),
        events_at: from.at as u64,
    })
}

/// Parses the header of the data event at offset `at` of a file with `size` bytes.
pub(super) fn parse_event(header: &[u8], at: u64, size: u64) -> Result<DataEvent, Fault> {
    let fault = |problem: &str| Fault::from(Reason::damaged(problem)).at(at);
    let mut from = Reader { bytes: header, at: 0 };
    let header = from.array::<8>().and_then(|_| Ok((from.array::<1>()?, from.size()?)));
    let ([kind], length) = header.map_err(|_| fault("the header of an event is truncated or malformed"))?;
    if length < EVENT_HEADER_BYTES {
        return Err(fault("an event is shorter than its header"));
    }
    let end = at.checked_add(length as u64).filter(|end| *end <= size);
    let end = end.ok_or_else(|| fault("an event extends beyond the end of the file"))?;
    Ok(DataEvent { kind, payload: at + EVENT_HEADER_BYTES as u64..end })
}

/// A binlog to write, with one data event.
pub(crate) struct NewBinlog<'a> {
    pub(crate) ids: [i64; 4],
    /// The first and the last timestamp of the rows; the last one also serves as the time of writing.
    pub(crate) timestamps: [u64; 2],
    pub(crate) data_type: i32,
    /// A JSON object.
    pub(crate) extras: &'a str,
    pub(crate) kind: u8,
    pub(crate) payload: &'a [u8],
}

impl NewBinlog<'_> {
    /// Encodes the file; `None` if it would exceed 2 GiB.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let size = |length: usize| i32::try_from(length).ok().map(i32::to_le_bytes);
        let written = self.timestamps.last()?.to_le_bytes();
        let events_at = EXTRAS_AT + self.extras.len();
        let event_bytes = EVENT_HEADER_BYTES + self.payload.len();
        let mut file = Vec::with_capacity(events_at + event_bytes);
        file.extend(MAGIC);
        file.extend(written);
        file.push(0);
        file.extend(size(events_at - MAGIC.len())?);
        file.extend(size(events_at)?);
        file.extend(self.ids.iter().flat_map(|id| id.to_le_bytes()));
        file.extend(self.timestamps.iter().flat_map(|time| time.to_le_bytes()));
        file.extend(self.data_type.to_le_bytes());
        file.extend(POST_HEADER_LENGTHS);
        file.extend(size(self.extras.len())?);
        file.extend(self.extras.as_bytes());
        file.extend(written);
        file.push(self.kind);
        file.extend(size(event_bytes)?);
        file.extend(size(events_at + event_bytes)?);
        file.extend(self.timestamps.iter().flat_map(|time| time.to_le_bytes()));
        file.extend(self.payload);
        Some(file)
    }
}

/// Reads the beginning of a file, and knows where it is.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn fault(&self, problem: impl Into<String>) -> Fault {
        Fault::from(Reason::damaged(problem)).at(self.at as u64)
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let bytes = rest.get(..length).ok_or_else(|| self.fault("the file ends within the descriptor"))?;
        self.at += length;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let bytes = self.slice(N)?;
        bytes.try_into().map_err(|_| self.fault("the file ends within the descriptor"))
    }

    fn int(&mut self) -> Result<i64, Fault> {
        self.array().map(i64::from_le_bytes)
    }

    /// Reads a length of 32 bits.
    fn size(&mut self) -> Result<usize, Fault> {
        let raw = i32::from_le_bytes(self.array()?);
        usize::try_from(raw).map_err(|_| self.fault("a length is negative"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file with this descriptor and one event.
    fn build_file(ids: [i64; 4], data_type: i32, extras: &str, kind: u8, payload: &[u8]) -> Vec<u8> {
        NewBinlog { ids, timestamps: [5, 6], data_type, extras, kind, payload }.encode().unwrap()
    }

    fn events_of(file: &[u8]) -> Result<(Descriptor, Vec<DataEvent>), Fault> {
        let descriptor = parse_descriptor(&file[..file.len().min(HEAD_BYTES)])?;
        let (mut at, size) = (descriptor.events_at, file.len() as u64);
        let mut events = Vec::new();
        while at < size {
            let rest = &file[usize::try_from(at).unwrap()..];
            events.push(parse_event(&rest[..rest.len().min(EVENT_HEADER_BYTES)], at, size)?);
            at = events.last().unwrap().payload.end;
        }
        Ok((descriptor, events))
    }

    #[test]
    fn the_descriptor_and_the_events_are_read() {
        let extras = r#"{"original_size":"7","nullable":true,"other":[{"a":1}]}"#;
        let file = build_file([1, 2, 3, 100], 21, extras, 1, b"payload");
        let (descriptor, events) = events_of(&file).unwrap();
        assert_eq!(descriptor.ids, [1, 2, 3, 100]);
        assert_eq!((descriptor.data_type, descriptor.multi_field), (21, false));
        let size = file.len() as u64;
        assert_eq!(events, [DataEvent { kind: 1, payload: size - 7..size }]);
    }

    #[test]
    fn every_truncation_is_noticed() {
        let file = build_file([1, 2, 3, 100], 21, "{}", 1, b"payload");
        // Behind the descriptor alone, a file without events ends too.
        let descriptor = file.len() - EVENT_HEADER_BYTES - b"payload".len();
        for length in (0..file.len()).filter(|length| *length != descriptor) {
            assert!(events_of(&file[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn damage_is_reported_with_its_offset() {
        let file = build_file([1, 2, 3, 100], 21, "{}", 1, b"payload");
        for (at, bytes, reported) in [
            (0, &[0][..], 4),
            (12, &[1], 13),
            (13, &[0xff; 4], 17),
            (13, &[80], 85),
            (73, &[51], 81),
            (81, &[0xff; 4], 85),
            (81, &[0xff, 0xff, 0xff, 0x7f], 85),
            (85, b"[", 87),
            (96, &[0xff; 4], 87),
            (96, &[32, 0, 0, 0], 87),
            (96, &[41, 0, 0, 0], 87),
        ] {
            let mut damaged = file.clone();
            damaged[at..at + bytes.len()].copy_from_slice(bytes);
            let fault = events_of(&damaged).unwrap_err();
            assert_eq!(fault.offset, Some(reported), "{at} {bytes:?}: {}", fault.reason);
        }
    }

    #[test]
    fn an_encrypted_file_is_refused_with_its_zone() {
        let file = build_file([1, 2, 3, 100], 21, r#"{"edek":"x","encryption_zone":5}"#, 1, b"payload");
        let fault = events_of(&file).unwrap_err();
        assert_eq!(fault.reason.to_string(), "the file is encrypted with a key of encryption zone 5");
    }

    #[test]
    fn deeply_nested_extras_are_refused() {
        let deep = format!(r#"{{"x":{}"#, "[".repeat(60_000));
        assert!(events_of(&build_file([0; 4], 21, &deep, 1, b"")).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(
            bytes: Vec<u8>, extras in ".{0,40}", mutations in proptest::collection::vec((0_usize..160, any::<u8>()), 0..8),
        ) {
            drop(events_of(&bytes));
            let mut file = build_file([1, 2, 3, 100], 21, &extras, 1, &bytes);
            for (at, byte) in mutations {
                if let Some(place) = file.get_mut(at) {
                    *place = byte;
                }
            }
            if let Ok((_, events)) = events_of(&file) {
                for event in events {
                    prop_assert!(event.payload.start <= event.payload.end && event.payload.end <= file.len() as u64);
                }
            }
        }
    }
}
