//! Generates the messages, the client and the server from `proto/`, without `protoc`.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).open_files(["milvus.proto"])?;
    let descriptors = Path::new(&std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?).join("descriptors.bin");
    std::fs::write(descriptors, compiler.encode_file_descriptor_set())?;
    // Milvus has a call named Connect, which clashes with the constructor of that name.
    tonic_prost_build::configure()
        .build_transport(false)
        // The simulated server lacks the calls that change users.
        .generate_default_stubs(true)
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
