//! The messages and calls that Milvus Backup serves over gRPC, generated from the files in `proto/`.

macro_rules! generated {
    ($($(#[$doc:meta])* $name:ident = $package:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[allow(missing_docs, clippy::all, clippy::pedantic)] // generated code; what fires depends on the generator
        pub mod $name {
            tonic::include_proto!($package);
        }
    )*};
}

/// The packages by their names, as the generated code refers to them.
#[doc(hidden)]
pub mod milvus {
    /// What it is in Milvus's own naming.
    pub mod proto {
        generated! {
            /// Release 0.4.15's service with its messages.
            backup = "milvus.proto.backup",
        }
    }
}
#[doc(hidden)]
pub mod milvus_backup {
    generated! {
        /// Jobs and backups in pages.
        v1 = "milvus_backup.v1",
    }
}

pub use milvus::proto::backup;
pub use milvus_backup::v1;

/// The descriptors of all files, encoded, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
