//! Measures the cost of a copy without that of a store: the S3 server answers at once, in a process of its own.

use std::convert::Infallible;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use storage::Mover;
use tokio::io::AsyncReadExt;

use crate::copy::{copy_with_mover, mover_options, source_key, target_key};
use crate::measure::{Stopwatch, median, peak_mb, print_result};
use crate::s3::BareClient;
use crate::setup;

/// The number of objects copied in each round.
const OBJECTS: usize = 50_000;
const ROUNDS: usize = 3;

/// The CPU time that the Go tool 0.5.16 needed for each object of the shape `many`, in milliseconds.
const GO_CPU_MS: f64 = 0.7;

/// The argument with which this program runs the server.
pub(crate) const SERVER_ARGUMENT: &str = "stub-server";

/// The body of every answer: a successful `CopyObject`.
const ANSWER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><CopyObjectResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
    <LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"d41d8cd98f00b204e9800998ecf8427e\"</ETag></CopyObjectResult>";

/// The process of the server, which is killed when this guard is dropped.
struct ServerProcess(Child);

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Copies with the mover and with a bare loop, and prints rates and CPU times.
pub(crate) async fn measure_copies() {
    let (_server, endpoint) = start_server();
    let [from, to] =
        ["from", "to"].map(|bucket| setup::open_store(&setup::bucket_place(&endpoint, bucket, "")));
    let mover = Mover::new(from, to, mover_options(setup::COPIES)).expect("a mover");
    let bare = BareClient::new(&endpoint);
    copy_with_mover(&mover, 1000, 1, "warm").await;
    let [mut wall, mut cpu, mut bare_wall, mut bare_cpu] = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let watch = Stopwatch::start();
        copy_with_mover(&mover, OBJECTS, 1, "ours").await;
        wall.push(watch.wall_s());
        cpu.push(watch.cpu_s());
        let watch = Stopwatch::start();
        let items = (0..OBJECTS)
            .map(|n| (format!("from/{}", source_key(n)), format!("to/{}", target_key("bare", n))));
        bare.copy_all(items, setup::COPIES).await;
        bare_wall.push(watch.wall_s());
        bare_cpu.push(watch.cpu_s());
    }
    let rate = |walls: Vec<f64>| OBJECTS as f64 / median(walls);
    let cost = |cpus: Vec<f64>| median(cpus) * 1000.0 / OBJECTS as f64;
    let (rate, bare_rate) = (rate(wall), rate(bare_wall));
    let (cost, bare_cost) = (cost(cpu), cost(bare_cpu));
    let figure = |rate: f64| format!("{rate:.0} objects/s");
    print_result(
        "copy on a store that answers at once",
        &figure(rate),
        &figure(bare_rate),
        rate / bare_rate,
        "",
    );
    let figure = |cost: f64| format!("{cost:.3} ms");
    print_result(
        "its CPU an object, against a bare loop",
        &figure(cost),
        &figure(bare_cost),
        cost / bare_cost,
        "",
    );
    print_result(
        "its CPU an object, against Go 0.5.16",
        &figure(cost),
        &figure(GO_CPU_MS),
        cost / GO_CPU_MS,
        "< 1",
    );
    eprintln!("stub: peak memory {:.0} MB", peak_mb());
}

/// Starts the server process and reads its address from the first line of its output.
fn start_server() -> (ServerProcess, String) {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .arg(SERVER_ARGUMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a second process");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("stdout is piped");
    BufReader::new(stdout).read_line(&mut line).expect("its address");
    (ServerProcess(child), line.trim().to_owned())
}

/// Runs the server until its standard input is closed, that is, until the parent process has ended.
pub(crate) async fn run_server() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let service = hyper::service::service_fn(answer_request);
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(connection), service),
            );
        }
    });
    let _ = tokio::io::stdin().read(&mut [0]).await;
}

async fn answer_request(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes()))))
}
