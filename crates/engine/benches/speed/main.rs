//! How fast we are, as ratios within one run. `scripts/bench` starts the servers, runs the parts and prints a table.
//!
//! Each part is a process of its own, so that its peak memory and CPU time are its own: `speed PART ARGUMENTS...`.
//! What is measured goes to stdout, a line of tab-separated cells each; everything else to stderr.
#![expect(clippy::print_stdout, reason = "the results")]
#![expect(clippy::print_stderr, reason = "how far it is")]
#![expect(clippy::expect_used, reason = "a measurement that fails ends with its reason")]

// the name it has everywhere else
extern crate milvus_backup_engine as engine;

mod copy;
mod list;
mod measure;
mod planner;
mod restore;
mod s3;
mod setup;
mod shapes;
mod stub;

use std::path::Path;

fn main() {
    // `cargo bench` adds a `--bench` of its own
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match *arguments.as_slice() {
        ["planner", dir] => runtime.block_on(planner::run(Path::new(dir))),
        ["copy", endpoint] => runtime.block_on(copy::run(endpoint)),
        ["stub"] => runtime.block_on(stub::run()),
        [stub::SERVE] => runtime.block_on(stub::serve()),
        ["list", endpoint] => runtime.block_on(list::run(endpoint)),
        ["restore", source, target, dir, ref shapes @ ..] => {
            runtime.block_on(restore::run([source, target, dir].map(Path::new), shapes));
        }
        [restore::STEP, step, source, target, dir, shape] => {
            runtime.block_on(restore::step(step, [source, target, dir].map(Path::new), shape));
        }
        _ => eprintln!("not run: scripts/bench starts the servers and runs all parts"),
    }
}
