//! Replays recorded exchanges with real Milvus servers against another server, and compares the answers.
//!
//! gRPC calls with one message each way are replayed; REST requests and files too if the server tells its addresses and
//! its storage directory. Ids that the recorded server gave are replaced in later requests by those that the replaying
//! server gives.

mod codec;
mod compare;
mod files;
mod message;
mod recording;
mod rest;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost_reflect::{DescriptorPool, MethodDescriptor};
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;

use codec::BytesCodec;
pub use compare::Agreement;
use compare::compare;
use message::{Ids, decode, flatten, sort_segments};
use recording::{Answer, Exchange, Kind};

/// The service of all calls that are named without a path.
const SERVICE: &str = "milvus.proto.milvus.MilvusService";
/// The number of times that a poll is repeated at most.
const MAX_POLLS: u32 = 100;
/// The password that a user of the recordings gets by a call that a server need not have, and the one before.
const CHANGED_PASSWORD: &str = "Wire_pass2";
const FIRST_PASSWORD: &str = "Wire_pass1";
/// The number of times that a poll is repeated at least.
const MIN_POLLS: u32 = 15;
/// The passwords of the users in the recordings.
const PASSWORDS: [(&str, &str); 5] = [
    ("root", "Milvus"),
    ("wire_u", "Wire_pass1"),
    ("wire_n", "Wire_pass1"),
    ("wire_v", CHANGED_PASSWORD),
    ("wire_plain", "Plain_pass1"),
];

/// The server that replays.
#[derive(Clone, Debug)]
pub struct Server {
    /// The URL of the API.
    pub endpoint: String,
    /// The URL of the management routes; empty if REST requests and files are left out.
    pub management: String,
    /// The storage directory of the server.
    pub root: String,
}

impl From<String> for Server {
    fn from(endpoint: String) -> Self {
        Self { endpoint, management: String::new(), root: String::new() }
    }
}

/// A comparison of one exchange.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The number of the exchange in its file.
    pub number: u64,
    /// The step of the scenario.
    pub step: String,
    /// The call.
    pub method: String,
    /// How far the answers agree.
    pub agreement: Agreement,
}

impl Compared {
    /// Returns the section of the scenario.
    pub fn section(&self) -> &str {
        self.step.split('.').next().unwrap_or_default()
    }
}

/// How far a server agrees with a recording, by section.
#[derive(Clone, Debug, Default)]
pub struct Summary(BTreeMap<String, SectionSummary>);

/// The numbers of exchanges of one section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SectionSummary {
    /// All of them.
    pub exchanges: usize,
    /// Those that both servers accept, or refuse with the same code.
    pub same_outcome: usize,
    /// Those that agree in status, codes, text and fields.
    pub same_answer: usize,
}

impl Summary {
    /// Counts the exchanges of each section.
    pub fn new(compared: &[Compared]) -> Self {
        let mut sections: BTreeMap<String, SectionSummary> = BTreeMap::new();
        for compared in compared {
            let section = sections.entry(compared.section().to_owned()).or_default();
            section.exchanges += 1;
            section.same_outcome += usize::from(compared.agreement.outcome);
            section.same_answer += usize::from(compared.agreement.difference.is_none());
        }
        Self(sections)
    }

    /// Returns the sections in which fewer than 95 of 100 answers are the same.
    pub fn disagreeing_sections(&self) -> Vec<&str> {
        let disagrees = |section: &SectionSummary| section.same_answer * 100 < section.exchanges * 95;
        self.0.iter().filter(|(_, section)| disagrees(section)).map(|(name, _)| name.as_str()).collect()
    }

    /// Returns the numbers of a section.
    pub fn section(&self, name: &str) -> SectionSummary {
        self.0.get(name).copied().unwrap_or_default()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<20}{:>10}{:>14}{:>13}", "section", "exchanges", "same outcome", "same answer")?;
        for (name, SectionSummary { exchanges, same_outcome, same_answer }) in &self.0 {
            writeln!(f, "{name:<20}{exchanges:>10}{same_outcome:>14}{same_answer:>13}")?;
        }
        Ok(())
    }
}

/// Returns whether the product makes a call: one of our protocol files, or a REST route.
pub fn is_known(method: &str) -> bool {
    methods().contains_key(method) || rest::is_known_route(method)
}

/// Returns the calls of our protocol files by name.
fn methods() -> &'static BTreeMap<String, MethodDescriptor> {
    static METHODS: LazyLock<BTreeMap<String, MethodDescriptor>> = LazyLock::new(|| {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).expect("our own protocol files");
        let service = pool.get_service_by_name(SERVICE).expect("the service");
        service.methods().map(|method| (method.name().to_owned(), method)).collect()
    });
    &METHODS
}

