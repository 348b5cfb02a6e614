//! The JSON of stored values, which contains the version of its format.
//!
//! Within one version, a reader ignores unknown fields and sets missing ones to their defaults.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::RowError;

/// The version of the format that this program writes; raised when older programs would misunderstand the new form.
pub(super) const FORMAT_VERSION: u32 = 1;

/// The format of values that were stored without a version.
const fn first_version() -> u32 {
    1
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    #[serde(default = "first_version")]
    format_version: u32,
    #[serde(flatten)]
    value: T,
}

#[derive(Deserialize)]
struct VersionOnly {
    #[serde(default = "first_version")]
    format_version: u32,
}

/// Decodes the values of one job, those of a later version as far as possible.
pub(super) struct Decoder<'a> {
    /// The id of the job, for errors.
    id: &'a str,
    /// The latest format version that was found.
    pub(super) latest_version: u32,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(id: &'a str) -> Self {
        Self { id, latest_version: first_version() }
    }

    /// Decodes a value with its version; returns `None` if a later version wrote it in a form that is not understood.
    pub(super) fn decode<T: DeserializeOwned>(&mut self, text: &str) -> Result<Option<T>, RowError> {
        let source = match serde_json::from_str::<Versioned<T>>(text) {
            Ok(Versioned { format_version, value }) => {
                self.latest_version = self.latest_version.max(format_version);
                return Ok(Some(value));
            }
            Err(source) => source,
        };
        match serde_json::from_str(text) {
            Ok(VersionOnly { format_version }) if format_version > FORMAT_VERSION => {
                self.latest_version = self.latest_version.max(format_version);
                Ok(None)
            }
            _ => Err(RowError::Json { id: self.id.to_owned(), source }),
        }
    }

    /// Decodes a value without a version, which is stored together with those decoded before.
    ///
    /// Returns the default if a later version wrote it in a form that is not understood.
    pub(super) fn decode_unversioned<T: DeserializeOwned + Default>(
        &self,
        text: &str,
    ) -> Result<T, RowError> {
        match serde_json::from_str(text) {
            Err(source) if !self.is_later_format() => Err(RowError::Json { id: self.id.to_owned(), source }),
            decoded => Ok(decoded.unwrap_or_default()),
        }
    }

    /// Returns whether a later version of this program wrote a value of the job.
    pub(super) fn is_later_format(&self) -> bool {
        self.latest_version > FORMAT_VERSION
    }
}

/// Encodes a value of the job with this id, with the version of the format.
pub(super) fn encode_versioned(id: &str, value: &impl Serialize) -> Result<String, RowError> {
    encode(id, &Versioned { format_version: FORMAT_VERSION, value })
}

/// Encodes a value of the job with this id, without the version of the format.
pub(super) fn encode(id: &str, value: &impl Serialize) -> Result<String, RowError> {
    serde_json::to_string(value).map_err(|source| RowError::Json { id: id.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use engine::Advice;
    use model::plan::backup::BackupRequest;

    use super::*;
    use crate::failure::JobFailure;
    use crate::kind::{EngineRequest, JobOutcome};

    fn decode(text: &str) -> Result<Option<EngineRequest>, RowError> {
        Decoder::new("1").decode(text)
    }

    #[test]
    fn a_value_is_stored_with_its_version_and_read_with_or_without_it() {
        let request = EngineRequest::Backup(BackupRequest::with_defaults("nightly".parse().unwrap()));
        let text = encode_versioned("1", &request).unwrap();
        assert!(text.starts_with(r#"{"format_version":1,"backup":{"name":"nightly","#), "{text}");
        let without_version = text.replace(r#""format_version":1,"#, "");
        for text in [text, without_version] {
            let read = decode(&text).unwrap().expect("a request");
            assert_eq!((read.kind(), read.backup()), (request.kind(), request.backup()));
        }
    }

    #[test]
    fn unknown_fields_are_ignored_and_missing_ones_have_defaults() {
        let text = r#"{"restore":{"name":"nightly","speed":"high","skip":{"cells":["a"]}}}"#;
        let Some(EngineRequest::Restore(request)) = decode(text).unwrap() else { panic!("no restore") };
        assert_eq!(request, model::plan::restore::RestoreRequest::with_defaults("nightly".parse().unwrap()));

        let outcome = |text: &str| Decoder::new("1").decode::<JobOutcome>(text).unwrap().expect("an outcome");
        let JobOutcome::Backup(report) = outcome(r#"{"backup":{"name":"nightly","rows":7,"cells":9}}"#)
        else {
            panic!("no backup")
        };
        assert_eq!((report.rows, report.warnings.len()), (7, 0));
        let text = r#"{"restore":{"name":"nightly","collections":[
            {"source":"default.a","target":"default.b","outcome":"done","speed":1}]}}"#;
        let JobOutcome::Restore(report) = outcome(text) else { panic!("no restore") };
        assert!(!report.collections[0].created && report.collections[0].partitions.is_empty());
    }

    #[test]
    fn a_failure_is_read_with_a_hint_a_known_advice_or_an_unknown_one() {
        let advice = |field: &str| {
            let text = format!(r#"{{"kind":"failed","message":"no","context":null,{field}}}"#);
            Decoder::new("1").decode::<JobFailure>(&text).unwrap().expect("a failure").advice
        };
        assert_eq!(advice(r#""hint":"create it again""#), None);
        assert_eq!(advice(r#""advice":{"action":"create_again"}"#), Some(Advice::CreateAgain));
        assert_eq!(advice(r#""advice":{"action":"ask_the_oracle","question":"?"}"#), None);
    }

    #[test]
    fn a_form_of_a_later_version_is_not_an_error_and_a_damaged_one_is() {
        let mut decoder = Decoder::new("1");
        let later = r#"{"format_version":2,"verify":{"name":"nightly"}}"#;
        assert!(decoder.decode::<EngineRequest>(later).unwrap().is_none());
        assert!(decoder.is_later_format());
        assert_eq!(decoder.decode_unversioned::<Vec<String>>("{}").unwrap(), Vec::<String>::new());

        for damaged in [r#"{"verify":{"name":"nightly"}}"#, r#"{"format_version":1,"verify":{}}"#, "", "[]"] {
            assert!(decode(damaged).is_err(), "{damaged}");
        }
        assert!(Decoder::new("1").decode_unversioned::<Vec<String>>("{}").is_err());
    }
}
