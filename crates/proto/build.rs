//! Generates the messages, the client and the server from `proto/`, without `protoc`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["proto/milvus.proto"], ["proto"])?;
    // Milvus has a call named Connect, which clashes with the constructor of that name.
    tonic_prost_build::configure()
        .build_transport(false)
        // The simulated server lacks the calls that change users.
        .generate_default_stubs(true)
        .compile_fds(files)?;
    Ok(())
}
