//! The messages and services that Milvus Backup offers over gRPC, generated from the files in `proto/`.

macro_rules! generated {
    ($($(#[$doc:meta])* $name:ident = $package:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[allow(missing_docs, clippy::all, clippy::pedantic)] // generated code; which lints apply depends on the generator
        pub mod $name {
            tonic::include_proto!($package);
        }
    )*};
}

/// The generated packages below their protobuf names, by which the generated code refers to them.
#[doc(hidden)]
pub mod milvus {
    /// The package of the Go tool, which is named like the packages of Milvus.
    pub mod proto {
        generated! {
            /// The service of release 0.4.15 of the Go tool and its messages.
            backup = "milvus.proto.backup",
        }
    }
}
#[doc(hidden)]
pub mod milvus_backup {
    generated! {
        /// The services for backups, jobs and lists, and their messages.
        v1 = "milvus_backup.v1",
    }
}

pub use milvus::proto::backup;
pub use milvus_backup::v1;

/// The encoded file descriptors of all packages, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Whether a field of a request has the default value of its type, which means that it is not set.
fn is_unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
