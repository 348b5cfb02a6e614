//! A running `milvus-backup server` on a free port, over a simulated Milvus and its own directories.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use milvus::{Auth, ConnectConfig, Tls};
use model::name::CollectionRef;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use testkit::fake::{FakeConfig, FakeMilvus};
use testkit::process::signal;
use testkit::seed::keyed;
use testkit::test_milvus::TestMilvus;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The time that a server has to start, to stop or to answer.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// A simulated Milvus 2.3.6, a backup root and a configuration, in one temporary directory.
pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) fake: FakeMilvus,
    program: PathBuf,
}

impl World {
    /// Creates a world with an empty Milvus.
    pub(crate) fn new() -> Self {
        Self::with_program(env!("CARGO_BIN_EXE_milvus-backup"))
    }

    /// Creates a world with an empty Milvus that accepts only this `user:password`.
    pub(crate) fn with_login(credentials: &str) -> Self {
        Self::create(env!("CARGO_BIN_EXE_milvus-backup"), |fake| fake.login(credentials))
    }

    /// Creates a world with an empty Milvus, whose servers run this program.
    pub(crate) fn with_program(program: impl Into<PathBuf>) -> Self {
        Self::create(program, |fake| fake)
    }

    fn create(program: impl Into<PathBuf>, configure: impl FnOnce(FakeConfig) -> FakeConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fake = FakeMilvus::start(configure(FakeConfig::new("2.3.6", dir.path().join("milvus"))));
        std::fs::create_dir_all(dir.path().join("milvus")).unwrap();
        Self { dir, fake, program: program.into() }
    }

    /// Creates a world with 5 rows in `default.books` and 4 in `default.tags`, which are not flushed.
    pub(crate) async fn with_books() -> Self {
        let world = Self::new();
        world.create_collection("books", 5).await;
        world.create_collection("tags", 4).await;
        world
    }

    /// Creates a collection with a key and a vector in the database `default`, and inserts rows.
    pub(crate) async fn create_collection(&self, name: &str, rows: i64) {
        let milvus = self.client().await;
        let target = CollectionRef::new("default", name);
        keyed::create(&milvus, &target, 2).await.unwrap();
        keyed::insert(&milvus, &target, 0..rows, 2).await;
    }

    /// Connects to the simulated Milvus.
    pub(crate) async fn client(&self) -> TestMilvus {
        let config = ConnectConfig {
            address: self.fake.host(),
            port: self.fake.port(),
            tls: Tls::Disabled,
            auth: Auth::None,
            management_endpoint: None,
            limits: milvus::CallLimits::default(),
        };
        TestMilvus::connect(&config).await.unwrap()
    }

    /// Returns the configuration for this world, as JSON and so as YAML.
    pub(crate) fn config(&self) -> Value {
        json!({
            "configVersion": "v2",
            "milvus": {
                "grpc": { "address": self.fake.host(), "port": self.fake.port() },
                "management": { "endpoint": "" },
                "storage": { "provider": "local", "rootPath": self.path("milvus") },
            },
            "backup": { "storage": { "rootPath": self.path("backup") } },
        })
    }

    /// Returns a path in the directory; backups are in `backup/`, jobs in `jobs/`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts a server with these keys below `server` in the configuration, and with these arguments.
    pub(crate) fn serve(&self, server: Value, arguments: &[&str]) -> Serving {
        self.try_serve(server, arguments).unwrap_or_else(|(status, log)| panic!("{status}: {log}"))
    }

    /// Starts a server like [`World::serve`]; if it ends instead, returns its status and its log.
    pub(crate) fn try_serve(
        &self,
        mut server: Value,
        arguments: &[&str],
    ) -> Result<Serving, (ExitStatus, String)> {
        let keys = server.as_object_mut().unwrap();
        keys.entry("data_dir").or_insert_with(|| json!(self.path("jobs")));
        keys.entry("listen").or_insert_with(|| json!("127.0.0.1:0"));
        let mut config = self.config();
        config["server"] = server;
        // Every JSON document is a YAML document.
        std::fs::write(self.path("backup.yaml"), config.to_string()).unwrap();
        Serving::start_program(&self.program, self.dir.path(), arguments)
    }
}

/// A running server; it is killed when this is dropped.
pub(crate) struct Serving {
    child: Child,
    /// The URLs at which the server listens, such as `http://127.0.0.1:1234`, in the order of its log.
    pub(crate) urls: Vec<String>,
    log: Arc<Mutex<String>>,
    client: reqwest::Client,
}

impl Serving {
    /// Starts a server in a directory with a `backup.yaml`, and waits until it listens; if it ends instead, returns its
    /// status and its log.
    pub(crate) fn start(dir: &Path, arguments: &[&str]) -> Result<Self, (ExitStatus, String)> {
        Self::start_program(Path::new(env!("CARGO_BIN_EXE_milvus-backup")), dir, arguments)
    }

    fn start_program(program: &Path, dir: &Path, arguments: &[&str]) -> Result<Self, (ExitStatus, String)> {
        let mut child = Command::new(program)
            .env_clear()
            // As in the systemd unit and the image.
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
        let lines = collect_lines(child.stderr.take().unwrap(), Arc::clone(&log));
        let listeners = 1 + usize::from(arguments.contains(&"--grpc-listen"));
        let deadline = Instant::now() + DEADLINE;
        let mut urls = Vec::new();
        while urls.len() < listeners {
            let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
                // The server has closed its stderr because it has ended, or it hangs.
                let _ = child.kill();
                return Err((child.wait().unwrap(), log.lock().unwrap().clone()));
            };
            urls.extend(parse_url(&line));
        }
        // Fails if another test of this process has installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
        Ok(Self { child, urls, log, client })
    }

    /// Returns the URL of a path of the first listener.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.urls[0])
    }

    /// Returns `host:port` of the first listener.
    pub(crate) fn address(&self) -> &str {
        self.urls[0].split("://").nth(1).unwrap()
    }

    /// Creates a request, which the caller sends.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// Sends a GET request.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        Reply::read(self.request(Method::GET, path).send().await.unwrap()).await
    }

    /// Sends a POST request with a JSON document.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        Reply::read(request.body(body.to_string()).send().await.unwrap()).await
    }

    /// Sends a DELETE request.
    pub(crate) async fn delete(&self, path: &str) -> Reply {
        Reply::read(self.request(Method::DELETE, path).send().await.unwrap()).await
    }

    /// Sends these bytes on a new connection, and returns all received bytes when the server closes it.
    pub(crate) async fn send_raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
        // The server may reset the connection after the response.
        assert!(read.is_ok(), "neither answered nor closed");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Returns the id of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log contains this text.
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

    /// Waits until the process has ended.
    pub(crate) async fn wait_for_end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server is still running:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills the process, like a crash.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    /// Asserts the status.
    #[track_caller]
    pub(crate) fn has_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Parses the body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Returns a header as text; empty if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Returns the URL in a line such as `listening on http://127.0.0.1:1234 (REST and gRPC)`, as text or as JSON.
fn parse_url(line: &str) -> Option<String> {
    line.split_once("listening on ")?.1.split(' ').next().map(str::to_owned)
}

/// Appends the lines of a stream to the log in the background, and sends each to the receiver.
fn collect_lines(stream: impl std::io::Read + Send + 'static, log: Arc<Mutex<String>>) -> Receiver<String> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            log.lock().unwrap().extend([&line, "\n"]);
            // The receiver is dropped when the server has started.
            let _ = send.send(line);
        }
    });
    lines
}
