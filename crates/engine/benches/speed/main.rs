//! Benchmarks of the engine. `scripts/bench` starts the servers, runs the parts and prints a table.
//!
//! Speeds are compared with a reference in the same run. Each part runs in a process of its own, `speed PART
//! ARGUMENTS...`, so that peak memory and CPU time belong to it alone. Results go to stdout, one line of tab-separated
//! cells each. All other output goes to stderr.
#![expect(clippy::print_stdout, reason = "prints the results")]
#![expect(clippy::print_stderr, reason = "prints the progress")]
#![expect(clippy::expect_used, reason = "a failed measurement ends with its reason")]

// All other code uses this short name.
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
    // `cargo bench` adds the argument `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match *arguments.as_slice() {
        ["planner", dir] => runtime.block_on(planner::measure_plans(Path::new(dir))),
        ["copy", endpoint] => runtime.block_on(copy::measure_copies(endpoint)),
        ["stub"] => runtime.block_on(stub::measure_copies()),
        [stub::SERVER_ARGUMENT] => runtime.block_on(stub::run_server()),
        ["list", endpoint] => runtime.block_on(list::measure_list(endpoint)),
        ["restore", source, target, dir, ref shapes @ ..] => {
            runtime.block_on(restore::measure_restores([source, target, dir].map(Path::new), shapes));
        }
        [restore::STEP_ARGUMENT, step, source, target, dir, shape] => {
            runtime.block_on(restore::measure_step(step, [source, target, dir].map(Path::new), shape));
        }
        _ => eprintln!("not run: scripts/bench starts the servers and runs all parts"),
    }
}
