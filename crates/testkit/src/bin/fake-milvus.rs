//! Runs the simulated Milvus: `fake-milvus --version V --listen HOST:PORT --management HOST:PORT --root DIR`.
//!
//! With `--authorization`, the only user is `root` with the password `Milvus`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people, not a library")]

use std::net::SocketAddr;
use std::process::ExitCode;

use milvus_backup_testkit::fake::{FakeConfig, FakeMilvus};

const USAGE: &str = "usage: fake-milvus --version V --root DIR --listen HOST:PORT --management HOST:PORT \
    [--authorization] [--flush-limit] [--l0-import]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(config) = read_config(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let server = FakeMilvus::start(config);
    println!(
        "listening on {}:{}, management on {}",
        server.host(),
        server.port(),
        server.management_endpoint()
    );
    loop {
        std::thread::park();
    }
}

fn read_config(arguments: &[String]) -> Option<FakeConfig> {
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let address = |name: &str| value(name)?.parse::<SocketAddr>().ok();
    let is_given = |name: &str| arguments.iter().any(|argument| argument == name);
    let mut config = FakeConfig::new(value("--version")?, value("--root")?)
        .listen(address("--listen")?, address("--management")?);
    if is_given("--authorization") {
        config = config.login("root:Milvus");
    }
    if is_given("--flush-limit") {
        config = config.flush_limit();
    }
    if is_given("--l0-import") {
        config = config.l0_import();
    }
    Some(config)
}
