//! The Milvus messages and calls that Milvus Backup uses, generated from our own protocol files.
//!
//! The files in `proto/` hold a subset of Milvus's protocol under its own package names; a test compares
//! every message, field, number and call with the official files. Only `milvus` (the client), `engine` (for the
//! columns of inserted rows) and the fake server of `testkit` use this crate.

macro_rules! generated {
    ($($(#[$doc:meta])* $name:ident = $package:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[allow(missing_docs, clippy::all, clippy::pedantic)] // generated code; what fires depends on the generator
        pub mod $name {
            tonic::include_proto!($package);
        }
    )*};
}

generated! {
    /// Status, states and other things shared by all messages.
    common = "milvus.proto.common",
    /// Positions in the message log.
    msg = "milvus.proto.msg",
    /// Schemas and columns.
    schema = "milvus.proto.schema",
    /// The service with its requests and replies.
    milvus = "milvus.proto.milvus",
}

/// The encoded descriptors of all protocol files, for reading messages whose type is known only by name.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