/// Replays the exchanges of a recorded version against a server, as far as `is_wanted` selects them by step and call.
///
/// A poll is repeated until its answer agrees, for at most `patience`.
///
/// # Panics
/// Panics if there is no recording of this version, or if the server cannot be reached.
pub async fn replay(
    version: &str,
    server: impl Into<Server>,
    patience: Duration,
    is_wanted: impl Fn(&str, &str) -> bool,
) -> Vec<Compared> {
    let server = server.into();
    let methods = methods();
    let endpoint = Channel::from_shared(server.endpoint.clone()).expect("a URL");
    let channel = endpoint.connect().await.expect("a server");
    let recording = recording::read(version);
    let mut ids = Ids::with_roots(&recording.root, &server.root);
    let roots = Ids::with_roots(&server.root, if server.root.is_empty() { "" } else { &recording.root });
    let mut broken = None;
    let mut compared = Vec::new();
    let mut changes_passwords = true;
    for exchange in recording.exchanges {
        if exchange.section() == "start" || !is_wanted(&exchange.step, &exchange.method) {
            continue;
        }
        let is_complete = !server.management.is_empty();
        let method = methods.get(&exchange.method);
        let output = method.map(MethodDescriptor::output);
        let request = match (&exchange.kind, method) {
            (Kind::Files { .. } | Kind::Rest { .. }, _) if !is_complete => continue,
            (Kind::Files { copied, note }, _) => {
                let roots = [recording.root.as_str(), &server.root];
                files::place(&exchange.step, copied, note, &ids, roots, &mut broken);
                continue;
            }
            (Kind::Rest { .. }, _) => Vec::new(),
            (Kind::Grpc, Some(method)) => {
                let mut message = decode(method.input(), &exchange.request);
                ids.replace_in(&mut message);
                prost_reflect::prost::Message::encode_to_vec(&message)
            }
            (Kind::Grpc, None) => exchange.request.clone(),
        };
        let started = Instant::now();
        let mut repeats = 0;
        let (answer, agreement) = loop {
            let (answer, agreement) = if let Kind::Rest { .. } = exchange.kind {
                let answer = rest::send(&server, &exchange, &ids, &recording.root, changes_passwords).await;
                let agreement = rest::compare(&exchange.answer, &answer);
                (answer, agreement)
            } else {
                let mut answer = call(channel.clone(), &exchange, request.clone(), changes_passwords).await;
                if let Some(output) = output.clone().filter(|_| is_complete) {
                    let mut message = decode(output, &answer.message);
                    roots.replace_in(&mut message);
                    answer.message = prost_reflect::prost::Message::encode_to_vec(&message);
                }
                let agreement = compare(output.as_ref(), &exchange.answer, &answer);
                (answer, agreement)
            };
            let is_over = started.elapsed() >= patience && repeats >= MIN_POLLS;
            if agreement.difference.is_none() || !exchange.is_poll || is_over {
                break (answer, agreement);
            }
            repeats += 1;
            tokio::time::sleep(patience / MAX_POLLS).await;
        };
        changes_passwords &= exchange.method != "UpdateCredential" || answer.status != "UNIMPLEMENTED";
        if let Kind::Rest { .. } = exchange.kind {
            rest::learn(&mut ids, &exchange.answer, &answer);
        } else if let Some(output) = output {
            let fields = |answer: &Answer, ids: &Ids| {
                let mut message = decode(output.clone(), &answer.message);
                sort_segments(&mut message, ids);
                flatten(&message)
            };
            let recorded = fields(&exchange.answer, &ids);
            ids.learn(&recorded, &fields(&answer, &Ids::default()));
        }
        let Exchange { number, step, method, .. } = exchange;
        compared.push(Compared { number, step, method, agreement });
    }
    compared
}

/// Sends one request.
async fn call(channel: Channel, exchange: &Exchange, message: Vec<u8>, changes_passwords: bool) -> Answer {
    let path = match exchange.method.strip_prefix('/') {
        Some(_) => exchange.method.clone(),
        None => format!("/{SERVICE}/{}", exchange.method),
    };
    let mut request = Request::new(Bytes::from(message));
    let metadata = request.metadata_mut();
    if let Some(header) =
        exchange.authorization.as_ref().map(|name| authorization(name, &exchange.step, changes_passwords))
    {
        metadata.insert("authorization", header.parse().expect("a header"));
    }
    if let Some(database) = exchange.database.as_ref().and_then(|name| name.parse().ok()) {
        metadata.insert("dbname", database);
    }
    request.set_timeout(Duration::from_secs(30));
    let mut client = Grpc::new(channel).max_decoding_message_size(usize::MAX);
    client.ready().await.expect("a connection");
    let answer = client.unary(request, PathAndQuery::try_from(path).expect("a path"), BytesCodec).await;
    match answer {
        Ok(answer) => {
            Answer { status: "OK".to_owned(), details: String::new(), message: answer.into_inner().to_vec() }
        }
        Err(status) => Answer {
            status: status_name(status.code()),
            details: status.message().to_owned(),
            message: Vec::new(),
        },
    }
}

/// Returns the header that a recording replaced by the name of its user.
fn authorization(name: &str, step: &str, changes_passwords: bool) -> String {
    let encode = |text: &str| STANDARD.encode(text);
    match name {
        "malformed" if step.contains("plain") => "root:Milvus".to_owned(),
        "malformed" => "%%%".to_owned(),
        "token" if step.contains("api_key") => encode("0123456789abcdef"),
        "token" => encode("root"),
        other => {
            let (prefix, user) = other.rsplit_once("user ").unwrap_or(("", other));
            let known = PASSWORDS.iter().find(|(known, _)| *known == user);
            let wrong = ["wrong", "wrong_password", "login_wrong"];
            let password = if step.split('.').any(|part| wrong.contains(&part)) {
                "wrong"
            } else {
                match known.map_or("Milvus", |(_, password)| *password) {
                    CHANGED_PASSWORD if !changes_passwords => FIRST_PASSWORD,
                    password => password,
                }
            };
            format!("{prefix}{}", encode(&format!("{user}:{password}")))
        }
    }
}

/// Returns the name of a gRPC status as the recordings have it.
fn status_name(code: tonic::Code) -> String {
    let name = format!("{code:?}");
    let mut upper = String::new();
    for (position, character) in name.chars().enumerate() {
        if character.is_ascii_uppercase() && position > 0 {
            upper.push('_');
        }
        upper.push(character.to_ascii_uppercase());
    }
    upper
}
