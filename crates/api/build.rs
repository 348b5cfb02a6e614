//! Generates the messages, the clients and the servers from `proto/`, without `protoc`, and keeps the descriptors of
//! all files for server reflection.

use std::error::Error;
use std::path::Path;

use protox::prost::Message as _;

const FILES: [&str; 3] =
    ["milvus/proto/backup.proto", "milvus_backup/v1/catalog.proto", "milvus_backup/v1/jobs.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(FILES, ["proto"])?;
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    std::fs::write(Path::new(&out).join("descriptors.bin"), files.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}
