//! What a server does to those who look on while it works: clients list jobs and backups and watch jobs, while a backup
//! and a restore run again and again. `scripts/bench-server` builds and runs it.
//!
//! Milvus is simulated, so that the machine is left to the server and its clients. What is measured goes to stdout.
#![expect(clippy::unwrap_used, reason = "a measurement that fails ends with its reason")]
#![expect(clippy::print_stdout, reason = "the results")]

mod clients;
mod load;
#[path = "../../tests/it/serving.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod serving;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use clients::Seen;
use serving::World;

/// How often a line is printed.
const LINE: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let mut number = |otherwise: u64| arguments.next().map_or(Some(otherwise), |text| text.parse().ok());
    let (Some(seconds), Some(clients)) = (number(300), number(200)) else {
        println!("not run: scripts/bench-server [SECONDS] [CLIENTS] [PROGRAM]");
        return;
    };
    let world = arguments.next().map_or_else(World::new, World::with_program);
    load::fill(&world).await;
    let limits = json!({ "requests_per_second": 0, "max_connections": 4 * clients, "max_running_jobs": 2 });
    let serving = Arc::new(world.serve(limits, &[]));
    let stop = CancellationToken::new();
    let seen = Arc::new(Seen::default());
    let work = tokio::spawn(load::work(Arc::clone(&serving), Arc::clone(&seen), stop.clone()));
    clients::start(clients, &serving, &seen, &stop);

    println!("{clients} clients, half of them list and half watch, for {seconds} s");
    println!(
        "{:>6}  {:>6}  {:>9}  {:>8}  {:>8}  {:>8}  {:>9}",
        "s", "jobs", "requests", "p50 ms", "p99 ms", "max ms", "RSS MiB"
    );
    let begun = Instant::now();
    let mut all = Vec::new();
    while begun.elapsed() < Duration::from_secs(seconds) {
        let left = Duration::from_secs(seconds).saturating_sub(begun.elapsed());
        tokio::time::sleep(LINE.min(left)).await;
        let mut times = seen.take();
        line(&begun.elapsed().as_secs().to_string(), &seen, &mut times, serving.pid());
        all.append(&mut times);
    }
    line("all", &seen, &mut all, serving.pid());
    stop.cancel();
    work.await.unwrap();
    println!("{} events watched, {} requests failed", seen.events(), seen.failed());
}

fn line(at: &str, seen: &Seen, times: &mut [f64], pid: u32) {
    times.sort_by(f64::total_cmp);
    let part = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    let most = times.last().copied().unwrap_or_default();
    let (count, jobs, rss) = (times.len(), seen.jobs(), rss_mib(pid));
    println!("{at:>6}  {jobs:>6}  {count:>9}  {:>8.1}  {:>8.1}  {most:>8.1}  {rss:>9.1}", part(50), part(99));
}

/// The memory that a process uses.
fn rss_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
