//! A running `milvus-backup server` on a free port, over a simulated Milvus and disks of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use milvus::{Auth, ConnectConfig, Milvus, Tls};
use model::name::CollectionRef;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use testkit::fake::{FakeConfig, FakeMilvus};
use testkit::process::signal;
use testkit::seed::keyed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a server may take to start, to stop, and to answer.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// A simulated Milvus 2.3.6, a place for backups and a configuration, in one temporary directory.
pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) fake: FakeMilvus,
    program: PathBuf,
}

impl World {
    /// With an empty Milvus.
    pub(crate) fn new() -> Self {
        Self::of(env!("CARGO_BIN_EXE_milvus-backup"))
    }

    /// With an empty Milvus that takes this `user:password` only.
    pub(crate) fn with_login(credentials: &str) -> Self {
        Self::made(env!("CARGO_BIN_EXE_milvus-backup"), |fake| fake.login(credentials))
    }

    /// The same as [`World::new`] for this program.
    pub(crate) fn of(program: impl Into<PathBuf>) -> Self {
        Self::made(program, |fake| fake)
    }

    fn made(program: impl Into<PathBuf>, with: impl FnOnce(FakeConfig) -> FakeConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fake = FakeMilvus::start(with(FakeConfig::new("2.3.6", dir.path().join("milvus"))));
        std::fs::create_dir_all(dir.path().join("milvus")).unwrap();
        Self { dir, fake, program: program.into() }
    }

    /// With `default.books` of 5 rows and `default.tags` of 4, not flushed.
    pub(crate) async fn with_books() -> Self {
        let world = Self::new();
        world.fill("books", 5).await;
        world.fill("tags", 4).await;
        world
    }

    /// Creates a collection of the database `default` with a key and a vector, and inserts rows.
    pub(crate) async fn fill(&self, name: &str, rows: i64) {
        let milvus = self.client().await;
        let target = CollectionRef::new("default", name);
        keyed::create(&milvus, &target, 2).await.unwrap();
        keyed::insert(&milvus, &target, 0..rows, 2).await.unwrap();
    }

    /// A client of the simulated Milvus.
    pub(crate) async fn client(&self) -> Milvus {
        let config = ConnectConfig {
            address: self.fake.host(),
            port: self.fake.port(),
            tls: Tls::Disabled,
            auth: Auth::None,
            management_endpoint: None,
            limits: milvus::CallLimits::default(),
        };
        Milvus::connect(&config).await.unwrap()
    }

    /// A path in the directory: backups lie in `backup/`, jobs in `jobs/`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts a server with these keys below `server:` and these arguments.
    pub(crate) fn serve(&self, server: Value, arguments: &[&str]) -> Serving {
        self.try_serve(server, arguments).unwrap_or_else(|(status, log)| panic!("{status}: {log}"))
    }

    /// The same; or how it ended, and what it wrote.
    pub(crate) fn try_serve(
        &self,
        mut server: Value,
        arguments: &[&str],
    ) -> Result<Serving, (ExitStatus, String)> {
        let keys = server.as_object_mut().unwrap();
        keys.entry("data_dir").or_insert_with(|| json!(self.path("jobs")));
        keys.entry("listen").or_insert_with(|| json!("127.0.0.1:0"));
        let config = json!({
            "configVersion": "v2",
            "milvus": {
                "grpc": { "address": self.fake.host(), "port": self.fake.port() },
                "management": { "endpoint": "" },
                "storage": { "provider": "local", "rootPath": self.path("milvus") },
            },
            "backup": { "storage": { "rootPath": self.path("backup") } },
            "server": server,
        });
        // JSON is YAML.
        std::fs::write(self.path("backup.yaml"), config.to_string()).unwrap();
        Serving::start_program(&self.program, self.dir.path(), arguments)
    }
}

/// A running server; it is killed when this is dropped.
pub(crate) struct Serving {
    child: Child,
    /// Where it says it listens, in the order in which it says so, such as `http://127.0.0.1:1234`.
    pub(crate) urls: Vec<String>,
    log: Arc<Mutex<String>>,
    client: reqwest::Client,
}

impl Serving {
    /// Starts one in a directory with a `backup.yaml`, and waits until it listens; or until it ends.
    pub(crate) fn start(dir: &Path, arguments: &[&str]) -> Result<Self, (ExitStatus, String)> {
        Self::start_program(Path::new(env!("CARGO_BIN_EXE_milvus-backup")), dir, arguments)
    }

    fn start_program(program: &Path, dir: &Path, arguments: &[&str]) -> Result<Self, (ExitStatus, String)> {
        let mut child = Command::new(program)
            .env_clear()
            // As the unit and the image have it.
            .env("MALLOC_ARENA_MAX", "2")
            .current_dir(dir)
            .arg("server")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let lines = follow(child.stderr.take().unwrap(), Arc::clone(&log));
        let listeners = 1 + usize::from(arguments.contains(&"--grpc-listen"));
        let deadline = Instant::now() + DEADLINE;
        let mut urls = Vec::new();
        while urls.len() < listeners {
            let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
                // Its stderr is closed, so it has ended; or it hangs, and shall.
                let _ = child.kill();
                return Err((child.wait().unwrap(), log.lock().unwrap().clone()));
            };
            urls.extend(url_of(&line));
        }
        // another client of this process may have done so
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
        Ok(Self { child, urls, log, client })
    }

    /// The URL of a path of the first listener.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.urls[0])
    }

    /// `host:port` of the first listener.
    pub(crate) fn address(&self) -> &str {
        self.urls[0].split("://").nth(1).unwrap()
    }

    /// A request to be sent by the client of this server.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// What a path answers.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path).send().await.unwrap()).await
    }

    /// What a path answers to a JSON document.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        Reply::of(request.body(body.to_string()).send().await.unwrap()).await
    }

    /// What a path answers to DELETE.
    pub(crate) async fn delete(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::DELETE, path).send().await.unwrap()).await
    }

    /// Sends bytes as they are, and returns all that comes back until the connection is closed.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
        // A reset after the answer is as good as an end.
        assert!(read.is_ok(), "neither answered nor closed");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log holds a text.
    pub(crate) async fn logs(&self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it goes on:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    /// Asserts the status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A header as text; empty if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The URL in a line such as `listening on http://127.0.0.1:1234 (REST and gRPC)`, plain or in a document.
fn url_of(line: &str) -> Option<String> {
    line.split_once("listening on ")?.1.split(' ').next().map(str::to_owned)
}

/// Collects the lines of a stream, and sends each.
fn follow(stream: impl std::io::Read + Send + 'static, log: Arc<Mutex<String>>) -> Receiver<String> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            log.lock().unwrap().extend([&line, "\n"]);
            // Nobody listens any more once it serves.
            let _ = send.send(line);
        }
    });
    lines
}
